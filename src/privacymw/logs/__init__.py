"""The logs beside our own: those of this process are looked at, those of other libraries have hooks to call.

sentry_sdk.init(dsn, before_send=privacymw.logs.sentry_before_send,
                before_send_transaction=privacymw.logs.sentry_before_send)
exporter = privacymw.logs.redacting_exporter(OTLPSpanExporter())         # OpenTelemetry
"""

from privacymw.logs.sentry import sentry_before_send
from privacymw.logs.telemetry import redacting_exporter

__all__ = ["redacting_exporter", "sentry_before_send"]
