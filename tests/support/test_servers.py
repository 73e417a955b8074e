"""Which servers tests stand on."""

from __future__ import annotations

import pytest

from tests.support.servers import choose


@pytest.mark.parametrize(
    ("wanted", "available", "found"),
    [
        ("processes", True, "processes"),
        ("processes", False, "processes"),
        ("auto", True, "containers"),
        ("auto", False, "processes"),
        ("containers", True, "containers"),
    ],
)
def test_choice(wanted: str, available: bool, found: str) -> None:
    assert choose(wanted, lambda: available) == found


def test_processes_never_ask_for_an_engine() -> None:
    def ask() -> bool:
        raise AssertionError("asked")

    assert choose("processes", ask) == "processes"


@pytest.mark.parametrize(("wanted", "available"), [("containers", False), ("podman", True)])
def test_what_cannot_be_had_is_an_error_and_no_other_choice(wanted: str, available: bool) -> None:
    with pytest.raises(ValueError, match=f"SERVERS={wanted}"):
        choose(wanted, lambda: available)
