"""How long what can be read: what a site promises about its log, as plain numbers."""

from typing import Final, NamedTuple

from privacymw.errors import SettingsError
from privacymw.store.base import LANES

DAY: Final = 86_400.0

_KEPT: Final = {"whole": LANES, "network": ("network",), "none": (), "off": ()}
"""The lanes that are sealed in each mode."""


class Terms(NamedTuple):
    """How long what can be read, in seconds. `network_retention` None: as long as the addresses.

    `mode` is PRIVACYMW_ADDRESSES_MODE. From `hold_since` on (Unix seconds) nothing ends before `hold_until`,
    which is a legal hold; both 0: there is none.
    """

    retention: float = 30 * DAY
    network_retention: float | None = None
    epoch: float = DAY
    mode: str = "whole"
    hold_since: float = 0
    hold_until: float = 0

    @property
    def lanes(self) -> tuple[str, ...]:
        """What is sealed into new rows; a lane that is not among them has no time left in old ones either."""
        return _KEPT[self.mode]

    def check(self) -> "Terms":
        """Itself; SettingsError if it cannot be obeyed."""
        spans = {"retention": self.retention, "network retention": self._network}
        faults = [f"{name} {span:g} s is shorter than an epoch" for name, span in spans.items() if span < self.epoch]
        if not 1 <= self.epoch <= DAY:
            faults.append(f"epoch {self.epoch:g} s: allowed are 1 s to {DAY:g} s")
        if faults:
            raise SettingsError(
                f"the retention of addresses cannot be kept: {'; '.join(faults)}.\n"
                "To paste: PRIVACYMW_ADDRESSES_RETENTION=30d PRIVACYMW_ADDRESSES_EPOCH=1d"
            )
        return self

    def start_of(self, when: int) -> int:
        """The start of the epoch of a time."""
        length = self.length
        return when // length * length

    @property
    def length(self) -> int:
        """Of an epoch, in ms."""
        return round(self.epoch * 1000)

    def deadline(self, lane: str, start: int) -> int:
        """When an epoch's key of a lane dies, counted from the epoch's *start*: no row outlives its limit.

        Without the hold, which puts it off and is not stored with the key. A lane that is not kept is overdue.
        """
        seconds = self._network if lane == "network" else self.retention
        return start + round(seconds * 1000) if lane in self.lanes else 0

    def rows_deadline(self, start: int) -> int:
        """When an epoch's rows go, with or without tokens in them; without the hold."""
        return 0 if self.mode == "off" else start + round(self.longest * 1000)

    @property
    def longest(self) -> float:
        """Seconds for which rows are kept."""
        return max(self.retention, self._network) if self.mode == "whole" else self._network

    @property
    def _network(self) -> float:
        return self.retention if self.network_retention is None else self.network_retention

    def held(self, start: int, length: int, deadline: int) -> int:
        """A deadline with the hold: not before its end for an epoch that it reaches, `length` ms from `start` on."""
        return max(deadline, round(self.hold_until * 1000)) if start + length > self.hold_since * 1000 else deadline

    def holds(self, now: int) -> bool:
        """Whether the hold lasts."""
        return now < self.hold_until * 1000

    def next_rows_deadline(self, now: int) -> int:
        """When, after `now`, rows may have to go next, be there any or not."""
        kept = round(self.longest * 1000)
        turn = self.start_of(now - kept) + self.length + kept
        return min(turn, round(self.hold_until * 1000)) if self.holds(now) else turn


TERMS: Final = Terms()
