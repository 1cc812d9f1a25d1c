"""Bundles of evidence: what is in one, and that no change of one goes unseen."""

import hashlib
import io
import json
import os
import re
import stat
import struct
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checked import WHOLE
from privacymw.address import pack
from privacymw.bundle.clean import Cleaner
from privacymw.bundle.packing import NotBundle, digest, document, packed, unzipped, zipped
from privacymw.bundle.signing import Signer, fingerprint
from privacymw.bundle.trial import trial
from privacymw.bundle.verifying import Wanted, verified
from privacymw.bundle.words import PROVES, PROVES_NOT, readme
from privacymw.cli import main
from privacymw.errors import SettingsError, StoreError
from privacymw.store import Terms
from privacymw.store.chain import CHAIN, FileChain, Link
from test_check_cli import READY, SETTINGS
from test_cli import call


def chain_lines(folder, count):
    chain = FileChain(folder / f"chain-{count}.jsonl")
    for step in range(count):
        chain.append([Link(kind="key-made", lane="address", start=step, deadline=step + 1)], step)
    return chain.lines()


@pytest.fixture
def signer(tmp_path):
    return Signer(tmp_path / "evidence.key")


def bundle_of(signer, lines=(), **more):
    files = {"about.json": b"{}\n", CHAIN: b"".join(lines), "notice/settings/en.txt": b"text\n", **more}
    head = {"entries": len(lines), "head": digest(lines[-1])} if lines else None
    return packed(files, {"made": "2026-01-31T00:00:00Z", "log": "a test", "chain": head, "versions": None}, signer)


@pytest.fixture
def bundle(tmp_path, signer):
    return bundle_of(signer, chain_lines(tmp_path, 3))


def wrong(content, **wanted):
    return [each.text for each in verified(content, Wanted(**wanted)).findings if not each.held]


# --- the key


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path, signer):
    path = tmp_path / "evidence.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Signer(path).public == signer.public
    path.chmod(0o640)
    with pytest.raises(StoreError, match="chmod 600"):
        Signer(path)


@pytest.mark.parametrize("content", [b"", b"no key\n", b"rsa", b"password"])
def test_another_file_is_no_key(tmp_path, content):
    path = tmp_path / "other.key"
    if content in (b"rsa", b"password"):
        kind = {b"rsa": ["-algorithm", "RSA"], b"password": ["-algorithm", "ED25519", "-aes256", "-pass", "pass:x"]}
        run = subprocess.run(["openssl", "genpkey", *kind[content]], capture_output=True, check=True)
        content = run.stdout
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="no Ed25519 key"):
        Signer(path)


# --- the form


def test_the_same_content_gives_the_same_bytes(signer, tmp_path, bundle):
    again = bundle_of(signer, chain_lines(tmp_path, 3))
    assert again == bundle
    form = zipped({"b.txt": b"2", "a/x.txt": b"1"})
    assert hashlib.sha256(form).hexdigest() == "1b34e76c2e44b1f35850c1e9adab9890df170536ff45e7e4d5f8f5b2d144d4fb", (
        "another Python writes other bytes: old bundles would not verify"
    )


def test_openssl_verifies_it_too(tmp_path, bundle):
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        archive.extractall(tmp_path / "out")
    command = "openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in manifest.json -sigfile manifest.sig"
    mark = "openssl pkey -pubin -in public.pem -outform DER | sha256sum"
    for line in (command, mark):
        assert line in readme("now", "a test").decode()
    run = subprocess.run(["bash", "-c", f"{command} && {mark}"], cwd=tmp_path / "out", capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert fingerprint((tmp_path / "out" / "public.pem").read_bytes()) in run.stdout


def test_a_whole_bundle_is_whole(signer, bundle):
    found = verified(bundle)
    assert found.held
    assert {each.code for each in found.findings} == {"signature", "files", "chain", "versions"}
    assert "compare it" in next(each.text for each in found.findings if each.code == "signature")
    assert wrong(bundle, key=fingerprint(signer.public)) == []
    assert wrong(bundle, key="0" * 64) == [f"by another key than yours: {fingerprint(signer.public)}"]


FILES = ["README.txt", "about.json", CHAIN, "notice/settings/en.txt", "public.pem", "manifest.json", "manifest.sig"]


@pytest.fixture
def files(tmp_path, signer):
    return unzipped(bundle_of(signer, chain_lines(tmp_path, 3), **{"README.txt": readme("now", "a test")}))


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_any_file_shows(files, name):
    content = files[name]
    for at in (0, len(content) // 2, len(content) - 1):
        changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        assert wrong(zipped({**files, name: changed})), (name, at)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_or_empty_shows(files, name):
    assert wrong(zipped({each: content for each, content in files.items() if each != name}))
    assert wrong(zipped({**files, name: b""}))


def test_a_file_that_was_added_shows(files):
    assert wrong(zipped({**files, "more.json": b"{}"})) == ["more.json is not in the manifest"]


def test_a_manifest_made_anew_is_not_signed(files):
    manifest = json.loads(files["manifest.json"])
    manifest["files"]["about.json"]["sha256"] = digest(b"[]")
    changed = zipped({**files, "about.json": b"[]", "manifest.json": document(manifest)})
    assert len(wrong(changed)) == 1
    assert "is not what the owner of the key" in wrong(changed)[0]


def test_a_bundle_signed_anew_has_another_key(tmp_path, files, signer):
    other = Signer(tmp_path / "other.key")
    signed = {name: each for name, each in files.items() if name not in ("public.pem", "manifest.json", "manifest.sig")}
    lines = signed[CHAIN].splitlines(keepends=True)
    facts = {"chain": {"entries": 3, "head": digest(lines[-1])}, "versions": None}
    forged = packed({**signed, "about.json": b"[]"}, facts, other)
    assert wrong(forged) == [], "which is what PROVES_NOT says"
    assert wrong(forged, key=fingerprint(signer.public))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_bit_of_a_bundle_can_be_changed(data):
    content = _BUNDLE
    at = data.draw(st.integers(0, len(content) * 8 - 1))
    changed = bytearray(content)
    changed[at // 8] ^= 1 << at % 8
    assert not verified(bytes(changed)).held


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 3000), st.booleans())
def test_no_bytes_make_it_raise(noise, cut, front):
    content = noise + _BUNDLE[cut:] if front else _BUNDLE[: len(_BUNDLE) - cut] + noise
    assert content == _BUNDLE or not verified(content).held


def test_a_zip_bomb_is_not_read():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(200 << 20))
    begun = time.process_time()
    assert wrong(out.getvalue()) == ["it claims to hold more than it has bytes"]
    small = io.BytesIO()
    with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"{}")
    assert "compressed" in wrong(small.getvalue())[0]
    assert time.process_time() - begun < 1


def test_files_that_overlap_are_not_read():
    """Many entries of the directory that share one file's bytes."""
    content = zipped({f"{each}.txt": bytes(1000) for each in range(50)})
    first = content.index(b"PK\1\2")
    directory = bytearray(content[first:])
    at = 0
    while directory[at : at + 4] == b"PK\1\2":
        directory[at + 42 : at + 46] = struct.pack("<I", 0)
        at += 46 + sum(struct.unpack_from("<HHH", directory, at + 28))
    end = directory.index(b"PK\5\6")
    directory[end + 16 : end + 20] = struct.pack("<I", 1035)
    assert wrong(content[:1035] + bytes(directory)) == ["it claims to hold more than it has bytes"]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a//b", "C:\\x", ".x", "a/.x", "x\n", "ä", "a/", ""])
def test_a_name_that_leads_out_is_refused(files, name):
    assert "a name that privacymw does not give" in wrong(zipped({**files, name: b"x"}))[0]


def test_a_name_twice_and_bytes_between_are_refused(bundle, files):
    out = io.BytesIO(bundle)
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("about.json", b"[]")
    assert wrong(out.getvalue())
    for changed in (b"more" + bundle, bundle + b"more", bundle[:-2] + b"\4\0more"):
        with pytest.raises(NotBundle):
            unzipped(changed)


# --- the chain in it


def test_a_broken_chain_shows_though_it_was_signed(tmp_path, signer):
    lines = chain_lines(tmp_path, 4)
    assert "line 2 does not follow" in " ".join(wrong(bundle_of(signer, [lines[0], *lines[2:]])))


def test_a_head_that_was_noted_has_to_be_there(tmp_path, signer):
    lines = chain_lines(tmp_path, 4)
    content = bundle_of(signer, lines)
    assert wrong(content, head=digest(lines[1])) == []
    assert wrong(content, head="0" * 64) == ["the head that you noted is not in the chain"]


def test_an_earlier_bundle_has_to_go_on(tmp_path, signer):
    lines = chain_lines(tmp_path, 4)
    before, now = verified(bundle_of(signer, lines[:2])), bundle_of(signer, lines)
    assert wrong(now, after=before) == []
    other = [lines[0].replace(b'"deadline":1', b'"deadline":2')]
    assert wrong(bundle_of(signer, other), after=before) == ["the chain does not go on from the 2 entries of then"]
    stranger = verified(bundle_of(Signer(tmp_path / "other.key"), lines[:2]))
    assert wrong(now, after=stranger) == ["the earlier bundle was signed with another key"]


# --- nothing of a visitor


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("seen from 203.0.113.9, twice", "seen from [address], twice"),
        ("from 203.0.113.9:443.", "from [address]."),
        ("in 10.0.0.0/8 and 2001:db8::/32", "in [address]/8 and [address]/32"),
        ("[2001:db8::7]:80", "[[address]]:80"),
        ("::ffff:192.0.2.1", "[address]"),
        ("at 12:30:05 with 3.11.7 and ::", "at 12:30:05 with 3.11.7 and ::"),
        ("documentation 203.0.113.", "documentation [address]"),
        ("/members/4711?q=ana and /privacy/notice.json", "/members/{} and /privacy/notice.json"),
        ("of ana.invented@mail.example.org.", "of [mail address]."),
    ],
)
def test_what_names_somebody_is_taken_out(before, after):
    assert Cleaner("/privacy").text(before) == after


def test_a_trial_finds_a_key_that_is_left(place_of_sqlite):
    place = place_of_sqlite
    journal = place.journal()
    journal.start()
    journal.put((time.time_ns() // 1_000_000, pack("203.0.113.9"), "GET", "/", 200, 5, "", "Firefox", ""))
    assert journal.flush(5)
    journal.close()
    log = place.data / "log.sqlite"
    seen = trial(place.data, place.data / "keys", log, Terms())
    assert seen["held"]
    assert seen["keys_destroyed"] == 4
    assert [(each["opened_before"], each["opened_after"]) for each in seen["tokens"]] == [(True, False)] * 2
    assert seen["keys_found_in"] == []
    key = next((place.data / "keys").glob("address-*.key"))
    (place.data / "keys" / "copy").write_bytes(b"xx" + key.read_bytes())
    seen = trial(place.data, place.data / "keys", log, Terms())
    assert not seen["held"]
    assert seen["keys_found_in"] == ["copy"]
    assert [each["opened_after"] for each in seen["tokens"] if each["key"].startswith("address")] == [True]


@pytest.fixture
def place_of_sqlite(tmp_path):
    from places import SqlitePlace

    return SqlitePlace(tmp_path)


# --- by command


SECRET = "a secret that nobody else may read"


def made(folder, *options, env=None, code="flask"):
    (folder / "site_app.py").write_text(READY[code])
    given = {**SETTINGS, "PRIVACYMW_SECRET_KEY": SECRET, **(env or {})}
    return call("check", "site_app:app", "--evidence", "out.zip", *options, cwd=folder, env=given)


@pytest.mark.servers
def test_a_bundle_of_the_driven_app(tmp_path, capsys):
    begun = time.monotonic()
    done = made(tmp_path, "--key", "audit.key", "--json")
    assert time.monotonic() - begun < 300
    assert done.code == 0, done.err
    assert json.loads(done.out)["held"]
    mark = re.search(r"fingerprint: ([0-9a-f]{64})", done.err)[1]
    assert stat.S_IMODE((tmp_path / "audit.key").stat().st_mode) == 0o600
    path = str(tmp_path / "out.zip")
    assert main(["evidence", "verify", path, "--key", mark]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert all(each in out for each in (*PROVES, *PROVES_NOT))
    files = unzipped((tmp_path / "out.zip").read_bytes())
    assert {"about.json", "settings.json", "check.json", "keys.json", "bytes.json", "decryptions.json", "trial.json",
            "verify.json", "versions.json", CHAIN, "chain.json", "README.txt"} <= files.keys()  # fmt: skip
    for kind in ("served", "settings"):
        for form in ("en.txt", "es.txt", "en.md", "en.json", "es.json"):
            assert b"Example Health" in files[f"notice/{kind}/{form}"]
    assert files["notice/served/en.json"] == files["notice/settings/en.json"]
    tried = json.loads(files["trial.json"])
    assert tried["held"]
    assert tried["tokens"]
    assert {each["opened_before"] for each in tried["tokens"]} == {True}
    assert {each["opened_after"] for each in tried["tokens"]} == {False}
    assert {each["state"] for each in json.loads(files["keys.json"])["keys"]} == {"live"}
    _names_nobody(files)


def _names_nobody(files):
    """No address and no secret; a mail address in the page and the settings alone, where the operator publishes it."""
    needles = [b"203.0.113", b"192.0.2.", b"198.51.100", b"2001:db8", b"10.77.", pack("203.0.113.1"), SECRET.encode()]
    for name, content in files.items():
        assert not [each for each in needles if each in content], name
        if not name.startswith(("notice/", "versions/", "settings", "check", "manifest.sig")):
            assert b"@" not in content, name


@pytest.fixture
def running(tmp_path, place):
    """A site whose keys live for seconds, with a published version; its log in each kind of place."""
    from sites import page_of, portal

    given = {
        **WHOLE, "secret_key": SECRET, "data": str(tmp_path / "data"), "addresses_retention": "4s",
        **({"store": place.url, "keys": place.keys_at, "store_tls": "off"} if place.kind == "postgresql" else {}),
        "addresses_epoch": "1s", "trusted_proxies": "10.77.0.0/16", "notice_versions": str(tmp_path / "versions"),
    }  # fmt: skip
    site = portal("wsgi", page_of("hello"), **given)
    site.ask("/members/4711", query="q=ana")
    yield given
    site.started.pipeline.close()


@pytest.mark.servers
def test_a_bundle_of_a_running_site(tmp_path, running, monkeypatch, capsys):
    env = {f"PRIVACYMW_{name.upper()}": text for name, text in running.items()}
    for name, text in env.items():
        monkeypatch.setenv(name, text)
    assert main(["notice", "publish"]) == 0
    time.sleep(6)
    done = made(tmp_path, "--data", str(tmp_path / "data"), env=env)
    _held_or_late(done, tmp_path / "out.zip")
    path = str(tmp_path / "out.zip")
    capsys.readouterr()
    assert main(["evidence", "verify", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["log"] == "the running site"
    files = unzipped((tmp_path / "out.zip").read_bytes())
    keys = json.loads(files["keys.json"])["keys"]
    dead = [each for each in keys if each["state"] == "destroyed"]
    assert len(dead) >= 4
    assert all(each["destroyed"] >= each["deadline"] for each in dead)
    assert {name for name in files if name.startswith("versions/")} == {
        f"versions/{each.name}" for each in (tmp_path / "versions").iterdir()
    }
    assert "notice/in-force/es.txt" in files
    assert "app/keys.json" in files
    settings = {each["name"]: each["value"] for each in json.loads(files["settings.json"])["running"]}
    assert settings["PRIVACYMW_TRUSTED_PROXIES"] == "[address]/16"
    assert json.loads(files["settings.json"])["digest"] != ""
    assert (tmp_path / "data" / "evidence.key").exists()
    _names_nobody(files)
    first = tmp_path / "first.zip"
    (tmp_path / "out.zip").rename(first)
    time.sleep(2)
    _held_or_late(made(tmp_path, "--data", str(tmp_path / "data"), env=env), tmp_path / "out.zip")
    assert main(["evidence", "verify", path, "--after", str(first)]) == 0
    assert main(["evidence", "verify", str(first), "--after", path]) == 2


def _held_or_late(done, path):
    """Keys that live for seconds may be late on a machine that has other things to do, which is then told."""
    assert path.exists(), done.err
    files = unzipped(path.read_bytes())
    seen = [each for name in ("verify.json", "app/verify.json") for each in json.loads(files[name])["findings"]]
    broken = {each["code"] for each in seen if not each["held"]}
    assert broken <= {"retention-keys"}
    assert done.code == (2 if broken else 0), done.err + done.out


@pytest.mark.servers
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as somebody else")
def test_as_root_the_key_belongs_to_the_owner_of_the_folder(tmp_path):
    from sites import page_of, portal

    place = tempfile.TemporaryDirectory(prefix="privacymw-test-")
    data = Path(place.name, "data")
    portal("wsgi", page_of("hello"), **WHOLE, data=str(data)).started.pipeline.close()
    data.parent.chmod(0o711)
    for path in [data, *data.rglob("*")]:
        os.chown(path, 65534, 65534)
    done = made(tmp_path, "--data", str(data))
    assert done.code == 2, "no writer is alive"
    assert {(path.name, path.stat().st_uid) for path in data.iterdir()} >= {("evidence.key", 65534)}
    assert {path.stat().st_uid for path in data.rglob("*")} == {65534}
    place.cleanup()
    assert verified((tmp_path / "out.zip").read_bytes()).held


def test_without_a_place_for_the_key_nothing_is_driven(tmp_path):
    done = made(tmp_path)
    assert done.code == 1
    assert "--key evidence.key" in done.err
    assert not (tmp_path / "out.zip").exists()


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path):
    done = call("check", "site_app:app", "--evidence", "no/out.zip", "--key", "k", cwd=tmp_path)
    assert done.code == 1
    assert "is no folder that you can write" in done.err


def test_options_of_the_bundle_want_a_bundle(tmp_path):
    done = call("check", "site_app:app", "--key", "k", cwd=tmp_path)
    assert done.code == 1
    assert "add --evidence" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.zip"], 1, "No such file"),
        (["text.zip"], 1, "this is no zip"),
        (["whole.zip"], 0, ""),
        (["whole.zip", "--key", "public.pem"], 0, ""),
        (["whole.zip", "--key", "none.pem"], 1, "No such file"),
        (["whole.zip", "--key", "text.zip"], 1, "no public Ed25519 key"),
        (["whole.zip", "--key", "0" * 64], 2, ""),
        (["whole.zip", "--head", "abc"], 1, "64 signs"),
        (["whole.zip", "--head", "0" * 64], 2, ""),
        (["whole.zip", "--after", "whole.zip"], 0, ""),
        (["changed.zip"], 2, ""),
    ],
)
def test_exit_codes(tmp_path, bundle, monkeypatch, capsys, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "whole.zip").write_bytes(bundle)
    (tmp_path / "changed.zip").write_bytes(zipped({**unzipped(bundle), "about.json": b"[]"}))
    (tmp_path / "text.zip").write_bytes(b"text")
    (tmp_path / "public.pem").write_bytes(unzipped(bundle)["public.pem"])
    assert main(["evidence", "verify", *arguments]) == code
    seen = capsys.readouterr()
    assert said in seen.err
    assert ("This proves:" in seen.out) == (code == 0)
    assert ("is not whole" in seen.out) == (code == 2)


def _bundle():
    with tempfile.TemporaryDirectory() as folder:
        return bundle_of(Signer(Path(folder) / "k"), chain_lines(Path(folder), 3))


_BUNDLE = _bundle()
