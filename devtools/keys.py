"""Keys for the demo, hands-on use and tests: made once for a checkout, in parallel, and kept under `build/keys`.

    directory.jwk, directory.public.jwk    the anchor's two halves
    platform/{receipt,push,transit}.jwk    the platform's own keys
    state-keys.json, issuer.jwk            intake's
    jobcenters/<destination>/{encrypt,verify}.jwk

They are real keys, but nobody guards them: never use them for anything but trying out.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.sealing.jwk import Alg, generate_ec, generate_rsa, public_jwk, read_jwk
from shared.sealing.statebox import generate_state_keys


@dataclass(frozen=True)
class KeyFiles:
    """Where the keys are."""

    folder: Path

    @property
    def directory(self) -> Path:
        return self.folder / "directory.jwk"

    @property
    def anchor(self) -> Path:
        return self.folder / "directory.public.jwk"

    @property
    def receipt(self) -> Path:
        return self.folder / "platform" / "receipt.jwk"

    @property
    def push(self) -> Path:
        return self.folder / "platform" / "push.jwk"

    @property
    def transit(self) -> Path:
        return self.folder / "platform" / "transit.jwk"

    @property
    def state(self) -> Path:
        return self.folder / "state-keys.json"

    @property
    def issuer(self) -> Path:
        return self.folder / "issuer.jwk"

    def encrypt(self, destination: str) -> Path:
        return self.folder / "jobcenters" / destination / "encrypt.jwk"

    def verify(self, destination: str) -> Path:
        return self.folder / "jobcenters" / destination / "verify.jwk"


def write_private(path: Path, document: dict[str, Any]) -> None:
    """Complete or not at all, readable for the owner alone: an interrupted run must not leave half a key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(document))
    partial.replace(path)


def _make_rsa(task: tuple[Path, Alg]) -> None:
    path, alg = task
    write_private(path, generate_rsa(alg=alg))


def ensure_keys(folder: Path, destinations: Iterable[str]) -> KeyFiles:
    """Make what is missing. RSA 4096 takes a second or two for each, so all cores are used.

    Several stacks may start at once: whoever comes second waits, and finds the keys made.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _ensure_keys(KeyFiles(folder), destinations)


def _ensure_keys(files: KeyFiles, destinations: Iterable[str]) -> KeyFiles:
    for path in (files.directory, files.receipt, files.push, files.issuer):
        if not path.exists():
            write_private(path, generate_ec())
    if not files.anchor.exists():
        write_private(files.anchor, public_jwk(read_jwk(files.directory)))
    if not files.state.exists():
        write_private(files.state, generate_state_keys())
    wanted = [(files.transit, Alg.SEAL)]
    for destination in destinations:
        wanted += [(files.encrypt(destination), Alg.SEAL), (files.verify(destination), Alg.PS512)]
    missing = [task for task in wanted if not task[0].exists()]
    if missing:
        with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
            list(pool.map(_make_rsa, missing))
    return files
