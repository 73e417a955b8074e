"""Toxiproxy does to a real connection what the faults' names say."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from devtools import setup
from devtools.chaos.network import ProxyNetwork

pytestmark = [pytest.mark.timeout(300)]  # Toxiproxy is built first where it is missing

LINK = "client->server"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyNetwork]:
    setup.toxiproxy(setup.Progress())
    with ProxyNetwork(tmp_path_factory.mktemp("network")) as running:
        yield running


@pytest.fixture(scope="module")
def port(network: ProxyNetwork) -> Iterator[int]:
    """The way to a server that says every word back."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    accepted, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_echo, args=(accepted,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield network.way("client", "server", server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def _echo(accepted: socket.socket) -> None:
    with accepted:
        try:
            while word := accepted.recv(100):
                accepted.sendall(word)
        except OSError:
            return


@pytest.fixture
def client(network: ProxyNetwork, port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connected:
        assert _say(connected) == b"word"
        yield connected
        network.heal(LINK)


def _say(connected: socket.socket) -> bytes:
    connected.sendall(b"word")
    return connected.recv(100)


def test_the_same_question_has_the_same_answer(network: ProxyNetwork, port: int) -> None:
    assert network.way("client", "server", 1) == port
    assert network.links == (LINK,)


def test_cut(network: ProxyNetwork, port: int, client: socket.socket) -> None:
    network.cut(LINK)
    assert client.recv(100) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    network.heal(LINK)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as again:
        assert _say(again) == b"word"


def test_silence(network: ProxyNetwork, client: socket.socket) -> None:
    network.silence(LINK)
    client.settimeout(0.5)
    with pytest.raises(TimeoutError):
        _say(client)


def test_slow(network: ProxyNetwork, client: socket.socket) -> None:
    network.slow(LINK, 600)
    began = time.monotonic()
    assert _say(client) == b"word"
    assert time.monotonic() - began >= 0.29


def test_reset(network: ProxyNetwork, port: int, client: socket.socket) -> None:
    """A connection that is there ends with its next word; whoever comes anew gets TCP RST."""
    network.reset(LINK, 0)
    assert _say(client) == b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as again,
        pytest.raises((ConnectionResetError, BrokenPipeError)),
    ):
        while True:
            _say(again)
