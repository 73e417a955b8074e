"""`antragsweiche client …`: portals that may ask the built-in issuer for tokens.

The secret is drawn here (256 random bits), shown once and stored as a hash only. Intake notices the changed file within
seconds.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="Portals of the built-in issuer: add, list, disable.", no_args_is_help=True)

FILE = typer.Option("--file", "-f", envvar="INTAKE_CLIENTS_FILE", help="Intake's clients file.")
CLIENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,98}[a-z0-9]")


@app.command()
def add(  # noqa: PLR0917 - the command line names them
    client_id: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    file: Annotated[Path, FILE],
    name: Annotated[str, typer.Option(help="Whose portal it is.")] = "",
    test: Annotated[bool, typer.Option("--test", help="May reach Jobcenters in rollout state `test`.")] = False,
    renew: Annotated[bool, typer.Option("--renew", help="Draw a new secret for a client that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Add a client and print its secret, once."""
    from services.intake.clients import Client, ClientsFile, hash_secret, new_secret, read_clients, write_clients

    if CLIENT_ID.fullmatch(client_id) is None:
        raise typer.BadParameter("small letters, digits and hyphens, two to a hundred")
    clients = dict(read_clients(file).clients) if file.exists() else {}
    if client_id in clients and not renew:
        raise typer.BadParameter(f"{client_id} exists; --renew draws a new secret for it")
    secret = new_secret()
    clients[client_id] = Client(name=name, secret_sha256=hash_secret(secret), test=test)
    write_clients(file, ClientsFile(clients=clients))
    if as_json:
        print(json.dumps({"client_id": client_id, "client_secret": secret}))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Client id:      {client_id}")
    console.print(f"Client secret:  {secret}")
    console.print("The secret is shown this once; only its hash is stored.", style="yellow")


@app.command("list")
def list_clients(file: Annotated[Path, FILE]) -> None:
    """Show all clients, without secrets."""
    from services.intake.clients import read_clients

    table = Table("client", "name", "state", "test")
    for client_id, client in sorted(read_clients(file).clients.items()):
        table.add_row(client_id, client.name, "disabled" if client.disabled else "active", "yes" if client.test else "")
    Console().print(table)


@app.command()
def disable(
    client_id: Annotated[str, typer.Argument()],
    file: Annotated[Path, FILE],
    undo: Annotated[bool, typer.Option("--undo", help="Enable it again.")] = False,
) -> None:
    """Refuse a client's secret and its tokens from now on."""
    from services.intake.clients import ClientsFile, read_clients, write_clients

    clients = dict(read_clients(file).clients)
    if client_id not in clients:
        raise typer.BadParameter(f"{client_id} is not in the file")
    clients[client_id] = clients[client_id].model_copy(update={"disabled": not undo})
    write_clients(file, ClientsFile(clients=clients))
    print(f"{client_id} is {'active' if undo else 'disabled'}")
