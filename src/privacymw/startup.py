"""Start-up: from the environment to a pipeline, and the log lines of the first ten minutes."""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from privacymw import honesty
from privacymw.bar import BarKeeper
from privacymw.cookie import PreferenceCookie
from privacymw.countries import by_country
from privacymw.decider import Decider
from privacymw.embeds import embeds
from privacymw.errors import SettingsError
from privacymw.folder import DataFolder
from privacymw.forwarding import Forwarding
from privacymw.keyring import secret_keys
from privacymw.languages import LanguageKeeper
from privacymw.logplace import LogPlace, keys_apart, log_place
from privacymw.modes import PIPELINES
from privacymw.page import Pages
from privacymw.pipeline import Pipeline
from privacymw.policy import Organisation, Site
from privacymw.promise import Means, Promise, Section, Services, Telling
from privacymw.promises import PROMISES
from privacymw.promises.addresses import Addresses
from privacymw.promises.choices import Choices
from privacymw.promises.confidential import Confidential
from privacymw.promises.notice import Notice, compiled, who_we_are
from privacymw.promises.outbound import Outbound
from privacymw.promises.signals import Signals
from privacymw.receipt import Receipts
from privacymw.registry import CookieEntry
from privacymw.running import announce
from privacymw.seal import LinkSeal
from privacymw.settings import Group, Settings, read
from privacymw.store.details import Details
from privacymw.store.journal import Journal
from privacymw.tally import Tally
from privacymw.words import LANGUAGES, N_, Words

log = logging.getLogger("privacymw")

GROUPS: Final[tuple[type[Group], ...]] = (Site, Organisation, *PROMISES)
"""All settings, in the order of the settings table."""


def today_in_utc() -> date:
    """The day."""
    return datetime.now(UTC).date()


class Policy(NamedTuple):
    """What is promised: whose, for which sites, and by which promises."""

    site: Site
    organisation: Organisation
    promises: tuple[Promise, ...]
    settings: Settings

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] = os.environ,
        *,
        preferences: Mapping[str, Sequence[str]] | None = None,
        categories: Sequence[str] = (),
    ) -> "Policy":
        """The policy of an environment, read once.

        Args:
            environ: where the settings stand.
            preferences: the app's own preferences and their values, where no setting names them.
            categories: what the app asks of with `choices.allows`, where no setting names it.

        Raises:
            SettingsError: with every fault at once.
        """
        settings = read(GROUPS, environ, _declared(preferences or {}, categories))
        groups = settings.groups
        site, organisation = groups[Site], groups[Organisation]
        assert isinstance(site, Site)
        assert isinstance(organisation, Organisation)
        promises = tuple(each for each in groups.values() if isinstance(each, Promise))
        return cls(site, organisation, promises, settings)

    @property
    def addresses(self) -> Addresses:
        """The promise about the log of addresses."""
        return next(each for each in self.promises if isinstance(each, Addresses))

    def log_place(self, data: Path | None) -> LogPlace | None:
        """Where addresses are logged, if they are, with this data folder; None where there is no place."""
        return log_place(self.site, self.addresses.terms, data)

    def means(self) -> Means:
        """What a start with these settings would have to keep promises with; touches nothing."""
        data = None if self.site.data.lower() == "none" else Path(self.site.data).absolute()
        logs = self.stores and self.site.mode == "on" and self.log_place(data) is not None
        secret = bool(self.site.secret_key) or data is not None
        return Means(secret=secret, store=logs, leaving=self.leaving, categories=self.asks, live=self.site.mode == "on")

    def within(self, means: Means) -> "Policy":
        """The policy that can be kept with what there is."""
        return self._replace(promises=tuple(each.within(means) for each in self.promises))

    @property
    def leaving(self) -> bool:
        """Whether any link is meant to go through the leaving page; those on confidential pages are in every mode."""
        modes = {each.mode for each in self.promises if isinstance(each, Outbound)}
        return "interstitial" in modes or any(isinstance(each, Confidential) and each.paths for each in self.promises)

    @property
    def stores(self) -> bool:
        """Whether something is to be kept in a store: addresses, or records of what visitors decide."""
        choices = self.choices
        decides = choices.saved and bool(choices.categories or self.asks)
        return self.addresses.mode != "off" or (choices.recorded and decides)

    @property
    def asks(self) -> tuple[str, ...]:
        """Categories of which some promise keeps the visitor's answer."""
        return tuple(dict.fromkeys(category for each in self.promises for category in each.asks()))

    @property
    def choices(self) -> Choices:
        """The choices in force."""
        return next(each for each in self.promises if isinstance(each, Choices))

    @property
    def signals(self) -> Signals:
        """The stance on browser signals in force."""
        return next(each for each in self.promises if isinstance(each, Signals))

    @property
    def entries(self) -> tuple[CookieEntry, ...]:
        """The cookies that the promises declare."""
        return tuple(entry for each in self.promises for entry in each.entries)

    def warn(self) -> None:
        """Log what the operator should hear at a start today."""
        remarks = (remark for each in self.promises for remark in each.remarks(today_in_utc()))
        for warning in (*self.settings.warnings, *remarks):
            log.warning(warning)
        for name, why in self.dishonest.items():
            log.warning("PRIVACYMW_NOTICE_WORDING: other words for %s are not used: %s", name, why)

    def decider(self, cookie: PreferenceCookie | None) -> Decider:
        """What decides for visitors, by the promises in force.

        Raises:
            SettingsError: a country is to decide, and there is no readable file of countries.
        """
        country = by_country(self.addresses.geo_database, needed=self.choices.model == "by-country")
        return self.choices.decider(cookie, self.entries, country, dnt=self.signals.dnt == "honour")

    def sections(self, language: str = "", today: date | None = None) -> tuple[Section, ...]:
        """The page's sections, in order, as they stand on a day (UTC); in the site's own language by default."""
        words = Words(language or self.site.language)
        telling = Telling(
            self.site,
            self.organisation,
            keys_apart=keys_apart(self.site),
            leaving=self.leaving,
            today=today or today_in_utc(),
            words=words,
        )
        sections = [who_we_are(self.site, self.organisation), *(each.section(telling) for each in self.promises)]
        made = compiled(sections, self.notice.statements, words)
        own = words.language == self.site.language
        return self.notice.worded(made, [each.name for each in self.entries]) if own else made

    @property
    def notice(self) -> Notice:
        """The promise about the page itself."""
        return next(each for each in self.promises if isinstance(each, Notice))

    @property
    def dishonest(self) -> dict[str, str]:
        """Other words for sentences that are not used, by the sentence's name, and why."""
        return honesty.faults(self.notice.wording, self.sections(), [each.name for each in self.entries])


def _declared(preferences: Mapping[str, Sequence[str]], categories: Sequence[str]) -> dict[str, Any]:
    """What the app's code says of itself, as if it stood in a file."""
    said = {
        "PRIVACYMW_CHOICES_PREFERENCES": {name: list(values) for name, values in preferences.items()},
        "PRIVACYMW_CHOICES_CATEGORIES": list(categories),
    }
    return {name: value for name, value in said.items() if value}


class Started(NamedTuple):
    """What a process keeps of its start."""

    policy: Policy
    services: Services
    pipeline: Pipeline


def start(environ: Mapping[str, str] = os.environ, **declared: Any) -> Started:
    """Reads the settings, makes what is missing, and joins the promises in force.

    `declared` is what the app's code says of itself: see `Policy.from_env`.

    Raises:
        SettingsError: the settings cannot be obeyed.
        StoreError: the data folder, the keys or the store cannot be used.
    """
    policy = Policy.from_env(environ, **declared)
    policy.warn()
    folder = _folder(policy.site, environ)
    place = policy.log_place(folder.path) if folder is not None else None
    tally = Tally(folder)
    journal = _journal(policy, folder)
    cookie_secrets, link_keys = secret_keys(policy.site, folder)
    live = policy.site.mode == "on"
    logs = journal is not None and live
    means = Means(secret=bool(cookie_secrets), store=logs, leaving=policy.leaving, categories=policy.asks, live=live)
    policy = policy.within(means)
    cookie = PreferenceCookie(cookie_secrets, count=tally.count) if policy.choices.saved else None
    decider = policy.decider(cookie)
    pages = Pages(policy.site.prefix, policy.site.templates, _links(policy), language=policy.site.language)
    services = Services(
        site=policy.site,
        organisation=policy.organisation,
        leaving=bool(link_keys) and means.leaving,
        count=tally.count,
        pages=pages,
        embeds=embeds(pages, cookie, decider, everywhere=policy.choices.bar, count=tally.count),
        cookie=cookie,
        allows=decider.allows,
        decider=decider,
        varies=decider.varies,
        entries=policy.entries,
        receipts=Receipts(cookie_secrets) if cookie is not None else None,
        gpc=bool(policy.signals.gpc),
        links=LinkSeal(link_keys) if link_keys else None,
        journal=journal,
        sections=daily(policy),
    )
    keepers = [keeper for each in policy.promises if (keeper := each.keeper(services)) is not None]
    keepers += [BarKeeper(pages), LanguageKeeper(pages, keepers, standing=policy.site.mode == "off")]

    def close() -> None:
        if journal is not None:
            journal.close()
        tally.close()

    atexit.register(close)
    pipeline = PIPELINES[policy.site.mode](
        keepers,
        prefix=policy.site.prefix,
        forwarding=Forwarding(policy.site.trusted_proxies),
        count=tally.count,
        close=close,
    )
    announce(policy.settings, folder, place)
    return Started(policy, services, pipeline)


def daily(policy: Policy, today: Callable[[], date] = today_in_utc) -> Callable[[str], tuple[Section, ...]]:
    """The page in a language, made anew when a day begins: what holds until a day ends on it without a restart."""
    made = lru_cache(2 * len(LANGUAGES))(policy.sections)
    return lambda language: made(language, today())


def _links(policy: Policy) -> list[tuple[str, str]]:
    return [("notice", N_("Privacy notice")), *([("choices", N_("Your choices"))] if policy.choices.saved else [])]


def _folder(site: Site, environ: Mapping[str, str]) -> DataFolder | None:
    """The data folder; one that is gone with the process under tests, which should leave nothing behind."""
    if site.data.lower() == "none":
        return None
    testing = "PYTEST_VERSION" in environ or environ.get("TESTING", "").lower() in ("1", "true", "on", "yes")
    if testing and "PRIVACYMW_DATA" not in environ:
        path = tempfile.mkdtemp(prefix="privacymw-")
        atexit.register(shutil.rmtree, path, ignore_errors=True)
        return DataFolder(path)
    return DataFolder(site.data)


def _journal(policy: Policy, folder: DataFolder | None) -> Journal | None:
    """The log and the records, where something is to be kept and there is a place for it.

    Where nothing is kept any more, a log of before still has to end on time.
    """
    site, addresses = policy.site, policy.addresses
    data = folder.path if folder is not None else None
    if data is None and site.store.lower() not in ("", "none") and not site.keys:
        raise SettingsError("PRIVACYMW_STORE needs a place for its keys: set PRIVACYMW_KEYS or PRIVACYMW_DATA")
    place = policy.log_place(data)
    logs = policy.stores and site.mode == "on"
    if place is None or not (logs or place.has_keys()):
        return None
    details = Details(browser=addresses.browser, places=addresses.geo_database, sites=site.sites) if logs else None
    return place.journal(data, max_bytes=addresses.max_size, decisions=policy.choices.record_retention, details=details)
