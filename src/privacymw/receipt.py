"""Receipts: what a visitor decided, as a signed text that the visitor keeps and the site can verify."""

import datetime
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from itsdangerous import Signer
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes

from privacymw.cookie import key_id
from privacymw.store.decisions import Decision
from privacymw.words import N_, Refusal

_TITLE: Final = "Receipt for privacy choices"
_NAMES: Final = ("Receipt", "Site", "Time", "Version", "Answers", "Signals", "On record until")
_SIGNED: Final = "Signature: "
_TIME: Final = "%Y-%m-%d %H:%M UTC"
_MOST: Final = 12_000
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


class Unsigned(Refusal):
    """A text that no key of this site has signed; says which part is wrong."""


class Receipt(NamedTuple):
    """A decision and the host on which it was made."""

    site: str
    decision: Decision

    @property
    def lines(self) -> Sequence[str]:
        """The text without its signature."""
        number, at, until, version, answers, signals = self.decision
        told = (number.hex(), self.site, _shown(at), version, answers, signals or "none", _shown(until))
        return [_TITLE, *(f"{name}: {value}" for name, value in zip(_NAMES, told, strict=True))]


def host_of(header: str) -> str:
    """A `Host` header as it may stand in a receipt; empty for one that is no host."""
    return header.lower() if _HOST.fullmatch(header) else ""


def answers_text(answers: Mapping[str, bool]) -> str:
    """`sale=no statistics=yes`."""
    return " ".join(f"{name}={'yes' if answers[name] else 'no'}" for name in sorted(answers))


class Receipts:
    """Signs receipts and verifies them.

    Args:
        secrets: the newest first; the first signs, all verify. The salt keeps them apart from choices.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._signers = {key_id(each): _signer(each) for each in reversed(secrets)}
        self._first = key_id(secrets[0])

    def signed(self, receipt: Receipt) -> str:
        """The text that the visitor gets; lines end with a line feed."""
        text = "\n".join(receipt.lines)
        signature = self._signers[self._first].get_signature(text).decode()
        return f"{text}\n{_SIGNED}{self._first}.{signature}\n"

    def read(self, text: str) -> Receipt:
        """The receipt in a text that this site has signed; line ends and blank lines around it do not matter.

        Raises:
            Unsigned: it is no receipt, it was changed, or another site signed it.
        """
        body, found, signature = text.replace("\r\n", "\n").strip("\n").rpartition(f"\n{_SIGNED}")
        identifier, _, signed = signature.partition(".")
        if not found or len(text) > _MOST or not body.isascii():
            raise Unsigned(N_("this is no receipt of privacy choices, or a part of it is missing"))
        signer = self._signers.get(identifier)
        if signer is None:
            raise Unsigned(N_("no key of this site has signed it"))
        if not _verifies(signer, body, signed):
            raise Unsigned(N_("the signature does not fit: it was changed after it was signed"))
        return _parsed(body)


def _signer(secret: str) -> Signer:
    return Signer(secret, salt="privacymw.receipt", key_derivation="hmac", digest_method=hashlib.sha256)


def _verifies(signer: Signer, body: str, signed: str) -> bool:
    """Also that it is spelled as we spell it: the last sign of Base64 has bits that decode to nothing."""
    return signer.verify_signature(body, signed) and base64_encode(base64_decode(signed)) == want_bytes(signed)


def _parsed(body: str) -> Receipt:
    """What stands in a text that has been verified."""
    told = [line.partition(": ")[2] for line in body.split("\n")[1:]]
    number, site, at, version, answers, signals, until = told
    signals = "" if signals == "none" else signals
    return Receipt(site, Decision(bytes.fromhex(number), _read(at), _read(until), version, answers, signals))


def _shown(when: int) -> str:
    return datetime.datetime.fromtimestamp(when, datetime.UTC).strftime(_TIME)


def _read(text: str) -> int:
    return int(datetime.datetime.strptime(text, _TIME).replace(tzinfo=datetime.UTC).timestamp())
