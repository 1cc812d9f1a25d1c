"""Spans of OpenTelemetry without what names a visitor.

An ended span is read-only, and processors see one and the same span: so it is the exporter that is wrapped,
and what it gets are copies.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from privacymw.address import pack
from privacymw.errors import PrivacyError
from privacymw.masking import without_in, without_query

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

# Semantic conventions for HTTP spans; the second line has the names from before they were stable.
_ADDRESSES: Final = frozenset(
    (
        *("client.address", "network.peer.address", "http.request.header.x-forwarded-for"),
        *("http.client_ip", "net.peer.ip", "net.sock.peer.addr", "net.peer.name"),
    )
)
_GONE: Final = frozenset(
    (
        *_ADDRESSES,
        *("client.port", "network.peer.port", "url.query", "user_agent.original", "http.user_agent"),
        *("http.request.header.forwarded", "http.request.header.cookie", "http.request.header.referer"),
    )
)
_URLS: Final = frozenset(("url.full", "http.url", "http.target"))


def redacting_exporter(exporter: "SpanExporter") -> "SpanExporter":
    """An exporter that hands on copies of the spans without addresses, queries and user agents.

    Raises:
        PrivacyError: the SDK is not installed.
    """
    try:
        from opentelemetry.sdk.trace import Event, ReadableSpan
        from opentelemetry.sdk.trace.export import SpanExporter
    except ImportError:
        raise PrivacyError("OpenTelemetry is not installed: pip install 'privacymw[opentelemetry]'") from None

    def copied(span: ReadableSpan) -> ReadableSpan:
        given = span.attributes or {}
        clients = _clients(given)
        events = [Event(each.name, _clean(each.attributes or {}, clients), each.timestamp) for each in span.events]
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=_clean(given, clients),
            events=events,
            links=span.links,
            kind=span.kind,
            status=_status(span, clients),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    class Redacting(SpanExporter):
        """Passes everything else on."""

        def export(self, spans: Sequence[ReadableSpan]) -> Any:
            return exporter.export([copied(span) for span in spans])

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return exporter.force_flush(timeout_millis)

    return Redacting()


def _clients(attributes: Mapping[str, Any]) -> frozenset[bytes]:
    """The addresses that a span names, to be masked in its texts as well."""
    named = (str(value) for name, value in attributes.items() if name in _ADDRESSES)
    return frozenset(packed for text in named if (packed := pack(text)) is not None)


def _clean(attributes: Mapping[str, Any], clients: frozenset[bytes]) -> dict[str, Any]:
    return {
        name: without_in(without_query(value) if name in _URLS else value, clients)
        for name, value in attributes.items()
        if name not in _GONE
    }


def _status(span: "ReadableSpan", clients: frozenset[bytes]) -> Any:
    """An exception's text stands in the status too."""
    status = span.status
    return type(status)(status.status_code, without_in(status.description, clients))
