"""`antragsweiche`: the command line for operators, Jobcenter IT and portal builders.

Each group is a module `cli/<name>.py` with a typer `app`; it is imported only when it is asked for, or for the help.
"""

from __future__ import annotations

import importlib
import sys

import typer
import typer.main
from rich.console import Console
from typer.core import TyperGroup

from shared.errors import AntragsweicheError

GROUPS: dict[str, str] = {
    "submit": "cli.submit",
    "follow": "cli.follow",
    "tail": "cli.tail",
    "open": "cli.open",
    "directory": "cli.directory",
    "adapter": "cli.adapter",
    "hold": "cli.hold",
    "release": "cli.release",
    "limit": "cli.limit",
    "breaker": "cli.breaker",
    "lanes": "cli.lanes",
    "dead-letter": "cli.dead_letter",
    "client": "cli.client",
    "topics": "cli.topics",
    "keys": "cli.keys",
}
"""Name of the group → its module."""


def _root() -> typer.Typer:
    root = typer.Typer(name="antragsweiche", no_args_is_help=True, add_completion=False)

    @root.callback()
    def _antragsweiche() -> None:
        """Applications for basic income support, sealed, to the responsible municipal Jobcenter."""

    return root


def _command(arguments: list[str]) -> TyperGroup:
    """The root with the one group that is asked for, or with all of them for the help."""
    group = typer.main.get_command(_root())
    assert isinstance(group, TyperGroup)
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name in [asked] if asked in GROUPS else GROUPS:
        # A module with one command and no callback becomes that command: `antragsweiche open FILE`.
        app: typer.Typer = importlib.import_module(GROUPS[name]).app
        app._add_completion = False  # belongs to the root, not to each group's help
        command = typer.main.get_command(app)
        command.name = name
        group.add_command(command, name)
    return group


def main(arguments: list[str] | None = None) -> int:
    """Run one command and answer the exit code: 1 for a refusal, 2 for wrong usage."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = _command(given)(given, prog_name="antragsweiche", standalone_mode=True)
    except AntragsweicheError as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/red]: {error}", highlight=False)
        return 1
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(main())
