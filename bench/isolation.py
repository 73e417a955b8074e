"""`./dev bench-isolation`: do dead and slow Jobcenters cost the healthy ones anything? And how fast is a backlog gone?

104 destinations. Three interleaved pairs of runs: in one of each all are healthy, in the other ten are dead and ten
answer after ten seconds; which comes first changes from pair to pair, so that a drift favours neither. All get the same
load: 10/s over the healthy lanes, and a little for the other twenty. While time permits, more pairs replace those in
which the rest of the machine was busy: what others used decides which three count, never what was measured. Then a
backlog for one destination, whose receiver is down, is drained after its return, by a receiver that signs without
opening.

The time from receipt to acknowledgement is read from what was signed and stored: the settlement's time less the
manifest's time of receipt. Where the door stored without a receipt (202, Kafka did not answer in time), it counts from
when the receipt came. Receivers open every part and hand it over, but write no `application.pdf`: that is the
Jobcenter's time, not the lanes'.

It takes at most ten minutes: what waits for something waits no longer than its share, and the backlog is as large as
the time allows. For each run it prints what the processes used of the cores, and what others did: a ratio from a
machine that was busy with something else means nothing, and then it says so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import math
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import cpu
from bench.letters import bare_letter, small_letter
from devtools.chaos.cast import places
from devtools.chaos.evidence import is_settled, waiting_ms
from devtools.chaos.load import Letter, Senders, Sent, authenticated, new_session
from devtools.chaos.receiver import Control
from devtools.households import Place
from devtools.keys import ensure_keys
from devtools.portal import Portal
from devtools.processes import ProcessFailed
from devtools.stack import ReceiverSetup, Stack, StackSettings
from devtools.toolchain import ROOT
from shared.contracts.manifest import Manifest
from shared.directory.tables import Tables
from shared.sealing.jwk import unb64u

PAIRS = 3
FAULTY = 10
SLOW_S = 10.0
HEALTHY_RATE = 10.0
OTHER_RATE = 1.0
TARGET_RATIO = 1.10
LIMIT_S = 600.0
QUIET_CORES = 0.3
"""When others use more than this, the figures are not the system's."""
_WARM_UP_S = 15.0
"""Enough for every lane to have delivered."""
_AT_ONCE = 24
_SETTLE_LIMIT_S = 20.0
_SEND_SHARE = 0.5
"""Of the time that is left, for the backlog's sending; the rest is for its end."""
_DRAIN_S = 120.0
"""At least so long for the backlog."""
_STOP_S = 20.0
_NO_PAPER = {"render_form": False}
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Pair:
    """Two runs. `others_cores`: the most that the rest of the machine used in one of them."""

    healthy_p99_ms: float
    faulty_p99_ms: float
    others_cores: float
    samples: int

    @property
    def ratio(self) -> float:
        return self.faulty_p99_ms / self.healthy_p99_ms


@dataclass
class Result:
    """What was measured; all pairs in their order."""

    pairs: list[Pair] = field(default_factory=list)
    unsettled: int = 0
    backlog: int = 0
    drain_s: float = 0.0
    memory_start_mib: float = 0.0
    memory_peak_mib: float = 0.0

    @property
    def counted(self) -> list[Pair]:
        """The three pairs in which others used least of the machine."""
        return sorted(self.pairs, key=lambda pair: pair.others_cores)[:PAIRS]

    @property
    def enough(self) -> bool:
        return sum(pair.others_cores <= QUIET_CORES for pair in self.pairs) >= PAIRS

    def report(self) -> dict[str, Any]:
        """The content of `build/isolation.json`; `ratio_spread` is the least and the greatest of the pairs."""
        ratios = [pair.ratio for pair in self.counted]
        return {
            "healthy_p99_ms": round(statistics.median(pair.healthy_p99_ms for pair in self.counted)),
            "faulty_p99_ms": round(statistics.median(pair.faulty_p99_ms for pair in self.counted)),
            "ratio": round(statistics.median(ratios), 3),
            "ratio_spread": [round(min(ratios), 3), round(max(ratios), 3)],
            "backlog": self.backlog,
            "drain_s": round(self.drain_s, 1),
            "memory_start_mib": round(self.memory_start_mib, 1),
            "memory_peak_mib": round(self.memory_peak_mib, 1),
        }


@dataclass(frozen=True)
class Groups:
    """Which destination plays what; `backlog` gets nothing before its backlog."""

    healthy: tuple[str, ...]
    dead: tuple[str, ...]
    slow: tuple[str, ...]
    backlog: str

    @classmethod
    def of(cls, jobcenters: Sequence[str]) -> Groups:
        ordered = sorted(jobcenters)
        random.Random(1).shuffle(ordered)
        dead, slow = ordered[:FAULTY], ordered[FAULTY : 2 * FAULTY]
        return cls(tuple(ordered[2 * FAULTY + 1 :]), tuple(dead), tuple(slow), ordered[2 * FAULTY])

    @property
    def everyone(self) -> tuple[str, ...]:
        return (*self.healthy, *self.dead, *self.slow, self.backlog)


def p99(values: Sequence[float]) -> float:
    """Nearest rank. ValueError for no values."""
    if not values:
        raise ValueError("nothing was measured")
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


@dataclass(frozen=True)
class _Run:
    """`rest`: what was sent to the twenty that are faulty in every second run."""

    p99_ms: float
    samples: int
    unsettled: int
    others_cores: float
    rest: list[Sent]


class Bench:
    """The runs on one stack. `run_s`: length of each of the six; `backlog`: how many wait; `left`: seconds that are."""

    def __init__(
        self, folder: Path, run_s: float, backlog: int, *, left: Callable[[], float], say: Callable[[str], None]
    ) -> None:
        self._run_s, self._backlog, self._left, self._say = run_s, backlog, left, say
        self.groups = Groups.of(list(Tables.load().jobcenters))
        self._places = places(self.groups.everyone)
        self._control = folder / "slow.json"
        self._folder = folder

    def stack(self) -> Stack:
        """One pair of RSA keys stands for all: what costs time is using them, not having them."""
        keys_folder = ROOT / "build" / "keys-bench"
        made = ensure_keys(keys_folder, ["shared"])
        for name in self.groups.everyone:
            made.encrypt(name).parent.mkdir(parents=True, exist_ok=True)
            for target, source in (
                (made.encrypt(name), made.encrypt("shared")),
                (made.verify(name), made.verify("shared")),
            ):
                if not target.exists():
                    shutil.copy(source, target)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._slow(0.0)
        slow = {"CHAOS_CONTROL_FILE": str(self._control)}
        settings = StackSettings(
            jobcenters=self.groups.everyone,
            receivers=(
                ReceiverSetup(self.groups.healthy, module="bench.receiver", members=_NO_PAPER),
                ReceiverSetup(self.groups.dead, module="bench.receiver", members=_NO_PAPER),
                ReceiverSetup(self.groups.slow, module="bench.receiver", env=slow, members=_NO_PAPER),
                ReceiverSetup((self.groups.backlog,), module="bench.signer"),
            ),
            env={"delivery": {"DELIVERY_PROBE_MOST_S": "5"}},
        )
        return Stack(self._folder / "stack", settings, keys_folder=keys_folder, say=self._say)

    def _slow(self, delay_s: float) -> None:
        self._control.write_text(Control(delay_s=delay_s).model_dump_json())

    async def run(self, stack: Stack) -> Result:
        result = Result()
        async with asyncio.timeout(self._left()), new_session() as session:
            client = stack.client
            portals = await authenticated(session, stack.intake_urls, client.client_id, client.client_secret)
            _, others = await self._load(portals, _WARM_UP_S, others_rate=4 * OTHER_RATE)
            await self._settled(stack, others, _SETTLE_LIMIT_S)
            while len(result.pairs) < PAIRS or (not result.enough and self._left() > self._pair_s + _DRAIN_S):
                result.pairs.append(await self._pair(stack, portals, result))
            await self._drain(stack, portals, result)
        return result

    @property
    def _pair_s(self) -> float:
        return 2 * self._run_s + SLOW_S + _SETTLE_LIMIT_S

    async def _pair(self, stack: Stack, portals: list[Portal], result: Result) -> Pair:
        number = len(result.pairs) + 1
        runs: dict[bool, _Run] = {}
        for faulty in (False, True) if number % 2 else (True, False):
            name = f"pair {number}, {'10 dead, 10 slow' if faulty else 'all healthy'}"
            run = self._faulty(stack, portals, name) if faulty else self._one(stack, portals, name)
            runs[faulty] = await run
            result.unsettled += runs[faulty].unsettled
        others = max(run.others_cores for run in runs.values())
        return Pair(runs[False].p99_ms, runs[True].p99_ms, others, sum(run.samples for run in runs.values()))

    async def _faulty(self, stack: Stack, portals: list[Portal], name: str) -> _Run:
        dead = stack.receiver_of(self.groups.dead[0])
        await asyncio.to_thread(stack.kill, dead)
        self._slow(SLOW_S)
        run = await self._one(stack, portals, name)
        self._slow(0.0)
        await asyncio.to_thread(stack.restart, dead)
        await self._settled(stack, run.rest, SLOW_S + _SETTLE_LIMIT_S)  # the next run begins with empty lanes
        return run

    async def _one(self, stack: Stack, portals: list[Portal], name: str) -> _Run:
        running = {process: each.pid for process, each in stack.processes.items() if each.alive}
        used = cpu.Used(running | {"load": os.getpid()})
        sent, others = await self._load(portals, self._run_s)
        shares = used.shares()
        await self._settled(stack, sent, _SETTLE_LIMIT_S)
        waits = [waiting_ms(stack.store_folder, each.submission_id, _receipt_at(each)) for each in sent]
        measured = [wait for wait in waits if wait is not None]
        value, middle = p99(measured), statistics.median(measured)
        self._say(f"{name}: p99 {value:.0f} ms, median {middle:.0f} ms of {len(measured)} over the healthy lanes")
        self._say("cores: " + ", ".join(f"{process} {share:.2f}" for process, share in shares.items()))
        return _Run(value, len(measured), len(waits) - len(measured), shares["others"], others)

    async def _load(
        self, portals: list[Portal], seconds: float, others_rate: float = OTHER_RATE
    ) -> tuple[list[Sent], list[Sent]]:
        """Load for so many seconds; what was sent over the healthy lanes, and over the other twenty."""
        others = (*self.groups.dead, *self.groups.slow)
        until = asyncio.Event()
        healthy = self._senders(portals, self.groups.healthy, small_letter)
        rest = self._senders(portals, others, small_letter)
        sending = [
            asyncio.create_task(healthy.run(HEALTHY_RATE, until)),
            asyncio.create_task(rest.run(others_rate, until)),
        ]
        await asyncio.sleep(seconds)
        until.set()
        await asyncio.gather(*sending)
        return healthy.sent, rest.sent

    def _senders(
        self, portals: list[Portal], names: tuple[str, ...], make: Callable[[int, str, Place, random.Random], Letter]
    ) -> Senders:
        return Senders(portals, {name: self._places[name] for name in names}, random.Random(2), make=make)

    async def _settled(self, stack: Stack, sent: Sequence[Sent], limit_s: float) -> None:
        """Until all are, or the time is over."""
        deadline = time.monotonic() + limit_s
        missing = {each.submission_id for each in sent}
        while missing and time.monotonic() < deadline:
            missing = {each for each in missing if not is_settled(stack.store_folder, each)}
            await asyncio.sleep(0.2)

    async def _drain(self, stack: Stack, portals: list[Portal], result: Result) -> None:
        receiver = stack.receiver_of(self.groups.backlog)
        await asyncio.to_thread(stack.kill, receiver)
        senders = self._senders(portals, (self.groups.backlog,), bare_letter)
        began = time.monotonic()
        numbers, until = iter(range(self._backlog)), began + self._left() * _SEND_SHARE

        async def send() -> None:
            for number in numbers:
                if time.monotonic() > until:
                    return
                await senders.one(number)

        await asyncio.gather(*(send() for _ in range(_AT_ONCE)))
        result.backlog = len(senders.sent)
        self._say(f"{result.backlog} wait for one destination, sent in {time.monotonic() - began:.0f} s")
        delivery = stack.processes["delivery"].pid
        result.memory_start_mib = result.memory_peak_mib = _memory_mib(delivery)
        await asyncio.to_thread(stack.restart, receiver)
        began = time.monotonic()
        draining = asyncio.create_task(self._settled(stack, senders.sent, self._left()))
        while not draining.done():
            result.memory_peak_mib = max(result.memory_peak_mib, _memory_mib(delivery))
            await asyncio.sleep(0.2)
        result.drain_s = time.monotonic() - began
        left = sum(not is_settled(stack.store_folder, each.submission_id) for each in senders.sent)
        result.unsettled += left
        self._say(f"drained in {result.drain_s:.1f} s by a receiver that signs without opening; {left} left")


def _receipt_at(sent: Sent) -> datetime:
    return sent.late_at or Manifest.model_validate_json(unb64u(sent.receipt.split(".")[1])).received_at


def _memory_mib(pid: int) -> float:
    """Resident memory of a process, from /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def verdict(ratios: Sequence[float], others_cores: float) -> str:
    """What may be concluded from the pairs' ratios, when others used so much of the machine. Pure."""
    met = "met" if statistics.median(ratios) <= TARGET_RATIO else "NOT met"
    if others_cores > QUIET_CORES:
        return f"{met}, but it proves nothing: others used up to {others_cores:.2f} cores"
    if max(ratios) > 2 * min(ratios):
        return f"{met}, but the pairs differ too much to conclude anything"
    return met


def main() -> int:
    parser = argparse.ArgumentParser("./dev bench-isolation", description=__doc__)
    parser.add_argument("--run", type=float, default=30, help="seconds of load in each of the six runs")
    parser.add_argument("--backlog", type=int, default=3000)
    parser.add_argument("--out", type=Path, default=ROOT / "build")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", flush=True)

    def left() -> float:
        return max(1.0, began + LIMIT_S - _STOP_S - time.monotonic())

    out: Path = given.out.resolve()
    say(f"load average before: {', '.join(f'{each:.1f}' for each in os.getloadavg())} on {os.cpu_count()} cores")
    bench = Bench(out / "run" / "isolation", given.run, given.backlog, left=left, say=say)
    try:
        with bench.stack() as stack:
            say(f"ready after {stack.timings['ready']:.0f} s; {len(bench.groups.everyone)} destinations")
            result = asyncio.run(bench.run(stack))
    except (ProcessFailed, TimeoutError) as error:
        print(f"it could not run: {error or 'ten minutes were not enough'}")
        return 1
    say(f"load average after: {', '.join(f'{each:.1f}' for each in os.getloadavg())}")
    file = out / "isolation.json"
    file.write_text(json.dumps(result.report(), indent=2) + "\n")
    _show(result)
    print(f"{time.monotonic() - began:.0f} s; {os.path.relpath(file)}")
    return 1 if result.unsettled else 0


def _show(result: Result) -> None:
    report = result.report()
    least, most = report["ratio_spread"]
    print(f"\np99 of the healthy lanes, all healthy: {report['healthy_p99_ms']} ms")
    print(f"p99 of the healthy lanes, with 10 dead and 10 slow: {report['faulty_p99_ms']} ms")
    print(f"ratio {report['ratio']} (of three pairs {least} to {most}); target {TARGET_RATIO:.2f}", end=" ")
    counted = result.counted
    print(verdict([pair.ratio for pair in counted], max(pair.others_cores for pair in counted)))
    cores = ", ".join(f"{pair.others_cores:.2f}" for pair in counted)
    print(f"pairs: {len(counted)} of {len(result.pairs)} count; others used {cores} cores in them")
    print(f"{sum(pair.samples for pair in counted)} samples in them; {result.unsettled} not settled in time")
    print("Jobcenters' receivers open every part and write no application.pdf in these runs")
    print(f"backlog of {report['backlog']} drained in {report['drain_s']} s (receiver signs without opening)")
    print(f"memory of delivery {report['memory_start_mib']} MiB, at most {report['memory_peak_mib']} MiB")


if __name__ == "__main__":
    sys.exit(main())
