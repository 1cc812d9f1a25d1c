"""The page before a link: what it says of a destination, whose looks it has, and how long its links open."""

import itertools
import re
import threading
import time
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from faces import Answer
from privacymw.errors import SettingsError
from privacymw.notes import Note, Notes
from privacymw.tally import read_counts
from servers import gunicorn
from sites import BROWSER, FACES, OTHER_SECRET, SECRET, Portal, cookie_of, page_of, portal, started

faces = pytest.mark.parametrize("face", FACES)
OUT = "https://other.example/a?b=c#d"
THIRD_SECRET = "a secret that comes after the others"


def seal(site: Portal, target: str) -> str:
    links = site.started.services.links
    assert links is not None
    return links.seal(target)


def leaving(site: Portal, target: str = OUT, *headers: tuple[str, str], **more: Any) -> Answer:
    return site.ask(f"/privacy/leaving/{seal(site, target)}", *headers, **more)


# --- what is said of a destination

NOTES = """[[outbound.notes]]
host = "lab.example"
kinds = ["health", "contract"]

[[outbound.notes]]
host = "*.lab.example"
text = "Results of <tests> stand here."

[[outbound.notes]]
host = "bücher.example"
kinds = ["payment"]
"""
HEALTH = "That site is about health. Its address alone may tell others what you look for."
CONTRACT = "We have a contract with whoever runs that site; it says what they may do with your data."
SALUD = "Ese sitio trata de salud. Su dirección por sí sola puede decir a otros lo que usted busca."


def noted(face: str, folder: Path, **settings: str) -> Portal:
    (folder / "privacy.toml").write_text(NOTES)
    return portal(face, config=str(folder / "privacy.toml"), organisation_name="Example Health", **settings)


@faces
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("https://lab.example/", [HEALTH, CONTRACT]),
        ("https://a.lab.example/", ["Results of &lt;tests&gt; stand here."]),
        ("https://b.a.lab.example/", ["Results of &lt;tests&gt; stand here."]),
        ("https://xn--bcher-kva.example/", ["On that site you can pay. What you enter there does not come to us."]),
        ("https://lab.example.evil.example/", []),
        ("https://xlab.example/", []),
        ("https://lab.example./", []),
    ],
)
def test_a_note_is_said_of_its_host_alone(face: str, target: str, said: list[str], tmp_path: Path) -> None:
    text = leaving(noted(face, tmp_path), target).body.decode()
    assert re.findall(r'<p(?: lang="en")?>([^<]*)</p>\n', text.partition('<div class="note">')[2]) == said
    assert ("<small>Stated by Example Health</small>" in text) == bool(said)


@faces
def test_a_note_of_a_kind_is_translated_and_a_text_stays(face: str, tmp_path: Path) -> None:
    site = noted(face, tmp_path)
    for target, part in (
        ("https://lab.example/", f"<p>{SALUD}</p>"),
        ("https://a.lab.example/", '<p lang="en">Results of &lt;tests&gt; stand here.</p>'),
    ):
        text = site.ask(f"/privacy/es/leaving/{seal(site, target)}").body.decode()
        assert part in text
        assert "Lo declara Example Health" in text


def test_of_two_notes_the_nearer_counts() -> None:
    notes = Notes([Note(host="*.b.example", text="far"), Note(host="*.a.b.example", text="near")])
    assert [notes.of(host)[1] for host in ("x.b.example", "a.b.example", "x.a.b.example", "b.example")] == [
        "far", "far", "near", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        ('[{host = "lab.example"}]', "says nothing"),
        ('[{host = "lab.example", text = " "}]', "says nothing"),
        ('[{host = "https://lab.example", kinds = ["health"]}]', "is no host"),
        ('[{host = "lab.example", kinds = ["nice"]}]', "not one of the words"),
        ('[{host = "lab.example", kinds = ["health"]}, {host = "LAB.example", text = "x"}]', "two notes"),
        ('[{kinds = ["health"]}]', "host"),
        ('[{host = "lab.example", text = "x", by = "me"}]', "by"),
    ],
)
def test_a_note_that_cannot_be_used_is_refused(notes: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        started(outbound_notes=notes)


# --- what a form hands over


@faces
def test_the_fields_of_a_form_are_shown_as_they_were_written(face: str) -> None:
    site = portal(face)
    token = seal(site, "?https://other.example/s")
    text = site.ask(f"/privacy/leaving/{token}", query="name=Jos%C3%A9+P%C3%A9rez&q=%3Cb%3E&empty=").body.decode()
    found = re.findall(r"<dt><bdi>(.*?)</bdi></dt>\n<dd><bdi>(.*?)</bdi></dd>", text)
    assert [tuple(map(unescape, each)) for each in found] == [("name", "José Pérez"), ("q", "<b>"), ("empty", "")]
    assert 'href="https://other.example/s?name=Jos%C3%A9+P%C3%A9rez&amp;q=%3Cb%3E&amp;empty="' in text


@faces
def test_a_link_has_no_fields(face: str) -> None:
    text = leaving(portal(face), OUT, *BROWSER, query="q=1").body.decode()
    assert "<dl" not in text


@faces
def test_a_form_with_very_many_fields_is_cut(face: str) -> None:
    site = portal(face)
    query = "&".join(f"n{number}=1" for number in range(400))
    text = site.ask(f"/privacy/leaving/{seal(site, '?https://other.example/')}", query=query).body.decode()
    assert text.count("<dt>") == 100


# --- looks


@faces
def test_a_template_of_the_operators_takes_the_place_of_ours(face: str, tmp_path: Path) -> None:
    (tmp_path / "leaving.html").write_text("<p lang={{ language }}>{{ host }} {{ target }} {{ _('Stay here') }}</p>")
    site = portal(face, templates=str(tmp_path))
    answer = leaving(site, "https://other.example/?<b>")
    assert answer.body == b"<p lang=en>other.example https://other.example/?%3Cb%3E Stay here</p>"
    assert ("cache-control", "no-store") in answer.headers
    spanish = site.ask(f"/privacy/es/leaving/{seal(site, OUT)}").body.decode()
    assert spanish.startswith("<p lang=es>") and "Quedarse aquí" in spanish  # noqa: PT018


@faces
@pytest.mark.parametrize(
    ("block", "kept"),
    [("lead", "Continue to other.example"), ("actions", "Not ask again"), ("again", "Continue to other.example"),
     ("notes", "Continue to other.example"), ("footer", "Continue to other.example")],
)  # fmt: skip
def test_a_template_may_change_one_part_of_ours(face: str, block: str, kept: str, tmp_path: Path) -> None:
    (tmp_path / "leaving.html").write_text(
        f'{{% extends "privacymw/leaving.html" %}}{{% block {block} %}}<p>our words</p>{{% endblock %}}'
    )
    text = leaving(portal(face, templates=str(tmp_path))).body.decode()
    assert "<p>our words</p>" in text
    assert kept in text
    assert "<strong>other.example</strong>" in text


# --- what is counted


@faces
def test_counts_of_the_page_hold_no_address(face: str, tmp_path: Path) -> None:
    site = portal(face, data=str(tmp_path), addresses_mode="off", outbound_blocked="foe.example")
    leaving(site)
    cookie = cookie_of(site.post(f"/privacy/leaving/{seal(site, OUT)}", "again=site"))
    assert leaving(site, OUT, *BROWSER, cookie).status == 303
    leaving(site, "https://foe.example/")
    site.ask("/privacy/leaving/forged.token")
    site.started.pipeline.close()
    counts = read_counts(tmp_path)
    assert counts["leaving"] == {
        "pages shown": 1, "visitors sent on, as they chose": 1, "links to blocked hosts": 1,
        "forged or unknown tokens": 1,
    }  # fmt: skip
    assert not [word for word in ("other.example", "foe.example", "?b=c") if word in str(counts)]


# --- how long links open

PRINTED = "s169bf3.0gDQX5049G22ViH-4div42Mhf-49x1Kqdrs6Sdb6PbdKoICy_hGDSfNzVSGD"
OLD, NEW = SECRET, OTHER_SECRET


def opens(site: Portal, token: str) -> bool:
    return site.ask(f"/privacy/leaving/{token}").status == 200


@faces
def test_a_link_in_print_opens_as_long_as_its_secret_is_named(face: str) -> None:
    """The token stands in a newsletter: that it opens must not hang on what a version of ours does."""
    for settings in (
        {"secret_key": OLD},
        {"secret_key": f"{NEW}, {OLD}"},
        {"secret_key": NEW, "link_keys": OLD},
        {"secret_key": NEW, "link_keys": f"{THIRD_SECRET}, {OLD}"},
        {"secret_key": OLD, "link_keys": OLD},
    ):
        assert opens(portal(face, **settings), PRINTED), settings
    assert not opens(portal(face, secret_key=NEW), PRINTED)
    assert not opens(portal(face, secret_key=NEW, link_keys=THIRD_SECRET), PRINTED)


@faces
def test_a_former_secret_opens_links_and_does_nothing_else(face: str) -> None:
    before = portal(face, secret_key=OLD)
    cookie = cookie_of(before.post(f"/privacy/leaving/{seal(before, OUT)}", "again=all"))
    after = portal(face, page_of(f'<a href="{OUT}">x</a>'), secret_key=NEW, link_keys=OLD)
    assert after.ask(f"/privacy/leaving/{seal(before, OUT)}", *BROWSER, cookie).status == 200, (
        "the cookie counts no more"
    )
    assert seal(after, OUT) == seal(portal(face, secret_key=NEW), OUT)


def test_without_a_secret_in_force_former_ones_make_no_page() -> None:
    assert started(secret_key="", link_keys=OLD).services.links is None


@faces
def test_the_keys_of_the_folder_open_after_a_restart_and_after_a_move_to_the_settings(
    face: str, tmp_path: Path
) -> None:
    folder = {"data": str(tmp_path), "secret_key": "", "addresses_mode": "off"}
    token = seal(portal(face, **folder), OUT)
    assert opens(portal(face, **folder), token)
    assert opens(portal(face, **{**folder, "secret_key": NEW}), token)
    assert opens(portal(face, **{**folder, "link_keys": OLD}), PRINTED)
    assert not opens(portal(face, secret_key=NEW), token)


@faces
def test_a_new_line_in_the_folder_seals_and_the_old_one_opens(face: str, tmp_path: Path) -> None:
    folder = {"data": str(tmp_path), "secret_key": "", "addresses_mode": "off"}
    token = seal(portal(face, **folder), OUT)
    links = tmp_path / "links"
    (tmp_path / "other").mkdir(mode=0o700)
    portal(face, **{**folder, "data": str(tmp_path / "other")})
    links.write_text((tmp_path / "other" / "links").read_text() + links.read_text())
    after = portal(face, **folder)
    assert opens(after, token)
    assert seal(after, OUT) != token


STEPS = [OLD, f"{OLD}, {NEW}", f"{NEW}, {OLD}"]
"""Two steps, so that at each time any two processes that run side by side open each other's links."""


@faces
def test_processes_of_two_neighbouring_steps_open_each_others_links(face: str) -> None:
    sites = [portal(face, secret_key=step) for step in STEPS]
    sites.append(portal(face, secret_key=NEW, link_keys=OLD))
    for one, two in itertools.pairwise(sites):
        assert opens(one, seal(two, OUT))
        assert opens(two, seal(one, OUT))
    assert not opens(sites[0], seal(sites[2], OUT)), "which is why there are two steps"


@pytest.mark.long
@pytest.mark.servers
def test_a_secret_is_rotated_while_visitors_come(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(STEPS[0])
    app = "from privacymw.wsgi import PrivacyMiddleware\ndef page(environ, start):\n"
    app += '    start("200 OK", [("Content-Type", "text/html")])\n'
    app += f"    return [b'<a href=\"{OUT}\">x</a>']\napp = PrivacyMiddleware(page)\n"
    (tmp_path / "rotated.py").write_text(app)
    env = {"PRIVACYMW_DATA": "none", "PRIVACYMW_SECRET_KEY_FILE": str(secret)}
    keys: set[str] = set()
    faults: list[str] = []
    stop = threading.Event()

    def visit(url: str) -> None:
        kept = []
        while not stop.is_set():
            with httpx.Client(trust_env=False, base_url=url) as client:
                kept.append(client.get("/", headers={"accept": "text/html"}).text.split('href="')[1].split('"')[0])
                keys.add(kept[-1].rpartition("/")[2].partition(".")[0])
                for link in {kept[0], kept[-1]}:
                    answer = client.get(link)
                    if answer.status_code != 200 or OUT not in answer.text:
                        faults.append(f"{link}: {answer.status_code}")

    with gunicorn("rotated:app", folder=tmp_path, workers=2, env=env) as server:
        threads = [threading.Thread(target=visit, args=(server.url,)) for _ in range(3)]
        for each in threads:
            each.start()
        try:
            for step in STEPS[1:]:
                secret.write_text(step)
                before = server.log.count("Booting worker")
                server.process.send_signal(1)  # HUP: new workers, then the old ones go
                end = time.monotonic() + 30
                while server.log.count("Worker exiting") < before or server.log.count("Booting") < before + 2:
                    assert not stop.wait(0.1)
                    assert time.monotonic() < end, server.log
            end = time.monotonic() + 30
            while len(keys) < 2 and not faults and time.monotonic() < end:
                assert not stop.wait(0.1)
        finally:
            stop.set()
            for each in threads:
                each.join()
    assert faults == []
    assert len(keys) == 2, "links were made under both secrets"
