"""Breaks privacymw on purpose, and lets `check` look at it: it knows nothing but what it sees from outside.

A mutant is one small change to the source of one function. Its code is put in place of the function's own,
so that whoever holds the function runs the changed one; the files stay as they are.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import checked
from privacymw.cli.elsewhere import OtherProcess, scratch_of, scratch_settings
from privacymw.evidence.looking import Report, look
from privacymw.evidence.probe import Elsewhere

VARIABLE = "MUTANT"
"""Names the mutant for a process of its own: tests/mutated.py."""


class Mutant(NamedTuple):
    """One break.

    Attributes:
        name: what is broken, in words.
        breaks: the sentence that is then untrue, by its name; of all categories alike.
        at: `module:Class.function`.
        old: what stands there, once.
        new: what stands there instead.
        site: which of the sites shows it.
        also: sentences that are looked at before, for what they leave behind.
    """

    name: str
    breaks: str
    at: str
    old: str
    new: str
    site: str = "whole"
    also: tuple[str, ...] = ()


class Site(NamedTuple):
    """An app and its settings.

    Attributes:
        pages: what the app answers.
        known: codes of what the app itself does wrong here, for the middleware to notice.
    """

    settings: Mapping[str, str] = {}
    pages: Mapping[str, checked.Page] = checked.PAGES
    known: frozenset[str] = frozenset()


def function(at: str) -> Any:
    """The function of `module:Class.function`, out of what decorates it."""
    module, _, path = at.partition(":")
    found: Any = importlib.import_module(f"privacymw.{module}")
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    while not inspect.isfunction(found):
        found = getattr(found, "fget", None) or found.__wrapped__
    return found


def _named(code: CodeType, qualname: str) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            if each.co_qualname == qualname:
                yield each
            yield from _named(each, qualname)


def changed(mutant: Mutant) -> CodeType:
    """The code of the mutant's function after the change."""
    target = function(mutant.at)
    path = inspect.getsourcefile(target)
    assert path is not None
    source, before = Path(path).read_text(encoding="utf-8"), inspect.getsource(target)
    assert source.count(before) == 1, mutant.at
    assert before.count(mutant.old) == 1, f"{mutant.name}: {mutant.at} holds {mutant.old!r} not once"
    tree = compile(source.replace(before, before.replace(mutant.old, mutant.new)), path, "exec", dont_inherit=True)
    return next(_named(tree, target.__qualname__))


def put_in(mutant: Mutant) -> tuple[Any, CodeType]:
    """Breaks it for good; the function and the code that it had."""
    target = function(mutant.at)
    before: CodeType = target.__code__
    target.__code__ = changed(mutant)
    return target, before


@contextlib.contextmanager
def broken(mutant: Mutant | None) -> Iterator[None]:
    """Breaks it for a while."""
    if mutant is None:
        yield
        return
    target, before = put_in(mutant)
    try:
        yield
    finally:
        target.__code__ = before


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    logger = logging.getLogger("privacymw")
    before, logger.level = logger.level, logging.CRITICAL
    try:
        yield
    finally:
        logger.setLevel(before)


def seen(site: Site, mutant: Mutant | None = None, name: str = "") -> Report:
    """What `check` sees of a site, whole or broken; of a broken one only the sentence in question is judged.

    Args:
        name: of the site, for the process in which it is served once more.
    """
    only = [mutant.breaks, *mutant.also] if mutant else []
    made: list[OtherProcess] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _silent(), broken(mutant):
        there = Path(folder) / "there"

        def elsewhere(named: Mapping[str, str]) -> Elsewhere:
            apart = site.settings.get("keys") != "beside"
            environ = scratch_settings({**os.environ, **named}, there, apart=apart, logs=True)
            environ[VARIABLE] = f"{name}/{mutant.name if mutant else ''}"
            made.append(OtherProcess("mutated:app", "wsgi", environ, scratch_of(there, apart=apart), wraps=False))
            return made[0]

        app, settings = checked.wsgi_app(site.pages), dict[str, Any](site.settings)
        probe, close = checked.probe(Path(folder), app, logs=True, elsewhere=elsewhere, **settings)
        try:
            return look(probe, "tests:app", only=only)
        finally:
            for each in made:
                each.close()
            close()


class Verdict(NamedTuple):
    """How `check` names a break: what it says of the sentence, and the codes of what it found beside notes."""

    state: str
    codes: tuple[str, ...]

    @property
    def caught(self) -> bool:
        return self.state == "broken" or bool(self.codes)


def verdict(mutant: Mutant, site: Site, report: Report) -> Verdict:
    """What a report says of a mutant; what is found on the whole site too is left out."""
    names = {each.name for each in report.claim.sentences if each.matter == mutant.breaks}
    states = {each.seen.state for each in report.verdicts if each.sentence in names}
    state = "broken" if "broken" in states else ", ".join(sorted(states)) or "untold"
    codes = {each.code for each in report.findings if each.level != "note"} - site.known
    return Verdict(state, tuple(sorted(codes)))


Told = tuple[str, str, Verdict | list[str]]


def tried(task: tuple[str, str]) -> Told:
    """One look: at a whole site, of which each fault is told, or at the one of a mutant."""
    import mutants

    kind, name = task
    if kind == "site":
        site = mutants.SITES[name]
        report = seen(site, None, name)
        faults = [str(each) for each in report.findings if each.level != "note" and each.code not in site.known]
        return kind, name, faults
    mutant = next(each for each in mutants.MUTANTS if each.name == name)
    site = mutants.SITES[mutant.site]
    return kind, name, verdict(mutant, site, seen(site, mutant, mutant.site))


_LONG = ("addresses.retention", "addresses.network", "addresses.hold", "addresses.evidence", "choices.record_time")
"""What waits for a second process: begun first."""


def all_of(tasks: Sequence[tuple[str, str]], workers: int = 6) -> dict[tuple[str, str], Any]:
    """What came of each; most of a look is waiting, so that several go on at once."""
    import mutants

    long = {each.name for each in mutants.MUTANTS if each.breaks in _LONG}
    tasks = sorted(tasks, key=lambda task: task[0] != "site" and task[1] not in long)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return {(kind, name): result for kind, name, result in pool.map(tried, tasks)}
