"""The preference cookie: what a visitor chose, signed, in the browser alone.

Its payload is a flat query string (`v=1&at=...&c.statistics=0&p.language=es&out=direct`), signed by
itsdangerous with SHA-256. A token that cannot be verified counts as a refusal
where something hangs on it.
"""

import hashlib
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal
from urllib.parse import unquote_plus, urlencode

import msgspec
from itsdangerous import BadSignature, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes
from itsdangerous.signer import SigningAlgorithm

from privacymw.core import Exchange
from privacymw.headers import COOKIE_MAX_AGE, Pair, cookie_values, set_cookie
from privacymw.words import N_, Refusal

PAYLOAD_VERSION: Final = "1"
OURS: Final = ("__Host-privacy", "__Host-privacy-view", "privacy", "privacy-view")
"""The names of our own cookies: over https, and on a developer's machine."""
TOKEN_BYTES: Final = 3_000
"""A browser drops a cookie over 4096 bytes of name and value (RFC 6265bis 5.6): ours stays well below."""
SITES: Final = 20
"""Destinations that may be opened without asking again, kept in one cookie."""
_REMEMBERED: Final = 1_024


class Choice(msgspec.Struct, frozen=True):
    """What a visitor chose.

    Attributes:
        answers: yes or no by category; what is absent was not answered.
        preferences: the app's own, such as the language.
        outside: whether links that leave go through the leaving page.
        sites: hosts for which they do not.
        at: when it was chosen, in seconds since the epoch; 0 where nothing was.
        verified: False where a cookie came that nobody can vouch for: what it may have refused stays
            refused until it is answered anew.
        agreed: of each yes, the digest of what it was said to (`questions.py`).
        version: the digest of what there was to choose.
    """

    answers: Mapping[str, bool] = {}
    preferences: Mapping[str, str] = {}
    outside: Literal["ask", "direct"] = "ask"
    sites: tuple[str, ...] = ()
    at: int = 0
    verified: bool = True
    agreed: Mapping[str, str] = {}
    version: str = ""

    def goes_direct(self, host: str) -> bool:
        """Whether the visitor asked not to be told of this host again."""
        return self.outside == "direct" or host in self.sites


NO_CHOICE: Final = Choice()
UNVERIFIED: Final = Choice(verified=False)


def encoded(choice: Choice) -> str:
    """The payload of a choice: cookie octets only (RFC 6265 4.1.1)."""
    pairs = [("v", PAYLOAD_VERSION), ("at", str(choice.at))]
    pairs += [("q", choice.version)] if choice.version else []
    pairs += [(f"c.{name}", "1" if answer else "0") for name, answer in choice.answers.items()]
    pairs += [(f"y.{name}", digest) for name, digest in choice.agreed.items()]
    pairs += [(f"p.{name}", value) for name, value in choice.preferences.items()]
    pairs += [] if choice.verified else [("lost", "1")]
    pairs += [("out", choice.outside)] if choice.outside != "ask" else []
    pairs += [("site", host) for host in choice.sites]
    return urlencode(pairs)


def decoded(payload: str) -> Choice:
    """The choice in a verified payload; another version's is not understood."""
    parts = [part.partition("=") for part in payload.split("&")]
    pairs = [(name, value) for name, _, value in parts]
    if "%" in payload or "+" in payload:
        pairs = [(unquote_plus(name), unquote_plus(value)) for name, value in pairs]
    known = dict(pairs)
    if known.get("v") != PAYLOAD_VERSION:
        return UNVERIFIED
    return Choice(
        answers={name[2:]: value == "1" for name, value in pairs if name.startswith("c.")},
        preferences={name[2:]: value for name, value in pairs if name.startswith("p.")},
        outside="direct" if known.get("out") == "direct" else "ask",
        sites=tuple(value for name, value in pairs if name == "site")[:SITES],
        at=int(known.get("at", "0")),
        verified="lost" not in known,
        agreed={name[2:]: value for name, value in pairs if name.startswith("y.")},
        version=known.get("q", ""),
    )


def _by_trust_and_age(choice: Choice) -> tuple[bool, int]:
    return choice.verified, choice.at


_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")


def check_names(names: tuple[str, ...]) -> None:
    """Raises ValueError for a name that cannot stand in the cookie."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r}: a name has small letters, digits and _, 32 at most")


def check_preferences(table: Mapping[str, tuple[str, ...]]) -> None:
    """Raises ValueError for a preference that cannot be offered."""
    check_names(tuple(table))
    for name, values in table.items():
        if not values or any(not value or len(value) > 40 for value in values):
            raise ValueError(f"{name!r}: every value has 1 to 40 characters")


class PreferenceCookie:
    """Reads, verifies and writes the preference cookie.

    Args:
        secrets: the newest first; the first signs, all verify.
        count: called with a kind and a name; a forgery and another machine's key are told apart.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        count: Callable[[str, str], None] = lambda kind, name: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signers = {key_id(secret): _Signer(secret, clock) for secret in reversed(secrets)}
        self._first = key_id(secrets[0])
        self._count = count
        self._clock = clock
        # Verified tokens only: a forged one must not push others out.
        self._verified: OrderedDict[str, tuple[Choice, float]] = OrderedDict()

    def name(self, exchange: Exchange) -> str:
        """`__Host-privacy`, which no sibling host and no plain http can set; `privacy` on a developer's machine."""
        return "privacy" if _is_local(exchange) else "__Host-privacy"

    def view_name(self, exchange: Exchange) -> str:
        """Name of the cookie that shows the answers to scripts of the site; nobody believes what it says."""
        return self.name(exchange) + "-view"

    def read(self, exchange: Exchange) -> Choice:
        """The choice that came with a request, verified once per exchange; the newest of several."""
        if exchange.choice is None:
            tokens = cookie_values(exchange.headers.get("cookie", ""), self.name(exchange))
            found = [self._verify(token) for token in tokens[:8]]
            exchange.choice = found[0] if len(found) == 1 else max(found, key=_by_trust_and_age, default=NO_CHOICE)
        choice: Choice = exchange.choice
        return choice

    def _verify(self, token: str) -> Choice:
        known = self._verified.get(token)
        if known is not None:
            choice, expires = known
            return choice if self._clock() <= expires else UNVERIFIED
        identifier, _, signed = token.partition(".")
        signer = self._signers.get(identifier)
        if signer is None or len(token) > TOKEN_BYTES:
            self._count("preference cookies", "of another key" if _KEY_ID.fullmatch(identifier) else "malformed")
            return UNVERIFIED
        try:
            payload, signed_at = signer.unsign(signed, max_age=COOKIE_MAX_AGE, return_timestamp=True)
            choice = decoded(payload.decode("ascii"))
        except (BadSignature, ValueError):
            self._count("preference cookies", "forged, or too old")
            return UNVERIFIED
        self._verified[token] = choice, signed_at.timestamp() + COOKIE_MAX_AGE
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return choice

    def line(self, exchange: Exchange, choice: Choice) -> Pair:
        """The `Set-Cookie` line that keeps a choice.

        Raises:
            ValueError: the choice does not fit into a cookie.
        """
        stamped = msgspec.structs.replace(choice, at=int(self._clock()))
        token = f"{self._first}.{self._signers[self._first].sign(encoded(stamped)).decode()}"
        if len(token) > TOKEN_BYTES:
            told = N_("The choices take {size} bytes, a cookie holds {most}.")
            raise Refusal(told, size=len(token), most=TOKEN_BYTES)
        return set_cookie(self.name(exchange), token, max_age=COOKIE_MAX_AGE, secure=not _is_local(exchange))

    def lines(self, exchange: Exchange, choice: Choice) -> tuple[Pair, ...]:
        """The same with the line that shows the answers to scripts, where there are any.

        Raises:
            ValueError: the choice does not fit into a cookie.
        """
        line = self.line(exchange, choice)
        if not choice.answers:
            return (line,)
        shown = urlencode([(name, _shown(choice, name)) for name in choice.answers])
        return line, self._view(exchange, shown, COOKIE_MAX_AGE)

    def expiries(self, exchange: Exchange) -> tuple[Pair, ...]:
        """The lines that remove what `lines` has set."""
        shown = cookie_values(exchange.headers.get("cookie", ""), self.view_name(exchange))
        return self.expiry(exchange), *((self._view(exchange, "", 0),) if shown else ())

    def _view(self, exchange: Exchange, value: str, max_age: int) -> Pair:
        secure = not _is_local(exchange)
        return set_cookie(self.view_name(exchange), value, max_age=max_age, secure=secure, script=True)

    def expiry(self, exchange: Exchange) -> Pair:
        """The `Set-Cookie` line that removes the cookie."""
        return set_cookie(self.name(exchange), "", max_age=0, secure=not _is_local(exchange))


def _shown(choice: Choice, category: str) -> str:
    """An answer as scripts see it: 0 for a no, for a yes what it was said to."""
    return choice.agreed.get(category, "1") if choice.answers[category] else "0"


class _HmacSha256(SigningAlgorithm):
    """The library's own makes an object for each; this one call takes half the time."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class _Signer(TimestampSigner):
    def __init__(self, secret: str, clock: Callable[[], float]) -> None:
        # As `key_derivation="hmac"` would derive it for each cookie anew.
        key = hmac.digest(secret.encode(), b"privacymw.preference", hashlib.sha256)
        super().__init__(key, key_derivation="none", algorithm=_HmacSha256())
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        """Also that it is spelled as we spell it: the last sign of Base64 has bits that decode to nothing."""
        return super().verify_signature(value, sig) and base64_encode(base64_decode(sig)) == want_bytes(sig)


_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")


def key_id(secret: str) -> str:
    """Names a secret without telling anything of it."""
    return hmac.new(secret.encode(), b"privacymw key id", "sha256").hexdigest()[:8]


_LOCAL: Final = re.compile(r"(?:localhost|[a-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?", re.I)


def _is_local(exchange: Exchange) -> bool:
    """Plain http on a loopback name, where a browser may refuse `Secure` (Safari does)."""
    if exchange.origin.scheme == "https":
        return False
    return _LOCAL.fullmatch(exchange.headers.get("host", "")) is not None
