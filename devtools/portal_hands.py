"""How a citizen fills fields and presses buttons: by mouse, or by nothing but keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page

from devtools.portal_households import File

MAX_KEYS = 300


class Stuck(AssertionError):
    """The citizen does not get on. Says where and what the page says; all people are invented."""


@dataclass
class Hands:
    """How fields are filled and buttons pressed: by mouse, or with `keyboard` by nothing but keys."""

    page: Page
    keyboard: bool = False

    def press(self, target: Locator) -> None:
        """Follow a link or press a button, and wait for the next page."""
        with self.page.expect_navigation(wait_until="load"):
            if self.keyboard:
                self._reach(target)
                self.page.keyboard.press("Enter")
            else:
                target.click(no_wait_after=True)

    def type(self, target: Locator, text: str) -> None:
        if not self.keyboard:
            target.fill(text)
            return
        self._reach(target)
        self.page.keyboard.press("Control+A")
        for number, line in enumerate(text.split("\n")):
            if number:
                self.page.keyboard.press("Enter")
            self.page.keyboard.insert_text(line)

    def tick(self, target: Locator) -> None:
        """A box, or one of several choices."""
        if not self.keyboard:
            target.check()
            return
        if target.get_attribute("type") == "checkbox":
            self._reach(target)
        else:
            self._reach_choice(target)
        if not target.is_checked():
            self.page.keyboard.press("Space")

    def choose(self, target: Locator, label: str) -> None:
        if self.keyboard:
            self._reach(target)
            self.page.keyboard.type(label)
        else:
            target.select_option(label=label)

    def give(self, target: Locator, files: tuple[File, ...]) -> None:
        content: list[Any] = [
            {"name": each.name, "mimeType": each.media_type, "buffer": each.content} for each in files
        ]
        if not self.keyboard:
            target.set_input_files(content)
            return
        self._reach(target)
        with self.page.expect_file_chooser() as chooser:
            self.page.keyboard.press("Enter")
        chooser.value.set_files(content)

    def _reach(self, target: Locator) -> None:
        for _ in range(MAX_KEYS):
            if target.evaluate("each => each === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise Stuck(f"not reached by Tab on {self.page.url}: {target}")

    def _reach_choice(self, target: Locator) -> None:
        """Tab leads to one choice of the group, arrows to the others."""
        for _ in range(MAX_KEYS):
            if target.evaluate("each => document.activeElement && document.activeElement.name === each.name"):
                break
            self.page.keyboard.press("Tab")
        for _ in range(MAX_KEYS):
            if target.evaluate("each => each === document.activeElement"):
                return
            self.page.keyboard.press("ArrowDown")
        raise Stuck(f"not reached by arrows on {self.page.url}: {target}")
