"""The tag-level states of the HTML tokenizer over a growing buffer (HTML 13.2.5), one reading of a page.

A reading says where the tags are that matter for links. Where the markup can be read in two ways (scripting
on or off, old or new rules for `select`) it forks, and `html.py` follows both until they meet again. Readings
that see the same tags, and only differ in what may be open around them in svg, are one with several stacks.
"""

import re
from collections.abc import Iterable

from privacymw.foreign import OUTSIDE, SPEAKS, UNKNOWN, Stack, Stacks, bared, closings, is_foreign, joined, openings
from privacymw.glancing import Sight
from privacymw.held import ELEMENTS, HOOK, SAYS_SO
from privacymw.markup import BEFORE, END, NAME, TAG, TAG_NAME, LongTag, Span, attributes, starts_attribute, walk
from privacymw.skips import DATA, DECLARATIONS, RAW_TEXT, SKIPS, UNDECIDED

CAP = 65_536  # bytes of one tag or attribute held back before it is handed on in parts
IN_TAG = "tag"

_RAW = {name.encode(): name for name in (*RAW_TEXT, "script", "plaintext")}
_ROOTS = frozenset((b"svg", b"math"))
_LINKS = frozenset((b"a", b"area", b"form", b"button", b"input", b"meta", b"base", HOOK.encode()))
_ENDS = frozenset((b"a", b"form", b"body"))
_PLACES = frozenset((HOOK.encode(), b"body"))
_MARK = re.compile(rb"<(?![^a-zA-Z/!?])")  # any other "<" is text (HTML 13.2.5.6)
_NESTS = _RAW.keys() | _ROOTS | {b"select", b"template", b"col"}
_NOTED = _LINKS | ELEMENTS | _ENDS | _NESTS

# By mode: from where the buffer was searched, where the find starts (its end: nowhere), and the find.
# Readings share it, else each of many forks would search the rest of the buffer for the same end tag.
Finds = dict[str, tuple[int, int, bytes]]
# How a reading goes on after a tag: mode, the open elements in which parsers of different age drop tags, templates.
Lead = tuple[str, frozenset[bytes], int]


class Page(Sight):
    """What all readings of a page share."""

    def __init__(self, *, own: bool = False) -> None:
        super().__init__(own=own)
        self.forks: list[Reading] = []
        self.finds: Finds = {}


class Reading:
    """One way to read the page. `position` is what it has made its mind up about."""

    def __init__(self, page: Page, mode: str = DATA) -> None:
        self.mode = mode
        self.position = 0
        self.stacks: Stacks = OUTSIDE
        self._page = page
        self._dubious = frozenset[bytes]()  # open elements in which parsers of different age drop tags
        self._templates = 0
        self._linked = False  # a link may be open
        self._alone = False  # there is no other reading
        self._at = 0  # inside an unfinished tag: how far the walk has come, its state,
        self._walk = NAME
        self._attribute = 0  # the start of the attribute it is in,
        self._long: LongTag | None = None  # and the tag's earlier parts
        self._passing = False  # an overlong attribute is going by

    def key(self) -> object:
        """Equal for two readings that will see the same tags, as far as their stacks let them."""
        return self.position, self.mode, self._dubious, self._templates, self._walked()

    def _walked(self) -> object:
        return (self._long, self._at) if self.mode == IN_TAG else None

    def take(self, other: "Reading") -> None:
        """Read for another with an equal key too."""
        self.stacks = joined((*self.stacks, *other.stacks))

    def shift(self, count: int) -> None:
        """Follow the buffer, which lost `count` bytes at its front."""
        self.position -= count
        self._at -= count
        self._attribute -= count

    def run(self, buffer: bytes | bytearray, until: int, *, alone: bool = False) -> bool:
        """Read to `until` or to a fork; False where more bytes are needed first. `alone`: there is no other reading."""
        # Never beyond it: a reading ahead meets no other, and each fork would read the whole buffer again.
        forks, self._alone = self._page.forks, alone
        while self.position < until and not forks:
            if alone and self.mode == DATA and self.stacks is OUTSIDE:
                sure = bool(self._dubious or self._templates)
                self.position, self._linked = self._page.past(buffer, self.position, sure=sure, linked=self._linked)
            step = _STEPS.get(self.mode, Reading._skip)
            if not step(self, buffer):
                return False
        self._linked |= bool(forks) or not alone  # what another reading takes for a link's end is none to all
        return bool(forks) or self.position < len(buffer)

    def _skip(self, buffer: bytes | bytearray) -> bool:
        skip = SKIPS[self.mode]
        start, find = self._find(skip.find, buffer)
        if not find:
            self.position = max(self.position, len(buffer) - skip.keep)
            return False
        self.mode, offset = skip.leads[find]
        self.position = start + offset
        return True

    def _find(self, pattern: re.Pattern[bytes], buffer: bytes | bytearray) -> tuple[int, bytes]:
        since, start, find = self._page.finds.get(self.mode, (0, -1, b""))
        if not since <= self.position <= start:
            found = pattern.search(buffer, self.position)
            start, find = (found.start(), found[0].lower()) if found else (len(buffer), b"")
            self._page.finds[self.mode] = self.position, start, find
        return start, find

    def _data(self, buffer: bytes | bytearray) -> bool:
        mark = _MARK.search(buffer, self.position)
        if mark is None:
            self.position = len(buffer)
            return False
        self.position = start = mark.start()
        tag = TAG.match(buffer, start)
        if tag is None:
            return self._no_whole_tag(buffer)
        self.position = end = tag.end()
        name = tag[2].lower()
        if name in _NOTED or self.stacks is not OUTSIDE:
            self._tag(buffer, name, Span(start, end), closing=bool(tag[1]), empty=tag[3].endswith(b"/"))
        return True

    def _no_whole_tag(self, buffer: bytes | bytearray) -> bool:
        """At a "<" that begins no tag, or one whose end is not here yet (HTML 13.2.5.6, 13.2.5.7)."""
        head = bytes(buffer[self.position : self.position + 9])
        name = TAG_NAME.match(head)
        if name:
            self.mode, self._walk, self._at = IN_TAG, NAME, self.position + name.start(1)
            self._long, self._passing = None, False
            return True
        if any(len(head) < len(start) and start.startswith(head) for start in UNDECIDED):
            return False
        self._declared(head)
        return True

    def _declared(self, head: bytes) -> None:
        """Go on after a "<" that begins no tag (HTML 13.2.5.42, 13.2.5.43)."""
        mode, offset = next((lead for start, lead in DECLARATIONS.items() if head.startswith(start)), (DATA, 1))
        if head == b"<![CDATA[" and self.stacks is not OUTSIDE:
            inside = [bared(stack) for stack in self.stacks if stack]
            outside = [stack for stack in self.stacks if stack is UNKNOWN or not is_foreign(stack)]
            if outside:
                self._fork(self._lead(mode), outside).position += offset
            self._follow(self._lead("cdata"), inside)
            offset = len(head)
        else:
            self.mode = mode
        self.position += offset

    def _in_tag(self, buffer: bytes | bytearray) -> bool:
        """Walk on through a tag that did not come whole."""
        while self._at < len(buffer):
            before = self._walk
            self._walk, self._at = walk(before, buffer, self._at)
            starting = starts_attribute(before, self._walk)
            if starting:
                self._attribute = self._at - 1
            if self._passing and (starting or self._walk in (BEFORE, END)):
                self.position, self._passing = self._at - starting, False
            if self._walk == END:
                self._ended(buffer, empty=before == BEFORE and buffer[max(self._at - 2, 0)] == ord("/"))
                return True
        self._hold_on(buffer)
        return False

    def _ended(self, buffer: bytes | bytearray, *, empty: bool) -> None:
        self.mode = DATA
        if self._long is None:
            self._data(buffer)
            return
        span = Span(self.position, self._at, "later", self._long)
        self.position = self._at
        name = self._long.name
        self._tag(buffer, name.lstrip(b"/"), span, closing=name.startswith(b"/"), empty=empty)

    def _hold_on(self, buffer: bytes | bytearray) -> None:
        """Let go of what a tag beyond the cap has shown so far: attributes examined, never unexamined."""
        if self._passing:
            self.position = len(buffer)
        if len(buffer) - self.position <= CAP:
            return
        cut = len(buffer) if self._walk in (NAME, BEFORE) else self._attribute
        self._part("later" if self._long else "first", buffer, cut)
        if len(buffer) - cut > CAP:
            self._part("overlong", buffer, len(buffer))
            self._passing = True

    def _part(self, part: str, buffer: bytes | bytearray, end: int) -> None:
        start, self.position = self.position, end
        if self._long is None:
            self._long = LongTag(bytes(buffer[start + 1 : start + 32]))
        if self._long.name in _LINKS | ELEMENTS and start < end:
            self._page.spans.append(Span(start, end, part, self._long))

    def _tag(self, buffer: bytes | bytearray, name: bytes, span: Span, *, closing: bool, empty: bool) -> None:
        if closing:
            if name in _ENDS and not span.long and not self._is_no_place(name):
                self._page.spans.append(span)
                self._linked &= name != b"a"
            self._closed(name)
            return
        says_so = name in ELEMENTS and (span.long or SAYS_SO.search(buffer, span.start, span.end))
        if says_so or (name in _LINKS and not self._is_no_place(name)):
            self._page.spans.append(span)
            if name == b"a":
                self._linked = True
                self._page.meets(buffer, span.start)
            self._page.based |= name == b"base"
        if name in _NESTS or self.stacks is not OUTSIDE:
            found = attributes(buffer, span.start + 1 + len(name), span.end) if name in SPEAKS and not span.long else ()
            self._opened(name, {one.name: one.value for one in reversed(found)}, empty)

    @property
    def is_open(self) -> bool:
        """Whether a tag put in here would be one of the page's own."""
        return self.mode == DATA and not any(map(is_foreign, self.stacks))

    def _is_no_place(self, name: bytes) -> bool:
        """In svg and math what is put in would end them, and what follows would be read in another way."""
        return name in _PLACES and all(map(is_foreign, self.stacks))

    def _closed(self, name: bytes) -> None:
        if name == b"template" and self._templates:
            self._templates -= 1
        if name in (b"select", b"template"):
            self._dubious &= {b"col"} if self._templates else frozenset()
        if self.stacks is not OUTSIDE:
            self.stacks = joined(after for stack in self.stacks for after in closings(stack, name))

    def _opened(self, name: bytes, found: dict[bytes, bytes], empty: bool) -> None:
        leads: dict[Lead, list[Stack]] = {}
        for stack in self.stacks:
            for after, html in openings(stack, name, found, empty, raw=name in _RAW, torn=bool(self._dubious)):
                for lead in self._leads(name) if html else (self._lead(DATA),):
                    leads.setdefault(lead, []).append(after)
        (lead, stacks), *others = leads.items()
        for other in others:
            self._fork(*other)
        self._follow(lead, stacks)

    def _leads(self, name: bytes) -> Iterable[Lead]:
        """How to go on after the start tag of an HTML element."""
        if name in _RAW:
            dropped = self._drops(name)
            if dropped and name == b"plaintext":
                return (self._lead(DATA),)  # the reading to the other side shows no link ever after
            raw = self._lead(_RAW[name])
            return (raw, self._lead(DATA)) if dropped or name == b"noscript" else (raw,)
        templates = self._templates + (name == b"template")
        more = {name} if name == b"select" or (name == b"col" and templates) else frozenset[bytes]()
        return ((DATA, self._dubious | more, templates),)

    def _lead(self, mode: str) -> Lead:
        return mode, self._dubious, self._templates

    def _drops(self, name: bytes) -> bool:
        """Whether some parsers drop this raw-text tag here: all after a template's `col`, most in select."""
        return b"col" in self._dubious or (b"select" in self._dubious and name != b"script")

    def _follow(self, lead: Lead, stacks: Iterable[Stack]) -> None:
        self.mode, self._dubious, self._templates = lead
        self.stacks = joined(stacks)

    def _fork(self, lead: Lead, stacks: Iterable[Stack]) -> "Reading":
        other = Reading(self._page)
        other.__dict__.update(self.__dict__)
        other._linked = True
        self._alone = other._alone = False
        other._follow(lead, stacks)
        self._page.forks.append(other)
        return other


_STEPS = {DATA: Reading._data, IN_TAG: Reading._in_tag}
