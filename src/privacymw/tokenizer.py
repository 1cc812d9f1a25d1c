"""The tag-level states of the HTML tokenizer over a growing buffer (HTML 13.2.5), one reading of a page.

A reading says where the tags are that matter for links. Where the markup can be read in two ways (scripting
on or off, old or new rules for `select`) it forks, and `html.py` follows both until they meet again.
"""

import re
from typing import NamedTuple

from privacymw.foreign import Stack, bared, closed, is_foreign, opened
from privacymw.held import ELEMENTS, HOOK, SAYS_SO
from privacymw.markup import BEFORE, END, NAME, TAG, TAG_NAME, LongTag, Span, attributes, starts_attribute, walk

CAP = 65_536  # bytes of one tag or attribute held back before it is handed on in parts

DATA, IN_TAG = "data", "tag"

_RAW_TEXT = ("title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "noscript")
_RAW = {name.encode(): name for name in (*_RAW_TEXT, "script", "plaintext")}
_ROOTS = frozenset((b"svg", b"math"))
_LINKS = frozenset((b"a", b"area", b"form", b"button", b"input", b"meta", b"base", HOOK.encode()))
_ENDS = frozenset((b"a", b"form", b"body"))
_PLACES = frozenset((HOOK.encode(), b"body"))
_MARK = re.compile(rb"<(?![^a-zA-Z/!?])")  # any other "<" is text (HTML 13.2.5.6)
_EITHER = frozenset((b"mglyph", b"malignmark"))  # in `<mi>`: foreign, unless an HTML element is open in it
_NOTED = _LINKS | ELEMENTS | _ENDS | _RAW.keys() | _ROOTS | {b"select", b"template", b"col"}


class Skip(NamedTuple):
    """How to get through text that holds no tags: what to look for, and where each find leads.

    `keep` is one byte less than the longest find: as much may be the start of one at the end of a chunk.
    """

    find: re.Pattern[bytes]
    keep: int
    leads: dict[bytes, tuple[str, int]]  # lower-case find: next mode, offset from the find's start


def _until_end_tag(name: str) -> Skip:
    find = rf"</{name}(?=[\t\n\f\r />])".encode()
    return Skip(re.compile(find, re.IGNORECASE), len(name) + 2, {b"</" + name.encode(): (DATA, 0)})


_DASHES = (b"-->", ("script", 3))
_SKIPS = {
    **{name: _until_end_tag(name) for name in _RAW_TEXT},
    "plaintext": Skip(re.compile(rb"(?!)"), 0, {}),
    "comment": Skip(re.compile(rb"--!?>"), 3, {b"-->": (DATA, 3), b"--!>": (DATA, 4)}),
    "bogus comment": Skip(re.compile(rb">"), 0, {b">": (DATA, 1)}),
    "cdata": Skip(re.compile(rb"\]\]>"), 2, {b"]]>": (DATA, 3)}),
    # HTML 13.2.5.4 and 13.2.5.15 to 13.2.5.31
    "script": Skip(
        re.compile(rb"<!--|</script(?=[\t\n\f\r />])", re.IGNORECASE),
        8,
        {b"<!--": ("script escaped", 2), b"</script": (DATA, 0)},
    ),
    "script escaped": Skip(
        re.compile(rb"-->|</?script(?=[\t\n\f\r />])", re.IGNORECASE),
        8,
        dict((_DASHES, (b"</script", (DATA, 0)), (b"<script", ("script double escaped", 7)))),
    ),
    "script double escaped": Skip(
        re.compile(rb"-->|</script(?=[\t\n\f\r />])", re.IGNORECASE),
        8,
        dict((_DASHES, (b"</script", ("script escaped", 8)))),
    ),
}

# At a "<" that begins no tag: these wait for more bytes, those lead on. "<!-->" and "<!--->" are whole
# comments; "<!x", DOCTYPE, "<?x" and "</ x" end at the first ">", quotes or not.
_UNDECIDED = (b"</x", b"<!--->", b"<![CDATA[")
_DECLARATIONS = {
    b"<!-->": (DATA, 5),
    b"<!--->": (DATA, 6),
    b"<!--": ("comment", 4),
    b"</>": (DATA, 3),
    **dict.fromkeys((b"<!", b"<?", b"</"), ("bogus comment", 2)),
}


# By mode: from where the buffer was searched, where the find starts (its end: nowhere), and the find.
# Readings share it, else each of many forks would search the rest of the buffer for the same end tag.
Finds = dict[str, tuple[int, int, bytes]]


class Reading:
    """One way to read the page. `position` is what it has made its mind up about."""

    def __init__(self, spans: list[Span], forks: list["Reading"], finds: Finds, mode: str = DATA) -> None:
        self.mode = mode
        self.position = 0
        self.stack: Stack = None
        self._spans = spans  # shared by all readings of a page, as is:
        self._forks = forks
        self._finds = finds
        self._dubious = frozenset[bytes]()  # open elements in which parsers of different age drop tags
        self._templates = 0
        self._at = 0  # inside an unfinished tag: how far the walk has come, its state,
        self._walk = NAME
        self._attribute = 0  # the start of the attribute it is in,
        self._long: LongTag | None = None  # and the tag's earlier parts
        self._passing = False  # an overlong attribute is going by

    def key(self) -> object:
        """Equal for two readings that will agree from here on."""
        return self.position, self.mode, self.stack, self._dubious, self._templates, self._walked()

    def _walked(self) -> object:
        return (self._long, self._at) if self.mode == IN_TAG else None

    def shift(self, count: int) -> None:
        """Follow the buffer, which lost `count` bytes at its front."""
        self.position -= count
        self._at -= count
        self._attribute -= count

    def run(self, buffer: bytearray, until: int) -> bool:
        """Read to `until` or to a fork; False where more bytes are needed first."""
        # Never beyond it: a reading ahead meets no other, and each fork would read the whole buffer again.
        while self.position < until and not self._forks:
            step = _STEPS.get(self.mode, Reading._skip)
            if not step(self, buffer):
                return False
        return bool(self._forks) or self.position < len(buffer)

    def _skip(self, buffer: bytearray) -> bool:
        skip = _SKIPS[self.mode]
        start, find = self._find(skip.find, buffer)
        if not find:
            self.position = max(self.position, len(buffer) - skip.keep)
            return False
        self.mode, offset = skip.leads[find]
        self.position = start + offset
        return True

    def _find(self, pattern: re.Pattern[bytes], buffer: bytearray) -> tuple[int, bytes]:
        since, start, find = self._finds.get(self.mode, (0, -1, b""))
        if not since <= self.position <= start:
            found = pattern.search(buffer, self.position)
            start, find = (found.start(), found[0].lower()) if found else (len(buffer), b"")
            self._finds[self.mode] = self.position, start, find
        return start, find

    def _data(self, buffer: bytearray) -> bool:
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
        if self.stack or name in _NOTED:
            self._tag(buffer, name, Span(start, end), closing=bool(tag[1]), empty=tag[3].endswith(b"/"))
        return True

    def _no_whole_tag(self, buffer: bytearray) -> bool:
        """At a "<" that begins no tag, or one whose end is not here yet (HTML 13.2.5.6, 13.2.5.7)."""
        head = bytes(buffer[self.position : self.position + 9])
        name = TAG_NAME.match(head)
        if name:
            self.mode, self._walk, self._at = IN_TAG, NAME, self.position + name.start(1)
            self._long, self._passing = None, False
            return True
        if any(len(head) < len(start) and start.startswith(head) for start in _UNDECIDED):
            return False
        self.mode, offset = self._declaration(head)
        self.position += offset
        return True

    def _declaration(self, head: bytes) -> tuple[str, int]:
        """The mode and offset after a "<" that begins no tag (HTML 13.2.5.42, 13.2.5.43)."""
        if head == b"<![CDATA[" and is_foreign(self.stack):
            return "cdata", 9
        if head == b"<![CDATA[" and self.stack:
            self._fork().stack = bared(self.stack)  # and there it is seen again, in svg or math
        return next((lead for start, lead in _DECLARATIONS.items() if head.startswith(start)), (DATA, 1))

    def _in_tag(self, buffer: bytearray) -> bool:
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

    def _ended(self, buffer: bytearray, *, empty: bool) -> None:
        self.mode = DATA
        if self._long is None:
            self._data(buffer)
            return
        span = Span(self.position, self._at, "later", self._long)
        self.position = self._at
        name = self._long.name
        self._tag(buffer, name.lstrip(b"/"), span, closing=name.startswith(b"/"), empty=empty)

    def _hold_on(self, buffer: bytearray) -> None:
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

    def _part(self, part: str, buffer: bytearray, end: int) -> None:
        start, self.position = self.position, end
        if self._long is None:
            self._long = LongTag(bytes(buffer[start + 1 : start + 32]))
        if self._long.name in _LINKS | ELEMENTS and start < end:
            self._spans.append(Span(start, end, part, self._long))

    def _tag(self, buffer: bytearray, name: bytes, span: Span, *, closing: bool, empty: bool) -> None:
        if closing:
            if name in _ENDS and not span.long and not self._is_no_place(name):
                self._spans.append(span)
            self._closed(name)
            return
        says_so = name in ELEMENTS and (span.long or SAYS_SO.search(buffer, span.start, span.end))
        if says_so or (name in _LINKS and not self._is_no_place(name)):
            self._spans.append(span)
        found = attributes(buffer, span.start + 1 + len(name), span.end) if self.stack and not span.long else ()
        self._opened(name, {one.name: one.value for one in reversed(found)}, empty)

    @property
    def is_open(self) -> bool:
        """Whether a tag put in here would be one of the page's own."""
        return self.mode == DATA and not is_foreign(self.stack)

    def _is_no_place(self, name: bytes) -> bool:
        """In svg and math what is put in would end them, and what follows would be read in another way."""
        return name in _PLACES and is_foreign(self.stack)

    def _closed(self, name: bytes) -> None:
        if name == b"template" and self._templates:
            self._templates -= 1
        if name in (b"select", b"template"):
            self._dubious &= {b"col"} if self._templates else frozenset()
        if self.stack:
            self.stack, *others = closed(self.stack, name)
            for stack in others:
                self._fork().stack = stack

    def _opened(self, name: bytes, found: dict[bytes, bytes], empty: bool) -> None:
        before = self.stack
        if name in _EITHER and before and not is_foreign(before):
            self._fork().stack = opened(bared(before), name, found, empty)[0]
        self.stack, html = opened(before, name, found, empty)
        if html and name in _RAW:
            dropped = self._drops(name)
            if name == b"plaintext" and dropped:
                return  # the reading to the other side shows no link ever after
            if name == b"noscript" or dropped:
                self._fork()
            self.mode = _RAW[name]
        elif name in _ROOTS and self._dubious and self.stack != before:
            self._fork().stack = before
        elif html:
            self._templates += name == b"template"
            if name == b"select" or (name == b"col" and self._templates):
                self._dubious |= {name}

    def _drops(self, name: bytes) -> bool:
        """Whether some parsers drop this raw-text tag here: all after a template's `col`, most in select."""
        return b"col" in self._dubious or (b"select" in self._dubious and name != b"script")

    def _fork(self) -> "Reading":
        other = Reading(self._spans, self._forks, self._finds)
        other.__dict__.update(self.__dict__)
        self._forks.append(other)
        return other


_STEPS = {DATA: Reading._data, IN_TAG: Reading._in_tag}
