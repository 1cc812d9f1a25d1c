"""The country and the network operator of an address, from files on this machine: looked up, kept nowhere."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from privacymw.address import unpack
from privacymw.errors import SettingsError, StoreError
from privacymw.faults import fault

if TYPE_CHECKING:
    from maxminddb import Reader

VARIABLE: Final = "PRIVACYMW_ADDRESSES_GEO_DATABASE"
_ALLOWED: Final = "paths of MaxMind DB files (.mmdb)"
_PASTE: Final = f"{VARIABLE}=/usr/share/GeoIP/GeoLite2-Country.mmdb"
_EVERY: Final = 60.0
"""Seconds between two looks whether a file was replaced."""


class Countries:
    """Countries by address.

    No result is remembered: a cache would be a list of addresses.

    Args:
        paths: of MaxMind DB files; the first that knows a country is believed.

    Raises:
        SettingsError: one is missing, unreadable or none of that kind.
    """

    def __init__(self, *paths: str) -> None:
        self._readers = [self._opened(path) for path in paths]

    @staticmethod
    def _opened(path: str) -> "Reader":
        try:
            return _opened(path)
        except StoreError as error:
            raise SettingsError("\n" + fault(VARIABLE, path, f"cannot be read: {error}", _ALLOWED, _PASTE)) from None

    def of(self, packed: bytes | None) -> str:
        """The two capital letters of a country (ISO 3166-1); empty where it is not known."""
        if packed is None:
            return ""
        text = unpack(packed)
        return next((code for reader in self._readers if (code := _country(_found(reader, text)))), "")


class Places:
    """Countries and operators for a log: what cannot be read is done without, and files may be replaced.

    Replace a file by renaming another to its name, as `geoipupdate` does: it is mapped into memory.

    Args:
        paths: of MaxMind DB files with countries, operators or both.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._readers: dict[str, tuple[object, Reader]] = {}  # with the sign by which a file is known again
        self._next = 0.0

    def look(self) -> bool:
        """Open what is new or was replaced; False if it is too early to look again.

        Raises:
            StoreError: some file cannot be read; one that was read before is still in use.
        """
        if not self._paths or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _EVERY
        faults = [why for path in self._paths if (why := self._renew(path))]
        if faults:
            raise StoreError(f"{VARIABLE}: {'; '.join(faults)}")
        return True

    def _renew(self, path: str) -> str:
        """What is wrong with the file; empty if nothing is."""
        before = self._readers.get(path)
        try:
            sign = _sign(path)
            if before is None or before[0] != sign:
                self._readers[path] = sign, _opened(path)
        except StoreError as error:
            return f"{path}: {error}"
        return ""

    def of(self, packed: bytes | None) -> tuple[str | None, int | None]:
        """Country and number of the operator (AS); None for what is not known."""
        country: str | None = None
        operator: int | None = None
        if packed is not None and self._readers:
            text = unpack(packed)
            for _, reader in self._readers.values():
                found = _found(reader, text)
                country, operator = country or _country(found) or None, operator or _operator(found)
        return country, operator


def _sign(path: str) -> object:
    try:
        facts = Path(path).stat()
    except OSError as error:
        raise StoreError(error.strerror) from None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _opened(path: str) -> "Reader":
    """StoreError, saying why, where it cannot be."""
    import maxminddb  # only where it is needed

    try:
        return maxminddb.open_database(path)
    except (OSError, ValueError, RuntimeError, maxminddb.InvalidDatabaseError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no MaxMind DB file"
        raise StoreError(why) from None


def _found(reader: "Reader", text: str) -> Any:
    with suppress(Exception):  # an IPv6 address in a file of IPv4, a damaged record: not known
        return reader.get(text)
    return None


def _country(found: Any) -> str:
    country = found.get("country") if isinstance(found, dict) else None
    code = country.get("iso_code") if isinstance(country, dict) else country  # some files have the code alone
    return code.upper() if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha() else ""


def _operator(found: Any) -> int | None:
    """MaxMind's number, or `AS64500` as other makers write it."""
    told: Any = found.get("autonomous_system_number", found.get("asn")) if isinstance(found, dict) else None
    with suppress(TypeError, ValueError):
        number = int(told.upper().removeprefix("AS") if isinstance(told, str) else told)
        return number if 0 < number < 1 << 32 else None  # RFC 6793: four bytes
    return None


def by_country(paths: Sequence[str], *, needed: bool) -> Callable[[bytes | None], str]:
    """The country of a packed address, empty where it is not known.

    Args:
        paths: of the files.
        needed: whether `PRIVACYMW_CHOICES_MODEL=by-country` rests on them.

    Raises:
        SettingsError: they are needed, and none is named or one cannot be read.
    """
    if not needed:
        return lambda packed: ""
    if not paths:
        why = f"needs a file of countries, and {VARIABLE} is empty"
        allowed = f"this with {VARIABLE}; opt-in or opt-out without"
        raise SettingsError("\n" + fault("PRIVACYMW_CHOICES_MODEL", "by-country", why, allowed, _PASTE))
    return Countries(*paths).of
