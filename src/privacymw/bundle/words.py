"""What a bundle proves and what it does not: the same words in its README.txt and where it is verified."""

from typing import Final

_PROVES: Final = """\
The bundle was not changed since the holder of the private key signed it: each file is as the manifest says.
Its chain of versions and keys is whole: each entry follows the one before.
"""
_PROVES_NOT: Final = """\
That the operator told the truth. A bundle is made and signed on the operator's machine, by a program that the operator
  could have changed, and there may be logs of which privacymw does not know.
Who signed, unless you had the public key or its fingerprint from the operator before, by another way.
When. The times are those of the operator's clock.
That the chain is the one of last year, unless you noted its head then (it stands in /privacy/archive) or have an older
  bundle: privacymw evidence verify FILE.zip --head DIGEST, or --after OLDER.zip.
More than was looked at. What check did not look at is told as such in check.json.
"""


def _points(text: str) -> tuple[str, ...]:
    return tuple(text.replace("\n  ", " ").splitlines())


PROVES: Final = _points(_PROVES)
"""What holds once it was verified."""
PROVES_NOT: Final = _points(_PROVES_NOT)
"""What it cannot show."""

_FILES: Final = """\
about.json           what made this, what it looked at, versions, time (UTC)
settings.json        digest of the settings, and the settings, secrets and networks masked
notice/served/       the privacy notice as the app answers it
notice/settings/     as the settings give it
notice/in-force/     as it was published, where a version is in force
versions/            the published versions, each with the digest of the one before; head in versions.json
chain.jsonl          versions published, keys made and destroyed; head and faults in chain.json
keys.json            each key: made, due, destroyed; no key is in here
bytes.json           the search for addresses in the clear, byte by byte, in the files of the log
decryptions.json     stored tokens of destroyed keys, tried with each key that is left
trial.json           keys of the driven app ended by a clock set forward: tokens opened before, and after
verify.json          what `privacymw addresses verify` found in the log
check.json           what `privacymw check` found: a verdict for each sentence of the notice, and findings
app/                 the same files for the log of the driven app, where the others are of a running site
manifest.json        SHA-256 of each file; manifest.sig is its Ed25519 signature, public.pem the key
"""


_BY_HAND: Final = """\
    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in manifest.json -sigfile manifest.sig
    sha256sum about.json            (and each other file, against manifest.json)
    openssl pkey -pubin -in public.pem -outform DER | sha256sum
"""


def readme(made: str, source: str) -> bytes:
    """The README.txt of a bundle."""
    parts = [
        "Evidence on a site's privacy promises\n=====================================",
        f"Made by `privacymw check --evidence` at {made}. The log is that of {source}.",
        "It holds no row of the log, no address and no key.",
        "What it proves, once verified\n-----------------------------",
        _listed(PROVES),
        "What it does not prove\n----------------------",
        _listed(PROVES_NOT),
        "How to verify it\n----------------",
        "    privacymw evidence verify FILE.zip --key FINGERPRINT",
        "Or without privacymw, after unpacking (the last line gives the fingerprint):",
        _BY_HAND.rstrip(),
        "Files\n-----",
        _FILES.rstrip(),
    ]
    return ("\n\n".join(parts) + "\n").encode()


def _listed(points: tuple[str, ...]) -> str:
    return "\n".join(f"- {each}" for each in points)
