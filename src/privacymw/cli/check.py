"""`privacymw check`: drives an app in this process and holds what it does against what its page says."""

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from privacymw.cli import show
from privacymw.cli.elsewhere import OtherProcess, scratch_folder, scratch_of, scratch_settings
from privacymw.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from privacymw.cli.bundle import Order
    from privacymw.evidence.looking import Report
    from privacymw.evidence.probe import Scratch

_SHOWN: Final = {"held": "held", "broken": "BROKEN", "not looked at": "not looked at"}
_LEVELS: Final = {"broken": "BROKEN", "warning": "warning", "note": "note"}


class Setting(NamedTuple):
    """What is looked at, and where it keeps what it keeps meanwhile."""

    target: str
    environ: Mapping[str, str]
    scratch: "Scratch | None"
    prefix: str
    proxies: tuple[str, ...]
    notes: tuple[str, ...]


def check(options: Namespace) -> int:
    """`check`."""
    show.told(
        f"privacymw check {options.app}: the app runs in this process, its data in a folder that is gone afterwards"
    )
    if options.browser and not _is_there("playwright"):
        raise StoreError("--browser needs playwright: pip install 'privacymw[browser]'")
    if os.getcwd() not in sys.path:  # noqa: PTH109 - where servers look for the app
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    logging.getLogger("privacymw").setLevel(logging.ERROR)  # what it would say of a start is in the report
    order = _ordered(options)
    report = _looked(options, _setting(options.app, scratch_folder()), order)
    held = order.write(report) if order is not None else True
    if options.html:
        _written(options.html, report)
    if options.json:
        show.document(report.document())
    else:
        _shown(report)
    return 0 if held and not report.broken else 2


def _ordered(options: Namespace) -> "Order | None":
    """The bundle of evidence, where one is wanted: what it needs is looked for before the app is driven."""
    if not options.evidence:
        if options.data or options.key:
            raise SettingsError("--data and --key are for the bundle of evidence: add --evidence FILE.zip")
        return None
    from privacymw.cli.bundle import Order

    return Order(options)


def _setting(target: str, folder: Path) -> Setting:
    """The settings of the environment, with their data elsewhere.

    Raises:
        SettingsError: they cannot be obeyed.
    """
    from privacymw.logplace import keys_apart
    from privacymw.policies import Policy

    site = Policy.from_env().site
    notes, environ = [], dict(os.environ)
    if site.databases:
        notes.append(
            "the database of PRIVACYMW_STORE is not touched; a file stands in for it: privacymw addresses verify"
        )
    if site.mode == "observe":
        environ["PRIVACYMW_MODE"] = "on"
        notes.append("PRIVACYMW_MODE=observe keeps nothing yet; this is what PRIVACYMW_MODE=on does")
    if site.data.lower() == "none" and not site.store:
        return Setting(target, environ, None, site.prefix, site.trusted_proxies, tuple(notes))
    apart = keys_apart(site)
    environ = scratch_settings(environ, folder / "here", apart=apart, logs=site.store.lower() != "none")
    scratch = scratch_of(folder / "here", apart=apart)
    return Setting(target, environ, scratch, site.prefix, site.trusted_proxies, tuple(notes))


def _looked(options: Namespace, setting: Setting, order: "Order | None") -> "Report":
    from privacymw.cli.target import load, wrapped
    from privacymw.evidence.claim import Claim
    from privacymw.evidence.driver import driver, kind_of
    from privacymw.evidence.looking import claim_of, look
    from privacymw.evidence.probe import Probe

    os.environ.clear()
    os.environ.update(setting.environ)
    with _output_kept_apart():
        app = load(setting.target)
        kind = options.kind or kind_of(app, setting.target)
        driven = driver(app, kind)
        claim, wraps = claim_of(driven, setting.prefix), False
        if claim is None and os.environ.get("PRIVACYMW_MODE", "on") != "off":
            driven.close()
            app, wraps = wrapped(app, kind), True
            driven = driver(app, kind)
            claim = claim_of(driven, setting.prefix)
        with _other(setting, kind, wraps=wraps) as elsewhere:
            probe = Probe(
                driven,
                kind,
                claim or Claim(),
                prefix=setting.prefix,
                host=options.host or "",
                scratch=setting.scratch,
                proxies=setting.proxies,
                elsewhere=elsewhere,
            )
            probe.app = app
            report = look(probe, setting.target, _progress(), starts=tuple(options.path), browser=options.browser)
            if order is not None:
                order.gather(probe)
        driven.close()
    return _with_page(report, setting, found=claim is not None, wraps=wraps)


def _with_page(report: "Report", setting: Setting, *, found: bool, wraps: bool) -> "Report":
    """The report with what is to be said of the page itself."""
    from privacymw.evidence.verdict import Finding

    findings, notes = list(report.findings), list(setting.notes)
    where = f"{setting.prefix}/notice.json"
    if wraps:
        notes.append("the app was looked at with privacymw in front of it, as by `privacymw run`")
        findings.insert(0, Finding("not-wrapped", where, "the app answers without privacymw: it has no privacy page"))
    elif not found:
        findings.insert(
            0, Finding("page-missing", where, "there is no privacy page: nothing is promised, nothing is kept")
        )
    return report._replace(findings=tuple(findings), notes=tuple(notes))


@contextmanager
def _other(setting: Setting, kind: str, *, wraps: bool) -> Iterator[Callable[[], OtherProcess] | None]:
    """Makes the other process when it is wanted, and ends it."""
    if setting.scratch is None:
        yield None
        return
    made: list[OtherProcess] = []
    apart = not setting.scratch.keys.is_relative_to(setting.scratch.data)
    folder = setting.scratch.data.parent.parent / "there"
    logs = setting.environ["PRIVACYMW_STORE"] != "none"

    def make() -> OtherProcess:
        environ = scratch_settings(setting.environ, folder, apart=apart, logs=logs)
        made.append(OtherProcess(setting.target, kind, environ, scratch_of(folder, apart=apart), wraps=wraps))
        return made[0]

    try:
        yield make
    finally:
        for each in made:
            each.close()


@contextmanager
def _output_kept_apart() -> Iterator[None]:
    """What the app prints goes to standard error: the result alone is on standard output."""
    before, sys.stdout = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout = before


def _progress() -> Callable[[str], None]:
    """One line on a terminal that is written over; nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda text: None

    def told(text: str) -> None:
        print(f"\r\x1b[K{show.shortened(text, 70)}", end="", file=sys.stderr, flush=True)

    return told


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # it was hidden
        return False


# --- the result on a terminal


def _shown(report: "Report") -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    kept = [each for each in report.verdicts if each.seen.state != "not looked at" or each.kept]
    if kept:
        rows = [(_SHOWN[e.seen.state], e.sentence, _kind(e.kept, weak=e.seen.weak), e.seen.text) for e in kept]
        show.printed(f"What the page of {show.plain(report.target)} says, and what was seen:\n")
        show.table(("result", "sentence", "kind", "evidence"), rows)
        show.printed()
    if report.findings:
        show.printed("Findings:\n")
        _findings(report)
    _ending(report)


def _kind(kept: bool, *, weak: bool) -> str:
    return f"{'kept' if kept else 'stated'}{', weak' if weak else ''}"


def _findings(report: "Report") -> None:
    from privacymw.evidence.codes import CODES

    rows = [(_LEVELS[each.level], each.code, each.where, each.text) for each in report.findings]
    show.table(("level", "code", "where", "what was found"), rows)
    show.printed("\nWhat to do:\n")
    for code in dict.fromkeys(each.code for each in report.findings):
        show.paragraph(f"{code}: {CODES[code].mend}", indent="  ")


def _ending(report: "Report") -> None:
    states = [each.seen.state for each in report.verdicts if each.kept]
    weak = sum(each.seen.weak for each in report.verdicts)
    show.printed(
        f"\n{report.pages} addresses visited; of {len(states)} kept sentences {states.count('held')} are held"
        f" ({weak} on weak evidence), {states.count('broken')} broken, {states.count('not looked at')} not looked at."
    )
    show.printed(f"Pages were read by {report.parser}.")
    for note in report.notes:
        show.printed(f"Note: {note}.")
    if report.findings:
        show.printed(f"\nMore on a finding: privacymw explain {report.findings[0].code}")


def _written(path: str, report: "Report") -> None:
    from privacymw.cli.report import document

    try:
        Path(path).write_text(document(report), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"--html {path}: {error.strerror}") from None
    show.told(f"the report is in {path}")
