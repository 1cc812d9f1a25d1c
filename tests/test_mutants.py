"""Each break of privacymw is named by `check`, from the outside alone; whole sites are not. And what proves what."""

from __future__ import annotations

import pytest

import mutants
import mutants_page
import proofs
import test_notice
from mutation import Mutant, Verdict, all_of, broken, changed, function
from privacymw.evidence.claim import Sentence

IN_TESTS = {each.breaks: each for each in reversed(mutants.MUTANTS) if each.name not in mutants.SURVIVORS}
"""The first of each sentence; the others are tried by `make mutants`."""
WHOLE = ("whole", "enforcing", "leading")
"""Whole sites that are looked at here; the others by `make mutants`."""


def matters() -> set[str]:
    """Every kept sentence that any settings give."""
    told = (each for policy in test_notice.POLICIES for section in policy.values() for each in section.sentences)
    apart = {"addresses.keys"}  # told where keys lie apart: tests/test_notice.py
    return {Sentence(each.name, each.text, each.kept, each.facts).matter for each in told if each.kept} | apart


def test_each_kept_sentence_is_broken_by_a_mutant_that_is_seen() -> None:
    assert matters() == IN_TESTS.keys()
    assert len(mutants.MUTANTS) - len(mutants.SURVIVORS) >= 60


def test_mutants_are_told_apart() -> None:
    names = [each.name for each in mutants.MUTANTS]
    assert len(set(names)) == len(names)
    assert mutants.SURVIVORS.keys() <= set(names)


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_its_function_and_nothing_for_good(mutant: Mutant) -> None:
    before = function(mutant.at).__code__
    assert changed(mutant) != before
    with broken(mutant):
        assert function(mutant.at).__code__ != before
    assert function(mutant.at).__code__ is before


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], Verdict | list[str]]:
    tasks = [("mutant", each.name) for each in IN_TESTS.values()] + [("site", name) for name in WHOLE]
    return all_of(tasks)


@pytest.mark.servers
@pytest.mark.parametrize("sentence", IN_TESTS)
def test_check_names_the_break(sentence: str, results: dict[tuple[str, str], Verdict]) -> None:
    mutant = IN_TESTS[sentence]
    verdict = results["mutant", mutant.name]
    assert verdict.caught
    row = mutants_page.row(mutant, verdict)
    assert row in mutants_page.PAGE.read_text(encoding="utf-8"), f"docs/mutants.md is stale: make mutants\n{row}"


@pytest.mark.servers
@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_found_on_a_whole_site(name: str, results: dict[tuple[str, str], list[str]]) -> None:
    assert results["site", name] == []


def test_the_page_of_mutants_is_current() -> None:
    listed = [row[:2] for row in mutants_page.rows(mutants_page.PAGE.read_text(encoding="utf-8"))]
    assert listed == [(each.name, f"`{each.breaks}`") for each in mutants.MUTANTS], "run: make mutants"
    text = mutants_page.PAGE.read_text(encoding="utf-8")
    assert all(f"- {name}: {why}." in text for name, why in mutants.SURVIVORS.items())


# --- proofs


def test_each_kept_sentence_has_a_proof_and_each_proof_a_sentence() -> None:
    assert proofs.proofs().keys() == matters()
    assert proofs.kept().keys() == matters()


def test_the_page_of_proofs_is_current() -> None:
    assert proofs.PAGE.read_text(encoding="utf-8") == proofs.page(), "run: python tools/proofs.py"
