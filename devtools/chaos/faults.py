"""Which fault happens when, to whom, for how long: pure, from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of faults. The values are the keys of `faults` in `build/chaos.json`."""

    KILL = "kill"
    """SIGKILL of a service; started again after the fault's length."""
    FREEZE = "freeze"
    """SIGSTOP, then SIGCONT."""
    TERMINATE = "terminate"
    """SIGTERM; started again when it has ended."""
    BROKER_RESTART = "broker-restart"
    """SIGKILL or SIGTERM of Kafka, by turns."""
    STORE_RESTART = "store-restart"
    CUT = "cut"
    """A link's connections break and new ones are refused."""
    SILENCE = "silence"
    """A link's connections stay, but nothing arrives."""
    SLOW = "slow"
    """A link's answers come late."""
    RESET = "reset"
    """A link's connections end, and those that come anew get TCP RST."""
    RECEIVER_DEATH = "receiver-death"
    """A receiver ended itself between writing and answering. Not planned: it happens, and is counted."""
    CLOCK_AHEAD = "clock-ahead"
    """A process whose clock is minutes ahead, all the time."""


ON_PROCESSES = (Kind.KILL, Kind.FREEZE, Kind.TERMINATE)
ON_LINKS = (Kind.CUT, Kind.SILENCE, Kind.SLOW, Kind.RESET)
_DECK = (
    *(Kind.KILL, Kind.KILL, Kind.FREEZE, Kind.TERMINATE, Kind.TERMINATE),
    *(Kind.CUT, Kind.CUT, Kind.SILENCE, Kind.SLOW, Kind.RESET),
    *(Kind.BROKER_RESTART, Kind.STORE_RESTART),
)
"""Every kind comes up in each round of twelve, however short the campaign."""
_LENGTHS_S = {
    Kind.KILL: (0.2, 2.0),
    Kind.FREEZE: (1.0, 8.0),
    Kind.TERMINATE: (0.0, 1.0),
    Kind.BROKER_RESTART: (0.0, 2.0),
    Kind.STORE_RESTART: (0.0, 3.0),
    Kind.CUT: (1.0, 8.0),
    Kind.SILENCE: (1.0, 8.0),
    Kind.SLOW: (3.0, 10.0),
    Kind.RESET: (1.0, 5.0),
}
EVERY_S = 2.5
"""Mean time from one fault to the next."""


@dataclass(frozen=True)
class Fault:
    """`at_s` counts from the campaign's beginning. `target` is a process or a link; `force` says SIGKILL or SIGTERM,
    or how slow: a number from 0 to 1 that the kind gives a meaning.
    """

    at_s: float
    kind: Kind
    target: str
    length_s: float
    force: float

    def __str__(self) -> str:
        return f"{self.at_s:6.1f} s  {self.kind:<15} {self.target:<26} for {self.length_s:.1f} s"


CLOCK_AHEAD_S = 180.0


def ahead(seed: int, replicas: Sequence[str]) -> dict[str, float]:
    """Whose clock is ahead during the whole campaign, and by how many seconds. One replica, by the seed."""
    return {random.Random(f"clock {seed}").choice(sorted(replicas)): CLOCK_AHEAD_S}


def plan(seed: int, duration_s: float, processes: Sequence[str], links: Sequence[str]) -> tuple[Fault, ...]:
    """The campaign's faults in order of time; the last begins before `duration_s` is over. The same for the same
    arguments. Processes and links are dealt round by round too, so that in a long campaign everything is met.
    """
    source = random.Random(seed)
    decks = {"kind": _Deck(source, _DECK), "process": _Deck(source, processes), "link": _Deck(source, links)}
    faults = []
    at_s = round(source.uniform(0.5, EVERY_S), 2)
    while at_s < duration_s:
        kind = Kind(decks["kind"].deal())
        if kind in ON_PROCESSES:
            target = decks["process"].deal()
        elif kind in ON_LINKS:
            target = decks["link"].deal()
        else:
            target = "kafka" if kind is Kind.BROKER_RESTART else "store"
        length_s = source.uniform(*_LENGTHS_S[kind])
        faults.append(Fault(at_s, kind, target, round(length_s, 2), source.random()))
        at_s = round(at_s + source.uniform(0.6, 1.4) * EVERY_S, 2)
    return tuple(faults)


class _Deck:
    """Deals all cards before any comes again."""

    def __init__(self, source: random.Random, cards: Sequence[str]) -> None:
        self._source, self._cards, self._left = source, cards, list[str]()

    def deal(self) -> str:
        if not self._left:
            self._left = list(self._cards)
            self._source.shuffle(self._left)
        return self._left.pop()
