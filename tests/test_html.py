import json
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fragments import (
    POOLS,
    chunks,
    conformance,
    document,
    documents,
    edit_outside,
    leave,
    rewrite,
)
from oracles import OUTLETS, ways_out
from privacymw.characters import decode
from privacymw.foreign import HTML, SVG, Node
from privacymw.html import Edit, Outlet
from privacymw.markup import attributes
from privacymw.skips import DATA
from privacymw.tokenizer import Page, Reading, Span

Decide = Callable[[Outlet], Edit | None]


# --- the published tokenizer tests

STATES = {
    "Data state": DATA,
    "PLAINTEXT state": "plaintext",
    "RCDATA state": "title",
    "RAWTEXT state": "xmp",
    "Script data state": "script",
    "CDATA section state": "cdata",
}


class Recorder(Reading):
    """A reading that notes every tag and never changes its content model, as the tests expect."""

    def __init__(self, state: str, last: str) -> None:
        raw = state in ("RCDATA state", "RAWTEXT state") and last
        super().__init__(Page(), raw or STATES[state])
        self.stacks = (Node(b"div", SVG if self.mode == "cdata" else HTML),)
        self.tags: list[tuple[str, str, dict[str, str]]] = []

    def _tag(self, buffer: bytearray, name: bytes, span: Span, *, closing: bool, empty: bool) -> None:
        found = attributes(buffer, span.start + 1 + closing + len(name), span.end)
        values = {decode(one.name, "utf-8"): decode(one.value, "utf-8") for one in reversed(found)}
        self.tags.append(("EndTag" if closing else "StartTag", decode(name, "utf-8"), {} if closing else values))

    def read(self, parts: Iterator[bytes]) -> list[tuple[str, str, dict[str, str]]]:
        buffer = bytearray()
        for part in parts:
            buffer += part
            self._page.finds.clear()
            self.run(buffer, len(buffer))
        return self.tags


def tokenizer_tests() -> Iterator[tuple[str, str, str, list[list[object]]]]:
    for path in sorted(conformance("html5lib-tests", "tokenizer").glob("*.test")):
        tests = json.loads(path.read_text(encoding="utf-8"))
        for test in tests.get("tests", []):
            text, output = test["input"], test["output"]
            if test.get("doubleEscaped"):
                text, output = json.loads(f'"{text}"'), json.loads(json.dumps(output).replace("\\\\u", "\\u"))
            for state in test.get("initialStates", ["Data state"]):
                yield state, test.get("lastStartTag", ""), text, output


def expected_tags(output: list[list[object]]) -> list[tuple[object, object, object]]:
    tags = [token for token in output if token[0] in ("StartTag", "EndTag")]
    return [(kind, name, rest[0] if kind == "StartTag" else {}) for kind, name, *rest in tags]


@pytest.mark.parametrize("size", [1, 1 << 20], ids=["1-byte", "whole"])
def test_html5lib_tokenizer(size: int) -> None:
    wrong, count = [], 0
    for state, last, text, output in tokenizer_tests():
        data = text.encode("utf-8", "surrogatepass")
        if last == "plaintext" or (last == "xmp" and state == "Script data state"):
            continue  # such states only a harness can set
        count += 1
        tags = Recorder(state, last).read(chunks(data, size))
        if tags != expected_tags(output) or rewrite(chunks(data, size), leave) != data:
            wrong.append((state, last, text, tags))
    assert not wrong, wrong[:5]
    assert count > 7000


# --- any split of the bytes gives the same page


@given(documents, st.data())
@settings(max_examples=500, deadline=None)
def test_split(page: bytes, data: st.DataObject) -> None:
    whole = rewrite([page])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(page)), max_size=5)))
    parts = [page[start:end] for start, end in zip([0, *cuts], [*cuts, len(page)], strict=True)]
    assert rewrite(parts) == whole
    assert rewrite(chunks(page, 1)) == whole


@pytest.mark.parametrize("pool", POOLS)
def test_split_pools(pool: str) -> None:
    chance = random.Random(pool)
    for _ in range(1500):
        page = document(chance, POOLS[pool])
        assert rewrite(chunks(page, 1)) == rewrite([page]) == rewrite(chunks(page, 7)), page


@given(documents)
@settings(max_examples=300, deadline=None)
def test_unedited_bytes_are_the_apps(page: bytes) -> None:
    assert rewrite(chunks(page, 5), leave) == page


# --- a browser's parser sees no way out


def slips(pool: str, count: int, decide: Decide) -> list[bytes]:
    chance = random.Random(count)
    pages = (document(chance, POOLS[pool]) for _ in range(count))
    return [page for page in pages if ways_out("lexbor", rewrite([page], decide))]


@pytest.mark.parametrize("pool", POOLS)
def test_no_link_slips(pool: str) -> None:
    assert not slips(pool, 6000, edit_outside)


@given(documents)
@settings(max_examples=500, deadline=None)
@example(b"<svg/><![CDATA[ x ><a href=//evil.example>")
def test_no_link_slips_shrunk(page: bytes) -> None:
    assert not ways_out("lexbor", rewrite([page]))


@pytest.mark.parametrize(("element", "attribute"), [(tag, name) for tag in OUTLETS for name in OUTLETS[tag][:1]])
def test_oracle_catches_a_planted_slip(element: str, attribute: str) -> None:
    def careless(outlet: Outlet) -> Edit | None:
        planted = (outlet.element, outlet.attribute) == (element, attribute)
        return None if planted else edit_outside(outlet)

    assert slips("markup", 500, careless)
