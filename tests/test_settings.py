"""Settings: every kind and spelling, and every fault at once."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacymw.errors import SettingsError
from privacymw.running import table
from privacymw.settings import MASKED, fields, read
from privacymw.startup import GROUPS, Policy
from privacymw.words import ENGLISH
from sites import SECRET, environ

FIELDS = {each.variable: each for group in GROUPS for each in fields(group)}


def value(name: str, environment: dict[str, str]) -> Any:
    field = FIELDS[name]
    return getattr(read(GROUPS, environment).groups[field.group], field.name)


def refused(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        Policy.from_env(environment)
    return str(caught.value)


def report(environment: dict[str, str]) -> str:
    """What is told of the faults; empty where there are none."""
    try:
        Policy.from_env(environment)
    except SettingsError as error:
        return str(error)
    return ""


# --- kinds, their bounds and their words

P = "PRIVACYMW_"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ADDRESSES_RETENTION", "30d", 2_592_000),
        ("ADDRESSES_RETENTION", "1d", 86_400),
        ("ADDRESSES_RETENTION", " 2 w ", 1_209_600),
        ("ADDRESSES_EPOCH", "1s", 1),
        ("ADDRESSES_EPOCH", "90m", 5_400),
        ("HEADERS_HSTS", "0s", 0),
        ("HEADERS_HSTS", "", None),
        ("ADDRESSES_MAX_SIZE", "5MB", 5_000_000),
        ("ADDRESSES_MAX_SIZE", "2 GB", 2_000_000_000),
        ("CHOICES_SAVED", "No", False),
        ("CHOICES_SAVED", "1", True),
        ("MODE", "OBSERVE", "observe"),
        ("ORGANISATION_ROLE", "Business Associate", "business associate"),
        ("ORGANISATION_NAME", "Müller & Söhne", "Müller & Söhne"),
        ("SITES", "example.org,, *.example.org ,", ("example.org", "*.example.org")),
        ("SITES", ",", ()),
        ("NOTICE_EFFECTIVE", "2014-04-19", datetime.date(2014, 4, 19)),
        ("SIGNALS_GPC", "on", True),
        ("SIGNALS_GPC", "2026-01-31", datetime.date(2026, 1, 31)),
        ("CHOICES_PREFERENCES", "language=en|es, view=list", {"language": ("en", "es"), "view": ("list",)}),
    ],
)
def test_a_text_is_read_by_its_kind(name: str, text: str, expected: object) -> None:
    assert value(P + name, {P + name: text}) == expected


@pytest.mark.parametrize(
    ("name", "text", "why", "column"),
    [
        ("ADDRESSES_RETENTION", "30", "it needs a unit", 2),
        ("ADDRESSES_RETENTION", "30 days", "no such unit", 2),
        ("ADDRESSES_RETENTION", "soon", "a duration begins with a whole number", 0),
        ("ADDRESSES_RETENTION", "0s", "expected `int` >= 1", 0),
        ("ADDRESSES_RETENTION", "731d", "expected `int` <= 63072000", 0),
        ("ADDRESSES_RETENTION", "9" * 30 + "d", "no such unit", 12),
        ("ADDRESSES_EPOCH", "25h", "expected `int` <= 86400", 0),
        ("ADDRESSES_MAX_SIZE", "1kB", "expected `int` >= 1000000", 0),
        ("ADDRESSES_MAX_SIZE", "1TB", "no such unit", 1),
        ("CHOICES_SAVED", "maybe", "neither on nor off", 0),
        ("MODE", "dry", "not one of the words 'dry'", 0),
        ("SITES", "example.org, https://x", "'https://x' is no host", 0),
        ("OUTBOUND_TRUSTED", "example.com:8443", "no scheme, port or path", 0),
        ("TRUSTED_PROXIES", "10.0.0.0/8, nonsense", "'nonsense': not a network", 0),
        ("TRUSTED_PROXIES", "0.0.0.0/0", "trusts everybody", 0),
        ("SECRET_KEY", "short", "at least 16 characters", 0),
        ("PREFIX", "privacy", "a slash first", 0),
        ("PREFIX", "/privacy/", "none at the end", 0),
        ("PREFIX", "//evil.example", "a slash first", 0),
        ("PREFIX", "/a/../b", "letters, digits", 0),
        ("CONFIDENTIAL_PATHS", "/members, claims", "'claims' is no path", 0),
        ("CHOICES_CATEGORIES", "statistics, Ads!", "'Ads!'", 0),
        ("CHOICES_PREFERENCES", "view=list, language", "joined by =", 11),
        ("CHOICES_PREFERENCES", "language=", "1 to 40 characters", 0),
        ("NOTICE_EFFECTIVE", "31.1.2026", "isoformat", 0),
        ("SIGNALS_GPC", "2026-02-30", "day is out of range", 0),
        ("NOTICE_STATEMENTS", "We are good.", "no TOML array", 0),
        ("NOTICE_STATEMENTS", '[{section="x", text="", by="", on=2026-01-31}]', "section 'x': there are sites", 0),
        ("ORGANISATION_NAME", "Acme\x00", "a control character", 4),
        ("ORGANISATION_NAME", "Acme\udcff", "not UTF-8", 4),
    ],
)
def test_a_fault_points_at_the_place(name: str, text: str, why: str, column: int) -> None:
    _, _, head, caret, allowed, paste = refused({P + name: text}).split("\n")
    assert why in caret
    assert caret.index("^") == len(f"  {P}{name}=") + column
    assert head.startswith(f"  {P}{name}=")
    assert allowed.startswith("  allowed: ")
    assert paste.startswith(f"  paste:   {P}{name}=")


NEEDED = {  # beside an example, for it to be obeyed
    P + "ADDRESSES_HOLD_SINCE": {P + "ADDRESSES_HOLD_UNTIL": "2026-03-31"},
    P + "ADDRESSES_HOLD_UNTIL": {P + "ADDRESSES_HOLD_SINCE": "2026-01-01"},
}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_has_help_and_an_example_that_it_accepts(name: str) -> None:
    field = FIELDS[name]
    assert field.meta.description
    assert field.meta.description.endswith(".")
    assert field.allowed
    if name not in (P + "CONFIG", P + "ADDRESSES_NETWORK_RETENTION"):
        read(GROUPS, {name: field.example, **NEEDED.get(name, {})})


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_default_is_shown_as_it_would_be_written(name: str) -> None:
    field = FIELDS[name]
    text = field.show(field.default)
    assert value(name, {name: text}) == field.default


@given(seconds=st.integers(0, 10**9))
def test_a_duration_is_shown_as_it_would_be_read(seconds: int) -> None:
    field = FIELDS[P + "ADDRESSES_RETENTION"]
    assert field.kind.read(field.kind.show(seconds)) == seconds
    number, unit = ENGLISH.duration(seconds).split()
    assert number + unit[0] == field.kind.show(seconds)


# --- spellings


def toml(tmp_path: Path, text: str | bytes) -> dict[str, str]:
    path = tmp_path / "privacy.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return {P + "CONFIG": str(path)}


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ('mode = "off"', "MODE", "off"),
        ('[addresses]\nretention = "12h"\nepoch = "1h"', "ADDRESSES_RETENTION", 43_200),
        ("[addresses]\nretention = 86400", "ADDRESSES_RETENTION", 86_400),
        ("[choices]\nsaved = false", "CHOICES_SAVED", False),
        ("[addresses]\nmax-size = '5MB'", "ADDRESSES_MAX_SIZE", 5_000_000),
        ("[notice]\neffective = 2026-01-31", "NOTICE_EFFECTIVE", datetime.date(2026, 1, 31)),
        ("[signals]\ngpc = 2026-01-31", "SIGNALS_GPC", datetime.date(2026, 1, 31)),
        ("[signals]\ngpc = true", "SIGNALS_GPC", True),
        ('sites = ["a.example", "b.example"]', "SITES", ("a.example", "b.example")),
        ('sites = "a.example, b.example"', "SITES", ("a.example", "b.example")),
        ('[choices.preferences]\nlanguage = ["en", "es"]', "CHOICES_PREFERENCES", {"language": ("en", "es")}),
        ('[organisation]\npostal_address = "a\\nb"', "ORGANISATION_POSTAL_ADDRESS", "a\nb"),
        ('[headers]\nhsts = ""', "HEADERS_HSTS", None),
    ],
)
def test_a_file_says_the_same(tmp_path: Path, text: str, name: str, expected: object) -> None:
    assert value(P + name, toml(tmp_path, text)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"mode = ", "cannot be read: Invalid value"),
        (b"\xff\xfe", "cannot be read: it is not UTF-8 text"),
        (b"\x00" * 100, "cannot be read: Invalid"),
        (b"a = " + b"[" * 100_000, "cannot be read: "),
        (b"a = " + b"9" * 10_000, "cannot be read: "),
        (b"mode = 1", "expected `str`, got `int`"),
        (b"[mode]\na = 1", "expected `str`, got `object`"),
        (b"sites = [1]", "expected `str`, got `int`"),
        (b"[addresses]\nretention = 1.5", "expected `int"),
        (b"[addresses]\nretention = nan", "expected `int"),
        (b"[notice]\nstatements = [{section = 'personal'}]", "missing required field"),
        (b"[notice]\nstatements = 'none'", "no TOML array"),
    ],
)
def test_a_bad_file_is_a_fault(tmp_path: Path, text: bytes, why: str) -> None:
    assert why in refused(toml(tmp_path, text))


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, 'mode = "off"\nprefix = "/data"')
    settings = read(GROUPS, {**file, P + "MODE": "observe", P + "STORE": ""})
    sources = {row.field.variable: (row.value, row.source) for row in settings.rows}
    assert sources[P + "MODE"] == ("observe", "environment")
    assert sources[P + "PREFIX"] == ("/data", file[P + "CONFIG"])
    assert sources[P + "STORE"] == ("", "default")


@pytest.mark.parametrize("name", ["SECRET_KEY", "ORGANISATION_NAME", "SITES"])
def test_a_mounted_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("long-enough-to-be-a.secret\n")
    assert "long-enough-to-be-a.secret" in value(P + name, {f"{P}{name}_FILE": str(tmp_path / "secret")})


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"\xff" * 20, "it is not UTF-8 text"), (b" \n", "it is empty"), (b"tiny", "at least 16")],
)
def test_a_mounted_secret_that_cannot_be_used(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    text = refused({P + "SECRET_KEY_FILE": str(path)})
    assert why in text
    assert "tiny" not in text


def test_both_spellings_at_once_are_a_fault(tmp_path: Path) -> None:
    text = refused({P + "SECRET_KEY": SECRET, P + "SECRET_KEY_FILE": str(tmp_path / "secret")})
    assert "PRIVACYMW_SECRET_KEY is set too" in text
    assert "paste:   unset PRIVACYMW_SECRET_KEY_FILE" in text


# --- strangers


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PRIVACYMW_OUTBOUND_TRUST", "PRIVACYMW_OUTBOUND_TRUSTED"),
        ("PRIVACYMW_ADRESSES_RETENTION", "PRIVACYMW_ADDRESSES_RETENTION"),
        ("PRIVACYMW_SECRET_KEI", "PRIVACYMW_SECRET_KEY"),
        ("PRIVACYMW_SECRET_KEI_FILE", "PRIVACYMW_SECRET_KEY"),
        ("PRIVACYMW_KEY", "PRIVACYMW_KEYS"),
        ("PRIVACYMW_SITE", "PRIVACYMW_SITES"),
        ("PRIVACYMW_CONFIG_FILE", "PRIVACYMW_CONFIG"),
    ],
)
def test_a_near_miss_is_refused_with_the_line_that_was_meant(name: str, nearest: str) -> None:
    text = refused({name: "hunter2"})
    assert f"no such setting; the nearest is {nearest}" in text
    assert f"paste:   {nearest}=" in text
    assert ("hunter2" in text) == ("KE" not in name)


def test_a_near_miss_in_a_file(tmp_path: Path) -> None:
    assert "the nearest is PRIVACYMW_ADDRESSES_RETENTION" in refused(toml(tmp_path, "[addresses]\nretentions = '1d'"))


@pytest.mark.parametrize("name", ["PRIVACYMW_WEATHER", "PRIVACYMW_NEXT_YEARS_FEATURE", "PRIVACYMW_" + "X" * 9_000])
def test_another_unknown_name_only_warns(name: str) -> None:
    (warning,) = read(GROUPS, {name: "hunter2"}).warnings
    assert warning.startswith(name[:200])
    assert "hunter2" not in warning
    assert len(warning) < 300


@pytest.mark.parametrize(
    "name",
    ["PRIVACYMW_SERVICE_HOST", "PRIVACYMW_SERVICE_PORT", "PRIVACYMW_PORT", "PRIVACYMW_PORT_80_TCP_ADDR", "OTHER"],
)
def test_what_kubernetes_sets_is_not_ours(name: str) -> None:
    assert not read(GROUPS, {name: "x"}).warnings


# --- the report


def test_all_faults_are_told_at_once() -> None:
    text = refused({P + "MODE": "dry", P + "ADDRESSES_RETENTION": "30", P + "SITE": "x", P + "PREFIX": "x"})
    count, *faults = text.split("\n\n")
    assert count == "4 settings cannot be obeyed:"
    assert [len(each.split("\n")) for each in faults] == [4, 4, 4, 4]


@pytest.mark.parametrize(
    ("given", "paste"),
    [
        ({"ADDRESSES_RETENTION": "12h"}, "PRIVACYMW_ADDRESSES_EPOCH=12h"),
        ({"ADDRESSES_RETENTION": "4s", "ADDRESSES_EPOCH": "5s"}, "PRIVACYMW_ADDRESSES_EPOCH=4s"),
        ({"ADDRESSES_NETWORK_RETENTION": "7d"}, "PRIVACYMW_ADDRESSES_NETWORK_RETENTION=30d"),
    ],
)
def test_settings_that_contradict_each_other(given: dict[str, str], paste: str) -> None:
    environment = {P + name: text for name, text in given.items()}
    assert paste in refused(environment)
    name, _, text = paste.partition("=")
    Policy.from_env({**environment, name: text})


def test_a_faulty_field_contradicts_nothing() -> None:
    assert refused({P + "ADDRESSES_RETENTION": "12h", P + "ADDRESSES_EPOCH": "x"}).startswith("1 setting cannot")


def test_of_a_long_value_the_bad_place_is_shown() -> None:
    text = refused({P + "CHOICES_PREFERENCES": "a=b|" + "c|" * 40_000 + "d, broken"})
    head, caret = text.split("\n")[2:4]
    assert head[caret.index("^") :].startswith("broken")
    assert len(text) < 1_000


def test_secrets_are_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    settings = read(GROUPS, environ())
    assert {row["value"] for row in table(settings) if row["name"] == P + "SECRET_KEY"} == {MASKED}
    assert SECRET not in str(table(settings)) + caplog.text
    assert SECRET not in repr(settings.groups) + repr(settings)


JUNK = [
    "\x00",
    "\x1b[2J",
    "x" * 100_000,
    "\udcff\udcfe",
    "\n",
    "=",
    "'\"",
    "9" * 5_000,
    "é" * 99,
    "${IFS}",
    "[" * 9_000,
]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("suffix", ["", "_FILE"])
@pytest.mark.parametrize("name", sorted(FIELDS))
def test_junk_is_taken_or_refused_in_few_printable_words(name: str, suffix: str, junk: str) -> None:
    text = report({name + suffix: junk})
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text) < 2_000


@given(name=st.sampled_from(sorted(FIELDS)), text=st.text(st.characters(exclude_categories=())))
def test_no_text_raises_anything_else(name: str, text: str) -> None:
    report({name: text})


@given(content=st.binary(max_size=200))
def test_no_file_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    report(toml(tmp_path_factory.mktemp("toml"), content))


def test_every_variable_stands_once() -> None:
    assert len(FIELDS) == sum(len(fields(group)) for group in GROUPS)
