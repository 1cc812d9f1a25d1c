"""The log of addresses as the page tells it, in each of its modes and while a hold lasts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from privacymw.kinds import KINDS
from privacymw.promise import Section, Sentence, Table, Telling
from privacymw.words import N_

if TYPE_CHECKING:
    from privacymw.promises.addresses import Addresses

_WHAT: Final = {
    "whole": N_(
        "An IP address names the device or the network with which you use the Internet. For each request we "
        "log it with the time, the kind of page, the result and how long it took."
    ),
    "network": N_(
        "An IP address names the device or the network with which you use the Internet. For each request we log the "
        "network of your address, with the time, the kind of page, the result and how long it took. The part that "
        "names a device is cut off first."
    ),
    "none": N_(
        "For each request we log the time, the kind of page, the result and how long it took. We write neither your "
        "IP address nor the network it belongs to into this log."
    ),
}
_SEALED: Final = {
    "whole": N_("The log holds your address in encrypted form only. It does not hold the words of a search or a form."),
    "network": N_(
        "The log holds the network in encrypted form only. It does not hold the words of a search or a form."
    ),
    "none": N_("The log does not hold the words of a search or a form."),
}
_RETENTION: Final = {
    "whole": N_(
        "Your address can be read for at most {retention} while the site runs; if the site stands still by "
        "then, until its next start. Then its key is destroyed, and the entries go."
    ),
    "network": N_(
        "The network can be read for at most {retention} while the site runs; if the site stands still by then, "
        "until its next start. Then its key is destroyed, and the entries go."
    ),
    "none": N_(
        "After {retention} at most an entry is deleted while the site runs; if the site stands still by then, at its "
        "next start."
    ),
}
_RETENTION_HELD: Final = {
    "whole": N_(
        "But for one exception, your address can be read for at most {retention} while the site runs; if the site "
        "stands still by then, until its next start. Then its key is destroyed, and the entries go."
    ),
    "network": N_(
        "But for one exception, the network can be read for at most {retention} while the site runs; if the site "
        "stands still by then, until its next start. Then its key is destroyed, and the entries go."
    ),
    "none": N_(
        "But for one exception, after {retention} at most an entry is deleted while the site runs; if the site stands "
        "still by then, at its next start."
    ),
}
_NETWORK: Final = {
    False: N_("The network that your address belongs to can be read for at most {network}."),
    True: N_("But for the same exception, the network that your address belongs to can be read for at most {network}."),
}
_OTHERS: Final = {
    "off": N_(
        "This is about the log that is named here. Other logs of this application, web servers, proxies and networks "
        "before it may keep theirs."
    ),
    "report": N_(
        "This is about the log that is named here. Other logs of this application may hold your address too; so may "
        "those of web servers, proxies and networks before it."
    ),
    "mask": N_("Web servers, proxies and networks before this application may keep logs of their own."),
}


def told(promise: "Addresses", telling: Telling) -> Section:
    """The section of a promise."""
    if promise.mode == "off":
        text = N_("We keep no log of IP addresses to find out what is wrong with our server.")
        return Section("addresses", promise.title, (Sentence("addresses.none", text), *_others(promise, telling)))
    sentences = (
        Sentence("addresses.what", _WHAT[promise.mode], facts={"mode": promise.mode}),
        *_details(promise, telling),
        Sentence(
            "addresses.why",
            "We use this to find out what is wrong with our server, and to run the site.",
            {},
            telling.name,
        ),
        Sentence("addresses.sealed", _SEALED[promise.mode], facts={"mode": promise.mode}),
        *_times(promise, telling),
        *_extent(promise, telling),
        *_others(promise, telling),
    )
    action = ("evidence", N_("See what the log holds today")) if promise.evidence else None
    return Section("addresses", promise.title, sentences, (_table(promise, telling),), action)


def _details(promise: "Addresses", telling: Telling) -> Iterator[Sentence]:
    """What is logged beside the address; what follows from an address only where there is one."""
    if promise.browser:
        text = N_(
            "We also log the names of your browser and its system, and if it is a computer, a phone, a tablet or a "
            "robot."
        )
        yield Sentence("addresses.browser", text)
    if promise.geo_database and promise.mode != "none":
        text = N_(
            "We add the country of your address and the operator of its network, if files on our own server know them."
        )
        yield Sentence("addresses.country", text)
    if telling.site.sites:
        yield Sentence("addresses.site", N_("The log says which of our sites was asked."))
    if promise.mode == "whole":
        text = N_("If no kind of page is known, we log the path too, encrypted with the key of your address.")
        yield Sentence("addresses.path", text)


def _times(promise: "Addresses", telling: Telling) -> Iterator[Sentence]:
    """How long what is kept, and the hold while it lasts."""
    words, held = telling.words, promise.is_held(telling.today)
    first = promise.retention if promise.mode == "whole" else promise.longest
    retention = (_RETENTION_HELD if held else _RETENTION)[promise.mode]
    facts = {"seconds": first, "mode": promise.mode, "held": held}
    yield Sentence("addresses.retention", retention, {"retention": words.duration(first)}, facts=facts)
    if promise.mode == "whole" and promise.network_retention is not None:
        values = {"network": words.duration(promise.network_retention)}
        facts = {"seconds": promise.network_retention, "held": held}
        yield Sentence("addresses.network", _NETWORK[held], values, facts=facts)
    if held:
        assert promise.hold_since is not None
        assert promise.hold_until is not None
        text = N_(
            "The exception: what was logged from {since} on is kept until {until}, even if its time is over before. "
            "Then it goes."
        )
        days = {"since": words.date(promise.hold_since), "until": words.date(promise.hold_until)}
        dates = {"since": promise.hold_since.isoformat(), "until": promise.hold_until.isoformat()}
        yield Sentence("addresses.hold", text, days, facts=dates)
        yield _reason(promise.hold_reason.rstrip(". "), telling.name)


def _reason(text: str, by: str) -> Sentence:
    if text:
        return Sentence("addresses.hold_reason", N_("Our reason: {reason}."), {"reason": text}, by)
    return Sentence("addresses.hold_reason", N_("A court or an authority asks us to do so."), {}, by)


def _extent(promise: "Addresses", telling: Telling) -> Iterator[Sentence]:
    """What is left out, how much there is, and where it lies."""
    if promise.skip:
        text = N_("Requests for {paths} are not logged.")
        yield Sentence("addresses.skip", text, {"paths": ", ".join(promise.skip)}, facts={"paths": promise.skip})
    size = {"size": KINDS["size"].show(promise.max_size)}
    text = N_("The log takes at most {size} on a disk; beyond that the oldest entries go first.")
    yield Sentence("addresses.size", text, size, facts={"bytes": promise.max_size})
    if promise.evidence:
        text = N_("At {page} you can see what the log holds today, and which keys are gone.")
        yield Sentence("addresses.evidence", text, {"page": f"{telling.prefix}/evidence"})
    if telling.keys_apart and promise.mode != "none":
        text = N_("The keys lie apart from the log, so that a copy of the log without them cannot be read.")
        yield Sentence("addresses.keys", text)
    if telling.site.unverified:
        text = N_("The log travels to its database over a network that we trust; the database is not asked who it is.")
        yield Sentence("addresses.way", text, {}, telling.name)


def _others(promise: "Addresses", telling: Telling) -> Iterator[Sentence]:
    """What is said of the logs beside ours."""
    if promise.other_logs == "mask":
        text = N_(
            "The messages that this application and its server write while they answer you show at most the network "
            "of your address. Lines about a request leave out the words of a search."
        )
        yield Sentence("addresses.masked", text)
    if promise.other_logs == "report":
        text = N_("We count the lines of such logs that hold the address of a visitor, so as to put an end to them.")
        yield Sentence("addresses.counted", text)
    if promise.fail2ban:
        text = N_(
            "Where a request is refused, your address goes into a short log that helps us to stop attacks. "
            "It is kept for at most {time}."
        )
        yield Sentence(
            "addresses.fail2ban", text, {"time": telling.words.duration(promise.fail2ban_retention)}, telling.name
        )
    yield Sentence("addresses.others", _OTHERS[promise.other_logs], {}, telling.name)


def _table(promise: "Addresses", telling: Telling) -> Table:
    _ = telling.words.text
    whole, network = promise.mode == "whole", promise.longest
    if whole and promise.network_retention is None:
        network = promise.retention
    held = (
        (whole, N_("Address"), promise.retention),
        (whole, N_("Path of a page of no known kind"), promise.retention),
        (promise.mode != "none", N_("Network of the address"), network),
        (True, N_("Time, method, kind of page, status, duration"), promise.longest),
        (promise.browser, N_("Browser, system, kind of device"), promise.longest),
        (bool(promise.geo_database) and promise.mode != "none", N_("Country, network operator"), promise.longest),
        (bool(telling.site.sites), N_("Site"), promise.longest),
    )
    first, *more = [(_(what), _until(seconds, promise, telling)) for logged, what, seconds in held if logged]
    rows = [(first[0], _("to diagnose faults, to run the site"), first[1])]
    rows += [(what, _("the same"), time) for what, time in more]
    return Table(_("What the log holds"), (_("What"), _("What for"), _("At most how long")), tuple(rows))


def _until(seconds: int, promise: "Addresses", telling: Telling) -> str:
    shown = telling.words.duration(seconds)
    held = promise.is_held(telling.today)
    return telling.words.said(N_("{time}, but for the exception"), time=shown) if held else shown
