"""Holds what `./dev up` started, in a process of its own: starts it, writes the state file, stops it on SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from devtools.places import connected
from devtools.processes import ProcessFailed
from devtools.running import RUN_FOLDER, STATE_FILE, Running, Started
from devtools.stack import Stack, StackSettings
from devtools.walkthrough import write_files


def _say(text: str) -> None:
    print(text, flush=True)


def _state(stack: Stack) -> Running:
    return Running(
        supervisor=Started.of(os.getpid()),
        processes={name: Started.of(process.pid) for name, process in stack.processes.items()},
        intake_url=stack.intake_url,
        portal_url=stack.portal_urls[0],
        client_id=stack.client.client_id,
        client_secret=stack.client.client_secret,
        environment=stack.environment(),
        folders={
            "directory": str(stack.directory_folder),
            "directory_key": str(stack.keys.directory),
            "logs": str(stack.logs),
            "handover": str(stack.handover("x").parent),
            "walkthrough": str(RUN_FOLDER / "walkthrough"),
        },
        jobcenters=stack.settings.jobcenters,
    )


def main() -> int:
    """Exit code 1 when the start failed; what was started is stopped then."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stack = Stack(RUN_FOLDER / "stack", StackSettings(jobcenters=connected(), portal_replicas=1), say=_say)
    try:
        with stack:
            write_files(RUN_FOLDER / "walkthrough", stack.client.client_secret)
            _state(stack).write()
            _say(f"ready after {stack.timings['ready']:.1f} s")
            stop.wait()
            _say("stopping")
    except ProcessFailed as error:
        _say(f"failed: {error}")
        return 1
    finally:
        STATE_FILE.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
