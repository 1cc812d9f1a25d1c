"""Where a store or a key home is: what can be said of a URL without connecting, and how to show it."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

SQLITE: Final = "sqlite:///"
_SERVER: Final = re.compile(r"postgres(?:ql)?://")
SAME: Final = "postgresql:"
"""As PRIVACYMW_KEYS: in the database of the store."""

VERIFIED: Final = "sslmode=verify-full&sslrootcert=system"
_PASSWORD: Final = re.compile(r"(?<=://)([^\s:/?#]*):[^\s/?#]*@|(?<=[?&]password=)[^&\s]+", re.IGNORECASE)


def masked(text: str) -> str:
    """The text with each password of a URL in it replaced by stars."""
    return _PASSWORD.sub(lambda found: f"{found[1]}:***@" if found[1] is not None else "***", text)


def is_server(place: str) -> bool:
    """Whether it is the URL of a PostgreSQL server."""
    return bool(_SERVER.match(place))


def open_way(url: str) -> str:
    """The first host to which rows and keys would travel without a verified certificate; empty if none."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    mode = query.get("sslmode", [""])[-1]
    named = ",".join([parts.netloc.rpartition("@")[2], *query.get("host", []), *query.get("hostaddr", [])])
    hosts = [_host(unquote(each)) for each in named.split(",")]
    return next((host for host in hosts if mode != "verify-full" and not _is_here(host)), "")


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
    """Raises ValueError unless it is a place for rows; the text of it names no password."""
    if text.lower() in ("", "none") or is_server(text) or (text.startswith(SQLITE) and len(text) > len(SQLITE)):
        return
    raise ValueError(f"not a kind of store; allowed: {SQLITE}<path of a file>, postgresql://<host>/<database>, none")


def check_keys(text: str) -> None:
    """Raises ValueError unless it is a folder or a database."""
    if ":" in text.split("/")[0] and text != SAME and not is_server(text):
        raise ValueError(f"neither a folder nor {SAME} (the store's database) nor postgresql://<host>/<database>")
