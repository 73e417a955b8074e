"""`answer: later`: a push is answered 202 once its signed answer is kept, and the answer is posted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.receiver.settings import ReceiverSettings
from shared.contracts.answer import Verdict
from shared.trust.answers import verify_answer
from tests import keys
from tests.services.receiver.support import NOW, Running, make_package, make_settings


async def test_the_answer_is_posted_after_the_push_was_taken(tmp_path: Path) -> None:
    seen: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    statuses = [404]

    async def take(request: web.Request) -> web.Response:
        if statuses:
            return web.Response(status=statuses.pop())
        await seen.put((request.match_info["id"], await request.text()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/v1/deliveries/{id}/events", take)
    package = make_package([])
    async with TestServer(app) as platform:
        url = str(platform.make_url("")).rstrip("/")
        settings = later(tmp_path, url)
        async with Running(settings) as receiver:
            received = await receiver.platform.push(package)
            assert (received.status, received.body) == (202, b"")
            assert receiver.folder(package).exists()
            delivery, token = await asyncio.wait_for(seen.get(), 20)
    assert delivery == str(package.delivery_id)
    answer = verify_answer(
        token,
        destination=keys.destination("a"),
        delivery_id=package.delivery_id,
        manifest=package.manifest,
        manifest_token=package.token,
        handed_over_at=NOW,
    )
    assert answer.verdict is Verdict.ACCEPT


def later(folder: Path, url: str) -> ReceiverSettings:
    plain = make_settings(folder).model_dump(exclude_none=True)
    plain["destinations"] = [item | {"answer": "later"} for item in plain["destinations"]]
    return ReceiverSettings.model_validate(plain | {"answers_url": url})


def test_without_a_place_to_post_to_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="answers_url"):
        make_settings(tmp_path, answer="later")
