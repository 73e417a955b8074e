"""The sandbox client: drawn anew for each start, never a default secret."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.intake.clients import Client, ClientsFile, hash_secret, new_secret
from services.intake.clients import write_clients as write_file

SANDBOX_ID = "sandbox-portal"


@dataclass(frozen=True)
class SandboxClient:
    """What a portal builder needs to get a token."""

    client_id: str
    client_secret: str


def write_clients(path: Path, client_ids: tuple[str, ...] = (SANDBOX_ID,)) -> list[SandboxClient]:
    """Write intake's clients file and answer the credentials; only hashes of the secrets are in the file."""
    made = [SandboxClient(client_id, new_secret()) for client_id in client_ids]
    known = {each.client_id: Client(name="Sandbox", secret_sha256=hash_secret(each.client_secret)) for each in made}
    write_file(path, ClientsFile(clients=known))
    return made
