"""`./dev up`: everything running for hands-on use, until `./dev down`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import segno

from devtools.running import RUN_FOLDER, STATE_FILE, Running, read_running
from devtools.toolchain import ROOT
from devtools.walkthrough import walkthrough

START_S = 180.0


def main() -> int:
    parser = argparse.ArgumentParser("./dev up", description="Start everything for hands-on use; ./dev down stops it.")
    parser.add_argument("--quiet", action="store_true", help="print the addresses only, not the walk-through")
    chosen = parser.parse_args()
    running = read_running()
    if running is not None and running.supervisor.alive:
        print("it runs already")
    else:
        running = _start()
        if running is None:
            return 1
    print(addresses(running))
    if sys.stdout.isatty():
        segno.make(running.portal_url).terminal(compact=True)
    if not chosen.quiet:
        print(walkthrough(running))
    return 0


def _start() -> Running | None:
    """Start the supervisor, show what it says, and return once the state file is there."""
    RUN_FOLDER.mkdir(parents=True, exist_ok=True)
    STATE_FILE.unlink(missing_ok=True)
    log = RUN_FOLDER / "supervisor.log"
    with log.open("wb") as out:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "devtools.supervisor"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_S
    with log.open() as said:
        while time.monotonic() < deadline:
            print(said.read(), end="", flush=True)
            if supervisor.poll() is not None:
                print(said.read(), end="", flush=True)
                return None
            running = read_running()
            if running is not None:
                time.sleep(0.1)  # the last line it says follows at once
                print(said.read(), end="", flush=True)
                return running
            time.sleep(0.05)
    print(f"not ready after {START_S:.0f} s; see {log}")
    supervisor.terminate()
    return None


def addresses(running: Running) -> str:
    """What runs where."""
    environment = running.environment
    lines = [
        "",
        f"portal         {running.portal_url}    (for citizens; open it in a browser)",
        f"intake         {running.intake_url}    (API description: {running.intake_url}/openapi.json)",
        f"Kafka          {environment['KAFKA_BOOTSTRAP']}",
        f"store          http://{environment['STORE_ENDPOINT']}    bucket {environment['STORE_BUCKET']}",
        f"connected      {', '.join(running.jobcenters)}",
        f"handed over    {running.folders['handover']}/<Jobcenter>/<submission id>/",
        f"logs           {running.folders['logs']}/",
        f"sandbox client {running.client_id}",
        f"its secret     {running.client_secret}    (drawn for this start)",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
