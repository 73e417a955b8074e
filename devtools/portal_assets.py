"""Vendors what the portal needs of `@kern-ux/native` (npm, EUPL-1.2): rules of the classes in use, two subset fonts.

    ./dev python -m devtools.portal_assets <unpacked npm package>

Needs fonttools and brotli (only here, not at run time). The result is committed under services/portal/static.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from devtools.toolchain import ROOT

STATIC = ROOT / "services" / "portal" / "static"
VERSION = "2.7.2"
USED = frozenset(
    [
        "accordion",
        "alert",
        "badge",
        "body",
        "btn",
        "container",
        "description-list",
        "description-list-item",
        "error",
        "fieldset",
        "form-check",
        "form-input",
        "heading-display",
        "heading-x-large",
        "heading-large",
        "heading-medium",
        "heading-small",
        "hint",
        "icon",
        "kopfzeile",
        "label",
        "link",
        "list",
        "progress",
        "sr-only",
        "summary",
        "task-list",
        "task-list-group",
        "title",
        "number",
    ]
)
ICONS = frozenset(
    ["icon--info", "icon--success", "icon--warning", "icon--danger", "icon--edit", "icon--delete", "icon--add"]
)
UNICODES = (
    "U+0020-007E,U+00A0-017F,U+0218-021B,U+1E9E,U+2010-2015,U+2018-201F,U+2020-2022,U+2026,U+2030,U+20AC,U+2190-2193"
)
WEIGHTS = {"Regular": 400, "SemiBold": 600}
NOTE = (
    f"/*! Subset of @kern-ux/native {VERSION} (KERN design system, https://www.kern-ux.de), licensed under EUPL-1.2; "
    "made by devtools/portal_assets.py. */\n"
)


def blocks(css: str) -> Iterator[tuple[str, str]]:
    """Top-level rules: what stands before the brace, and what is in it."""
    depth = start = 0
    head = ""
    for index, character in enumerate(css):
        if character == "{":
            if depth == 0:
                head, start = css[start:index], index + 1
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                yield head.strip(), css[start:index]
                start = index + 1
        elif character == ";" and depth == 0:
            start = index + 1


def subset(css: str) -> str:
    """Rules of elements, tokens and used classes; the light theme only."""
    kept = []
    for head, body in blocks(css):
        if head.startswith("@media"):
            inner = subset(body)
            if inner:
                kept.append(f"{head}{{{inner}}}")
        elif head.startswith("@keyframes"):
            continue
        else:
            selectors = [selector for selector in split(head) if wanted(selector)]
            if selectors:
                kept.append(f"{','.join(selectors)}{{{body}}}")
    return "".join(kept)


def split(head: str) -> list[str]:
    """Selectors of a rule; commas within brackets do not count."""
    return [part for part in re.split(r",(?![^()]*\))", head) if part]


def wanted(selector: str) -> bool:
    if "dark" in selector:
        return False
    names = re.findall(r"\.kern-([a-z0-9-]+(?:__[a-z-]+)?(?:--[a-z0-9-]+)?)", selector)
    return all(used(name) for name in names)


def used(name: str) -> bool:
    if name.startswith("icon--"):
        return name in ICONS
    return re.split(r"__|--", name)[0] in USED


def fonts(package: Path) -> None:
    for weight in WEIGHTS:
        source = package / "dist" / "fonts" / "fira-sans" / f"FiraSans-{weight}.woff2"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "fontTools.subset",
                str(source),
                f"--unicodes={UNICODES}",
                "--flavor=woff2",
                "--layout-features=kern,liga,mark,mkmk,ccmp,locl",
                "--no-hinting",
                f"--output-file={STATIC / f'fira-sans-{weight.lower()}.woff2'}",
            ],
            check=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    package: Path = parser.parse_args().package
    css = (package / "dist" / "kern.min.css").read_text().removeprefix("\ufeff").replace('@charset "UTF-8";', "")
    STATIC.mkdir(parents=True, exist_ok=True)
    (STATIC / "kern.css").write_text(NOTE + subset(css))
    fonts(package)
    for path in sorted(STATIC.iterdir()):
        print(f"{path.stat().st_size:>8}  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
