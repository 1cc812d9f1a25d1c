"""What a view may ask of the visit it answers: `privacymw.visit(request)`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from privacymw.address import unpack
from privacymw.core import MARKER, Exchange, Reply
from privacymw.errors import PrivacyError
from privacymw.held import HOOK
from privacymw.promises.signals import SignalsSent
from privacymw.visitor import Preferences, VisitorChoices

if TYPE_CHECKING:
    from markupsafe import Markup


class Visit:
    """One visit, as far as the policy lets the app see it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def choices(self) -> VisitorChoices:
        """What the visitor allows: `visit.choices.allows("statistics")`."""
        choices: VisitorChoices = self._asked("choices")
        return choices

    def allows(self, category: str) -> bool:
        """Short for `choices.allows`: in a template, `{% if privacy.allows("statistics") %}`."""
        return self.choices.allows(category)

    def bar(self) -> "Markup":
        """Where the bar stands in a template: `{{ privacy.bar() }}`. The page gets it on its way out."""
        from markupsafe import Markup  # with Jinja, which an app without templates does not load

        return Markup(f"<{HOOK}></{HOOK}>")  # noqa: S704 - our own constant

    def refusal(self, category: str) -> Reply:
        """The answer in place of a view that needs a choice first: a page that leads to the choices."""
        reply: Reply = self._asked("choice_needed")(category)
        return reply

    @property
    def preferences(self) -> Preferences:
        """The app's own preferences, to read and to set: `visit.preferences["language"] = "es"`."""
        preferences: Preferences = self._asked("preferences")
        return preferences

    @property
    def signals(self) -> SignalsSent:
        """What the browser said of itself: `visit.signals.gpc`."""
        signals: SignalsSent = self._asked("signals")
        return signals

    @property
    def client(self) -> str | None:
        """The visitor's address behind the trusted proxies; None where it is not known."""
        packed = self._exchange.origin.packed
        return None if packed is None else unpack(packed)

    def outbound_url(self, url: str) -> str:
        """The link to put into a page in place of `url`: the leaving page's, where it leaves the site."""
        address: str = self._asked("outbound_url")(url)
        return address

    def mail_notice(self) -> "Markup":
        """The notice beside a field that asks for an e-mail address: `{{ privacy.mail_notice() }}`.

        The field refers to it by `aria-describedby="privacy-mail"`; it stands in a page once.
        """
        notice: Markup = self._asked("mail_notice")
        return notice

    def _asked(self, name: str) -> Any:
        try:
            return self._exchange.ask(name)
        except KeyError:
            raise PrivacyError(
                f"visit.{name}: no promise in force offers it; without a secret that all workers share "
                "(PRIVACYMW_SECRET_KEY or PRIVACYMW_DATA) no choice can be kept"
            ) from None


def visit(request: Any) -> Visit:
    """The visit of a request: a WSGI environ, an ASGI scope, or a Flask or Starlette request.

    Raises:
        PrivacyError: privacymw is not in front of this request.
    """
    carrier = request
    if not isinstance(request, dict):  # Starlette's request is a mapping too, a slow one
        carrier = getattr(request, "environ", None) or getattr(request, "scope", None) or request
    exchange = carrier.get(MARKER) if isinstance(carrier, Mapping) else None
    if not isinstance(exchange, Exchange):
        raise PrivacyError(
            "privacymw is not in front of this request: wrap the app, "
            "app.wsgi_app = PrivacyMiddleware(app.wsgi_app) or app = PrivacyMiddleware(app)"
        )
    return Visit(exchange)
