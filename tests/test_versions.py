"""Published versions: frozen words, the archive, what publishing refuses, and what it tells."""

import datetime
import hashlib
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from privacymw import honesty
from privacymw.cli import main
from privacymw.pipeline import Pipeline
from privacymw.promise import Section, Sentence
from privacymw.startup import start
from privacymw.store.chain import FileChain
from privacymw.store.chain import faults as chain_faults
from privacymw.store.chain import told as chain_told
from privacymw.versions import changes, read_archive
from sites import FACES, environ, header, page_of, portal

faces = pytest.mark.parametrize("face", FACES)
TODAY = datetime.datetime.now(datetime.UTC).date()
NOT_FOUND = page_of("not here", status=404)
SECRET = "a secret that is long enough for a test"


def days(count: int) -> str:
    return str(TODAY + datetime.timedelta(days=count))


class Publisher:
    """An operator with a repository: settings, the commands, and a site that runs with them."""

    def __init__(self, folder: Path, monkeypatch: Any, capsys: Any) -> None:
        self.folder, self._environment, self._capsys = folder / "versions", monkeypatch, capsys
        self.settings = {
            "organisation_name": "Example Health",
            "organisation_contact": "privacy@example.org",
            "notice_versions": str(self.folder),
            "secret_key": SECRET,
            "sites": "example.org",
            "data": str(folder / "data"),
        }

    def run(self, *arguments: str) -> tuple[int, str, str]:
        with self._environment.context() as environment:
            for name, value in self.settings.items():
                environment.setenv(f"PRIVACYMW_{name.upper()}", value)
            code = main(["notice", *arguments])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def publish(self, *arguments: str) -> str:
        code, out, err = self.run("publish", *arguments)
        assert code == 0, err
        return out

    def refused(self, *arguments: str) -> str:
        code, out, err = self.run("publish", *arguments)
        assert (code, out) == (1, "")
        return err

    def site(self, face: str, **more: str) -> Any:
        return portal(face, NOT_FOUND, **{**self.settings, **more})

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture(name="publisher")
def _publisher(tmp_path: Path, monkeypatch: Any, capsys: Any) -> Publisher:
    return Publisher(tmp_path, monkeypatch, capsys)


def test_the_first_version_is_a_file_for_the_repository(publisher: Publisher) -> None:
    out = publisher.publish()
    assert publisher.files == [f"0001-{TODAY}.json"]
    assert f"Version 1 is published in {publisher.folder}/0001-{TODAY}.json; it holds from {TODAY} on." in out
    content = (publisher.folder / publisher.files[0]).read_text()
    assert SECRET not in content
    version = read_archive(publisher.folder).versions[0]
    assert (version.number, version.material, version.previous) == (1, True, "")
    assert set(version.sections) == {"en", "es"}


@faces
def test_published_words_stay_whatever_the_settings_say(face: str, publisher: Publisher, caplog: Any) -> None:
    publisher.publish("--effective", "2026-01-31")
    before = publisher.site(face).ask("/privacy/notice.json").body
    with caplog.at_level(logging.WARNING):
        site = publisher.site(face, addresses_retention="60d", organisation_name="Another")
    assert site.ask("/privacy/notice.json").body == before
    assert (
        "version 1 of the notice, in force, promises otherwise than these settings do: addresses.retention"
        in caplog.text
    )
    document = json.loads(before)
    assert (document["draft"], document["effective"], document["version"]["number"]) == (False, "2026-01-31", 1)
    text = site.ask("/privacy/notice").body.decode()
    assert "at most 30 days" in text
    assert "This notice is effective January 31, 2026." in text
    assert "Draft" not in text
    assert 'rel="privacy-policy"' in header(site.ask(), "link")


def test_a_start_asks_for_no_day_where_one_is_published(publisher: Publisher, caplog: Any) -> None:
    def told() -> str:
        caplog.clear()
        start(environ(**publisher.settings)).pipeline.close()
        return str(caplog.text)

    with caplog.at_level(logging.WARNING):
        assert "PRIVACYMW_NOTICE_EFFECTIVE=" in told()
        publisher.publish()
        publisher.settings["organisation_role"] = "covered entity"  # else the same start is not told twice
        text = told()
    assert "PRIVACYMW_TRUSTED_PROXIES=" in text
    assert "PRIVACYMW_NOTICE_EFFECTIVE=" not in text


@faces
def test_in_observe_nothing_published_is_claimed(face: str, publisher: Publisher) -> None:
    publisher.publish("--effective", "2026-01-31")
    site = publisher.site(face, mode="observe")
    assert json.loads(site.ask("/privacy/notice.json").body)["draft"]
    assert site.ask("/privacy/archive").status == 404


@pytest.fixture(name="two")
def _two(publisher: Publisher) -> Publisher:
    """A version in force, and one to come that keeps addresses longer."""
    publisher.publish("--effective", "2026-01-31")
    publisher.settings["addresses_retention"] = "60d"
    publisher.publish("--material", "--effective", days(14), "--summary", "We keep addresses for longer.")
    return publisher


@faces
def test_a_version_to_come_is_announced_and_switches_by_itself(face: str, two: Publisher) -> None:
    def told(**more: str) -> str:
        return str(two.site(face, **more).ask("/privacy/notice").body.decode())

    assert "at most 30 days" in told()
    assert 'href="/privacy/archive/2">Read the new version</a>' in told()
    assert "Read the new version" not in told(notice_announce="13d")
    path = two.folder / two.files[1]
    path.rename(path.with_name(f"0002-{TODAY}.json"))
    path = path.with_name(f"0002-{TODAY}.json")
    path.write_text(path.read_text().replace(days(14), str(TODAY)))
    assert "at most 60 days" in told()
    assert "Read the new version" not in told()


def test_it_switches_at_its_day_without_a_restart(two: Publisher) -> None:
    now = [datetime.datetime.combine(TODAY, datetime.time(12), datetime.UTC).timestamp()]
    started = start(environ(**two.settings))
    services = replace(started.services, clock=lambda: now[0])
    keeper = started.policy.notice.keeper(services)
    pipeline = Pipeline([keeper])

    def told() -> str:
        exchange = pipeline.begin("GET", "", "/privacy/notice.txt", "", "https", None, {})
        assert exchange.reply
        return exchange.reply.body.decode()

    assert "30 days" in told()
    now[0] += 14 * 86_400
    assert "60 days" in told()
    started.pipeline.close()


@faces
def test_the_archive_shows_dates_words_and_changes(face: str, two: Publisher) -> None:
    site = two.site(face)
    listed = site.ask("/privacy/archive").body.decode()
    for text in ("January 31, 2026", "in force", "to come", "We keep addresses for longer.", "The first version."):
        assert text in listed
    assert read_archive(two.folder).head in listed
    first = site.ask("/privacy/archive/1")
    assert (first.status, header(first, "x-robots-tag")) == (200, "noindex, nofollow")
    assert "Version 1, from January 31, 2026 to " in first.body.decode()
    changed = site.ask("/privacy/archive/2/changes").body.decode()
    assert re.search(r"<del>Your address can be read for at most 30 days .*</del>", changed)
    assert re.search(r"<ins>Your address can be read for at most 60 days .*</ins>", changed)
    spanish = site.ask("/privacy/es/archive/2/changes").body.decode()
    assert re.search(r"<ins>[^<]*60 días", spanish)
    assert '<p lang="en">We keep addresses for longer.</p>' in spanish
    for each in ("0", "3", "01", "x", "1/changes", "2/x", "2/changes/x", "²"):
        assert site.ask(f"/privacy/archive/{each}").status == 404
    assert site.ask("/privacy/archive", method="POST").status == 405


@faces
def test_without_versions_there_is_an_archive_for_the_chain_alone(face: str, publisher: Publisher) -> None:
    site = publisher.site(face)
    listed = site.ask("/privacy/archive").body.decode()
    lines = FileChain(Path(publisher.settings["data"], "chain.jsonl")).lines()
    assert "No version of the notice was published here so far." in listed
    assert f"There are {len(lines)} entries" in listed
    assert hashlib.sha256(lines[-1]).hexdigest() in listed
    assert hashlib.sha256(lines[-1]).hexdigest() in site.ask("/privacy/es/archive").body.decode()
    assert "No se publicó aquí ninguna versión" in site.ask("/privacy/es/archive").body.decode()
    assert 'href="/privacy/archive"' in site.ask("/privacy/evidence").body.decode()
    assert b"archive" not in site.ask("/privacy/notice").body


@faces
def test_without_versions_and_without_a_log_there_is_no_archive(face: str, publisher: Publisher) -> None:
    site = publisher.site(face, data="none")
    assert site.ask("/privacy/archive").status == 404


@faces
def test_a_start_enters_versions_in_the_chain_once(face: str, two: Publisher) -> None:
    chain = FileChain(Path(two.settings["data"], "chain.jsonl"))
    for _ in range(2):
        two.site(face).started.pipeline.close()
        told = [link for link in chain_told(chain.lines()) if link.kind == "version"]
        assert [link.number for link in told] == [1, 2]
        files = [hashlib.sha256((two.folder / name).read_bytes()).hexdigest() for name in two.files]
        assert [link.sha256 for link in told] == files
    assert chain_faults(chain.lines()) == []


# --- what publishing refuses


@pytest.mark.parametrize(
    ("settings", "arguments", "why"),
    [
        ({"organisation_contact": ""}, (), "PRIVACYMW_ORGANISATION_CONTACT is not set"),
        ({"organisation_name": ""}, (), "PRIVACYMW_ORGANISATION_NAME is not set"),
        ({"mode": "observe"}, (), "PRIVACYMW_MODE=observe: the site does not do what the page says"),
        ({"notice_wording": '{"addresses.retention" = "30 days."}'}, (), "it lacks {retention}"),
    ],
)
def test_a_first_version_that_is_not_honest_is_refused(
    publisher: Publisher, settings: dict[str, str], arguments: tuple[str, ...], why: str
) -> None:
    publisher.settings |= settings
    assert why in publisher.refused(*arguments)
    assert not publisher.folder.exists()


@pytest.mark.parametrize(
    ("settings", "arguments", "why"),
    [
        ({}, (), "no sentence has changed since version 1"),
        ({"addresses_retention": "7d"}, (), "it changes what is done with data (addresses.retention"),
        ({"addresses_retention": "7d"}, ("--material",), "--summary TEXT"),
        (
            {"addresses_retention": "7d"},
            ("--material", "--summary", "x", "--effective", days(13)),
            f"--effective {days(14)}",
        ),
        ({"notice_terms": "/terms"}, ("--effective", "2020-01-31"), "a later one cannot begin before"),
    ],
)
def test_a_later_version_that_is_not_honest_is_refused(
    publisher: Publisher, settings: dict[str, str], arguments: tuple[str, ...], why: str
) -> None:
    publisher.publish("--effective", "2026-01-31")
    publisher.settings |= settings
    assert why in publisher.refused(*arguments)
    assert len(publisher.files) == 1


def test_words_alone_need_no_announcement(publisher: Publisher) -> None:
    publisher.publish("--effective", "2026-01-31")
    publisher.settings["notice_terms"] = "/terms"
    assert f"it holds from {TODAY} on" in publisher.publish("--words")


def damaged(text: str) -> str:
    return text.replace("30 days", "31 days")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda path: path.write_text(damaged(path.read_text())), "does not follow the file before it"),
        (lambda path: path.write_text("{"), "0001-2026-01-31.json: "),
        (lambda path: path.unlink(), "has the number 2, not 1"),
        (lambda path: path.rename(path.with_name("0001-2026-02-01.json")), "should be named 0001-2026-01-31.json"),
    ],
)
@faces
def test_a_file_that_was_changed_is_told_and_stops_nobody(
    face: str, two: Publisher, harm: Callable[[Path], object], told: str, caplog: Any
) -> None:
    harm(two.folder / two.files[0])
    code, _, err = two.run("list")
    assert code == 2
    assert told in err
    with caplog.at_level(logging.WARNING):
        assert two.site(face).ask("/privacy/notice").status == 200
    assert told in caplog.text
    two.settings["notice_terms"] = "/terms"
    assert told in two.refused("--words")


# --- lists, comparisons and the message


def test_list_and_diff_and_message(two: Publisher) -> None:
    code, out, _ = two.run("list")
    assert code == 0
    assert re.search(r"1 +2026-01-31 .* material +in force", out)
    assert re.search(rf"2 +{days(14)} .* material +to come +We keep addresses for longer\.", out)
    assert read_archive(two.folder).head in out
    code, out, _ = two.run("diff", "1", "2", "--json")
    assert [each["name"] for each in json.loads(out) if each["behaves"]] == ["addresses.retention"]
    code, out, _ = two.run("diff")
    assert (code, "- Your address can be read for at most 30 days" in out) == (0, True)
    assert two.run("diff", "1", "7")[2].strip().endswith("there is no version 7; there are: 1, 2")
    _, message, _ = two.run("render")
    assert message.startswith("Subject: Our privacy notice changes on ")
    for text in ("We keep addresses for longer.", "https://example.org/privacy/archive/2", "privacy@example.org"):
        assert text in message
    assert two.run("render", "2", "--language", "es")[1].startswith("Subject: Nuestro aviso de privacidad cambia el ")


def test_before_anything_is_published(publisher: Publisher) -> None:
    assert "nothing was published yet" in publisher.run("list")[2]
    assert "nothing was published yet" in publisher.run("render")[2]
    assert "no version is in force" in publisher.run("diff")[2]


# --- other words for a sentence


def sentence(template: str, by: str = "") -> Section:
    return Section("x", "X", (Sentence("x.time", template, {"time": "3 days"}, by),))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("We keep it for {time} at most.", ""),
        ("We keep it.", "it lacks {time}"),
        ("We keep it for 3 days, {time}.", "'3' is a number"),
        ("We keep it for a week, {time}.", "'week' is a length of time"),
        ("Una semana: {time}.", "'semana' is a length of time"),
        ("See example.org: {time}.", "'example.org' is a host"),
        ("The cookie _ga lives {time}.", "'_ga' is the name of a cookie"),
        ("The cookie session lives {time}.", "'session' is the name of a cookie"),
        ("We keep it for {time} and {more}.", "it has no value for {more}; there are: {time}"),
        ("We keep it for {time!r}.", "a placeholder is a name in braces"),
        ("We keep it for {time.__class__}.", "a placeholder is a name in braces"),
        ("We keep it for {}.", "a placeholder is a name in braces"),
        ("We keep it for {time", "its braces do not match"),
        ("All of it is anonymous, {time}.", "'All' promises more than software can keep"),
    ],
)
def test_a_kept_sentence_keeps_its_placeholders_and_takes_no_values(words: str, why: str) -> None:
    found = honesty.faults({"x.time": words}, [sentence("{time}")], ["session"])
    assert found == {} if not why else why in found["x.time"]


def test_what_a_person_states_may_say_what_it_likes_around_its_placeholders() -> None:
    stated = [sentence("{time}", "Jane Doe")]
    assert not honesty.faults({"x.time": "For 3 days, {time}, see example.org."}, stated)
    assert "nearest is x.time" in honesty.faults({"x.tim": "x"}, stated)["x.tim"]


@faces
def test_other_words_are_used_where_they_are_honest(face: str, tmp_path: Path, caplog: Any) -> None:
    wording = '{"addresses.retention" = "After {retention} at most it is gone.", "addresses.size" = "It is small."}'
    with caplog.at_level(logging.WARNING):
        site = portal(face, notice_wording=wording, data=str(tmp_path))
    page = site.ask("/privacy/notice").body.decode()
    assert "After 30 days at most it is gone." in page
    assert "It is small." not in page
    assert "other words for addresses.size are not used: it lacks {size}" in caplog.text
    assert "After" not in site.ask("/privacy/es/notice").body.decode()


# --- what counts as a change


@pytest.mark.parametrize(
    ("before", "after", "behaves"),
    [
        (Sentence("x.a", "One."), Sentence("x.a", "Other words."), False),
        (Sentence("x.a", "One.", facts={"mode": "on"}), Sentence("x.a", "One.", facts={"mode": "off"}), True),
        (Sentence("x.a", "{n}.", {"n": "1"}), Sentence("x.a", "{n}.", {"n": "2"}), True),
        (Sentence("x.a", "One."), None, True),
        (None, Sentence("x.a", "One."), True),
        (Sentence("x.a", "One.", {}, "Jane"), None, False),
        (Sentence("x.a", "One.", {}, "Jane"), Sentence("x.a", "Two.", {}, "Jane"), False),
        (Sentence("x.a", "One."), Sentence("x.a", "One.", {}, "Jane"), True),
    ],
)
def test_a_change_of_what_is_done_is_told_from_one_of_words(before: Any, after: Any, behaves: bool) -> None:
    pages = [[Section("x", "X", (each,))] if each else [] for each in (before, after)]
    assert [each.behaves for each in changes(*pages)] == [behaves]


def test_nothing_changes_by_itself() -> None:
    page = [Section("x", "X", (Sentence("x.a", "One."),))]
    assert changes(page, page) == []


# --- a text that was approved before

APPROVED = """Privacy Policy

# Your address
We use your IP address to help diagnose problems with our server.

Do Not Track
We do not respond to "do not track" signals.
Personal data
We do not sell "any" personal information \\ data about you.
"""


def test_an_approved_text_is_bound_to_what_keeps_it(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "policy.txt").write_text(APPROVED)
    code, out, _ = publisher.run("adopt", str(tmp_path / "policy.txt"), "--json")
    found = json.loads(out)
    assert code == 0
    bound = [(each["section"], each["sentence"], each["kept"]) for each in found["bindings"]]
    assert bound == [("addresses", "addresses.why", False), ("signals", "signals.dnt", True), ("personal", None, False)]
    assert "addresses.retention" in found["untold"]
    assert "signals.dnt" not in found["untold"]
    out, err = publisher.run("adopt", str(tmp_path / "policy.txt"))[1:]
    assert "[signals.dnt] We do not respond" in out
    assert "A person has to confirm each line." in err


def test_what_nothing_keeps_becomes_a_statement(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "policy.txt").write_text(APPROVED)
    toml = publisher.run("adopt", str(tmp_path / "policy.txt"), "--toml")[1]
    (tmp_path / "privacy.toml").write_text(toml)
    site = publisher.site("wsgi", config=str(tmp_path / "privacy.toml"))
    said = 'We do not sell "any" personal information \\ data about you.'
    assert said in site.ask("/privacy/notice.txt").body.decode()


def test_a_text_that_cannot_be_read_is_named(publisher: Publisher, tmp_path: Path) -> None:
    assert "nowhere.txt: No such file" in publisher.run("adopt", str(tmp_path / "nowhere.txt"))[2]
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "it is not UTF-8 text" in publisher.run("adopt", str(tmp_path / "bytes"))[2]
