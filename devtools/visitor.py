"""A visitor without JavaScript: reads forms, fills them in and posts them as browsers do, follows redirects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

from aiohttp import ClientSession, CookieJar, FormData, MultipartWriter

File = tuple[str, str, bytes]
"""Name, media type as the browser guesses it, content."""


_UNCHOSEN = re.compile(r'<option value="[A-Z]{2}">[^<]*</option>')


@dataclass
class Form:
    action: str
    method: str
    multipart: bool
    fields: list[tuple[str, str]] = field(default_factory=list)
    """What would be sent untouched: hidden, filled and ticked inputs."""
    names: dict[str, list[str]] = field(default_factory=dict)
    """Every input's name, and the values that it offers (radio, box, select); empty for typed ones."""
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Reader(HTMLParser):
    """The forms, the title, the text and the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.title = ""
        self.text: list[str] = []
        self._form: Form | None = None
        self._tag = ""
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: PLR0912
        known = {name: value or "" for name, value in attrs}
        self._tag = tag
        if "id" in known:
            self.ids.append(known["id"])
        if tag == "form":
            self._form = Form(
                known.get("action", ""), known.get("method", "get"), known.get("enctype") == "multipart/form-data"
            )
            self.forms.append(self._form)
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        form = self._form
        if form is None:
            return
        name = known.get("name", "")
        if tag == "input" and name:
            kind = known.get("type", "text")
            offered = form.names.setdefault(name, [])
            if kind in ("radio", "checkbox"):
                offered.append(known.get("value", "on"))
                if "checked" in known:
                    form.fields.append((name, known.get("value", "on")))
            elif kind != "file":
                form.fields.append((name, known.get("value", "")))
        elif tag == "button" and known.get("type", "submit") == "submit":
            form.buttons.append((name, known.get("value", "")))
        elif tag == "select":
            self._select = name
            form.names.setdefault(name, [])
        elif tag == "option" and self._select:
            form.names[self._select].append(known.get("value", ""))
            if "selected" in known and known.get("value"):
                form.fields.append((self._select, known["value"]))
        elif tag == "textarea":
            self._area = name
            form.names.setdefault(name, [])
            form.fields.append((name, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "title":
            self.title += data
        if self._area is not None and self._form is not None:
            index = max(i for i, (name, _) in enumerate(self._form.fields) if name == self._area)
            self._form.fields[index] = (self._area, data)
        elif data.strip():
            self.text.append(data.strip())


@dataclass
class Page:
    status: int
    path: str
    html: str
    headers: Mapping[str, str]

    @cached_property
    def reader(self) -> Reader:
        reader = Reader()
        # Lists of countries that nobody chose are most of a page, and say nothing to a visitor who knows the codes.
        reader.feed(_UNCHOSEN.sub("", self.html))
        return reader

    @property
    def title(self) -> str:
        return self.reader.title

    @property
    def text(self) -> str:
        return " ".join(self.reader.text)

    def form(self, action: str | None = None) -> Form:
        """The form with this action, or the page's main one: the first outside dialogs."""
        for form in self.reader.forms:
            if (action is None and form.action != "/verlaengern") or form.action == action:
                return form
        raise AssertionError(f"no form {action} on {self.path}: {self.text[:300]}")


class Visitor:
    def __init__(self, url: str) -> None:
        self.url = url
        self.session = ClientSession(cookie_jar=CookieJar(unsafe=True))
        self.page: Page
        self.requests = 0

    async def close(self) -> None:
        await self.session.close()

    async def get(self, path: str) -> Page:
        return await self._go("GET", path)

    async def _go(self, method: str, path: str, headers: Mapping[str, str] | None = None, data: object = None) -> Page:
        self.requests += 1
        return await self._once(method, path, headers, data)

    async def _once(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, data: object = None, **options: Any
    ) -> Page:
        target = urljoin(self.url + "/", path)
        async with self.session.request(method, target, headers=headers, data=data, **options) as response:
            where = urlsplit(str(response.url))
            shown = where.path + (f"?{where.query}" if where.query else "")
            self.page = Page(response.status, shown, await response.text(), dict(response.headers))
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
        """Fill in and post the page's form by a button. What is not named stays as the page has it."""
        form = self.page.form(action)
        typed = answers or {}
        for name in typed:
            assert name in form.names, f"{name} is not asked on {self.page.path}: {sorted(form.names)}"
        fields = [(name, value) for name, value in form.fields if name not in typed]
        for name, given in typed.items():
            fields += [(name, each) for each in ([given] if isinstance(given, str) else given)]
        if button:
            offered = [each for name, each in form.buttons if name == button]
            assert offered, f"no button {button} on {self.page.path}: {form.buttons}"
            fields.append((button, value if value is not None else offered[0]))
        headers = {"Origin": self.url}
        if not form.multipart:
            return await self._go("POST", form.action, headers, FormData(fields))
        with MultipartWriter("form-data") as writer:
            for name, text in fields:
                writer.append(text).set_content_disposition("form-data", name=name)
            for name, media_type, content in files:
                part = writer.append(BytesIO(content), {"Content-Type": media_type})
                # as browsers write it: UTF-8, not percent-encoded
                part.set_content_disposition("form-data", quote_fields=False, name="file", filename=name)
            if not files:
                empty = writer.append(BytesIO(b""), {"Content-Type": "application/octet-stream"})
                empty.set_content_disposition("form-data", name="file", filename="")
        return await self._go("POST", form.action, headers, writer)
