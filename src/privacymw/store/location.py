"""Where a store or a key home is: what can be said of a URL without connecting."""

import os
import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

SQLITE: Final = "sqlite:///"
_SERVER: Final = re.compile(r"postgres(?:ql)?://")
SAME: Final = "postgresql:"
"""As PRIVACYMW_KEYS: in the database of the store."""

_VERIFIED: Final = "sslmode=verify-full&sslrootcert=system"


def is_server(place: str) -> bool:
    """Whether it is the URL of a PostgreSQL server."""
    return bool(_SERVER.match(place))


def open_way(url: str) -> str:
    """The first host to which rows and keys would travel without a verified certificate; empty if none."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if query.get("sslmode", [""])[-1] == "verify-full":
        return ""
    named = [parts.netloc.rpartition("@")[2], *query.get("host", []), *query.get("hostaddr", [])]
    if "service" in query:
        named.append("the host of the service")
    if not any(named):
        named = [os.environ.get(name, "") for name in ("PGHOST", "PGHOSTADDR")]
    hosts = [_host(unquote(each)) for each in ",".join(named).split(",")]
    return next((host for host in hosts if not _is_here(host)), "")


def same_database(one: str, other: str) -> bool:
    """Whether two URLs lead to one database, as far as their texts tell."""
    places = [urlsplit(each) for each in (one, other)]
    return len({(place.netloc.rpartition("@")[2], place.path) for place in places}) == 1


def verified(url: str) -> str:
    """The URL with the certificate of its server verified."""
    plain = re.sub(r"(?<=[?&])ssl(?:mode|rootcert)=[^&]*&?", "", url).rstrip("?&")
    return f"{plain}{'&' if '?' in plain else '?'}{_VERIFIED}"


def _host(text: str) -> str:
    """Without its port."""
    return text[1:].partition("]")[0] if text.startswith("[") else text if "::" in text else text.partition(":")[0]


def _is_here(host: str) -> bool:
    """A socket of this machine, or its loopback; without a name libpq takes the socket."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_store(text: str) -> None:
    """Raises ValueError unless it is a place for rows."""
    if text.lower() in ("", "none") or is_server(text) or (text.startswith(SQLITE) and len(text) > len(SQLITE)):
        return
    raise ValueError("not a kind of store")


def check_keys(text: str) -> None:
    """Raises ValueError unless it is a folder or a database."""
    if ":" in text.split("/")[0] and text != SAME and not is_server(text):
        raise ValueError("neither a folder nor a database")
