"""Carries out the plan of faults on a running stack, heals it, and keeps up what must run, as a supervisor would."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from devtools.chaos.faults import ON_PROCESSES, Fault, Kind
from devtools.chaos.network import ProxyNetwork
from devtools.chaos.receiver import DIED
from devtools.processes import Process, ProcessFailed
from devtools.stack import Stack

_SUPERVISE_S = 0.3
_TERM_GRACE_S = 25.0
_REST_S = 10.0
"""A server stays up at least so long: a system whose broker is never there has nothing to lose."""
SERVERS = ("kafka", "store")


@dataclass
class Wrecker:
    """`dead`: processes that must not run before the healing. `happened` counts the faults that were carried out.

    `began` is on the monotonic clock; `say` gets one line for each fault as it begins.
    """

    stack: Stack
    network: ProxyNetwork
    dead: set[str]
    say: Callable[[str], None]
    began: float
    happened: Counter[Kind] = field(default_factory=Counter)
    exits: Counter[str] = field(default_factory=Counter)
    _turns: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _back: dict[str, float] = field(default_factory=dict)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def wreck(self, faults: Sequence[Fault]) -> None:
        """Each at its time, healed after its length; returns when the last one is healed."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0.0, self.began + fault.at_s - time.monotonic()))
                group.create_task(self._one(fault))

    async def supervise(self) -> None:
        """Start again whatever ended by itself, until `stop`."""
        while not self._over.is_set():
            for name in self.stack.processes:
                turn = self._turns[name]
                if not turn.locked() and name not in self.dead:
                    async with turn:
                        await self._revive(name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _SUPERVISE_S)

    def stop(self) -> None:
        self._over.set()

    async def heal(self) -> None:
        """Everything runs and every link works."""
        await asyncio.to_thread(self.network.heal_all)
        for name in self.stack.processes:
            async with self._turns[name]:
                if name in self.dead:
                    self.dead.discard(name)
                    await asyncio.to_thread(self._start, name)
                else:
                    await self._revive(name)

    async def _revive(self, name: str) -> None:
        process = self.stack.processes[name]
        if process.alive:
            return
        if process.popen is not None:
            code = process.popen.returncode
            if code == DIED:
                self.happened[Kind.RECEIVER_DEATH] += 1
            else:
                self.exits[f"{name} exited {code}"] += 1
        await asyncio.to_thread(self._start, name)

    async def _one(self, fault: Fault) -> None:
        turn = self._turns[fault.target]
        busy = turn.locked() or time.monotonic() - self._back.get(fault.target, float("-inf")) < _REST_S
        if fault.target in self.dead or busy:
            self.say(f"{fault}: left out, it is still recovering")
            return
        async with turn:
            self.say(str(fault))
            self.happened[fault.kind] += 1
            if fault.kind in ON_PROCESSES:
                await self._on_process(fault)
            elif fault.target in SERVERS:
                await self._on_server(fault)
            else:
                await self._on_link(fault)

    async def _on_process(self, fault: Fault) -> None:
        process = self.stack.processes[fault.target]
        if not process.alive:
            return await self._revive(fault.target)
        if fault.kind is Kind.FREEZE:
            process.pause()
            await asyncio.sleep(fault.length_s)
            process.resume()
            return None
        await asyncio.to_thread(self._kill if fault.kind is Kind.KILL else self._terminate, process)
        await asyncio.sleep(fault.length_s)
        await asyncio.to_thread(self._start, fault.target)
        return None

    @staticmethod
    def _kill(process: Process) -> None:
        process.kill()

    def _terminate(self, process: Process) -> None:
        """SIGTERM; one that does not end by itself within its grace is a finding, then killed."""
        process.terminate()
        assert process.popen is not None
        try:
            code = process.popen.wait(_TERM_GRACE_S)
        except subprocess.TimeoutExpired:
            self.exits[f"{process.name} ignored SIGTERM for {_TERM_GRACE_S:.0f} s"] += 1
            process.kill()
            return
        if code not in (0, -signal.SIGTERM):  # it was not ready yet, and ended at once
            self.exits[f"{process.name} exited {code} on SIGTERM"] += 1

    async def _on_server(self, fault: Fault) -> None:
        process, began = self.stack.processes[fault.target], time.monotonic()
        await asyncio.to_thread(process.kill if fault.force < 0.5 else process.stop)
        await asyncio.sleep(fault.length_s)
        await asyncio.to_thread(self._start, fault.target)
        self._back[fault.target] = time.monotonic()
        self.say(f"          {fault.target} is back after {time.monotonic() - began:.1f} s")

    async def _on_link(self, fault: Fault) -> None:
        link = fault.target
        if fault.kind is Kind.CUT:
            await asyncio.to_thread(self.network.cut, link)
        elif fault.kind is Kind.SILENCE:
            await asyncio.to_thread(self.network.silence, link)
        elif fault.kind is Kind.SLOW:
            await asyncio.to_thread(self.network.slow, link, int(200 + 1800 * fault.force))
        else:
            await asyncio.to_thread(self.network.reset, link, int(300 * fault.force))
        await asyncio.sleep(fault.length_s)
        await asyncio.to_thread(self.network.heal, link)

    def _start(self, name: str) -> None:
        """Again, at the same address. Only the broker and the store are waited for."""
        if name == "kafka":
            self._patiently(self.stack.kafka.start, name)
        elif name == "store":
            self._patiently(self.stack.store.start, name)
        else:
            self.stack.processes[name].start()

    def _patiently(self, start: Callable[[], object], name: str) -> None:
        try:
            start()
        except ProcessFailed:
            self.exits[f"{name} did not start at once"] += 1
            self.stack.processes[name].stop()
            start()
