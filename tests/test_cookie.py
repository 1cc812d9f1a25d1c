"""The preference cookie: what a browser may send back, and what we make of it."""

import hashlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner

from faces import Direct
from privacymw import cookie
from privacymw.cookie import NO_CHOICE, SITES, TOKEN_BYTES, UNVERIFIED, Choice, PreferenceCookie, decoded, encoded
from privacymw.core import Exchange
from privacymw.forwarding import Origin
from privacymw.headers import COOKIE_MAX_AGE
from privacymw.pipeline import Pipeline
from sites import HOST, OTHER_SECRET, SECRET

PIPE = Pipeline((), forwarding=Direct())
DAY = 86_400


class Clock:
    def __init__(self) -> None:
        self.now = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


class Counts(list[tuple[str, str]]):
    def __call__(self, kind: str, name: str) -> None:
        self.append((kind, name))


def exchange(cookies: str = "", host: str = HOST, scheme: str | None = "https") -> Exchange:
    headers = {"host": host, **({"cookie": cookies} if cookies else {})}
    return Exchange(PIPE, "GET", "", "/", "", scheme or "http", headers, Origin(None, scheme, False))


def token_of(jar: PreferenceCookie, choice: Choice = NO_CHOICE, **where: Any) -> str:
    return jar.line(exchange(**where), choice)[1].partition(";")[0].partition("=")[2]


def read(jar: PreferenceCookie, *tokens: str) -> Choice:
    return jar.read(exchange("; ".join(f"__Host-privacy={token}" for token in tokens)))


NO = Choice(answers={"statistics": False})
YES = Choice(answers={"statistics": True}, preferences={"language": "es"})

# --- what is kept comes back

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CHOICES = st.builds(
    Choice,
    answers=st.dictionaries(WORDS, st.booleans(), max_size=4),
    preferences=st.dictionaries(WORDS, WORDS, max_size=4),
    outside=st.sampled_from(["ask", "direct"]),
    sites=st.lists(WORDS, max_size=SITES, unique=True).map(tuple),
    at=st.integers(0, 2**40),
    verified=st.booleans(),
    agreed=st.dictionaries(WORDS, WORDS, max_size=4),
    version=WORDS,
)


@given(choice=CHOICES)
def test_what_is_encoded_is_decoded(choice: Choice) -> None:
    assert decoded(encoded(choice)) == choice


@given(choice=CHOICES)
def test_a_payload_has_cookie_octets_only(choice: Choice) -> None:
    assert not set(encoded(choice)) - {chr(octet) for octet in range(0x21, 0x7F) if chr(octet) not in '",;\\'}


@given(choice=CHOICES)
def test_a_written_cookie_is_read(choice: Choice) -> None:
    jar = PreferenceCookie([SECRET])
    found = read(jar, token_of(jar, choice))
    assert (found.answers, found.preferences, found.sites) == (choice.answers, choice.preferences, choice.sites)
    assert abs(found.at - time.time()) < 60


@pytest.mark.parametrize("payload", ["", "v=2&c.statistics=1", "c.statistics=1", "v", "&&&"])
def test_another_payload_version_is_not_understood(payload: str) -> None:
    assert decoded(payload) == UNVERIFIED


def test_more_than_a_cookie_holds_is_not_written() -> None:
    with pytest.raises(ValueError, match="a cookie holds 3000"):
        token_of(PreferenceCookie([SECRET]), Choice(preferences={"a": "x" * TOKEN_BYTES}))


# --- keys


def test_rotation_signs_with_the_new_key_and_reads_with_both() -> None:
    old, new = PreferenceCookie(["the old secret, long enough"]), PreferenceCookie([SECRET])
    both = PreferenceCookie([SECRET, "the old secret, long enough"])
    assert read(both, token_of(old, YES)).answers == YES.answers
    assert read(new, token_of(both, YES)).answers == YES.answers
    assert read(old, token_of(both, YES)) == UNVERIFIED


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (token_of(PreferenceCookie([OTHER_SECRET])), "of another key"),
        (token_of(PreferenceCookie([SECRET]))[:-1] + "*", "forged, or too old"),
        ("junk", "malformed"),
        ("", "malformed"),
        ("DEADBEEF.a.b.c", "malformed"),
        ("é" * 50, "malformed"),
    ],
    ids=["another key", "changed", "junk", "empty", "hex", "no ascii"],  # a token holds the time
)
def test_what_cannot_be_verified_is_counted_by_kind(token: str, kind: str) -> None:
    counts = Counts()
    assert read(PreferenceCookie([SECRET], count=counts), token) == UNVERIFIED
    assert counts == [("preference cookies", kind)]


def test_a_token_signed_for_another_use_is_refused() -> None:
    jar = PreferenceCookie([SECRET])
    payload = encoded(YES)
    ours: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    for signer in (TimestampSigner(SECRET), TimestampSigner(SECRET, **ours), TimestampSigner(SECRET, "links", **ours)):
        token = f"{token_of(jar).partition('.')[0]}.{signer.sign(payload).decode()}"
        assert read(jar, token) == UNVERIFIED


# --- time


@pytest.mark.parametrize(("days", "verified"), [(0, True), (400, True), (400.0001, False), (-1, False), (9_999, False)])
@pytest.mark.parametrize("warm", [False, True])
def test_a_cookie_holds_400_days(days: float, verified: bool, warm: bool) -> None:
    clock = Clock()
    jar = PreferenceCookie([SECRET], clock=clock)
    token = token_of(jar, YES)
    if warm and days > 0:
        assert read(jar, token).verified
    clock.now += days * DAY
    assert read(jar, token).verified == verified
    assert COOKIE_MAX_AGE == 400 * DAY


def test_the_memo_is_bounded_and_holds_verified_tokens_only() -> None:
    clock = Clock()
    jar = PreferenceCookie([SECRET], clock=clock)
    for number in range(cookie._REMEMBERED + 10):
        clock.now += 1
        read(jar, token_of(jar, NO), f"junk{number}")
    assert len(jar._verified) == cookie._REMEMBERED


# --- forgeries

TOKEN = token_of(PreferenceCookie([SECRET]), YES)


@pytest.mark.parametrize("bit", range(8))
def test_a_token_with_one_bit_turned_is_refused(bit: int) -> None:
    jar = PreferenceCookie([SECRET])
    for place, sign in enumerate(TOKEN):
        assert not read(jar, TOKEN[:place] + chr(ord(sign) ^ 1 << bit) + TOKEN[place + 1 :]).verified


def test_a_token_cut_short_or_made_longer_is_refused() -> None:
    jar = PreferenceCookie([SECRET])
    for place in range(len(TOKEN)):
        assert not read(jar, TOKEN[:place]).verified
        assert not read(jar, TOKEN[:place] + "A" + TOKEN[place:]).verified


def test_an_oversize_token_is_not_even_looked_at() -> None:
    jar = PreferenceCookie([SECRET])
    signer = jar._signers[jar._first]
    token = f"{jar._first}.{signer.sign(encoded(Choice(preferences={'a': 'x' * 4_000}))).decode()}"
    assert not read(jar, token).verified


@given(header=st.text(st.characters(max_codepoint=255), max_size=200))
def test_no_cookie_header_raises(header: str) -> None:
    jar = PreferenceCookie([SECRET])
    for cookies in (header, f"__Host-privacy={header}", f"{header}; __Host-privacy={TOKEN}"):
        jar.read(exchange(cookies))


# --- several cookies of a name, and other names


def test_of_several_the_newest_verified_wins() -> None:
    clock = Clock()
    jar = PreferenceCookie([SECRET], clock=clock)
    older = token_of(jar, NO)
    clock.now += 5
    newer = token_of(jar, YES)
    for tokens in ((older, newer), (newer, older), ("junk", newer, "junk", older), ("", newer)):
        assert read(jar, *tokens).answers == YES.answers


@pytest.mark.parametrize(
    ("cookies", "verified_answers"),
    [
        (f"privacy={TOKEN}", {}),  # what a sibling host can set for the whole domain
        (f"privacy={TOKEN}; __Host-privacy=", {}),
        (f"__host-privacy={TOKEN}", {}),
        (f"x__Host-privacy={TOKEN}", {}),
        (f"a=b; {{bad}}; é; =; __Host-privacy={TOKEN}; \x00=\x01", YES.answers),
        (f'a="; __Host-privacy={TOKEN}', YES.answers),
        (f"a=1,__Host-privacy={TOKEN}", YES.answers),
        (f"__Host-privacy = {TOKEN}", {}),
        (f"__Host-privacy=\t{TOKEN} ", {}),
    ],
)
def test_which_cookie_counts_over_https(cookies: str, verified_answers: dict[str, bool]) -> None:
    assert PreferenceCookie([SECRET]).read(exchange(cookies)).answers == verified_answers


def test_a_request_without_the_cookie_has_no_choice() -> None:
    assert PreferenceCookie([SECRET]).read(exchange("other=1")) == NO_CHOICE


# --- name and attributes

HOSTED = "__Host-privacy"


@pytest.mark.parametrize(
    ("host", "scheme", "name"),
    [
        (HOST, "https", HOSTED),
        (HOST, "http", HOSTED),
        (HOST, None, HOSTED),
        ("localhost:8000", "http", "privacy"),
        ("localhost", None, "privacy"),
        ("localhost", "https", HOSTED),
        ("LOCALHOST:1", None, "privacy"),
        ("app.localhost", None, "privacy"),
        ("127.0.0.1:5000", None, "privacy"),
        ("[::1]:5000", None, "privacy"),
        ("127.0.0.1.evil.example", None, HOSTED),
        ("localhost.evil.example", None, HOSTED),
        ("localhost:8000:1", None, HOSTED),
        ("", None, HOSTED),
    ],
)
def test_name_and_attributes(host: str, scheme: str | None, name: str) -> None:
    jar = PreferenceCookie([SECRET])
    for _, line in (jar.line(exchange(host=host, scheme=scheme), NO), jar.expiry(exchange(host=host, scheme=scheme))):
        first, *attributes = line.split("; ")
        assert first.startswith(name + "=")
        assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(attributes)
        assert ("Secure" in attributes) == (name == HOSTED)
        assert not [each for each in attributes if each.lower().startswith("domain")]
        assert len(first) < 4_096
