"""Records decisions: one row without identity in the store, one signed receipt for the visitor."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from privacymw.receipt import Receipt, Receipts, answers_text
from privacymw.store.decisions import Decision

if TYPE_CHECKING:
    from privacymw.store.journal import Journal

RECEIPT_BYTES: Final = 16
_MINUTE: Final = 60


class Recorder:
    """Makes records and their receipts; never blocks.

    Args:
        journal: whose thread stores them.
        receipts: signs.
        retention: seconds for which a record is kept.
        clock: Unix seconds.
    """

    def __init__(self, journal: "Journal", receipts: Receipts, retention: int, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._receipts = receipts
        self._retention = retention
        self._clock = clock

    def record(self, host: str, version: str, answers: Mapping[str, bool], signals: Sequence[str]) -> str:
        """Keeps a decision, and returns the receipt's text.

        The number is made here and goes into the record and the receipt alone: a cookie that carried it would
        tell the site on each visit whose record it is.
        """
        at = int(self._clock()) // _MINUTE * _MINUTE
        until = (at + self._retention) // _MINUTE * _MINUTE
        number = secrets.token_bytes(RECEIPT_BYTES)
        decision = Decision(number, at, until, version, answers_text(answers), " ".join(signals))
        self._journal.note(decision)
        return self._receipts.signed(Receipt(host, decision))
