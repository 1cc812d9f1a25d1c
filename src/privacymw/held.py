"""What an author can have held back in a page: by which attribute it is said, and what loads it.

A held-back tag keeps its place and its attributes; those that load something stand under another name.
"""

import re
from typing import Final

CATEGORY: Final = "data-privacy-category"
PREFIX: Final = "data-privacy-"
"""Goes before the name of an attribute that is not to load anything yet."""

LOADS: Final = {
    "script": ("src", "href", "xlink:href", "type"),
    "iframe": ("src", "srcdoc"),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),  # of a picture: its image is loaded for an `img` without any source
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "link": ("href", "imagesrcset"),
}
ELEMENTS: Final = frozenset(name.encode() for name in LOADS)
SAYS_SO: Final = re.compile(CATEGORY.encode(), re.IGNORECASE)

STANDS_IN: Final = {"script": {"type": "text/plain"}}
"""New attributes of a held-back tag: a script of this type is data, inline text and all (HTML 4.12.1)."""

HOOK: Final = "privacy-notice"
"""The element that an app puts where it wants the bar."""
END: Final = "/body"
"""Stands for the end of a page, with or without its tag."""
