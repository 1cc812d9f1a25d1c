"""The places where a link leaves, and what is written there instead."""

import re
from collections.abc import Iterator, Mapping

from privacymw.characters import decode, encode
from privacymw.edits import Decide, Edit, Outlet
from privacymw.held import CATEGORY, END, HOOK, LOADS, PREFIX, STANDS_IN
from privacymw.linktext import OpenLink
from privacymw.markup import TAG_NAME, Attribute, LongTag, Span, attributes, begun
from privacymw.recall import Change, Recall
from privacymw.refresh import refresh
from privacymw.tokenizer import CAP

_LINKS = {
    "a": ("href", "xlink:href", "ping"),
    "area": ("href", "ping"),
    "form": ("action",),
    "button": ("formaction",),
    "input": ("formaction",),
    "meta": ("content",),
    "base": ("href",),
}
# What later parts of a tag beyond the cap must know of earlier ones.
_CARRIED = {name for names in _LINKS.values() for name in names} | {
    "formmethod",
    "http-equiv",
    "method",
    "rel",
}
# A value beyond the cap is let through only where its beginning shows that it is no web address but data: and
# the like.
_SLASH = ord("/")
_LINK = re.compile(rb"<a[\t\n\f\r /]")
_OTHER_SCHEME = re.compile(rb"[\x00-\x20]*+(?!https?:)[a-z][a-z0-9+.-]*+:", re.IGNORECASE)


class Editor:
    """Asks for each outlet what to do, in the order of the page, and says it as changes of bytes."""

    def __init__(self, decide: Decide, codec: str, recall: Recall | None = None) -> None:
        self.codec = codec
        self._recall = recall
        self._edits: list[Edit | None] = []  # the answers for the tag at hand
        self.base: str | None = None
        self.ambiguous = 0
        self._decide = decide
        self._passed = False  # an outlet was met already
        self._form_method = ""
        self.open = OpenLink()
        self._linked = False

    def read_as(self, codec: str) -> None:
        """What is remembered holds for the charset that the page was said to have."""
        if codec != self.codec:
            self.codec, self._recall = codec, None

    def ended(self, buffer: bytes | bytearray) -> bytes:
        """What goes to the end of the page."""
        return self._named(buffer, len(buffer)) + self._placed(END)

    def changes(self, buffer: bytes | bytearray, span: Span) -> list[Change]:
        """The changes for one tag, or one part of a long tag."""
        if self._recall and self.base is None and span.part == "whole" and _LINK.match(buffer, span.start):
            return self._link(buffer, span, self._recall)
        return self._tag(buffer, span)

    def _link(self, buffer: bytes | bytearray, span: Span, recall: Recall) -> list[Change]:
        """The changes for a link, as they were made before if they may be."""
        start, end = span.start, span.end
        tag = bytes(buffer[start:end])
        changes = self._end_tag(buffer, "a", start)  # a link ends where another begins
        known = recall.again(tag)
        if known is None:
            return changes + self._judged(buffer, span, recall, tag)
        self._passed = self._linked = True
        self.open.suffix, self.open.host = known.suffix, known.host
        self.open.begins(end)
        changes += [] if known.tag == tag else [(start, end, known.tag)]
        return changes + self._end_tag(buffer, "a", span.close) if span.close else changes

    def _judged(self, buffer: bytes | bytearray, span: Span, recall: Recall, tag: bytes) -> list[Change]:
        self._edits.clear()
        changes = self._tag(buffer, span)
        edit = self._edits[0] if len(self._edits) == 1 else None
        if edit is not None and edit.again is not None:
            of_tag = [(one - span.start, stop - span.start, new) for one, stop, new in changes if one < span.end]
            recall.keep(tag, of_tag, edit.suffix, edit.host, edit.again)
        return changes

    def _tag(self, buffer: bytes | bytearray, span: Span) -> list[Change]:
        if span.part == "overlong":
            overlong = [begun(buffer, span.start, span.end)]
            if _element(span.long) in LOADS:
                return self._held(span, _element(span.long), overlong)
            return self._disarmed(_element(span.long), overlong)
        if span.part == "later":
            return self._start_tag(buffer, span, _element(span.long), span.start, b"%b ")
        name = TAG_NAME.match(buffer, span.start, span.end)
        assert name, "spans begin with a tag"
        element = name[1].decode("ascii").lower()
        if buffer[span.start + 1] == _SLASH:
            return self._end_tag(buffer, element, span.start)
        return self._start_tag(buffer, span, element, name.end(), b" %b")

    def _end_tag(self, buffer: bytes | bytearray, element: str, start: int) -> list[Change]:
        if element == "form":
            self._form_method = ""
            return []
        named = self._named(buffer, start)
        if element == "body":
            return [(start, start, named + self._placed(END))]
        self._linked = False
        return [(start, start, named)] if named else []

    def _named(self, buffer: bytes | bytearray, end: int) -> bytes:
        """What names the host of the open link, before its end."""
        return encode(self.open.ended(buffer, end, self.codec), self.codec) if self.open.suffix else b""

    def _start_tag(
        self, buffer: bytes | bytearray, span: Span, element: str, insert: int, added: bytes
    ) -> list[Change]:
        """`insert` is where new attributes go, `added` with what space around them."""
        if element == HOOK:
            return [] if span.part == "later" else [(span.start, span.start, self._placed(HOOK))]
        written = attributes(buffer, insert, span.end)
        if element in LOADS:
            return self._held(span, element, written)
        found, overlong = written, []
        if span.end - span.start > CAP:
            found = [one for one in written if one.end - one.start <= CAP]
            overlong = [one for one in written if one.end - one.start > CAP]
        changes: list[Change] = []
        if element == "a" and span.part in ("whole", "first"):
            changes = self._end_tag(buffer, "a", span.start)  # a link ends where another begins
            self._linked = True
        values = self._values(found)
        answer = self._answer(element, values, span.long.seen) if span.long else self._whole(element, values)
        changes += self._disarmed(element, overlong) if overlong else ()
        if answer:
            changes += (*self._written(buffer, found, answer), *self._added(answer, values, insert, added))
        if element == "a":
            self.open.begins(span.end)
        return changes + self._end_tag(buffer, "a", span.close) if span.close else changes

    def _placed(self, place: str) -> bytes:
        edit = self._decide(Outlet(place, "", "", "", {}))
        return _markup(edit.before) if edit else b""

    def _held(self, span: Span, element: str, written: list[Attribute]) -> list[Change]:
        """The changes that keep a tag from loading, where it says so and `decide` agrees.

        Of a tag beyond the cap parts may be out before it says so. There only what comes after is held back,
        lest the outcome hang on how the page is cut into chunks.
        """
        seen = span.long.seen if span.long else {}
        names = [self._name(one) for one in written]
        if CATEGORY in seen:
            return list(self._withheld(element, written)) if seen[CATEGORY] else []
        if CATEGORY not in names:
            seen |= dict.fromkeys(names, "")
            return []
        at = names.index(CATEGORY)
        edit = self._decide(
            Outlet(element, CATEGORY, self._value(written[at]), "", self._values(written), self._linked)
        )
        seen[CATEGORY] = "held" if edit and edit.held else ""
        if edit is None:
            return []
        whole = span.part == "whole" and span.end - span.start <= CAP
        if not whole:
            self.ambiguous += not {*seen, *names[:at]}.isdisjoint(LOADS[element])
            edit = Edit(held=edit.held)
        new = {**STANDS_IN.get(element, {}), **edit.attributes} if edit.held else edit.attributes
        end = written[at].end
        return [
            (span.start, span.start, _markup(edit.before)),
            *self._added(new, {}, end, b" %b"),
            *(self._withheld(element, written if whole else written[at:]) if edit.held else ()),
        ]

    def _withheld(self, element: str, written: list[Attribute]) -> Iterator[Change]:
        """Rename what loads something; the value stays as it stands."""
        for one in written:
            if self._name(one) in LOADS[element]:
                yield one.start, one.start, PREFIX.encode()

    def _value(self, one: Attribute) -> str:
        return decode(one.value, self.codec)

    def _values(self, found: list[Attribute]) -> dict[str, str]:
        # Reversed, since the first of duplicates is the one that counts.
        codec = self.codec
        return {one.name.decode(codec, "replace"): decode(one.value, codec) for one in reversed(found)}

    def _name(self, one: Attribute) -> str:
        return one.name.decode(self.codec, "replace")

    def _whole(self, element: str, values: dict[str, str]) -> dict[str, str | None]:
        """The new attributes of a tag that came whole."""
        if element == "form":
            self._form_method = _method(values.get("method", ""))
        answer: dict[str, str | None] = {}
        for name in _LINKS[element]:
            if name in values:
                answer |= self._asked(element, name, values)
        return answer

    def _answer(self, element: str, values: dict[str, str], earlier: dict[str, str]) -> dict[str, str | None]:
        """The new attributes; `earlier` are those of the parts of a long tag that are out already."""
        context = {**values, **earlier}
        if element == "form":
            self._form_method = _method(context.get("method", ""))
        answer: dict[str, str | None] = {}
        for name in _LINKS[element]:
            if name in earlier and name in values:
                answer[name] = None  # a duplicate: it counts for nothing, unless its elder was taken out
            elif name in values:
                answer |= self._asked(element, name, context)
        if "content" in earlier and "http-equiv" in values:
            self.ambiguous += 1
            answer["http-equiv"] = None  # a refresh whose address is out already
        earlier |= {name: value for name, value in values.items() if name in _CARRIED - earlier.keys()}
        return answer

    def _asked(self, element: str, name: str, values: dict[str, str]) -> Mapping[str, str | None]:
        if element == "base" and self.base is not None:
            return {}
        before, value = refresh(values) if element == "meta" else ("", values[name])
        if value is None:
            return {}
        edit = self._decide(Outlet(element, name, value, self._outlet_method(name, values), values))
        self._edits.append(edit)
        if element == "base":
            self._based(value, foreign=edit is not None)
            return {}
        self._passed = True
        if edit is None:
            return {}
        if element == "a" and edit.suffix:
            self.open.suffix, self.open.host = edit.suffix, edit.host
        url = edit.attributes.get("content") if element == "meta" else None
        return edit.attributes if url is None else {**edit.attributes, "content": before + url}

    def _based(self, value: str, *, foreign: bool) -> None:
        """Only the first base counts, and it counts for links before it too (HTML 4.2.3)."""
        self.base = value
        self.ambiguous += foreign and self._passed

    def _outlet_method(self, name: str, values: dict[str, str]) -> str:
        if name == "action":
            return self._form_method
        if name == "formaction":
            return _method(values["formmethod"]) if "formmethod" in values else self._form_method or "get"
        return ""

    def _written(
        self, buffer: bytes | bytearray, found: list[Attribute], answer: dict[str, str | None]
    ) -> Iterator[Change]:
        done = set()
        for one in found:
            name = self._name(one)
            if name not in answer:
                continue
            value = answer[name]
            if value is not None and name not in done:
                done.add(name)
                written = bytes(buffer[one.start : one.start + len(one.name)])  # in the author's case
                yield one.start, one.end, written + b'="' + encode(value, self.codec) + b'"'
            elif value is None:
                # Never nothing: what stood on both sides must not grow together, nor a "=" become a value's.
                yield one.start, one.end, b"/" if buffer[one.end : one.end + 1] == b"=" else b" "

    def _added(
        self, answer: Mapping[str, str | None], present: Mapping[str, str], insert: int, added: bytes
    ) -> Iterator[Change]:
        for name, value in answer.items():
            if value is not None and name not in present:
                yield insert, insert, added % (b'%b="%b"' % (name.encode(), encode(value, self.codec)))

    def _disarmed(self, element: str, overlong: list[Attribute]) -> list[Change]:
        """Rename a link that is beyond the cap, so that no browser follows it: it could not be judged."""
        links = [one for one in overlong if self._name(one) in _LINKS[element] and not _OTHER_SCHEME.match(one.value)]
        self.ambiguous += len(links)
        return [(one.start, one.start, b"data-") for one in links]


def _markup(text: str) -> bytes:
    return text.encode("ascii", "xmlcharrefreplace")


def _element(long: LongTag | None) -> str:
    return long.name.decode("ascii") if long else ""


def _method(text: str) -> str:
    """The method that counts; `dialog` is told as "get", since its action may yet be used by a button."""
    return "post" if text.lower() == "post" else "get"
