"""The product's receiver for very many destinations: `python -m bench.receiver`.

All destinations of the bench share one pair of keys, and checking a private RSA 4096 key takes half a second: here
each is checked once, instead of once for every destination. With `CHAOS_CONTROL_FILE` it can be made slow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from devtools.chaos import receiver as slow
from services.receiver import __main__ as product
from services.receiver import trust
from shared.sealing.jwk import Alg, load_private_rsa, thumbprint

_loaded: dict[tuple[str, Alg], Any] = {}


def _load_once(jwk: Mapping[str, Any], *, alg: Alg) -> Any:
    key = (thumbprint(jwk), alg)
    if key not in _loaded:
        _loaded[key] = load_private_rsa(jwk, alg=alg)
    return _loaded[key]


if __name__ == "__main__":
    with patch.object(trust, "load_private_rsa", _load_once):
        sys.exit(slow.main() if "CHAOS_CONTROL_FILE" in os.environ else product.main(sys.argv[1:]))
