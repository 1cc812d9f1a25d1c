"""Client addresses: what is one, what is its network, and which one is the client's."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacymw.address import network, network_text, pack, unpack
from privacymw.errors import SettingsError
from privacymw.forwarding import Forwarding

PROXY, INNER = "10.0.0.1", "10.9.9.9"
TRUSTED = ("10.0.0.0/8", "2001:db8:ffff::/48")


def client(trusted, peer=PROXY, scheme="http", **headers):
    """(address text, scheme, untold) of a request with these headers."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    origin = Forwarding(trusted).resolve(peer, scheme, names)
    return origin.packed and unpack(origin.packed), origin.scheme, origin.untold


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:55", "203.0.113.9"),
        ("203.0.113.9:_hidden", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:80", "fe80::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:1", "203.0.113.9"),
    ],
)
def test_an_address_is_read_in_each_spelling(text, canonical):
    packed = pack(text)
    assert packed is not None
    assert len(packed) == 16
    assert unpack(packed) == canonical
    assert pack(canonical) == packed


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "unix:",
        "unknown",
        "_obfuscated",
        "203.0.113.09",
        "203.0.113",
        "203.0.113.9:",
        "203.0.113.9:123456",
        "203.0.113.9:x",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[203.0.113.9]",
        "2001:db8::1::",
        "\0",
        "203.0.113.9\0",
        "\ud800",
        "é",
        " 203.0.113.9",
        "/run/app.sock",
        "9" * 9000,
        ":" * 9000,
        5,
        b"203.0.113.9",
    ],
)
def test_what_is_not_an_address_is_none(text):
    assert pack(text) is None


@given(st.text())
def test_no_text_raises(text):
    packed = pack(text)
    assert packed is None or pack(unpack(packed)) == packed


@pytest.mark.parametrize(
    ("text", "net"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:5:6::7", "2001:db8:5::/48"),
        ("2002:cb00:7109:1::5", "2002:cb00:7100::/40"),  # 6to4 of 203.0.113.9
        ("64:ff9b::203.0.113.9", "64:ff9b::cb00:7100/120"),  # NAT64 of the same
        ("2001:0:4136:e378:8000:63bf:34ff:8ef6", "2001:0:4136::/48"),  # Teredo of the same
    ],
)
def test_a_network_keeps_no_host(text, net):
    packed = pack(text)
    assert network_text(packed) == net
    assert network_text(network(packed)) == net


@given(st.binary(min_size=16, max_size=16))
def test_a_network_is_its_own_network(packed):
    assert network(network(packed)) == network(packed)
    assert pack(unpack(packed)) == packed


def test_nobody_is_trusted_by_default():
    assert client((), x_forwarded_for="203.0.113.9") == (PROXY, None, True)
    assert client((), forwarded="for=203.0.113.9;proto=https") == (PROXY, None, True)
    assert client((), x_forwarded_proto="https") == (PROXY, None, True)
    assert client(()) == (PROXY, None, False)
    assert client((), scheme="https") == (PROXY, "https", False)
    assert client((), peer=None) == (None, None, False)


FORWARDED = [
    ("for=203.0.113.9", "203.0.113.9", None),
    ("For=203.0.113.9;Proto=HTTPS;by=10.0.0.1", "203.0.113.9", "https"),
    ('for="[2001:db8::7]:4711";proto=http', "2001:db8::7", "http"),
    ('for=198.51.100.1, for="203.0.113.9:80"', "203.0.113.9", None),
    (f"for=198.51.100.1, for=203.0.113.9;proto=https, for={INNER};proto=http", "203.0.113.9", "https"),
    ('for="198.51.100.1, for=203.0.113.9', "203.0.113.9", None),  # an open quote on the visitor's side
    ('for=198.51.100.1;x="a, for=6.6.6.6", for=203.0.113.9', "203.0.113.9", None),
    ('for=203.0.113.9;x="a, for=198.51.100.1"', "203.0.113.9", None),  # no split inside quotes
    ('for="203.0.113.9', PROXY, None),
    (r'for="203.0.113.9\""', PROXY, None),
    ("for=unknown;proto=https", PROXY, "https"),
    ("for=_secret", PROXY, None),
    ("for=203.0.113.9;for=203.0.113.8", PROXY, None),
    ("for=203.0.113.9;;", PROXY, None),
    ("for=203.0.113.9;proto=gopher", "203.0.113.9", None),
    (f"for=203.0.113.9, for=unknown, for={INNER}", INNER, None),
    ("", PROXY, None),
    (",", PROXY, None),
]


@pytest.mark.parametrize(("header", "address", "scheme"), FORWARDED)
def test_forwarded(header, address, scheme):
    assert client(TRUSTED, forwarded=header) == (address, scheme, False)


@pytest.mark.parametrize(
    ("trusted", "header", "address"),
    [
        (TRUSTED, "203.0.113.9", "203.0.113.9"),
        (TRUSTED, f"198.51.100.1, 203.0.113.9:5, {INNER}", "203.0.113.9"),
        (TRUSTED, f"2001:db8::7,{INNER} , 2001:db8:ffff::2", "2001:db8::7"),
        (TRUSTED, f"203.0.113.9, junk, {INNER}", INNER),
        (TRUSTED, f"203.0.113.9, , {INNER}", INNER),
        (TRUSTED, "junk", PROXY),
        (("1",), "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (("2",), f"198.51.100.1, 203.0.113.9, {INNER}", "203.0.113.9"),
        (("3",), "203.0.113.9", "203.0.113.9"),
        (("::ffff:10.0.0.0/104",), "203.0.113.9", "203.0.113.9"),
    ],
)
def test_x_forwarded_for(trusted, header, address):
    assert client(trusted, x_forwarded_for=header) == (address, None, False)


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [("https", "https"), ("HTTP", "http"), ("wss", "https"), ("https, https", "https"), ("https, http", None),
     ("gopher", None), ("https" + "," * 9000, None)],
)  # fmt: skip
def test_a_trusted_proxy_tells_the_scheme(proto, scheme):
    assert client(TRUSTED, x_forwarded_proto=proto) == (PROXY, scheme, False)
    assert client(TRUSTED, x_forwarded_for="203.0.113.9", x_forwarded_proto=proto)[1] == scheme


def test_a_proxy_that_says_nothing_leaves_what_the_server_saw():
    assert client(TRUSTED, scheme="https", x_forwarded_for="203.0.113.9")[1] == "https"
    assert client(TRUSTED, scheme="https", x_forwarded_proto="http")[1] == "http"


def test_two_families_have_to_agree_unless_one_is_named():
    both = {"forwarded": "for=198.51.100.1", "x_forwarded_for": "203.0.113.9"}
    assert client(TRUSTED, **both)[0] == PROXY
    assert client((*TRUSTED, "x-forwarded-for"), **both)[0] == "203.0.113.9"
    assert client((*TRUSTED, "forwarded"), **both)[0] == "198.51.100.1"
    assert client((*TRUSTED, "forwarded"), x_forwarded_proto="https", **both)[1] is None
    assert client(TRUSTED, forwarded="for=203.0.113.9;proto=https", x_forwarded_for="203.0.113.9")[:2] == (
        "203.0.113.9",
        "https",
    )


@pytest.mark.parametrize("peer", [None, ""])
def test_a_unix_socket_is_trusted_only_if_named(peer):
    assert client(TRUSTED, peer=peer, x_forwarded_for="203.0.113.9") == (None, None, True)
    assert client(("1",), peer=peer, x_forwarded_for="203.0.113.9") == (None, None, True)
    assert client(("unix",), peer=peer, x_forwarded_for="198.51.100.1, 203.0.113.9") == (
        "203.0.113.9",
        None,
        False,
    )
    assert client(("unix", "10.0.0.0/8"), peer=peer, x_forwarded_for=f"203.0.113.9, {INNER}")[0] == "203.0.113.9"


OCTET = st.integers(1, 254)
VISITOR = st.builds("203.0.113.{}".format, OCTET)
HOPS = st.lists(st.builds("10.1.{}.{}".format, OCTET, OCTET), max_size=4)
JUNK = st.text(alphabet=st.sampled_from(' ,;="\\[]:.forpty0123456789%_'), max_size=80) | st.text(max_size=40)


@given(JUNK, VISITOR, HOPS)
def test_what_a_visitor_writes_on_the_left_never_counts(junk, visitor, hops):
    written = ", ".join([junk, visitor, *hops])
    assert client((*TRUSTED, "x-forwarded-for"), x_forwarded_for=written)[0] == visitor
    elements = [junk, f'for="{visitor}:80";proto=https', *(f"for={hop};by=10.0.0.2" for hop in hops)]
    assert client(TRUSTED, forwarded=", ".join(elements))[0] == visitor


@given(st.dictionaries(st.sampled_from(["forwarded", "x_forwarded_for", "x_forwarded_proto"]), JUNK), st.text())
def test_no_header_raises(headers, peer):
    for trusted in ((), TRUSTED, ("3",), ("unix", *TRUSTED)):
        client(trusted, peer=peer, **headers)
        client(trusted, **headers)


@pytest.mark.parametrize("unit", ['"', ",", '",', "for=10.0.0.1, ", 'for="10.0.0.1", ', "a=b;", "\\", "10.0.0.1, "])
def test_eight_kilobytes_of_junk_are_cheap(unit):
    headers = {"forwarded": (unit * 8192)[:8192], "x-forwarded-for": (unit * 8192)[:8192]}
    forwarding = Forwarding(TRUSTED)
    begun = time.process_time()
    for _ in range(100):
        forwarding.resolve(PROXY, "http", headers)
    assert time.process_time() - begun < 0.2  # 2 ms each, with room for a slow machine


@pytest.mark.parametrize(
    ("trusted", "told"),
    [
        (["10.0.0.1/8"], "host bits set"),
        (["0.0.0.0/0"], "trusts everybody"),
        (["::/0"], "trusts everybody"),
        (["proxy.example"], "not a network"),
        (["0"], "a number of proxies is 1 to 32"),
        (["99"], "a number of proxies is 1 to 32"),
        (["1", "10.0.0.0/8"], "not both"),
        (["1", "2"], "not both"),
        (["forwarded", "x-forwarded-for", "1"], "name that one"),
    ],
)
def test_a_list_that_cannot_be_obeyed_is_refused(trusted, told):
    with pytest.raises(SettingsError, match=told) as caught:
        Forwarding(trusted)
    assert "PRIVACYMW_TRUSTED_PROXIES=" in str(caught.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        Forwarding(["10.0.0.1/8", "nonsense"])
    assert "10.0.0.1/8" in str(caught.value)
    assert "nonsense" in str(caught.value)


def test_an_origin_does_not_show_its_address():
    assert "203" not in repr(Forwarding().resolve("203.0.113.9", "http", {}))
