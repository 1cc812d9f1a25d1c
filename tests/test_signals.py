"""Browser signals: what the site says of them, and that it is true."""

import json

import pytest

from faces import Site
from sites import BROWSER, FACES, header, page_of, portal

pytestmark = pytest.mark.parametrize("face", FACES)
GPC, DNT = "/.well-known/gpc.json", "/.well-known/dnt/"
NOT_FOUND = page_of("not here", status=404)


@pytest.mark.parametrize("path", ["/", "/privacy/notice", "/privacy/choices", DNT, GPC])
@pytest.mark.proves("signals.dnt")
def test_silence_is_the_same_bytes_with_and_without_a_signal(face: str, path: str) -> None:
    site = portal(face, choices_categories="sale, statistics", choices_model="opt-in")
    signals = [(), (("dnt", "0"),), (("dnt", "1"),), (("sec-gpc", "1"),), (("dnt", "1"), ("sec-gpc", "1"))]
    answers = [site.ask(path, *BROWSER, *each) for each in signals]
    assert answers.count(answers[0]) == len(answers)
    assert not {"tk", "vary"} & {name for name, _ in answers[0].headers}


@pytest.mark.parametrize(
    ("signal", "seen"),
    [
        ("1", True),
        ("0", False),
        ("", False),
        ("true", False),
        ("1, 1", True),
        ("0, 1", True),
        ("11", False),
        ("é", False),
    ],
)
def test_a_view_sees_the_signal(face: str, signal: str, seen: bool) -> None:
    site = portal(face, lambda visit: page_of(str(visit.signals.gpc)))
    assert site.ask("/", *BROWSER, ("sec-gpc", signal)).body.decode() == str(seen)


@pytest.mark.parametrize(
    ("setting", "path", "document"),
    [
        ({}, GPC, None),
        ({"signals_gpc": "off"}, GPC, None),
        ({"signals_gpc": "2026-01-31"}, GPC, {"gpc": True, "lastUpdate": "2026-01-31"}),
        ({"signals_gpc": "2026-01-31", "mode": "observe"}, GPC, None),
        ({"signals_gpc": "2026-01-31", "mode": "off"}, GPC, None),
        ({}, DNT, None),
        ({"signals_dnt": "disclose"}, DNT, {"tracking": "D", "policy": "/privacy/notice#signals"}),
        ({"signals_dnt": "disclose", "prefix": "/data"}, DNT, {"tracking": "D", "policy": "/data/notice#signals"}),
    ],
)
@pytest.mark.proves("signals.gpc", "signals.disclose")
def test_well_known_addresses(face: str, setting: dict[str, str], path: str, document: object) -> None:
    answer = portal(face, NOT_FOUND, **setting).ask(path)
    assert (json.loads(answer.body) if answer.status == 200 else None) == document
    assert answer.status == 200 or answer.body == b"not here"
    assert "set-cookie" not in dict(answer.headers)


def test_gpc_that_is_just_on_has_a_date(face: str) -> None:
    document = json.loads(portal(face, NOT_FOUND, signals_gpc="on").ask(GPC).body)
    assert document["gpc"] is True
    assert len(document["lastUpdate"]) == 10


@pytest.mark.parametrize("path", [GPC, DNT])
def test_well_known_addresses_stand_at_the_root_only(face: str, path: str) -> None:
    site = portal(face, NOT_FOUND, signals_gpc="2026-01-31", signals_dnt="disclose")
    assert site.ask(path, root="/app").body == b"not here"
    assert site.ask(path, method="POST").body == b"not here"
    assert site.ask(path, method="HEAD").status == 200


@pytest.mark.parametrize("path", [GPC, DNT])
def test_the_apps_own_document_wins(face: str, path: str) -> None:
    view = Site(200, (("content-type", "application/json"),), (b"{}",))
    assert portal(face, view, signals_gpc="2026-01-31", signals_dnt="disclose").ask(path).body == b"{}"


def test_document_types(face: str) -> None:
    site = portal(face, NOT_FOUND, signals_gpc="2026-01-31", signals_dnt="disclose")
    assert header(site.ask(GPC), "content-type") == "application/json"
    assert header(site.ask(DNT), "content-type") == "application/tracking-status+json"
