"""`privacymw notice`: publish versions of the policy page, list and compare them, write to those who must know."""

import datetime
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacymw.cli import show
from privacymw.errors import PrivacyError, SettingsError

if TYPE_CHECKING:
    from privacymw.policies import Policy
    from privacymw.versions import Archive, Change, Version


def settled() -> "Policy":
    """The policy of the environment, as far as a start could keep it."""
    from privacymw.policies import Policy

    policy = Policy.from_env(os.environ)
    return policy.within(policy.means())


def today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def publish(options: Namespace) -> int:
    """`notice publish`."""
    policy = settled()
    archive = policy.notice.archive
    version = _drafted(policy, archive, options)
    if faults := [*archive.faults, *_faults(policy, archive, version)]:
        listed = "\n".join(f"  - {each}" for each in faults)
        raise SettingsError(f"nothing was published; what stands in the way:\n{listed}")
    path = _written(Path(policy.notice.versions).absolute(), version)
    if options.json:
        show.document({"file": str(path), "number": version.number, "effective": version.effective.isoformat()})
    else:
        show.printed(
            f"Version {version.number} is published in {show.plain(path)}; it holds from {version.effective} on."
        )
        show.told("Commit the file, and restart the site to announce or serve it.")
    return 0


def _drafted(policy: "Policy", archive: "Archive", options: Namespace) -> "Version":
    """The version as it would be published."""
    from msgspec.structs import replace

    from privacymw import __version__
    from privacymw.running import settings_lines
    from privacymw.versions import Version, digest
    from privacymw.words import LANGUAGES

    announce = datetime.timedelta(seconds=policy.notice.announce)
    ahead = announce if archive.versions and options.material else datetime.timedelta(0)
    effective = options.effective or today() + ahead
    dated = replace(policy.notice, effective=effective)
    policy = policy._replace(promises=tuple(dated if each is policy.notice else each for each in policy.promises))
    return Version(
        number=len(archive.versions) + 1,
        effective=effective,
        published=today(),
        material=bool(options.material) or not archive.versions,
        summary=options.summary,
        language=policy.site.language,
        organisation=policy.organisation,
        sections={each: policy.sections(each) for each in LANGUAGES},
        settings=digest(settings_lines(policy.settings)),
        made_by=f"privacymw {__version__}",
        previous=archive.head,
    )


def _faults(policy: "Policy", archive: "Archive", version: "Version") -> Iterable[str]:
    """What must not be published. A production start is never stopped by it."""
    organisation = policy.organisation
    if policy.site.mode != "on":
        yield f"PRIVACYMW_MODE={policy.site.mode}: the site does not do what the page says"
    for name in ("name", "contact"):
        if not getattr(organisation, name):
            yield f"PRIVACYMW_ORGANISATION_{name.upper()} is not set: a notice says whose it is and whom to ask"
    for name, why in policy.dishonest.items():
        yield f"other words for {name}: {why}"
    yield from _date_faults(policy, archive, version)


def _date_faults(policy: "Policy", archive: "Archive", version: "Version") -> Iterable[str]:
    from privacymw.versions import changes

    if not archive.versions:
        return
    before = archive.versions[-1]
    found = changes(before.sections["en"], version.sections["en"])
    found = [each for each in found if each.name != "notice.effective"]
    if not found:
        yield f"no sentence has changed since version {before.number}"
    behaves = [each.name for each in found if each.behaves]
    if behaves and not version.material:
        yield f"it changes what is done with data ({', '.join(behaves[:3])}): add --material"
    if version.material and not version.summary:
        yield "a material change needs a sentence for its readers: --summary TEXT"
    if version.effective < before.effective:
        yield f"version {before.number} holds from {before.effective} on; a later one cannot begin before"
    announced = today() + datetime.timedelta(seconds=policy.notice.announce)
    if version.material and version.effective < announced:
        yield f"a material change is announced before: --effective {announced}, or set PRIVACYMW_NOTICE_ANNOUNCE"


def _written(folder: Path, version: "Version") -> Path:
    path = folder / version.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(version.content())
    except OSError as error:
        raise PrivacyError(f"{path}: {error.strerror}. PRIVACYMW_NOTICE_VERSIONS names the folder") from error
    return path


def versions(options: Namespace) -> int:
    """`notice list`."""
    archive = settled().notice.archive
    in_force = archive.in_force(today())
    if options.json:
        listed = [_listed(each) | {"in_force": each is in_force} for each in archive.versions]
        show.document({"versions": listed, "faults": list(archive.faults), "head": archive.head})
    else:
        _told(archive, in_force)
    return 2 if archive.faults else 0


def _listed(version: "Version") -> dict[str, Any]:
    facts = {name: str(getattr(version, name)) for name in ("effective", "published", "settings", "made_by")}
    return {"number": version.number, "material": version.material, "summary": version.summary, **facts}


def _told(archive: "Archive", in_force: "Version | None") -> None:
    if not archive.versions:
        show.told("nothing was published yet: privacymw notice publish")
    else:
        head = ("version", "from", "published", "change", "state", "summary")
        show.table(head, [_row(each, in_force) for each in archive.versions], right=("version",))
        show.printed(f"\nhead of the chain: {archive.head}")
    for fault in archive.faults:
        show.told(f"BROKEN: {fault}")


def _row(version: "Version", in_force: "Version | None") -> tuple[object, ...]:
    state = "in force" if version is in_force else "to come" if version.effective > today() else "past"
    change = "material" if version.material else "words"
    return version.number, version.effective, version.published, change, state, version.summary


def diff(options: Namespace) -> int:
    """`notice diff`."""
    from privacymw.versions import changes

    policy = settled()
    archive = policy.notice.archive
    before = _asked(archive, options.before) if options.before else archive.in_force(today())
    if before is None:
        raise PrivacyError("no version is in force, so there is nothing to compare with: privacymw notice publish")
    language = options.language or policy.site.language
    after = _asked(archive, options.after).sections[language] if options.after else policy.sections(language)
    found = [each for each in changes(before.sections[language], after) if each.name != "notice.effective"]
    if options.json:
        show.document([_change(each) for each in found])
        return 0
    named = f"version {options.after}" if options.after else "the settings here"
    show.printed(f"Version {before.number} and {named}: {len(found) or 'no'} sentences differ.")
    for each in found:
        _shown(each)
    return 0


def _asked(archive: "Archive", number: int) -> "Version":
    version = archive.numbered(number)
    if version is None:
        there = ", ".join(str(each.number) for each in archive.versions) or "none"
        raise PrivacyError(f"there is no version {number}; there are: {there}")
    return version


def _change(change: "Change") -> Mapping[str, Any]:
    before, after = (each and {"text": each.text, "kept": each.kept} for each in (change.before, change.after))
    return {"section": change.section, "name": change.name, "behaves": change.behaves, "before": before, "after": after}


def _shown(change: "Change") -> None:
    show.printed(f"\n{show.plain(change.section)}: {change.name}{'' if change.behaves else ' (words only)'}")
    for sign, sentence in (("-", change.before), ("+", change.after)):
        if sentence:
            show.paragraph(f"{sign} {sentence.text}", indent="  ")


def render(options: Namespace) -> int:
    """`notice render`: the message about a version, for whoever mails it; nothing is sent."""
    from privacymw.versions import changes

    policy = settled()
    archive = policy.notice.archive
    version = _asked(archive, options.number) if options.number else (archive.versions or (None,))[-1]
    if version is None:
        raise PrivacyError("nothing was published yet: privacymw notice publish")
    before, language = archive.before(version), options.language or version.language
    found = changes(before.sections[language], version.sections[language]) if before else []
    sys.stdout.write(_message(policy, version, [each for each in found if each.name != "notice.effective"], language))
    return 0


def _message(policy: "Policy", version: "Version", found: "list[Change]", language: str) -> str:
    from privacymw.words import N_, Words

    words = Words(language)
    host = next((each for each in policy.site.sites if not each.startswith("*")), "")
    where = f"https://{host}{policy.site.prefix}/archive/{version.number}" if host else ""
    date = words.date(version.effective)
    subject = words.said(N_("Our privacy notice changes on {date}"), date=date)
    lines = [
        f"Subject: {subject}",
        "",
        words.said(N_("From {date} on, a new version of this notice holds."), date=date),
    ]
    lines += [version.summary] if version.summary else []
    before, now = words.text(N_("Before")), words.text(N_("Now"))
    for each in found:
        lines += ["", f"{each.section}:"]
        lines += [f"  {before}: {each.before.text}"] if each.before else []
        lines += [f"  {now}: {each.after.text}"] if each.after else []
    lines += ["", words.said(N_("The whole notice: {address}"), address=where)] if where else []
    contact = version.organisation.contact
    lines += ["", words.said(N_("Please send questions to {contact}."), contact=contact)] if contact else []
    lines += ["", version.organisation.name]
    return "\n".join(lines) + "\n"
