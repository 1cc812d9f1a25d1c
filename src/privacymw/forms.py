"""Posts to our own pages: whose they are, and what they say."""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from privacymw.core import Exchange
from privacymw.words import N_, Refusal

FORM_BYTES: Final = 16_384
"""More than any form of ours can fill."""
FIELDS: Final = 200


class Unfit(Refusal):
    """A form that cannot be taken; the text tells the visitor why."""


def is_same_origin(exchange: Exchange) -> bool:
    """Whether a post comes from a page of this very host.

    Browsers say so in `Sec-Fetch-Site`; older ones only name the page's origin, which must then be
    our host. Without either there is no browser behind the post, or one that hides where it was.
    """
    site = exchange.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host = exchange.headers.get("host", "").lower()
    try:
        return bool(host) and urlsplit(exchange.headers.get("origin", "")).netloc.lower() == host
    except ValueError:
        return False


def may_download(exchange: Exchange) -> bool:
    """Whether a file about this visitor may be sent: asked for by our own page, or typed by the visitor.

    Browsers that do not say where a request comes from keep the answer from other sites by themselves.
    """
    return exchange.headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def fields(exchange: Exchange, body: bytes) -> dict[str, list[str]]:
    """The fields of an urlencoded form.

    Raises:
        Unfit: another content type, text that is no form, too many fields.
    """
    kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Unfit(N_("This address takes a form as application/x-www-form-urlencoded."))
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    except ValueError:
        raise Unfit(N_("This is not a form that this page made.")) from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def single(form: dict[str, list[str]], name: str, allowed: tuple[str, ...]) -> str | None:
    """The one value of a field, or None where the field is absent.

    Raises:
        Unfit: the field stands several times, or has a value that the page never offered.
    """
    values = form.pop(name, [])
    if not values:
        return None
    if len(values) > 1 or values[0] not in allowed:
        raise Unfit(N_("The field {name} has a value that this page does not offer."), name=repr(name[:40]))
    return values[0]
