"""Security measures: https, and the policy headers."""

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Final, Literal

from privacymw import headers as rules
from privacymw.core import Exchange, Keeper, Reply, text_reply
from privacymw.headers import Context, Header
from privacymw.kinds import days, setting
from privacymw.promise import Promise, Section, Sentence, Services, Telling
from privacymw.url import Hosts
from privacymw.words import N_


class Transport(Promise, frozen=True, kw_only=True):
    """Pages over https only."""

    group: ClassVar[str] = "transport"
    title: ClassVar[str] = "Security measures"

    redirect: Annotated[
        Literal["auto", "on", "off"],
        setting("Send plain http to https: auto where a trusted proxy says that it was http.", "word"),
    ] = "auto"
    exempt: Annotated[
        tuple[str, ...],
        setting("Paths, and all below them, that answer over plain http too, such as health checks.", "list"),
    ] = ("/.well-known/acme-challenge", "/health", "/healthz")

    def section(self, telling: Telling) -> Section | None:
        if self.redirect == "off":
            return None
        text = {
            "auto": N_("A request that reaches us without encryption, as our proxies tell us, is sent on to https."),
            "on": N_("A request that reaches us without encryption is sent on to https."),
        }
        sentences = [Sentence("transport.redirect", text[self.redirect], facts={"redirect": self.redirect})]
        if self.exempt:
            values, facts = {"paths": ", ".join(self.exempt)}, {"paths": self.exempt}
            exempt = N_("Exempt from this are the paths {paths}.")
            sentences.append(Sentence("transport.exempt", exempt, values, facts=facts))
        return Section("transport", self.title, tuple(sentences))

    def keeper(self, services: Services) -> Keeper | None:
        return None if self.redirect == "off" else _Transport(self, services)


# A host as it may stand in our own Location header; anything else would be a visitor's invention.
_HOST: Final = re.compile(r"([a-z0-9._-]{1,253})(?::[0-9]{1,5})?", re.IGNORECASE)


class _Transport(Keeper):
    name = "transport"
    reads = ("host", "sec-fetch-site", "forwarded", "x-forwarded-proto")

    def __init__(self, promise: Transport, services: Services) -> None:
        self._always = promise.redirect == "on"
        self._exempt = tuple(promise.exempt)
        self._sites = Hosts(services.site.sites) if services.site.sites else None

    def on_request(self, exchange: Exchange) -> None:
        if exchange.origin.scheme == "https" or exchange.reply is not None:
            return
        if exchange.origin.scheme == "http" or (self._always and not _came_by_https(exchange)):
            host = self._host(exchange)
            if host and not self._is_exempt(exchange.path):
                exchange.answer(_redirect(exchange, host))

    def _is_exempt(self, path: str) -> bool:
        return any(path == each or path.startswith(each.rstrip("/") + "/") for each in self._exempt)

    def _host(self, exchange: Exchange) -> str:
        found = _HOST.fullmatch(exchange.headers.get("host", ""))
        if found is None or (self._sites is not None and found[1].lower() not in self._sites):
            return ""
        return found[1]


def _came_by_https(exchange: Exchange) -> bool:
    """Signs that somebody ended https before us, so that a redirect would loop.

    Browsers send `Sec-Fetch-Site` over https and on loopback only (Fetch Metadata 3); what an untrusted
    proxy says of the scheme is good enough for leaving a request alone.
    """
    said = exchange.headers.get("x-forwarded-proto", "") + exchange.headers.get("forwarded", "")
    return "sec-fetch-site" in exchange.headers or "https" in said.lower()


def _redirect(exchange: Exchange, host: str) -> Reply:
    """To the same address by https; data that came in clear already is refused, not sent again."""
    if exchange.method not in ("GET", "HEAD"):
        told = "This address takes requests over https only.\nEsta dirección solo acepta peticiones por https.\n"
        return text_reply(403, told)
    query = "?" + rules.quoted_query(exchange.query) if exchange.query else ""
    location = f"https://{host}{rules.quoted_path(exchange.root + exchange.path)}{query}"
    return Reply(308, (("location", location), ("cache-control", "no-store")), b"")


_HOUR: Final = 3_600
_HSTS: Final = {"standard": _HOUR, "strict": days(365)}

_FIXED: Final = {
    "standard": (
        Header("x-content-type-options", "nosniff", rules.replace),
        Header("referrer-policy", "strict-origin-when-cross-origin", rules.stricter_referrer),
    ),
    "strict": (
        Header("x-content-type-options", "nosniff", rules.replace),
        Header("referrer-policy", "strict-origin-when-cross-origin", rules.stricter_referrer),
        Header(
            "content-security-policy",
            "default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'self'",
            rules.completed_policy,
        ),
        Header("cross-origin-opener-policy", "same-origin", rules.keep),
        Header("cross-origin-resource-policy", "same-origin", rules.keep),
        Header(
            "permissions-policy",
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
            rules.keep,
        ),
    ),
    "off": (),
}


class Headers(Promise, frozen=True, kw_only=True):
    """Headers that tell the browser to be careful."""

    group: ClassVar[str] = "headers"
    title: ClassVar[str] = "What we ask of your browser"

    preset: Annotated[
        Literal["standard", "strict", "off"],
        setting("Which policy headers are added; strict can stop scripts and frames of other sites.", "word"),
    ] = "standard"
    hsts: Annotated[
        int | None,
        setting(
            "How long browsers keep to https once they have seen it (HSTS); empty for the preset's.",
            "duration",
            ge=0,
            le=days(730),
        ),
    ] = None

    @property
    def _age(self) -> int:
        return _HSTS.get(self.preset, 0) if self.hsts is None else self.hsts

    def section(self, telling: Telling) -> Section | None:
        sentences = []
        if self._age:
            values = {"age": telling.words.duration(self._age)}
            text = N_("Once you were here by https, your browser keeps to https for {age} after each visit.")
            sentences.append(Sentence("headers.hsts", text, values, facts={"seconds": self._age}))
        if self.preset != "off":
            text = N_(
                "When you leave for another site, your browser tells it only which site you came from, not the page."
            )
            sentences.append(Sentence("headers.referrer", text))
            text = N_("Files are taken for what we say they are, so that a picture cannot act as a program.")
            sentences.append(Sentence("headers.nosniff", text))
        if self.preset == "strict":
            text = N_(
                "Unless a page says otherwise, your browser loads nothing from other sites, lets no other site frame "
                "our pages, and gives us neither camera nor microphone nor location."
            )
            sentences.append(Sentence("headers.strict", text))
        return Section("headers", self.title, tuple(sentences)) if sentences else None

    def keeper(self, services: Services) -> Keeper | None:
        return _Headers(self) if self.preset != "off" or self._age else None


class _Headers(Keeper):
    name = "headers"

    def __init__(self, promise: Headers) -> None:
        self._fixed = _FIXED[promise.preset]
        self._age = promise._age

    def fixed(self, context: Context) -> Iterable[Header]:
        yield from self._fixed
        if context.secure and self._age:  # never over plain http (RFC 6797 7.2)
            yield Header("strict-transport-security", f"max-age={self._age}", rules.stricter_transport)
