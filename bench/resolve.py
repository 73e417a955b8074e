"""How long resolving takes: `python -m bench.resolve`. The bound of the issue is 50 µs for one call."""

from __future__ import annotations

import json
import random
import statistics
import time
from pathlib import Path

from shared.directory.resolve import resolve
from shared.directory.tables import Tables

CALLS = 200_000
BATCH = 100
BOUND_US = 50.0


def questions(tables: Tables, count: int) -> list[tuple[str, str | None]]:
    """A fixed mixture: area postcodes, ambiguous ones, with and without municipality, PO boxes, unknown ones."""
    draw = random.Random(37)
    postcodes, towns, boxes = sorted(tables.postcodes), sorted(tables.municipalities), sorted(tables.po_boxes)
    return [
        (
            draw.choice((draw.choice(postcodes), draw.choice(boxes), f"{draw.randrange(100_000):05d}")),
            draw.choice((None, draw.choice(towns))),
        )
        for _ in range(count)
    ]


def main() -> int:
    started = time.perf_counter()
    tables = Tables.load()
    load_ms = (time.perf_counter() - started) * 1e3
    tables.po_boxes  # noqa: B018 - read at first use, not to be counted
    asked = questions(tables, CALLS)
    each_us = []
    for start in range(0, CALLS, BATCH):
        batch = asked[start : start + BATCH]
        before = time.perf_counter_ns()
        for postcode, town in batch:
            resolve(tables, postcode, town)
        each_us.append((time.perf_counter_ns() - before) / BATCH / 1e3)
    worst = max(tables.postcodes, key=lambda postcode: len(tables.postcodes[postcode].offered))
    before = time.perf_counter_ns()
    for _ in range(10_000):
        resolve(tables, worst)
    figures = {
        "load_ms": round(load_ms, 1),
        "calls": CALLS,
        "median_us": round(statistics.median(each_us), 3),
        "p99_us": round(statistics.quantiles(each_us, n=100)[98], 3),
        "most_candidates_us": round((time.perf_counter_ns() - before) / 10_000 / 1e3, 3),
        "bound_us": BOUND_US,
    }
    output = Path(__file__).parents[1] / "build" / "bench-resolve.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures))
    return 0 if figures["median_us"] < BOUND_US else 1


if __name__ == "__main__":
    raise SystemExit(main())
