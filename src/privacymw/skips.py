"""What goes by without tags: comments, raw text, script (HTML 13.2.5.1 to 13.2.5.53), and where each ends."""

import re
from typing import Final, NamedTuple

DATA: Final = "data"
RAW_TEXT: Final = ("title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "noscript")


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
SKIPS: Final = {
    **{name: _until_end_tag(name) for name in RAW_TEXT},
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
UNDECIDED: Final = (b"</x", b"<!--->", b"<![CDATA[")
DECLARATIONS: Final = {
    b"<!-->": (DATA, 5),
    b"<!--->": (DATA, 6),
    b"<!--": ("comment", 4),
    b"</>": (DATA, 3),
    **dict.fromkeys((b"<!", b"<?", b"</"), ("bogus comment", 2)),
}
