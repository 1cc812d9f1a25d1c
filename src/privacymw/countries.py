"""The country of an address, from a file on this machine: looked up in memory, kept nowhere."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from privacymw.address import unpack
from privacymw.errors import SettingsError
from privacymw.faults import fault

if TYPE_CHECKING:
    from maxminddb import Reader

VARIABLE = "PRIVACYMW_ADDRESSES_GEO_DATABASE"
_ALLOWED = "the path of a MaxMind DB file (.mmdb) with countries"
_PASTE = f"{VARIABLE}=/usr/share/GeoIP/GeoLite2-Country.mmdb"


class Countries:
    """Countries by address.

    No result is remembered: a cache would be a list of addresses.

    Args:
        path: of a MaxMind DB file.

    Raises:
        SettingsError: the file is missing, unreadable or none of that kind.
    """

    def __init__(self, path: str) -> None:
        import maxminddb  # only where a decision hangs on a country

        try:
            self._reader: Reader = maxminddb.open_database(path)
        except (OSError, ValueError, RuntimeError, maxminddb.InvalidDatabaseError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no MaxMind DB file"
            raise SettingsError("\n" + fault(VARIABLE, path, f"cannot be read: {why}", _ALLOWED, _PASTE)) from None

    def of(self, packed: bytes | None) -> str:
        """The two capital letters of a country (ISO 3166-1); empty where it is not known."""
        if packed is None:
            return ""
        try:
            found: Any = self._reader.get(unpack(packed))
        except Exception:  # an IPv6 address in a file of IPv4, a damaged record: not known, so opt-in
            return ""
        country = found.get("country") if isinstance(found, dict) else None
        code = country.get("iso_code") if isinstance(country, dict) else country  # some files have the code alone
        return code.upper() if isinstance(code, str) else ""


def by_country(path: str, *, needed: bool) -> Callable[[bytes | None], str]:
    """The country of a packed address, empty where it is not known.

    Args:
        path: of the file; empty where none is named.
        needed: whether `PRIVACYMW_CHOICES_MODEL=by-country` rests on it.

    Raises:
        SettingsError: it cannot be read, or is needed and not named.
    """
    if needed and not path:
        why = f"needs a file of countries, and {VARIABLE} is empty"
        allowed = f"this with {VARIABLE}; opt-in or opt-out without"
        raise SettingsError("\n" + fault("PRIVACYMW_CHOICES_MODEL", "by-country", why, allowed, _PASTE))
    return Countries(path).of if path else lambda packed: ""
