"""Links that were judged before: on a second page they become the same, and are counted as often."""

from typing import Any

import pytest

from privacymw.promises import outbound
from privacymw.tally import read_counts
from sites import FACES, page_of, portal

faces = pytest.mark.parametrize("face", FACES)
LINK = "https://www.cdc.gov/flu"
PAGE = (
    f'<p><a href="{LINK}">cdc.gov</a> <a href="{LINK}">The flu</a> <a href="/own">own</a>'
    f'<a href="{LINK}">cdc.gov <a href="{LINK}">The flu</a> <a download href="{LINK}">x</a>'
    '<a href="mailto:a@example.org?member_id=1">mail</a> <a ping="https://p.example/" href="/own">own</a>'
)


def asked(face: str, folder: Any, times: int, **settings: str) -> tuple[list[bytes], Any]:
    site = portal(face, page_of(PAGE), data=str(folder), sites="example.org", addresses_mode="off", **settings)
    bodies = [site.ask("/pages").body for _ in range(times)]
    site.started.pipeline.close()
    return bodies, read_counts(folder)


@faces
@pytest.mark.parametrize("mode", ["interstitial", "annotate"])
def test_what_is_remembered_changes_no_byte_and_no_count(face: str, mode: str, tmp_path: Any, monkeypatch: Any) -> None:
    with_it, counted = asked(face, tmp_path / "with", 3, outbound_mode=mode, secret_key="a secret for two sites")
    assert len(set(with_it)) == 1
    monkeypatch.setattr(outbound, "Shelf", lambda: None)
    without, plainly = asked(face, tmp_path / "without", 3, outbound_mode=mode, secret_key="a secret for two sites")
    assert with_it == without
    assert counted["links"] == plainly["links"]
    assert counted["outbound hosts"] == plainly["outbound hosts"]
    assert sum(counted["links"].values()) == 3 * 5


@faces
def test_the_host_is_named_by_each_links_own_text(face: str, tmp_path: Any) -> None:
    (first, second), _ = asked(face, tmp_path, 2, outbound_mode="annotate")
    assert first == second
    assert first.count(b">cdc.gov</a>") == 1
    assert first.count(b">The flu (www.cdc.gov)</a>") == 2


@faces
def test_of_a_confidential_page_nothing_is_remembered(face: str, tmp_path: Any) -> None:
    site = portal(face, page_of(PAGE), data=str(tmp_path), confidential_paths="/members", addresses_mode="off")
    keeper: Any = next(each for each in site.started.pipeline.keepers if each.name == "outbound")
    site.ask("/members/1")
    assert not keeper._rules.shelf._places
    assert keeper._confidential.shelf is None
    site.ask("/pages")
    assert keeper._rules.shelf._places
