"""One request and its answer, without I/O: the file to read first.

A face (`wsgi.py`, `asgi.py`) speaks its protocol and hands over text; a keeper (one per promise,
`promises/`) acts through hooks; between them stand only these few calls:

    pipeline.begin(...)  -> Exchange     the request hooks have run
    exchange.edits                       what the app is shown in place of some request headers
    exchange.reply, exchange.job         an answer without the app; a job needs the request's body
    exchange.respond(...) -> pairs       the response hooks have run; legal again until `finish`
    exchange.fixed                       headers decided at start-up, still to be added by the face
    exchange.transform                   None, or what every body chunk goes through
    exchange.whole                       None, or what holds the head back until a small body is there
    exchange.finish(outcome)             exactly once

The other half, `pipeline.py`, decides at start-up what can be decided then: which hooks run, which
header names are read and touched, which headers are added. What no keeper declares, no keeper sees.
"""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, Protocol

from privacymw.forwarding import Origin
from privacymw.headers import NOTHING, Context, Header, Pair, Pairs

if TYPE_CHECKING:
    from privacymw.pipeline import Pipeline

MARKER: Final = "privacymw.exchange"
"""Key of the exchange in an environ or a scope; an inner layer that finds it passes through."""


BODILESS: Final = frozenset((204, 304))
"""Statuses whose answers have no body (RFC 9110 6.4.1)."""


class Outcome(enum.Enum):
    """How an exchange ended."""

    ENDED = "ended"
    RAISED = "raised"
    GONE = "gone"


class Reply(NamedTuple):
    """A whole answer of our own; header names lower-case."""

    status: int
    headers: Sequence[Pair]
    body: bytes

    def pairs(self) -> Pairs:
        """Its headers with the length, which 204 and 304 do without (RFC 9110 8.6)."""
        if self.status in BODILESS:
            return list(self.headers)
        return [*self.headers, ("content-length", str(len(self.body)))]


def text_reply(status: int, text: str, *headers: Pair) -> Reply:
    """A short answer in plain text, kept by no cache."""
    plain = (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"))
    return Reply(status, (*plain, *headers), text.encode())


def not_allowed(methods: str) -> Reply:
    """The answer to another method than those of the list (RFC 9110 15.5.6)."""
    return text_reply(405, f"This page takes {methods}.\n", ("allow", methods))


class Job(NamedTuple):
    """A reply that needs the request's body, of at most `limit` bytes, or may block."""

    run: Callable[[bytes], Reply]
    limit: int

    def too_large(self) -> Reply:
        """The answer to a body over the limit (RFC 9110 15.5.14)."""
        return text_reply(413, f"This form takes at most {self.limit} bytes.\n")


class Transform(Protocol):
    """What a body goes through: bytes in, bytes out, whenever they are safe."""

    def feed(self, chunk: bytes, /) -> bytes: ...
    def close(self) -> bytes: ...


WHOLE: Final = 65_536
"""Bytes up to which a body of declared length is gathered, so that it keeps a true length."""


class Whole:
    """What is there of a small body: its head waits until all of it is, and then tells the length.

    Args:
        declared: bytes of the app's body, as the app says.
    """

    __slots__ = ("_came", "_declared", "_parts")

    def __init__(self, declared: int) -> None:
        self._declared = declared
        self._came = 0
        self._parts: list[bytes] = []

    def add(self, came: int, made: bytes) -> None:
        """Takes what was made of so many bytes of the app's."""
        self._came += came
        self._parts.append(made)

    @property
    def overflows(self) -> bool:
        """Whether more came than is gathered: it goes out as it is, and the rest as a stream without a length."""
        return self._came > WHOLE

    @property
    def body(self) -> bytes:
        """What was made of it so far."""
        return b"".join(self._parts)

    @property
    def length(self) -> Pair:
        """The header; where the app's length was false, this one is as false, for a cut answer must look cut."""
        return "content-length", str(max(0, self._declared - self._came) + sum(map(len, self._parts)))


PageHandler = Callable[["Exchange", str], Reply | Job | None]


class Keeper:
    """Keeps one promise at run time; a subclass overrides only the hooks that it needs.

    Hooks may not block. `on_response` returns the pairs to send: the same list when it changes
    nothing, so that the faces can pass the app's own headers on untouched.
    """

    name = ""
    refuses = False
    """What a failing hook means: True answers 503, False lets the request through."""
    reads: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()
    pages: Mapping[str, PageHandler] = {}
    """Pages under the prefix, by first path segment; the handler gets what follows it."""
    standing: frozenset[str] = frozenset()
    """Those of `pages` that answer in every mode: links to them are out in the world."""
    fallbacks: Mapping[str, Callable[["Exchange"], Reply | None]] = {}
    """Answers for a GET of a path that the app answers with 404."""
    offers: Mapping[str, Callable[["Exchange"], Any]] = {}
    """What `privacymw.visit` can be asked for, by attribute name."""

    def on_request(self, exchange: "Exchange") -> None:
        """May set `edits`, `reply`, or the exchange's marks."""

    def on_response(self, exchange: "Exchange", headers: Pairs) -> Pairs:
        """May set `transform`; returns the touched pairs to send."""
        return headers

    def on_finish(self, exchange: "Exchange", outcome: Outcome) -> None:
        """Sees the exchange when nothing can be changed any more."""

    def fixed(self, context: Context) -> Iterable[Header]:
        """Headers that depend on nothing but the context; asked once per context."""
        return ()


CLIENT_CLOSED: Final = 499
"""Recorded where the client went before there was a status; the number is nginx's custom."""

_LEGAL: Final = {
    ("open", "respond"): "answered",
    ("open", "finish"): "finished",
    ("answered", "respond"): "answered",
    ("answered", "finish"): "finished",
}
"""Legal orders of calls; `tests/test_core.py` is generated from this table."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "asked", "choice", "confidential", "edits", "expires", "fixed", "headers", "job", "method",
        "origin", "own", "path", "pipeline", "query", "reply", "rewrites", "root", "route", "scheme",
        "started", "state", "status", "token", "transform", "varies", "whole",
    )  # fmt: skip

    def __init__(
        self, pipeline: "Pipeline", method: str, root: str, path: str, query: str, scheme: str,
        headers: Mapping[str, str], origin: Origin,
    ) -> None:  # fmt: skip
        self.pipeline = pipeline
        self.method = method
        self.root = root
        self.path = path
        self.query = query
        self.scheme = scheme
        self.headers = headers
        self.origin = origin
        self.edits: list[tuple[str, str | None]] = []
        self.reply: Reply | None = None
        self.job: Job | None = None
        self.own = False
        self.rewrites = False
        self.confidential = False
        self.choice: Any = None
        self.expires: list[str] = []
        self.varies: list[str] = []
        self.asked: dict[str, Any] = {}
        self.started = 0
        self.token: Any = None
        self.state = "open"
        self.status = 0
        self.route: str | None = None
        self.fixed = NOTHING
        self.transform: Transform | None = None
        self.whole: Whole | None = None

    def _refuse(self, call: str) -> NoReturn:
        raise RuntimeError(f"{call}() is not legal on an exchange that is {self.state}")

    def answer(self, reply: Reply) -> None:
        """Answers in place of the app."""
        self.own = True
        self.reply = reply

    def respond(self, status: int, touched: Pairs, route: str | None) -> Pairs:
        """The pairs to send in place of `touched`, the declared ones of the app's headers.

        The same list comes back when no keeper changed anything. Afterwards `fixed` holds what
        the face adds, `transform` what the body goes through (None for HEAD, 204 and 304), `whole` what
        gathers it; where `reply` is set now, it is sent in place of the app's answer, through another `respond`.
        """
        self.state = _LEGAL.get((self.state, "respond")) or self._refuse("respond")
        self.status = status
        self.route = route
        self.transform = self.whole = None
        return self.pipeline.respond(self, touched)

    def ask(self, name: str) -> Any:
        """What a keeper offers the app under a name; the same object each time.

        Raises:
            KeyError: no keeper in force offers it.
        """
        if name not in self.asked:
            self.asked[name] = self.pipeline.offers[name](self)
        return self.asked[name]

    def finish(self, outcome: Outcome) -> None:
        """Exactly once; an app that raised counts as a 500."""
        self.state = _LEGAL.get((self.state, "finish")) or self._refuse("finish")
        if outcome is Outcome.RAISED:
            self.status = 500
        elif not self.status:
            self.status = CLIENT_CLOSED
        self.pipeline.finish(self, outcome)
        # What is in these may refer to the exchange: no cycle is left, which would keep an address until the next
        # run of the garbage collector.
        self.asked.clear()
        self.transform = self.whole = None
