"""Other logs of the process: what writes a visitor's address beside the one log that the page speaks of."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from privacymw.evidence.probe import Probe
from privacymw.evidence.verdict import Finding

_ACCESS: Final = ("uvicorn.access", "gunicorn.access", "hypercorn.access", "werkzeug", "waitress", "daphne.access")
_FILES: Final = ("gunicorn.conf.py", "hypercorn.toml")
_CLIENT: Final = "203.0.113.1"


def found(probe: Probe) -> Iterator[Finding]:
    """All of them; where the page says that they are masked, only what shows an address in spite of it."""
    masked = "addresses.masked" in probe.claim
    for name in dict.fromkeys(probe.records.writers_of(_CLIENT)):
        text = "the address of a visitor was written down, for which no retention holds"
        yield Finding("log-address", name, text, "broken" if masked else "warning")
    if not masked:
        yield from _access_logs()
    yield from _sentry()


def _access_logs() -> Iterator[Finding]:
    """Loggers of servers that somebody gave a handler, or a configuration file that switches one on."""
    text = "a server's access log holds addresses, for which no retention holds"
    for name in _ACCESS:
        if logging.getLogger(name).handlers and logging.getLogger(name).isEnabledFor(logging.INFO):
            yield Finding("second-log", name, text)
    for name in _FILES:
        if _switches_on(Path(name)):
            yield Finding("second-log", name, text)
    if "--access-logfile" in os.environ.get("GUNICORN_CMD_ARGS", ""):
        yield Finding("second-log", "GUNICORN_CMD_ARGS", text)


def _switches_on(path: Path) -> bool:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip().startswith("accesslog") and "None" not in line for line in lines)


def _sentry() -> Iterator[Finding]:
    """An initialised SDK that was told to send who asked."""
    sdk: Any = sys.modules.get("sentry_sdk")
    options = sdk.get_client().options if sdk is not None else None
    if options and options.get("send_default_pii") and not _is_ours(options.get("before_send")):
        text = "send_default_pii is on: events carry the visitor's address, cookies and user"
        yield Finding("sentry-pii", "sentry_sdk.init", text)


def _is_ours(hook: Any) -> bool:
    return str(getattr(hook, "__module__", "")).startswith("privacymw.logs")


_NAMES: Final = ("client.address", "network.peer.address", "http.client_ip", "net.peer.ip", "net.sock.peer.addr")


class Spans:
    """A processor of spans that only looks: joined to the provider that the app has set, where there is one."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}
        self.exporters: list[str] = []

    def join(self) -> None:
        """Looks from now on; nothing where OpenTelemetry is not in use."""
        trace: Any = sys.modules.get("opentelemetry.trace")
        provider: Any = trace.get_tracer_provider() if trace is not None else None
        processors = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
        self.exporters = [
            type(each.span_exporter).__qualname__ for each in processors if hasattr(each, "span_exporter")
        ]
        if hasattr(provider, "add_span_processor") and self.exporters:
            provider.add_span_processor(self)

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """What the SDK calls."""

    def _on_ending(self, span: Any) -> None:
        """What newer SDKs call."""

    def on_end(self, span: Any) -> None:
        """Notes which attribute names a client."""
        for name, value in (span.attributes or {}).items():
            if name in _NAMES or _CLIENT in str(value):
                self.told.setdefault(name, span.name)

    def shutdown(self) -> None:
        """Nothing is held."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held."""
        return True

    def found(self) -> Iterator[Finding]:
        """Attributes that name a client and go out through an exporter that leaves them in."""
        bare = [each for each in self.exporters if "Redacting" not in each]
        if bare:
            for name in self.told:
                yield Finding("telemetry-address", name, f"spans carry it out through {', '.join(bare)}")
