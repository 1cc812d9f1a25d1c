"""Whom to tell of a weak spot: a sentence on the page, and `security.txt` (RFC 9116)."""

import datetime
import logging
import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Final

from privacymw.core import Exchange, Keeper
from privacymw.kinds import setting
from privacymw.promise import Promise, Section, Sentence, Services, Telling
from privacymw.wellknown import well_known
from privacymw.words import N_

_log = logging.getLogger("privacymw")
_PATH: Final = "/.well-known/security.txt"
_FURTHEST: Final = datetime.timedelta(days=365)  # RFC 9116 2.5.5: less than a year is recommended
_CONTACT: Final = re.compile(r"mailto:[^\s@]+@[^\s@]+|https://[^\s/]\S*|tel:[+0-9][0-9.()-]*")
_ADDRESS: Final = re.compile(r"https://[^\s/]\S*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")  # RFC 5646 2.1, as far as it is used


def check_contacts(contacts: Iterable[str]) -> None:
    """Raises ValueError for the first that is no URI as RFC 9116 2.5.3 wants it."""
    for each in contacts:
        if not _CONTACT.fullmatch(each):
            wanted = f"mailto:{each}" if "@" in each and ":" not in each else "mailto:..., https://... or tel:+..."
            raise ValueError(f"{each!r} is no address to write or call to; say {wanted}")


def check_languages(tags: Iterable[str]) -> None:
    """Raises ValueError for the first that is no language tag."""
    for each in tags:
        if not _LANGUAGE.fullmatch(each):
            raise ValueError(f"{each!r} is no language tag such as en or es-MX")


def check_address(address: str) -> None:
    """Raises ValueError unless it is empty or an https address."""
    if address and not _ADDRESS.fullmatch(address):
        raise ValueError("an address that begins with https://")


class Security(Promise, frozen=True, kw_only=True):
    """Reports of weak spots."""

    group: ClassVar[str] = "security"
    title: ClassVar[str] = "Reports of weak spots"

    contact: Annotated[
        tuple[str, ...],
        setting(
            "Whom to tell of a weak spot: mailto:, https: or tel: addresses, the first is preferred.",
            "list",
            check=check_contacts,
            example="mailto:security@example.org",
        ),
    ] = ()
    expires: Annotated[
        datetime.date | None,
        setting("The day from which security.txt is not to be used any more: it is withdrawn then.", "date"),
    ] = None
    policy: Annotated[
        str,
        setting(
            "Web address of the rules for such reports.", check=check_address, example="https://example.org/report"
        ),
    ] = ""
    languages: Annotated[
        tuple[str, ...],
        setting("Languages in which reports can be read.", "list", check=check_languages, example="en, es"),
    ] = ()

    def section(self, telling: Telling) -> Section | None:
        if not self.contact:
            return None
        contacts = telling.words.joined(each.removeprefix("mailto:").removeprefix("tel:") for each in self.contact)
        text = N_("If you find a weak spot in the security of this site, please tell us: {contacts}.")
        facts = {"contacts": self.contact}
        sentences = [Sentence("security.contact", text, {"contacts": contacts}, telling.name, facts=facts)]
        if self.policy:
            text = N_("The rules for such reports are at {policy}.")
            sentences.append(Sentence("security.policy", text, {"policy": self.policy}, telling.name))
        if self.languages:
            values = {"languages": ", ".join(self.languages)}
            text = N_("We read reports in these languages: {languages}.")
            sentences.append(Sentence("security.languages", text, values, telling.name))
        if self.expires is not None:
            text = N_("Programs find this at the address /.well-known/security.txt before {date}.")
            values, until = {"date": telling.words.date(self.expires)}, {"date": self.expires.isoformat()}
            sentences.append(Sentence("security.file", text, values, facts=until))
        return Section("security", self.title, tuple(sentences))

    def keeper(self, services: Services) -> Keeper | None:
        if warning := self._fault(services.today()):
            _log.warning(warning)
        return _Keeper(self, self.expires, services) if self.contact and self.expires else None

    def _fault(self, today: datetime.date) -> str:
        """What is wrong with the day: it stops no start."""
        if not self.contact:
            return ""
        if self.expires is None:
            return f"PRIVACYMW_SECURITY_EXPIRES is not set, so there is no {_PATH}. Set a day within a year"
        if self.expires <= today:
            return f"PRIVACYMW_SECURITY_EXPIRES={self.expires} is past: {_PATH} is withdrawn. Set a day within a year"
        if self.expires - today > _FURTHEST:
            return (
                f"PRIVACYMW_SECURITY_EXPIRES={self.expires} is more than a year ahead, which RFC 9116 advises against"
            )
        return ""


class _Keeper(Keeper):
    name = "security"

    def __init__(self, promise: Security, expires: datetime.date, services: Services) -> None:
        self._expires, self._today = expires, services.today
        self._document = _document(promise, services.site.sites, services.site.language)
        self.fallbacks = {_PATH: well_known("text/plain; charset=utf-8", self._valid)}

    def _valid(self, exchange: Exchange) -> bytes | None:
        """RFC 9116 2.5.5: after that day it is not to be used, so it is not there."""
        return self._document if self._today() < self._expires else None


def _document(promise: Security, sites: Iterable[str], language: str) -> bytes:
    fields = [
        *(("Contact", each) for each in promise.contact),
        ("Expires", f"{promise.expires}T00:00:00Z"),
        ("Preferred-Languages", ", ".join(promise.languages or (language,))),
        *(("Canonical", f"https://{host}{_PATH}") for host in sites if not host.startswith("*")),
        *([("Policy", promise.policy)] if promise.policy else []),
    ]
    return "".join(f"{name}: {value}\n" for name, value in fields).encode()
