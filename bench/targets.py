"""What is wanted, and what of it was missed. Pure."""

from __future__ import annotations

from typing import Any

RATIO = 0.7
ACCEPTED_PER_S = 300.0
P95_MS = 250
LATENCY_RATE = 20
GROWTH_MIB = 32.0
ROUTER_PER_S = 4000.0


def missed(report: dict[str, Any]) -> list[str]:
    """In words, with figure and target; parts that were not measured are not judged."""
    found = []
    without = [row for row in report["intake"] if row["documents"] == 0]
    if without:
        best = max(without, key=lambda row: float(row["accepted_per_s"]))
        if best["accepted_per_s"] < ACCEPTED_PER_S:
            found.append(f"intake accepts {best['accepted_per_s']}/s without documents, target {ACCEPTED_PER_S:.0f}/s")
    for row in report["intake"]:
        if row["ratio"] < RATIO:
            what = f"{row['documents']} documents, {row['concurrency']} at once"
            found.append(f"intake with {what}: ratio {row['ratio']}, target {RATIO}")
    found += [
        f"latency at {row['rate']}/s{', PDF set by the receiver' if row['paper'] else ''}: p95 {row['p95_ms']} ms, "
        f"target below {P95_MS} ms"
        for row in report["latency"]
        if row["rate"] == LATENCY_RATE and row["p95_ms"] >= P95_MS
    ]
    growth = report["stream_400mb"].get("growth_mib")
    if growth is not None and growth > GROWTH_MIB:
        found.append(f"intake's peak grew by {growth} MiB, target {GROWTH_MIB:.0f} MiB")
    router = report["router_per_s"]
    if router is not None and router < ROUTER_PER_S:
        found.append(f"the router routes {router}/s, target {ROUTER_PER_S:.0f}/s")
    return found
