"""`python -m bench.elsewhere FOLDER MODULE`: runs a module of another checkout instead of this one's."""

from __future__ import annotations

import runpy
import sys

from devtools.toolchain import ROOT


def main() -> None:
    folder, module = sys.argv[1:]
    sys.path[:] = [folder, *(entry for entry in sys.path if entry != str(ROOT))]
    for name in [name for name in sys.modules if name.partition(".")[0] in {"bench", "devtools", "shared"}]:
        del sys.modules[name]
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
