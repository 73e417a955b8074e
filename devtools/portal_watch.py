"""What is looked at on every page that a citizen visits: axe, reflow at 320 px with wide text, visible focus, motion,
strange requests, console, speed.

The same page in the same shape is examined once per device; the shape is the page's path without the ids of entries and
persons, its answer's status, and whether it shows errors.
"""

from __future__ import annotations

import importlib.resources
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, Request

from devtools.portal_browser import VIEWPORTS, Citizen, Device

NARROW_PX = 320
"""WCAG 2.2, 1.4.10: 1280 px at 400 %."""
_IDS = re.compile(r"(?:applicant|person-\d+|i\d+)(?=\.|$)")
_RUN = """async () => (await axe.run(document, {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  resultTypes: ['violations'],
})).violations.map(found => ({
  id: found.id, help: found.help, nodes: found.nodes.map(node => node.target.join(' ')),
}))"""
_TARGETS = """() => [...document.querySelectorAll('body *')]
  .filter(each => each.getBoundingClientRect().right > 321).map(each => each.outerHTML.slice(0, 80)).slice(-3)"""
_OVERFLOWS = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
_SPACED = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
    p { margin-bottom: 2em !important }`);
  document.adoptedStyleSheets = [sheet];
}"""
"""WCAG 2.2, 1.4.12: what citizens may set for themselves."""
_UNSPACED = "() => { document.adoptedStyleSheets = []; }"
_UNSEEN = """() => {
  const kinds = ['outlineStyle', 'outlineWidth', 'outlineColor', 'boxShadow', 'borderColor', 'borderWidth',
    'backgroundColor', 'color', 'textDecorationThickness'];
  const looks = each => [each, each.parentElement, each.nextElementSibling].filter(near => near).flatMap(near =>
    [undefined, '::before', '::after'].map(part => {
      const style = getComputedStyle(near, part);
      return kinds.map(kind => style[kind]).join();
    })).join('|');
  const faults = [];
  const before = document.activeElement;
  before?.blur();
  const all = 'a[href], button, input:not([type=hidden]), select, textarea, summary';
  const reachable = document.querySelector('dialog[open]') ?? document;
  for (const each of reachable.querySelectorAll(all)) {
    if (!each.checkVisibility({ visibilityProperty: true })) continue;
    const plain = looks(each);
    each.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement !== each || looks(each) === plain) faults.push(each.outerHTML.slice(0, 120));
    each.blur();
  }
  before?.focus();
  return faults.slice(0, 3);
}"""
_MOVING = "() => document.getAnimations().filter(each => each.playState === 'running').length"


@dataclass
class Findings:
    """Over all households: what was examined, what was found, how fast the pages came (milliseconds)."""

    screens: Path | None = None
    quick: bool = False
    """Looks at nothing but what the browser reports by itself."""
    examined: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    violations: dict[str, list[str]] = field(default_factory=dict)
    """Rule and first element → pages."""
    too_wide: dict[str, list[str]] = field(default_factory=dict)
    unseen_focus: dict[str, list[str]] = field(default_factory=dict)
    moving: list[str] = field(default_factory=list)
    strangers: Counter[str] = field(default_factory=Counter)
    """Requests that went elsewhere, complaints of the browser."""
    page_ms: list[float] = field(default_factory=list)
    shots: dict[str, str] = field(default_factory=dict)

    def p95_ms(self) -> float:
        ordered = sorted(self.page_ms)
        return round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1) if ordered else 0.0

    def faults(self) -> list[str]:
        return [
            *(f"axe: {rule}: {', '.join(pages[:3])}" for rule, pages in self.violations.items()),
            *(f"wider than {NARROW_PX} px: {page}: {what}" for page, what in self.too_wide.items()),
            *(f"focus not seen: {page}: {what}" for page, what in self.unseen_focus.items()),
            *(f"moves although less motion is wished for: {page}" for page in self.moving),
            *(f"browser: {said} ({times}x)" for said, times in self.strangers.items()),
        ]

    # -- attached to a page ------------------------------------------------------------------------------------------

    def listen(self, page: Page, url: str) -> None:
        """Notes requests to others, complaints on the console and each page's time from request to last byte."""

        def requested(request: Request) -> None:
            if not request.url.startswith((f"{url}/", "data:", "blob:")):
                self.strangers[f"request to {request.url.split('/')[2]}"] += 1

        def finished(request: Request) -> None:
            if request.resource_type == "document":
                timing = request.timing
                if timing["responseEnd"] > 0 and timing["requestStart"] >= 0:
                    self.page_ms.append(timing["responseEnd"] - timing["requestStart"])

        def complained(message: ConsoleMessage) -> None:
            # A page with errors is answered by 422, a missing one by 404, and a broken connection is made on purpose.
            expected = any(part in message.text for part in ("status of 4", "ERR_INTERNET_DISCONNECTED"))
            if message.type in ("error", "warning") and not expected:
                self.strangers[message.text[:200]] += 1

        page.on("request", requested)
        page.on("requestfinished", finished)
        page.on("console", complained)
        page.on("pageerror", lambda error: self.strangers.update([str(error)[:200]]))

    def examine(self, citizen: Citizen, *, javascript: bool = True) -> None:
        """The page where a citizen is."""
        shape = _IDS.sub("*", citizen.path)
        if citizen.page.locator(".summary-of-errors").count():
            shape += " with errors"
        elif citizen.page.locator(".note.said").count():
            shape += " with a notice"
        self.look_at(citizen.page, citizen.device, shape, javascript=javascript)

    def look_at(self, page: Page, device: Device, shape: str, *, javascript: bool = True) -> None:
        """Any page as it stands; once for each shape and device, and once more where JavaScript lets axe run."""
        self.pages.add(shape)
        mark = f"{device} {shape}" + ("" if javascript else " without JavaScript")
        if self.quick or mark in self.examined:
            return
        self.examined.add(mark)
        self._shoot(page, device, shape)
        if javascript:
            self._axe(page, mark)
            self._focus(page, mark)
        if page.evaluate(_MOVING):
            self.moving.append(mark)
        self._narrow(page, device, mark)

    def _axe(self, page: Page, mark: str) -> None:
        if not page.evaluate("() => 'axe' in window"):
            page.evaluate(axe_source())
        found: list[dict[str, Any]] = page.evaluate(_RUN)
        for each in found:
            self.violations.setdefault(f"{each['id']} ({each['help']}) at {each['nodes'][0]}", []).append(mark)

    def _focus(self, page: Page, mark: str) -> None:
        unseen = page.evaluate(_UNSEEN)
        if unseen:
            self.unseen_focus[mark] = unseen

    def _narrow(self, page: Page, device: Device, mark: str) -> None:
        width, height = VIEWPORTS[device]
        page.set_viewport_size({"width": NARROW_PX, "height": height})
        for setting in ("", _SPACED, _UNSPACED):
            if setting:
                page.evaluate(setting)
            if page.evaluate(_OVERFLOWS):
                self.too_wide[mark] = page.evaluate(_TARGETS)
        page.set_viewport_size({"width": width, "height": height})

    def _shoot(self, page: Page, device: str, shape: str) -> None:
        if self.screens is None:
            return
        name = re.sub(r"[^A-Za-z0-9]+", "-", shape).strip("-") or "start"
        file = self.screens / f"{device}-{name}.png"
        page.screenshot(path=file, full_page=True)
        self.shots[f"{device} {shape}"] = file.name


def axe_source() -> str:
    """axe-core as the package `axe-playwright-python` carries it (MPL-2.0; only ever run in tests)."""
    return importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
