"""A campaign in order: start, load and faults, healing, quiescence, checker."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devtools.chaos import evidence
from devtools.chaos.cast import CAST, Role, places
from devtools.chaos.checker import Verdict, check
from devtools.chaos.evidence import Places
from devtools.chaos.faults import Fault, Kind, ahead, plan
from devtools.chaos.load import Senders, authenticated, new_session
from devtools.chaos.network import ProxyNetwork
from devtools.chaos.receiver import Control, Manner
from devtools.chaos.wrecker import SERVERS, Wrecker
from devtools.stack import ReceiverSetup, Stack, StackSettings

ENV: dict[str, dict[str, str]] = {
    "intake": {"INTAKE_SWEEP_INTERVAL_S": "2", "INTAKE_SWEEP_GRACE_S": "2", "INTAKE_DRAIN_S": "3"},
    "router": {"ROUTER_RETRY_MOST_S": "3", "ROUTER_STOP_BUDGET_S": "5"},
    "delivery": {
        "DELIVERY_BACKOFF_FIRST_S": "0.5",
        "DELIVERY_BACKOFF_MOST_S": "3",
        "DELIVERY_PROBE_FIRST_S": "0.5",
        "DELIVERY_PROBE_MOST_S": "3",
        "DELIVERY_RETRY_DELAYS_S": "[1, 2, 3, 3, 3, 3]",
        "DELIVERY_BUDGET_S": "20",
        "DELIVERY_AWAITING_S": "8",
        "DELIVERY_CONNECT_TIMEOUT_S": "3",
        "DELIVERY_IDLE_TIMEOUT_S": "10",
        "DELIVERY_ANSWER_TIMEOUT_S": "10",
        "DELIVERY_DRAIN_BUDGET_S": "5",
        "DELIVERY_STALL_LIMIT_S": "20",
        "DELIVERY_WATCH_INTERVAL_S": "3",
    },
}
"""The same code with short times: days of outage become seconds."""
REPLICAS = tuple(f"{service}-{number}" for service in ("intake", "router", "delivery") for number in (1, 2))
"""Any of them may have a wrong clock."""
_LAST_WRITES_S = 15.0
"""An ending shows in the store a moment before its message stands on its topic. What is lost stays lost."""
_QUIET_S = 90.0
"""A campaign whose receipts gain no new ending for so long is at rest, whatever is still missing."""


@dataclass(frozen=True)
class Plan:
    """What a campaign is asked for. `duration_s`: how long load and faults last."""

    seed: int
    duration_s: float
    rate_per_s: float
    folder: Path
    keys_folder: Path


@dataclass
class Result:
    """What came of it. `report` is `build/chaos.json`."""

    verdict: Verdict
    report: dict[str, Any]
    faults: tuple[Fault, ...]
    details: dict[str, Any] = field(default_factory=dict)


def run(wanted: Plan, say: Callable[[str], None]) -> Result:
    """The whole campaign. Everything that was started is stopped, whatever happens."""
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with ProxyNetwork(wanted.folder) as network, _stack(wanted, network, say) as stack:
        say(f"ready after {stack.timings['ready']:.0f} s; seed {wanted.seed}, {wanted.duration_s:.0f} s of faults")
        return asyncio.run(_Campaign(wanted, stack, network, say).run())


def _stack(wanted: Plan, network: ProxyNetwork, say: Callable[[str], None]) -> Stack:
    stack_folder = wanted.folder / "stack"
    receivers = tuple(
        ReceiverSetup(
            (role.jobcenter,),
            module="devtools.chaos.receiver",
            env={
                "CHAOS_CONTROL_FILE": str(_control_file(wanted.folder, role)),
                "CHAOS_CLOCK_AHEAD_S": str(role.clock_ahead_s),
            },
            members=role.members,
        )
        for role in CAST
    )
    for role in CAST:
        control = _control_file(wanted.folder, role)
        control.parent.mkdir(parents=True, exist_ok=True)
        control.with_suffix(".poisoned").unlink(missing_ok=True)
        _write(control, Control())
    wrong = ahead(wanted.seed, REPLICAS)
    for name, seconds in wrong.items():
        say(f"the clock of {name} is {seconds:.0f} s ahead")
    settings = StackSettings(
        jobcenters=tuple(role.jobcenter for role in CAST),
        intake_replicas=2,
        router_replicas=2,
        delivery_replicas=2,
        receivers=receivers,
        env=ENV,
        launch={
            name: ("devtools.chaos.ahead", str(seconds), f"services.{name.partition('-')[0]}")
            for name, seconds in wrong.items()
        },
        network=network,
    )
    return Stack(stack_folder, settings, keys_folder=wanted.keys_folder, say=say)


def _control_file(folder: Path, role: Role) -> Path:
    return folder / "control" / f"{role.jobcenter}.json"


def _write(file: Path, control: Control) -> None:
    partial = file.with_suffix(".partial")
    partial.write_text(control.model_dump_json())
    partial.replace(file)


class _Campaign:
    def __init__(self, wanted: Plan, stack: Stack, network: ProxyNetwork, say: Callable[[str], None]) -> None:
        self._wanted, self._stack, self._network, self._say = wanted, stack, network, say
        self._source = random.Random(f"load {wanted.seed}")
        self._dead = {stack.receiver_of(role.jobcenter) for role in CAST if role.starts_dead}

    async def run(self) -> Result:
        stack = self._stack
        urls, answer_urls = stack.intake_urls, stack.delivery_urls
        faults = plan(self._wanted.seed, self._wanted.duration_s, self._services(), self._network.links)
        self._behave({role.jobcenter: role.manner for role in CAST}, answer_urls)
        for name in self._dead:
            await asyncio.to_thread(stack.kill, name)
        async with new_session() as session:
            portals = await authenticated(session, urls, stack.client.client_id, stack.client.client_secret)
            senders = Senders(portals, places(stack.settings.jobcenters), self._source)
            wrecker = Wrecker(stack, self._network, set(self._dead), self._say, time.monotonic())
            supervising = asyncio.create_task(wrecker.supervise())
            try:
                await self._load_and_faults(senders, wrecker, faults, answer_urls)
                quiet_s = await self._quiescence(senders)
            finally:
                wrecker.stop()
                await supervising
        return await self._judge(senders, wrecker, faults, quiet_s)

    async def _load_and_faults(
        self, senders: Senders, wrecker: Wrecker, faults: tuple[Fault, ...], answer_urls: tuple[str, ...]
    ) -> None:
        """Load for the whole duration; then healing; senders whose receipt has not come yet go on until it has."""
        over = asyncio.Event()
        sending = asyncio.create_task(senders.run(self._wanted.rate_per_s, over))
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + self._wanted.duration_s + 120):
                await wrecker.wreck(faults)
            await asyncio.sleep(max(0.0, wrecker.began + self._wanted.duration_s - time.monotonic()))
            over.set()
            self._behave({role.jobcenter: role.healed_manner for role in CAST}, answer_urls)
            await wrecker.heal()
            self._say(f"healed; {len(senders.sent)} receipts given for {senders.started} applications")
            await sending
        finally:
            sending.cancel()

    async def _quiescence(self, senders: Senders) -> float:
        """Wait until every receipt has an ending, or until none has come for a long time. How long that took."""
        began = last = time.monotonic()
        missing = {sent.submission_id for sent in senders.sent}
        while missing and time.monotonic() - last < _QUIET_S:
            bucket = self._stack.store_folder
            ended = await asyncio.to_thread(_ended, bucket, missing)
            if not ended and len(missing) <= _FEW:
                ended = missing & await evidence.dead_letters(self._stack.bootstrap)
            if ended:
                last = time.monotonic()
                missing -= ended
            await asyncio.sleep(0.5)
        self._say(f"at rest {time.monotonic() - began:.0f} s after the healing; {len(missing)} without an ending")
        return time.monotonic() - began

    async def _judge(self, senders: Senders, wrecker: Wrecker, faults: tuple[Fault, ...], quiet_s: float) -> Result:
        stack = self._stack
        found = Places(
            bucket=stack.store_folder,
            handovers={role.jobcenter: stack.handover(role.jobcenter) for role in CAST},
            journals=sorted((stack.folder / "jobcenters").glob("*.sqlite")),
            bootstrap=stack.bootstrap,
            directory=stack.desk.directory,
        )
        deadline = time.monotonic() + _LAST_WRITES_S
        while True:
            verdict = check(await evidence.gather(found, senders.sent, senders.refused))
            if verdict.good or time.monotonic() > deadline:
                break
            await asyncio.sleep(1.0)
        happened = Counter(wrecker.happened)
        happened[Kind.CLOCK_AHEAD] += sum(1 for role in CAST if role.clock_ahead_s)
        happened[Kind.CLOCK_AHEAD] += len(stack.settings.launch)
        report = {
            "seed": self._wanted.seed,
            "duration_s": self._wanted.duration_s,
            **verdict.counts,
            "faults": {kind.value: happened[kind] for kind in Kind if happened[kind]},
        }
        details = {
            "sent": senders.started,
            "repeated_requests": senders.repeated,
            "quiescence_s": round(quiet_s, 1),
            "exits": dict(wrecker.exits),
            "refused": senders.refused,
        }
        return Result(verdict, report, faults, details)

    def _services(self) -> tuple[str, ...]:
        return tuple(name for name in self._stack.processes if name not in SERVERS and name not in self._dead)

    def _behave(self, manners: dict[str, Manner], answer_urls: Iterable[str]) -> None:
        urls = tuple(answer_urls)
        for role in CAST:
            _write(_control_file(self._wanted.folder, role), Control(manner=manners[role.jobcenter], answer_urls=urls))


_FEW = 30
"""Few enough that reading the dead letter is worth it."""


def _ended(bucket: Path, submission_ids: Iterable[str]) -> set[str]:
    return {each for each in submission_ids if evidence.is_settled(bucket, each)}
