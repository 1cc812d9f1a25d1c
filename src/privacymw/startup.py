"""Start-up: from the environment to a pipeline, and the log lines of the first ten minutes."""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from privacymw.bar import BarKeeper
from privacymw.cookie import PreferenceCookie
from privacymw.core import Keeper
from privacymw.embeds import embeds
from privacymw.errors import SettingsError
from privacymw.folder import DataFolder
from privacymw.forwarding import Forwarding
from privacymw.keyring import secret_keys
from privacymw.languages import LanguageKeeper
from privacymw.modes import PIPELINES
from privacymw.page import Pages
from privacymw.pipeline import Pipeline
from privacymw.policies import Policy, daily
from privacymw.policy import Site
from privacymw.promise import Means, Services
from privacymw.receipt import Receipts
from privacymw.running import announce
from privacymw.seal import LinkSeal
from privacymw.store.account import Witness
from privacymw.store.details import Details
from privacymw.store.journal import Journal
from privacymw.tally import Tally
from privacymw.words import N_

log = logging.getLogger("privacymw")


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
    logs, secret = journal is not None and live, bool(cookie_secrets)
    means = Means(secret=secret, store=logs, leaving=policy.leaving, categories=policy.asks, live=live)
    policy = policy.within(means)
    cookie = PreferenceCookie(cookie_secrets, count=tally.count) if policy.choices.saved else None
    decider = policy.decider(cookie)
    seal = LinkSeal(link_keys) if link_keys else None
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
        links=seal,
        mail=policy.mail.decides(policy.site, policy.personal, seal, tally.count),
        journal=journal,
        witness=place.witness(folder.path)
        if journal is not None and place is not None and folder is not None
        else None,
        sections=daily(policy),
    )
    keepers = _keepers(policy, services)
    close = partial(_close, journal, tally)
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


def _close(journal: Journal | None, tally: Tally) -> None:
    """Writes out what is still in memory."""
    if journal is not None:
        journal.close()
    tally.close()


def _keepers(policy: Policy, services: Services) -> list[Keeper]:
    """What keeps the promises, in page order; then what goes with their pages."""
    keepers = [keeper for each in policy.promises if (keeper := each.keeper(services)) is not None]
    languages = LanguageKeeper(services.pages, keepers, standing=policy.site.mode == "off")
    return [*keepers, BarKeeper(services.pages), languages]


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
    return place.journal(
        data,
        max_bytes=addresses.max_size,
        decisions=policy.choices.record_retention,
        details=details,
        versions=policy.notice.archive.links if site.mode == "on" else (),
    )


def _witness(policy: Policy, folder: DataFolder | None) -> Witness | None:
    """Who tells what the log holds."""
    data = folder.path if folder is not None else None
    place = policy.log_place(data)
    return place.witness(data) if place is not None else None
