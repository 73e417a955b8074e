"""Toxiproxy between the processes: one proxy for each pair, made when the stack asks for the way.

A link's name is `<client>-><server>`. Faults are set and taken away over Toxiproxy's own HTTP API.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devtools import toolchain
from devtools.processes import Process, free_port, port_answers

_TIMEOUT_S = 10.0


class ProxyNetwork:
    """`devtools.stack.Network` by Toxiproxy. Start before the stack, stop after it."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        command = [str(toolchain.toxiproxy()), "-host", "127.0.0.1", "-port", str(self._port)]
        env = {"LOG_LEVEL": "error"}
        self.process = Process("toxiproxy", command, folder / "toxiproxy.log", env=env, grace_s=5)
        self._ways: dict[str, int] = {}

    @property
    def links(self) -> tuple[str, ...]:
        return tuple(self._ways)

    def way(self, client: str, server: str, port: int) -> int:
        """See `devtools.stack.Network`."""
        name = f"{client}->{server}"
        if name not in self._ways:
            listen = free_port()
            body = {"name": name, "listen": f"127.0.0.1:{listen}", "upstream": f"127.0.0.1:{port}", "enabled": True}
            self._call("POST", "/proxies", body)
            self._ways[name] = listen
        return self._ways[name]

    def cut(self, link: str) -> None:
        """Connections break, new ones are refused."""
        self._call("POST", f"/proxies/{link}", {"enabled": False})

    def silence(self, link: str) -> None:
        """Connections stay, but nothing arrives any more."""
        self._toxic(link, "timeout", {"timeout": 0})

    def slow(self, link: str, latency_ms: int) -> None:
        """Every answer comes later, by half of it more or less."""
        self._toxic(link, "latency", {"latency": latency_ms, "jitter": latency_ms // 2})

    def reset(self, link: str, after_ms: int) -> None:
        """Connections end; new ones get TCP RST."""
        self._toxic(link, "reset_peer", {"timeout": after_ms})

    def heal(self, link: str) -> None:
        """As if nothing had been."""
        self._call("POST", f"/proxies/{link}", {"enabled": True})
        for toxic in self._call("GET", f"/proxies/{link}/toxics"):
            self._call("DELETE", f"/proxies/{link}/toxics/{toxic['name']}")

    def heal_all(self) -> None:
        for link in self.links:
            self.heal(link)

    def _toxic(self, link: str, kind: str, attributes: Mapping[str, int]) -> None:
        body = {"name": kind, "type": kind, "stream": "downstream", "toxicity": 1.0, "attributes": dict(attributes)}
        self._call("POST", f"/proxies/{link}/toxics", body)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path.replace('>', '%3E')}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "antragsweiche-chaos"},
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def __enter__(self) -> Self:
        self.process.start()
        try:
            self.process.wait_until(lambda: port_answers(self._port), _TIMEOUT_S)
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()
