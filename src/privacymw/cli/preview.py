"""`privacymw preview`: the policy page while settings are tried. No site, no folder, no store is made."""

import base64
import json
import os
import shlex
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from privacymw.cli import show

if TYPE_CHECKING:
    from privacymw.core import Reply
    from privacymw.promise import Section, Services, Table
    from privacymw.startup import Policy


def preview(options: Namespace) -> int:
    """`preview`."""
    from privacymw.startup import Policy

    environ = {**os.environ, **dict(options.settings)}
    policy = Policy.from_env(environ)
    for warning in policy.settings.warnings:
        show.told(warning)
    policy = policy.within(policy.means())
    lines = _lines(policy, environ)
    if options.json:
        show.document({"settings": lines, "page": json.loads(_answer(policy, "notice.json").body)})
    elif options.html:
        show.printed(_html(policy))
        show.told("\n".join(["This page is given by:", *(f"  {line}" for line in lines or ["the defaults"])]))
    else:
        _text(policy)
        show.printed("\nThis page is given by these lines:\n" if lines else "\nThis page is given by the defaults.")
        for line in lines:
            show.printed(f"  {show.plain(line)}")
    return 0


def _lines(policy: "Policy", environ: Mapping[str, str]) -> list[str]:
    """What was set, as lines to paste into a shell or a file of variables; no secret is among them."""
    lines = []
    for row in policy.settings.rows:
        for name in (row.field.variable, row.field.variable + "_FILE"):
            if environ.get(name):
                secret = row.field.secret and name == row.field.variable
                lines.append(f"{name}={'...' if secret else shlex.quote(environ[name])}")
    return lines


def _services(policy: "Policy") -> "Services":
    from privacymw.page import Pages
    from privacymw.promise import Services

    site = policy.site
    return Services(
        site=site,
        organisation=policy.organisation,
        count=lambda kind, name: None,
        pages=Pages(site.prefix, site.templates, language=site.language),
        sections=policy.sections,
    )


def _answer(policy: "Policy", page: str, services: "Services | None" = None) -> "Reply":
    """What the site would answer for one of the pages about itself."""
    from msgspec.structs import replace

    from privacymw.pipeline import Pipeline

    services = services or _services(policy)
    notice = replace(policy.notice, versions="")  # what these settings give, whatever was published
    pipeline = Pipeline([notice.keeper(services)], prefix=policy.site.prefix, count=services.count)
    exchange = pipeline.begin("GET", "", f"{policy.site.prefix}/{page}", "", "https", None, {})
    assert exchange.reply is not None
    return exchange.reply


def _html(policy: "Policy") -> str:
    """The page in one file: its stylesheet is on no server yet."""
    services = _services(policy)
    page = _answer(policy, "notice", services).body.decode()
    style = base64.b64encode(services.pages.source("style.css")).decode()
    before, link, after = page.partition(f'"{policy.site.prefix}/style.css?')
    return f'{before}"data:text/css;base64,{style}"{after.partition(chr(34))[2]}' if link else page


def _text(policy: "Policy") -> None:
    from privacymw.words import Words

    title = Words(policy.site.language).text("Privacy notice")
    title += f" - {policy.organisation.name}" if policy.organisation.name else ""
    show.printed(show.plain(title))
    show.printed("=" * len(title))
    if json.loads(_answer(policy, "notice.json").body)["draft"]:
        show.printed("\nDraft, not in force: there is no effective date, or the mode is not on.")
    for section in policy.sections():
        _section(section)


def _section(section: "Section") -> None:
    show.printed(f"\n{show.plain(section.title)}\n{'-' * len(section.title)}\n")
    for sentence in section.sentences:
        show.paragraph(sentence.text)
    for each in section.tables:
        _table(each)


def _table(table: "Table") -> None:
    show.printed(f"\n{show.plain(table.caption)}:\n")
    show.table(table.head, table.rows)
