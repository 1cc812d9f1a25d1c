"""What is asked about a page, and what is answered."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Outlet(NamedTuple):
    """One place where a link leaves, a part of the page is to be held back, or something can be put in.

    `attribute` is empty for a place: `held.HOOK` or `held.END`. `linked` says that it stands within a link,
    in which no other may stand. `value` is decoded; of a `meta` refresh it is the URL alone. `method` is
    "get" or "post" for `action` and `formaction`, else "". `attributes` are all of the tag's, lower-case,
    the first of duplicates.
    """

    element: str
    attribute: str
    value: str
    method: str
    attributes: dict[str, str]
    linked: bool = False


class Edit(NamedTuple):
    """What becomes of a tag: attributes with their new value (None removes), and text before its `</a>`.

    That text, `suffix`, is left out where the link's own text shows the `host` already.

    `before` is markup that goes before the tag as it is, in ASCII and character references. `held` says
    that the tag is not to load anything.

    For a `meta` refresh the new `content` is the new URL; the time stays.

    `again` says that an equal tag, on any page for which the same `Recall` is used, becomes the same without being
    asked about: then `Recall` tells what it holds. None: each is asked about.
    """

    attributes: Mapping[str, str | None] = MappingProxyType({})
    suffix: str = ""
    before: str = ""
    held: bool = False
    host: str = ""
    again: tuple[str, ...] | None = None


Decide = Callable[[Outlet], Edit | None]
