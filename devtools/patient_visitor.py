"""A citizen who does not give up while the portal or what is behind it restarts: reloads, and presses again.

Only what the pages tell citizens to do: a page that is not to be had is opened again later; a form whose answer was an
error page, or silence, is sent again as it was; before a file is sent again, it is looked for on its page.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from aiohttp import ClientError, ClientTimeout

from devtools.portal_walk import Stuck
from devtools.visitor import File, Page, Visitor

PATIENCE_S = 300.0
PAUSE_S = 0.5
ATTEMPT = ClientTimeout(total=60)
AGAIN = frozenset({429, 500, 502, 503, 504})
SENDING = "/absenden"


class PatientVisitor(Visitor):
    """`repeated` counts requests that were made again; `requests` counts pages, as a visitor sees them."""

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S, pause_s: float = PAUSE_S) -> None:
        super().__init__(url)
        self.repeated = 0
        self._patience_s, self._pause_s = patience_s, pause_s

    async def get(self, path: str) -> Page:
        self.requests += 1
        deadline = time.monotonic() + self._patience_s
        while not _answered(await self._attempt("GET", path)):
            await self._again(deadline)
        return self.page

    async def submit(
        self,
        answers: Mapping[str, str | Sequence[str]] | None = None,
        *,
        button: str = "",
        value: str | None = None,
        action: str | None = None,
        files: Sequence[File] = (),
    ) -> Page:
        deadline = time.monotonic() + self._patience_s
        filled_in = self.page
        while True:
            page = await super().submit(answers, button=button, value=value, action=action, files=files)
            still_sending = action == SENDING and page.path == SENDING
            if _answered(page) and not still_sending:
                return page
            await self._again(deadline)
            if files and await self._has(filled_in.path, files):
                return self.page
            self.page = page if still_sending and _answered(page) else filled_in

    async def _go(self, method: str, path: str, headers: Mapping[str, str] | None = None, data: object = None) -> Page:
        """One attempt of a form; where it leads to is opened patiently. Status 0 is silence."""
        page = await self._attempt(method, path, headers, data)
        if page.status == 303:
            return await self.get(page.headers["Location"])
        self.requests += 1
        return page

    async def _attempt(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, data: object = None
    ) -> Page:
        try:
            return await self._once(method, path, headers, data, allow_redirects=method == "GET", timeout=ATTEMPT)
        except (ClientError, TimeoutError, OSError) as error:
            self.page = Page(0, path, "", {"error": type(error).__name__})
            return self.page

    async def _again(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            why = self.page.headers.get("error", self.page.text[:300])
            raise Stuck(f"given up after {self._patience_s:.0f} s at {self.page.path}: {self.page.status} {why}")
        self.repeated += 1
        await asyncio.sleep(self._pause_s)

    async def _has(self, path: str, files: Sequence[File]) -> bool:
        """Whether a page names these files: then the answer was lost, not the upload."""
        text = (await self.get(path)).text
        return all(name in text for name, _, _ in files)


def _answered(page: Page) -> bool:
    return page.status != 0 and page.status not in AGAIN
