"""A module of another checkout runs with that checkout's own packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from devtools.toolchain import ROOT


def test_it_takes_everything_from_there(tmp_path: Path) -> None:
    for package in ("services", "services/intake", "shared"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "shared" / "mark.py").write_text("MARK = __file__\n")
    module = tmp_path / "services" / "intake" / "__main__.py"
    module.write_text("import sys\nfrom shared.mark import MARK\nprint(MARK, __name__, sys.argv[1:])\n")
    ran = subprocess.run(
        [sys.executable, "-m", "bench.elsewhere", str(tmp_path), "services.intake"],
        env={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == f"{tmp_path / 'shared' / 'mark.py'} __main__ []"
