"""Where a log is, from its settings alone: what is refused, what is shown, what the page says of the keys."""

import re

import pytest

from privacymw.address import pack
from privacymw.errors import SettingsError, StoreError
from privacymw.faults import masked
from privacymw.logplace import keys_apart
from privacymw.running import table
from privacymw.startup import Policy, start
from privacymw.store.doctor import memory
from privacymw.store.location import open_way, same_database, verified

HERE = "postgresql://site:hush@127.0.0.1/main"
SECRET = "the secret that all machines share"


def policy(**settings: str) -> Policy:
    return Policy.from_env({f"PRIVACYMW_{name.upper()}": value for name, value in settings.items()})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (HERE, ""),
        ("postgresql:///main", ""),
        ("postgresql://localhost:5433/main", ""),
        ("postgresql://[::1]:5432/main", ""),
        ("postgresql://%2Frun%2Fpostgresql/main", ""),
        ("postgresql:///main?host=/run/postgresql", ""),
        ("postgresql://db.example.org/main", "db.example.org"),
        ("postgresql://u:p@db.example.org:5432/main?sslmode=require", "db.example.org"),
        ("postgresql://u:p@db.example.org/main?sslmode=verify-ca", "db.example.org"),
        ("postgresql://u:p@db.example.org/main?sslmode=verify-full", ""),
        ("postgresql://127.0.0.1,10.0.0.7/main", "10.0.0.7"),
        ("postgresql://[2001:db8::7]/main", "2001:db8::7"),
        ("postgresql:///main?host=db.example.org", "db.example.org"),
        ("postgresql:///main?hostaddr=10.0.0.7", "10.0.0.7"),
        ("postgresql:///?service=log", "the host of the service"),
    ],
)
def test_a_way_that_is_not_verified_is_found(url: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert open_way(url) == host
    assert open_way(verified(url)) == ""


def test_the_host_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.org")
    assert open_way("postgresql:///main") == "db.example.org"


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:hush@h/d", "postgresql://:hush@h/d", "postgresql://u:hu/sh@h/d", "postgresql://u:hu@sh@h/d",
     "postgresql:///d?user=u&password=hush", "postgresql://h/d?password=hush&sslmode=require", "see x://u:hush@h now"],
)  # fmt: skip
def test_no_password_is_shown(url: str) -> None:
    assert "***" in masked(url)
    assert not re.search("hush|sh@|hu/", masked(url))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"store": HERE}, "PRIVACYMW_SECRET_KEY"),
        ({"keys": HERE}, "PRIVACYMW_SECRET_KEY"),
        ({"keys": "postgresql:", "secret_key": SECRET}, "PRIVACYMW_STORE is no database"),
        ({"store": "postgresql://u:hush@db.example.org/d", "secret_key": SECRET}, "sslmode=verify-full"),
        ({"keys": "postgresql://u:hush@db.example.org/d", "secret_key": SECRET}, "sslmode=verify-full"),
        ({"store": "mysql://u:hush@h/d"}, "not a kind of store"),
        ({"keys": "redis://u:hush@h"}, "neither a folder nor a database"),
        ({"stroe": HERE}, "PRIVACYMW_STORE"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_without_its_password(settings: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        policy(**settings)
    assert told in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_settings_table_masks_the_password() -> None:
    found = policy(store=HERE, keys="postgresql:", secret_key=SECRET)
    assert "postgresql://site:***@127.0.0.1/main" in str(table(found.settings))
    assert "hush" not in f"{found}{found.site}{found.log_place(None)!r}{table(found.settings)}"


@pytest.mark.parametrize(
    ("settings", "apart"),
    [
        ({}, False),
        ({"keys": "/elsewhere/keys"}, True),
        ({"store": HERE}, True),
        ({"store": HERE, "keys": "postgresql:"}, False),
        ({"store": HERE, "keys": HERE + "?sslmode=require"}, False),
        ({"store": HERE, "keys": HERE + "2"}, True),
        ({"keys": HERE}, True),
    ],
)
def test_the_page_speaks_of_copies_only_where_keys_lie_apart(settings: dict[str, str], apart: bool) -> None:
    assert keys_apart(policy(secret_key=SECRET, **settings).site) is apart
    assert same_database(HERE, HERE + "?application_name=x")


def test_a_network_that_is_trusted_is_told_on_the_page() -> None:
    far = policy(store="postgresql://u:hush@db.example.org/d", store_tls="off", secret_key=SECRET)
    near = policy(store=HERE, secret_key=SECRET)
    names = [{each.name for section in one.sections() for each in section.sentences} for one in (far, near)]
    assert "addresses.way" in names[0] - names[1]


def test_more_tables_than_a_database_bears_are_refused() -> None:
    with pytest.raises(SettingsError, match="tables, one an epoch"):
        start({"PRIVACYMW_STORE": HERE, "PRIVACYMW_SECRET_KEY": SECRET, "PRIVACYMW_ADDRESSES_EPOCH": "1m"})


@pytest.mark.parametrize(
    ("swaps", "limit", "codes"),
    [
        ("Filename Type\n", "0", []),
        ("Filename Type\n/dev/sda2 partition\n", "0", ["keys-swap"]),
        ("Filename Type\n", "unlimited", ["keys-core-dumps"]),
    ],
)
def test_memory_that_may_be_written_down_is_told(tmp_path, swaps: str, limit: str, codes: list[str]) -> None:
    (tmp_path / "swaps").write_text(swaps)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "limits").write_text(f"Limit\nMax core file size        {limit}     unlimited     bytes\n")
    assert [finding.code for finding in memory([7, 8], tmp_path)] == codes
    assert list(memory([7], tmp_path / "nowhere")) == []


@pytest.mark.servers
def test_a_site_and_its_command_line_meet_in_a_database(server_place, monkeypatch, capsys, caplog) -> None:
    from privacymw.cli import main

    settings = {
        "PRIVACYMW_DATA": str(server_place.data),
        "PRIVACYMW_STORE": server_place.url,
        "PRIVACYMW_KEYS": "postgresql:",
        "PRIVACYMW_SECRET_KEY": SECRET,
    }
    site = start(settings)
    journal = site.services.journal
    assert journal is not None
    journal.put((int(__import__("time").time() * 1000), pack("203.0.113.9"), "GET", "/x", 200, 5, "", "", ""))
    assert journal.flush(5)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert main(["addresses", "list"]) == 0
    assert "203.0.113.9" in capsys.readouterr().out
    assert main(["addresses", "verify"]) == 0
    told = capsys.readouterr().out
    assert "--no-unlogged-table-data" in told.replace("\n", " ")
    for name in ("PRIVACYMW_STORE", "PRIVACYMW_KEYS"):
        monkeypatch.delenv(name)
    assert main(["addresses", "list"]) == 1
    told += "".join(capsys.readouterr())
    assert "whose password is not written down" in told
    site.pipeline.close()
    written = b"".join(path.read_bytes() for path in server_place.data.rglob("*") if path.is_file())
    assert server_place.cluster.PASSWORD not in f"{told}{caplog.text}{written!r}"
    with pytest.raises(StoreError, match="authentication failed") as caught:
        start({**settings, "PRIVACYMW_STORE": server_place.url.replace(server_place.cluster.PASSWORD, "sesame")})
    assert "sesame" not in str(caught.value)
