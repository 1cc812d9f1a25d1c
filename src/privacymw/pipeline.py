"""All keepers of a policy, joined once at start-up."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from privacymw.address import is_private
from privacymw.core import BODILESS, Exchange, Job, Keeper, Outcome, text_reply
from privacymw.forwarding import FORWARDED_NAMES, Forwarding
from privacymw.headers import NOTHING, Context, HeaderSet, Pairs, for_one_visitor

log = logging.getLogger("privacymw")

# In both languages at once: what has failed cannot look up which one is wanted.
REFUSAL: Final = text_reply(
    503,
    "This page cannot be shown now without breaking a promise of the privacy policy.\n"
    "Esta página no se puede mostrar ahora sin romper una promesa de la política de privacidad.\n",
    ("retry-after", "60"),
)
BROKEN: Final = text_reply(500, "This page cannot be shown now.\nEsta página no se puede mostrar ahora.\n")
_BOTH: Final = (False, True)


def _overriding(keepers: Iterable[Keeper], hook: str) -> tuple[Any, ...]:
    """The bound hooks of the keepers that override one: none is called that does nothing."""
    base = getattr(Keeper, hook)
    return tuple(getattr(each, hook) for each in keepers if getattr(type(each), hook) is not base)


class Pipeline:
    """All keepers of a policy, joined once at start-up; immutable afterwards.

    Args:
        keepers: in page order, which is the order in which hooks run.
        prefix: path under which our pages stand, without a slash at the end.
        forwarding: whose forwarded headers are believed.
        count: called with a kind and a name for what an operator wants to know; must not block.
        close: called at the server's shutdown: writes out what is still in memory, may block.
    """

    def __init__(
        self,
        keepers: Sequence[Keeper],
        *,
        prefix: str = "/privacy",
        forwarding: Forwarding | None = None,
        count: Callable[[str, str], None] = lambda kind, name: None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.keepers = tuple(keepers)
        self.prefix = prefix
        self._below = prefix + "/"
        self.forwarding = forwarding or Forwarding(())
        self.count = count
        self.close = close
        self.request_names = tuple(
            dict.fromkeys([*FORWARDED_NAMES, *(name for each in keepers for name in each.reads)])
        )
        self._request_hooks = _overriding(keepers, "on_request")
        self._response_hooks = _overriding(keepers, "on_response")
        self._finish_hooks = _overriding(keepers, "on_finish")
        self._fixed: dict[tuple[bool, bool, str], HeaderSet] = {}  # a plain tuple is looked up faster
        contexts = (Context(secure, confidential, "") for secure in _BOTH for confidential in _BOTH)
        fixed = {name for context in contexts for name in self._header_set(context).names}
        touched = {name for each in keepers for name in each.touches}
        self.response_names = frozenset(fixed | touched | {"vary", "cache-control"})
        self.pages = {key: page for each in keepers for key, page in each.pages.items()}
        self.fallbacks = {path: page for each in keepers for path, page in each.fallbacks.items()}
        self.offers = {name: offer for each in keepers for name, offer in each.offers.items()}
        self._told: set[str] = set()

    def begin(
        self, method: str, root: str, path: str, query: str, scheme: str, peer: str | None,
        headers: Mapping[str, str], *, resolved: bool = False,
    ) -> Exchange:  # fmt: skip
        """The exchange of a request whose request hooks have run.

        Args:
            path: decoded, without `root`, the prefix under which the whole app is mounted.
            query: as sent, without the question mark.
            scheme: `http` or `https`, as the server sees it.
            peer: the socket's other end, or None where there is none.
            headers: the declared request headers, lower-case names, several fields joined.
            resolved: the server has already put what its own trusted proxy says in place of peer and scheme.
        """
        forwarding = self.forwarding
        origin = forwarding.already(peer, scheme) if resolved else forwarding.resolve(peer, scheme, headers)
        if origin.untold:
            self._untold(peer)
        exchange = Exchange(self, method, root, path, query, scheme, headers, origin)
        self.ask(exchange)
        if path.startswith(self._below) and exchange.reply is None:
            self._turn_to(exchange, path[len(self._below) :])
        return exchange

    def _untold(self, peer: str | None) -> None:
        """Tells once that somebody sends forwarded headers whom nobody told us to trust.

        The peer is named only where it cannot be a visitor: on this machine or in a private network.
        """
        self.count("proxies", "forwarded headers from a peer that is not trusted")
        if "untold" not in self._told:
            self._told.add("untold")
            near = peer if peer and is_private(peer) else "<the network of your proxy>"
            log.warning(
                "a peer that is not trusted sends forwarded headers: if it is your proxy, it is logged in place of "
                "your visitors, and https is not recognised. To paste:\n  PRIVACYMW_TRUSTED_PROXIES=%s",
                near or "unix",
            )

    def ask(self, exchange: Exchange) -> None:
        """Runs the request hooks."""
        for hook in self._request_hooks:
            try:
                hook(exchange)
            except Exception as error:
                self._failed(hook, exchange, error)

    def _turn_to(self, exchange: Exchange, rest: str) -> None:
        """Answers by one of our own pages, where the path names one."""
        key, _, tail = rest.partition("/")
        page = self.pages.get(key)
        answer = self._guarded(key, page, exchange, tail) if page else None
        if isinstance(answer, Job):
            exchange.own = True
            exchange.job = Job(partial(self._guarded, key, answer.run), answer.limit)
        elif answer is not None:
            exchange.answer(answer)

    def _guarded(self, name: str, page: Callable[..., Any], *arguments: Any) -> Any:
        """What one of our pages answers: a failing one must not look like the app's failure."""
        try:
            return page(*arguments)
        except Exception as error:
            self._tell(name, "page", error)
            return BROKEN

    def respond(self, exchange: Exchange, touched: Pairs) -> Pairs:
        """See `Exchange.respond`."""
        if exchange.status == 404 and not exchange.own and exchange.path in self.fallbacks:
            self._fall_back(exchange)
        pairs = touched
        for hook in self._response_hooks:
            try:
                pairs = hook(exchange, pairs)
            except Exception as error:
                self._failed(hook, exchange, error)
        if exchange.transform is not None and (exchange.method == "HEAD" or exchange.status in BODILESS):
            exchange.transform = exchange.whole = None
        if exchange.varies:  # the app looked at what this visitor sent
            pairs = for_one_visitor(pairs, exchange.varies)
        context = exchange.origin.scheme == "https", exchange.confidential, exchange.root
        exchange.fixed = fixed = self._fixed.get(context) or self._header_set(Context(*context))
        names = fixed.names
        for name, _ in pairs:
            if name in names:
                exchange.fixed = NOTHING
                return fixed.merged(pairs)
        return pairs

    def finish(self, exchange: Exchange, outcome: Outcome) -> None:
        """See `Exchange.finish`."""
        for hook in self._finish_hooks:
            try:
                hook(exchange, outcome)
            except Exception as error:
                self._failed(hook, exchange, error)

    def _fall_back(self, exchange: Exchange) -> None:
        if exchange.method not in ("GET", "HEAD"):
            return
        try:
            reply = self.fallbacks[exchange.path](exchange)
        except Exception as error:  # the app's own 404 stands
            self._tell(exchange.path, "fallback", error)
            return
        if reply is not None:
            exchange.answer(reply)

    def _header_set(self, context: Context) -> HeaderSet:
        found = HeaderSet(each for keeper in self.keepers for each in keeper.fixed(context))
        if len(self._fixed) < 64:  # roots are the deployment's, but a server may take them from a client
            self._fixed[context] = found
        return found

    def _failed(self, hook: Any, exchange: Exchange, error: Exception) -> None:
        """Refuses or lets through, as the keeper of a failing hook says."""
        keeper: Keeper = hook.__self__
        self._tell(keeper.name, hook.__name__, error)
        if keeper.refuses and not exchange.own and exchange.state != "finished":
            exchange.answer(REFUSAL)

    def _tell(self, name: str, place: str, error: Exception) -> None:
        """Counts a failure and logs it once, by its type: a message may hold a visitor's data."""
        kind = type(error).__qualname__
        what = f"{name}.{place}: {kind}"
        self.count("failures", what)
        if what not in self._told:
            self._told.add(what)
            log.error("%s failed in %s (%s)", name, place, kind)
