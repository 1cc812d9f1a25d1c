"""Each clause of the policy of a real company of this kind: kept, stated by the company, or left out for a reason.

The portals of the examples are such a company's. The clauses are told here in our own words.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import demo
from test_cli import call

pytestmark = pytest.mark.servers
EXAMPLES = Path(__file__).parent.parent / "examples"


class Clause(NamedTuple):
    """What a clause says, the sentences that keep it, the beginnings of the company's own, and why it is left out."""

    says: str
    kept: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    absent: str = ""


CLAUSES = [
    Clause("for all sites of the company", stated=("This notice is for the web sites", "These are: ")),
    Clause("patient information is protected", ("confidential.store", "confidential.log", "confidential.referrer"),
           ("We protect the privacy of the patient information",)),
    Clause("it acts as a business associate, within HIPAA",
           stated=("Example Health acts as a business associate", "We use it and share it to do that work")),
    Clause("rules on collection, use and sharing; safeguards", stated=("We have rules on how we collect",)),
    Clause("paper copies of them", stated=("Paper copies",)),
    Clause("usage is analyzed, stored, and put together into figures",
           absent="nothing counts visits yet; to state it would be false of these portals"),
    Clause("preferences are kept in a cookie", ("choices.cookie", "choices.page", "choices.holds")),
    Clause("cookies follow how one moves through the site", absent="these portals set no such cookie"),
    Clause("what a cookie is, and who can read it", ("choices.reach",), ("A cookie is a small file", "Once a cookie")),
    Clause("who changes cookies may see less of the site", stated=("If you block cookies",)),
    Clause("what an IP address is for, and that it may show the provider",
           ("addresses.what",), ("Our server needs your IP address",)),
    Clause("the address is used to find faults and to run the site",
           ("addresses.retention", "addresses.sealed"), ("We use this to find out what is wrong",)),
    Clause("registration is voluntary, instead of a call; what it asks for", stated=("You may use our sites without",)),
    Clause("used to know who somebody is, and kept confidential", stated=("We use what you give us",)),
    Clause("nothing is sold, rented or lent", stated=("We do not sell, rent or lend",)),
    Clause("links to other sites: for convenience, no endorsement, no guarantee, other rules",
           ("outbound.mode", "outbound.remember"), ("Links to other sites are there", "We do not answer for")),
    Clause("what is sent is encrypted", ("headers.hsts",), ("What you send us travels encrypted",)),
    Clause("attacks are noticed and answered", stated=("What you send us travels encrypted, by TLS. We watch",)),
    Clause("no answer to Do Not Track", ("signals.dnt",)),
    Clause("navigation may be followed all the same", absent="nothing follows it"),
    Clause("what another site did with the signal ends here", stated=("If you come to us from a site",)),
    Clause("the company may write to an address it was given", stated=("If you give us your e-mail address",)),
    Clause("mail is not secure; others may read it", stated=("E-mail is not a fully secure way",)),
    Clause("effective since a day, and subject to change",
           stated=("This notice is effective", "This notice may change")),
]  # fmt: skip
clauses = pytest.mark.parametrize("clause", CLAUSES, ids=lambda each: each.says)


@pytest.fixture(scope="module", params=["flask", "starlette"])
def sentences(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """What the page of a portal says, and what `check` saw of it."""
    settings = demo.read_settings(EXAMPLES / "portal.env")
    done = call("check", "portal:app", "--json", cwd=EXAMPLES / f"{request.param}_app", env=settings)
    return {each["name"]: each for each in json.loads(done.out)["sentences"]}


@clauses
def test_a_clause_is_on_the_page(clause: Clause, sentences: dict[str, dict[str, Any]]) -> None:
    assert bool(clause.absent) != bool(clause.kept or clause.stated)
    for name in clause.kept:
        assert (sentences[name]["kind"], sentences[name]["verdict"]) == ("kept", "held"), sentences[name]
    stated = [each["text"] for each in sentences.values() if each["kind"] == "stated"]
    for beginning in clause.stated:
        assert [each for each in stated if each.startswith(beginning)], beginning


def test_no_statement_is_without_a_clause() -> None:
    told = [beginning for clause in CLAUSES for beginning in clause.stated]
    for each in tomllib.loads((EXAMPLES / "portal.toml").read_text())["notice"]["statements"]:
        assert [beginning for beginning in told if each["text"].startswith(beginning)], each["text"]
