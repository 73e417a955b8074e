"""What a change is worth to intake: `python -m bench.paired REVISION`. Two replicas, one of that revision, one of this
tree, under the same load at the same time: what else the machine does, and how fast it happens to be, meets both alike.

Prints the processor time for each accepted submission, turn by turn, and the median ratio. On the machines that this
was written on one turn's ratio is good to 5 %, the median of 14 to about 1.5 %.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import uvloop

from bench import cpu
from bench.__main__ import DRAIN_S, consumers_paused, stack_settings, token_for
from bench.accounts import Accounts
from bench.closed import closed_loop
from bench.work import make_work
from devtools.stack import Stack
from devtools.toolchain import ROOT

TURN_S = 3.0
OTHER, THIS = "intake-1", "intake-2"


async def measure(stack: Stack, turns: int, concurrency: int, documents: int) -> list[float]:
    """This tree's processor time for each submission, as a share of the other's, for each turn."""
    token, work, ratios = token_for(stack), make_work(documents), []
    urls = dict(zip((OTHER, THIS), stack.intake_urls, strict=True))
    async with Accounts(stack.bootstrap) as accounts:
        for turn in range(turns + 1):
            with consumers_paused(stack, accounts):
                used = cpu.Used({name: stack.processes[name].pid for name in urls})
                done = await asyncio.gather(
                    *(
                        closed_loop([url], token, work, concurrency=concurrency // 2, seconds=TURN_S, at_most=10_000)
                        for url in urls.values()
                    )
                )
                spent = {name: used.seconds(name) for name in urls}
            for each in done:
                accounts.accepted.update(each.accepted)
            await accounts.settle(DRAIN_S)
            if turn == 0:
                continue  # both have compiled, connected and filled their caches now
            other, this = (1e3 * spent[name] / len(each.accepted) for name, each in zip(urls, done, strict=True))
            ratios.append(this / other)
            print(f"  other {other:.2f} ms, this tree {this:.2f} ms, ratio {this / other:.3f}", flush=True)
        if accounts.missing:
            raise SystemExit(f"{len(accounts.missing)} accepted submissions were not acknowledged")
    return ratios


def main() -> int:
    parser = argparse.ArgumentParser("python -m bench.paired", description=__doc__)
    parser.add_argument("revision", help="the other tree: a commit, branch or tag")
    parser.add_argument("--turns", type=int, default=14, help=f"of {TURN_S:.0f} s each")
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--documents", type=int, default=0, help="of 2 MB, for each submission")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        added = subprocess.run(
            ["git", "-C", str(ROOT), "worktree", "add", "-q", "-d", tree, options.revision], check=False
        )
        if added.returncode != 0:
            return added.returncode  # git has said why
        try:
            launch = {OTHER: ("bench.elsewhere", str(tree), "services.intake")}
            with Stack(Path(folder) / "stack", replace(stack_settings(), launch=launch)) as stack:
                ratios = uvloop.run(measure(stack, options.turns, options.at_once, options.documents))
        finally:
            subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", tree], check=True)
    print(f"median ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
