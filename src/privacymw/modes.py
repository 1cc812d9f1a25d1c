"""The dry run and the way back: pipelines that look without touching, or do not look at all."""

from collections.abc import Callable, Sequence
from typing import Any

from privacymw.core import Exchange, Keeper, Outcome, Transform
from privacymw.headers import NOTHING, Pairs, for_one_visitor
from privacymw.pipeline import Pipeline


def _as_asked(exchange: Exchange, touched: Pairs) -> Pairs:
    """The app's headers as they are, unless it asked for a choice: a shared cache must not serve that on."""
    return for_one_visitor(touched, exchange.varies) if exchange.varies else touched


class Observing(Pipeline):
    """Runs every hook, counts what would be done, and hands back the app's own bytes.

    Our own pages answer, since no page of the app's stands there; nothing is recorded of a request.
    """

    def ask(self, exchange: Exchange) -> None:
        super().ask(exchange)
        self._withhold(exchange)
        for name, _ in exchange.edits:
            self.count("request headers", name)
        exchange.edits = []

    def respond(self, exchange: Exchange, touched: Pairs) -> Pairs:
        own = exchange.own
        pairs = super().respond(exchange, touched)
        if own:
            return pairs
        self._withhold(exchange)
        changed = {name for name, _ in set(pairs) ^ set(touched)} | exchange.fixed.names
        for name in changed:
            self.count("headers", name)
        exchange.fixed = NOTHING
        exchange.whole = None
        if exchange.transform is not None:
            exchange.transform = _Unchanged(exchange.transform, self.count)
        return _as_asked(exchange, touched)

    def _withhold(self, exchange: Exchange) -> None:
        """Counts an answer in place of the app's, and takes it back."""
        if exchange.reply is not None:
            self.count("answers", str(exchange.reply.status))
            exchange.reply = None
            exchange.own = False

    def finish(self, exchange: Exchange, outcome: Outcome) -> None:
        """Nothing is recorded."""


class _Unchanged:
    """Lets a transform count, and passes the bytes on as they came."""

    def __init__(self, inner: Transform, count: Callable[[str, str], None]) -> None:
        self._inner: Transform | None = inner
        self._count = count

    def feed(self, chunk: bytes) -> bytes:
        if self._inner is not None:
            self._try(self._inner.feed, chunk)
        return chunk

    def close(self) -> bytes:
        if self._inner is not None:
            self._try(self._inner.close)
        return b""

    def _try(self, call: Callable[..., bytes], *arguments: bytes) -> None:
        """A dry run breaks no page: a transform that fails is dropped, and counted."""
        try:
            call(*arguments)
        except Exception as error:
            self._inner = None
            self._count("failures", f"transform: {type(error).__qualname__}")


class Off(Pipeline):
    """Passes everything through; pages to which links are out in the world still answer."""

    def __init__(self, keepers: Sequence[Keeper], **options: Any) -> None:
        super().__init__(keepers, **options)
        standing = {key for each in keepers for key in each.standing}
        self.pages = {key: page for key, page in self.pages.items() if key in standing}
        self.response_names = frozenset(("cache-control", "vary"))

    def ask(self, exchange: Exchange) -> None:
        """Nothing is asked."""

    def respond(self, exchange: Exchange, touched: Pairs) -> Pairs:
        return super().respond(exchange, touched) if exchange.own else _as_asked(exchange, touched)

    def finish(self, exchange: Exchange, outcome: Outcome) -> None:
        """Nothing is recorded."""


PIPELINES: dict[str, type[Pipeline]] = {"on": Pipeline, "observe": Observing, "off": Off}
