"""After rewriting, no parser sees a link that leaves: old rules and new ones, scripting on and off."""

import random

import pytest

from fragments import POOLS, document, edit_outside, reduced, rewrite
from oracles import ORACLES, present, ways_out
from privacymw.html import Decide, Edit, Outlet

# What an oracle gets wrong: it ends a comment at "<!--!>" (HTML 13.2.5.43: that begins one).
MISREADS = {"justhtml": b"<!--!>", "justhtml, scripting": b"<!--!>"}


def slip(oracle: str, pool: str, count: int, chance: random.Random, decide: Decide = edit_outside) -> bytes | None:
    """A reduced document in which the oracle still sees a way out, if one is found."""
    for _ in range(count):
        page = document(chance, POOLS[pool])
        if slips(oracle, page, decide):
            return reduced(page, lambda one: slips(oracle, one, decide))
    return None


def slips(oracle: str, page: bytes, decide: Decide = edit_outside) -> bool:
    misread = MISREADS.get(oracle)
    return not (misread and misread in page) and bool(ways_out(oracle, rewrite([page], decide)))


@pytest.fixture(params=ORACLES)
def oracle(request: pytest.FixtureRequest) -> str:
    if not present(request.param):
        pytest.skip(f"{ORACLES[request.param][0]} is not installed")
    return str(request.param)


@pytest.mark.parametrize("pool", POOLS)
def test_no_oracle_sees_a_way_out(oracle: str, pool: str) -> None:
    assert slip(oracle, pool, 500, random.Random(pool)) is None


def test_each_oracle_catches_a_planted_slip(oracle: str) -> None:
    def careless(outlet: Outlet) -> Edit | None:
        return None if outlet.element == "area" else edit_outside(outlet)

    assert slip(oracle, "markup", 500, random.Random(1), careless) is not None


PLAIN = b"<noscript><a href=//evil.example></noscript>"


@pytest.mark.parametrize(
    ("name", "sees"), [("html5lib, scripting", 0), ("html5lib", 1), ("lexbor", 1), ("justhtml", 1)]
)
def test_oracles_read_noscript_as_they_say(name: str, sees: int) -> None:
    if not present(name):
        pytest.skip(f"{ORACLES[name][0]} is not installed")
    assert len(ways_out(name, b"<body>" + PLAIN)) == sees


# --- every bug that a fuzzer found stays here, reduced

FOUND = [
    (b'<a f=""xlink:href=//evil.example></A>', b'<a f=""xlink:href="/leaving" rel="x"></A>'),
    (b"<form action=/x></forM><button formaction=/y formmethod=x>", None),
    (b'<!--><a href="//evil.example">-->', None),
    (b"<svg></x>" * 40 + b"<a href=//evil.example>", None),
    (b"<svg></x>" * 40 + b"<title><a href=//evil.example></title>", None),
    (b"<svg></x>" * 40 + b"<![CDATA[><a href=//evil.example>]]><a href=//evil.example>", None),
]


@pytest.mark.parametrize("row", range(len(FOUND)))
@pytest.mark.parametrize("name", ["lexbor", "html5lib"])
def test_found(row: int, name: str) -> None:
    if not present(name):
        pytest.skip(f"{ORACLES[name][0]} is not installed")
    assert not slips(name, FOUND[row][0])
