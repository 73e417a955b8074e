"""What the benchmark judges and sends, without running it."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from bench.__main__ import stack_settings
from bench.accounts import Accounts
from bench.openloop import figures
from bench.targets import missed
from bench.work import DOCUMENT_BYTES, NAMES, PAPER_NAMES, make_work
from devtools.samples import sample
from shared.directory.resolve import resolve
from shared.directory.tables import Tables
from shared.form import validate


def report(**changed: Any) -> dict[str, Any]:
    good = {
        "intake": [{"documents": 0, "concurrency": 8, "accepted_per_s": 400.0, "bare_per_s": 500.0, "ratio": 0.8}],
        "latency": [{"rate": 20, "p50_ms": 80, "p95_ms": 120, "p99_ms": 150, "paper": False}],
        "stream_400mb": {"growth_mib": 12.0},
        "router_per_s": 4500,
    }
    return good | changed


def test_nothing_is_missed_by_a_good_run() -> None:
    assert missed(report()) == []


def test_every_target_can_be_missed() -> None:
    slow = {"documents": 0, "concurrency": 8, "accepted_per_s": 299.0, "bare_per_s": 500.0, "ratio": 0.598}
    late = {"rate": 20, "p50_ms": 80, "p95_ms": 250, "p99_ms": 300, "paper": True}
    found = missed(report(intake=[slow], latency=[late], stream_400mb={"growth_mib": 32.1}, router_per_s=3999))
    assert len(found) == 5


def test_what_was_not_measured_is_not_judged() -> None:
    assert missed(report(intake=[], latency=[], stream_400mb={}, router_per_s=None)) == []


def test_what_is_sent_is_a_good_application() -> None:
    for documents, names in ((0, NAMES), (3, NAMES), (0, PAPER_NAMES)):
        for work in make_work(documents, names):
            ids = [str(uuid4()) for _ in range(documents)]
            completion = json.loads(work.completion(ids))
            assert completion["documents"] == ids
            assert validate(completion["application"]) == []
            assert [len(content) for _, content in work.documents] == [DOCUMENT_BYTES] * documents


def test_jobcenters_with_and_without_an_interface_share_no_receiver_and_have_as_many_lanes() -> None:
    tables = Tables.load()

    def reached(names: tuple[str, ...]) -> set[str | None]:
        found = [sample(name) for name in names]
        return {resolve(tables, each.postcode, each.municipality_key).jobcenter_id for each in found}

    by_interface, on_paper = reached(NAMES), reached(PAPER_NAMES)
    assert len(by_interface) == len(on_paper) == 4
    setups = stack_settings().receivers
    assert [setup.members for setup in setups] == [{"render_form": False}, {}]
    assert by_interface <= set(setups[0].destinations)
    assert on_paper <= set(setups[1].destinations)
    assert set(setups[0].destinations).isdisjoint(setups[1].destinations)


def test_books_and_latency() -> None:
    first, second, lost = uuid4(), uuid4(), uuid4()
    accounts = Accounts("", {first, second, lost}, {first: 10.1, second: 10.3, uuid4(): 1.0})
    assert accounts.missing == {lost}
    row = figures(20, {first: 10.0, second: 10.0, lost: 10.0}, accounts)
    assert row == {"rate": 20, "p50_ms": 200, "p95_ms": 290, "p99_ms": 298}
