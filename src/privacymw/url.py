"""Where a link leads, judged as a browser would (WHATWG URL Standard, by Ada).

Never by `urllib` or `yarl`: both take `///evil`, `/\\evil` or `https:\\\\evil` for links to our own site.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import ada_url

Kind = Literal["internal", "outside", "trusted", "blocked", "other", "invalid"]

# What a path on the same site looks like on sight: no scheme, no second slash, nothing a parser strips.
_VISIBLY_RELATIVE = re.compile(r"(?!//)[^:\\\x00-\x20?#]*+(?:[?#][^\x00-\x1f]*+)?")
_PATTERN = re.compile(r"(\*\.)?(\[[0-9A-Fa-f:.]+\]|[^\s/\\@:?#\[\]%*]+)")
_MEMORY = 4096


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed http or https address.

    `href` is serialised by the parser: what may be sealed, shown and followed. `host` has no port and is in
    A-label form. `credentials`: the address carries a user name or a password.
    """

    href: str
    scheme: str
    host: str
    credentials: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """`kind` is "other" for what is no web address (mailto:, javascript:, data:), with no target.

    An "internal" verdict has a target only where the address had to be parsed to see it.
    """

    kind: Kind
    target: Target | None = None


def host_pattern(text: str) -> str:
    """One host as an operator writes it, `example.org` or `*.example.org`, in the form `Hosts` compares.

    `*.example.org` stands for every host below example.org, not for example.org. International names become
    A-labels. A port is refused: promises are made for hosts. Raises ValueError saying what is wrong.
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no host: write example.org or *.example.org, no scheme, port or path")
    wildcard, name = found.groups(default="")
    target = parse(f"http://{name}/")
    if target is None:
        raise ValueError(f"{text!r} is no valid host name")
    if wildcard and ada_url.URL(target.href).host_type != ada_url.HostType.DEFAULT:
        raise ValueError(f"{text!r} is an address, and nothing is below an address")
    return wildcard + target.host


class Hosts:
    """A set of hosts, exact or `*.domain`. `example.org.` with its dot is another host, as for a browser."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = frozenset(map(host_pattern, patterns))

    def __contains__(self, host: str) -> bool:
        return host in self._patterns or any("*." + domain in self._patterns for domain in domains(host))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._patterns))

    def __len__(self) -> int:
        return len(self._patterns)


class Classifier:
    """Tells links to the site itself from links that leave it."""

    def __init__(
        self,
        *,
        own: Iterable[str] = (),
        trusted: Iterable[str] = (),
        blocked: Iterable[str] = (),
        memory: int = _MEMORY,
    ) -> None:
        self._own = Hosts(own)
        kinds: tuple[tuple[Iterable[str], Kind], ...] = ((blocked, "blocked"), (trusted, "trusted"))
        self._kinds = [(Hosts(patterns), kind) for patterns, kind in kinds]
        self._judged = lru_cache(memory)(self._judge)

    def verdict(self, href: str, page: str, base: str | None = None) -> Verdict:
        """The verdict on an attribute's value, as found on the page with that absolute URL.

        `base` is the href of the page's `<base>`, if any: links are resolved against it, but the page alone
        says which host is our own. What cannot be parsed, or stands on a page whose own URL cannot be, is
        "invalid", never "internal".
        """
        if base is None and _VISIBLY_RELATIVE.fullmatch(href):
            return _INTERNAL if _page(page) else _INVALID
        return self._judged(href, page, base)

    def _judge(self, href: str, page: str, base: str | None) -> Verdict:
        here = _page(page)
        if here is None:
            return _INVALID
        url = _url(href, _base(here.href, base))
        if url is None:
            return _INVALID
        if url.protocol not in ("http:", "https:"):
            return _OTHER
        target = _target(url)
        return Verdict(self._kind(target.host, here.host), target)

    def _kind(self, host: str, page: str) -> Kind:
        if host == page or host in self._own:
            return "internal"
        return next((kind for hosts, kind in self._kinds if host in hosts), "outside")


_INTERNAL, _INVALID, _OTHER = Verdict("internal"), Verdict("invalid"), Verdict("other")


def parse(href: str, base: str | None = None) -> Target | None:
    """The http or https address a browser would go to, or None."""
    url = _url(href, base)
    return _target(url) if url is not None and url.protocol in ("http:", "https:") else None


def with_query(href: str, query: str) -> str:
    """Where a GET form goes: its action with another query (HTML 4.10.22.3, "mutate action URL").

    The fragment stays. Raises ValueError where `href` is no absolute URL.
    """
    url = ada_url.URL(href)
    url.search = "?" + query  # with the "?", for an empty query stays a query
    return url.href


def _url(href: str, base: str | None) -> ada_url.URL | None:
    try:
        return ada_url.URL(href, base)
    except ValueError:  # also of what cannot be encoded, a lone surrogate
        return None


def _target(url: ada_url.URL) -> Target:
    return Target(url.href, url.protocol[:-1], url.hostname, bool(url.username or url.password))


@lru_cache(_MEMORY)
def _page(page: str) -> Target | None:
    """Parsed, since the page's host comes from a Host header, which a client chose."""
    return parse(page)


def _base(page: str, base: str | None) -> str:
    """HTML 4.2.3, "frozen base URL": a base that is invalid, data: or javascript: counts for nothing."""
    url = None if base is None else _url(base, page)
    return page if url is None or url.protocol in ("data:", "javascript:") else url.href


def domains(host: str) -> Iterator[str]:
    """What a host is below, the nearest first: of `a.b.example` it is `b.example` and `example`."""
    while "." in host:
        host = host.partition(".")[2]
        yield host
