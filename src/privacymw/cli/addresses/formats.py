"""One row as other programs read it: Combined Log Format, and the Elastic Common Schema."""

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from privacymw.cli.show import iso, plain

if TYPE_CHECKING:
    from privacymw.store.base import Row

Client = tuple[str | None, bool]
"""An address or a network as text, None where neither can be read; and whether it is a whole address."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_METHOD: Final = re.compile(r"[A-Z-]{1,32}")
_ROUTE: Final = "/{}<>:.,;@!$&'()*+=-_~"  # as the line for fail2ban: nothing that ends a field
_ECS: Final = "8.11"


def combined(row: "Row", client: Client) -> str:
    """A line of Combined Log Format.

    What the log does not have stands there all the same: HTTP/1.1, no size, no referrer. A client that is not
    known is 0.0.0.0, since with `-` GoAccess takes the line for broken.
    """
    at = time.gmtime(row.when // 1000)
    moment = (
        f"{at.tm_mday:02}/{_MONTHS[at.tm_mon - 1]}/{at.tm_year}:{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} +0000"
    )
    host = (client[0] or "0.0.0.0").partition("/")[0]  # noqa: S104 - nothing is bound to it
    method = row.method if _METHOD.fullmatch(row.method) else "-"
    return f'{host} - - [{moment}] "{method} {_quoted(row.route)} HTTP/1.1" {row.status} - "-" "{_agent(row)}"'


def _quoted(text: str) -> str:
    return quote(plain(text), safe=_ROUTE, errors="replace")


def _agent(row: "Row") -> str:
    """`Firefox (Linux; desktop)`: what is kept of a user agent, where others look for the whole."""
    more = "; ".join(part for part in (row.system, row.device) if part)
    text = " ".join(part for part in (row.browser, f"({more})" if more else "") if part)
    return plain(text).replace("\\", "/").replace('"', "'") or "-"


def ecs(row: "Row", client: Client) -> str:
    """A line of JSON with the names of the Elastic Common Schema; only a whole address is an `ip`."""
    name, whole = client
    fields: Mapping[str, Any] = {
        "@timestamp": iso(row.when / 1000),
        "ecs": {"version": _ECS},
        "event": {"kind": "event", "category": ["web"], "duration": row.duration * 1000},
        "client": {"address": name, "ip": name if whole else None},
        "http": {"request": {"method": row.method}, "response": {"status_code": row.status}},
        "url": {"path": row.route, "domain": row.site},
        "user_agent": {"name": row.browser, "os": {"name": row.system}, "device": {"name": row.device}},
        "source": {"geo": {"country_iso_code": row.country}, "as": {"number": row.asn}},
    }
    return json.dumps(_filled(fields), separators=(",", ":"))


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known."""
    found = {name: _filled(value) if isinstance(value, dict) else value for name, value in fields.items()}
    return {name: value for name, value in found.items() if value is not None and value != {}}


FORMATS: Final[Mapping[str, Callable[["Row", Client], str]]] = {"combined": combined, "ecs": ecs}
