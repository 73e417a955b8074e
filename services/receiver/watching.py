"""Starts and ends the watchers of all inboxes, and the poster of their answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

import aiohttp

from services.receiver.deliveries import Receiver
from services.receiver.journal import Journal
from services.receiver.poster import Poster
from services.receiver.settings import BucketInbox as BucketSettings
from services.receiver.settings import FolderInbox as FolderSettings
from services.receiver.settings import ReceiverSettings
from services.receiver.trust import PlatformTrust
from services.receiver.watch import Inbox, Watcher
from services.receiver.watch_bucket import BucketInbox, store_settings
from services.receiver.watch_folder import FolderInbox
from shared.errors import Misconfigured
from shared.store.s3 import S3Store


@asynccontextmanager
async def watching(
    settings: ReceiverSettings,
    receiver: Receiver,
    trust: PlatformTrust,
    journal: Journal,
    clock: Callable[[], datetime],
    *,
    on_poster: Callable[[Poster], None] = lambda _: None,
) -> AsyncIterator[list[Watcher]]:
    """Runs while the context is open. Without `answers_url` nothing is posted and nothing watched. `on_poster` is given
    what posts late answers, before anything is received.

    A delivery that is being received at the end is finished by the receiver's own `close`, and answered at the next
    start: it still lies in its inbox then.
    """
    if settings.answers_url is None:
        yield []
        return
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        poster = Poster(journal, settings.answers_url, session, clock)
        on_poster(poster)
        watchers = [
            Watcher(
                destination,
                await _open(stack, destination.settings.inbox),
                receiver,
                trust,
                poster,
                interval_s=settings.inbox_interval_s,
                max_manifest_bytes=settings.limits.max_manifest_bytes,
            )
            for destination in receiver.destinations.values()
            if destination.settings.inbox is not None
        ]
        tasks = [asyncio.create_task(poster.run()), *(asyncio.create_task(each.run()) for each in watchers)]
        try:
            yield watchers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _open(stack: AsyncExitStack, inbox: FolderSettings | BucketSettings) -> Inbox:
    if isinstance(inbox, BucketSettings):
        return BucketInbox(await stack.enter_async_context(S3Store.open(store_settings(inbox))), inbox.prefix)
    try:
        await asyncio.to_thread(inbox.folder.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"cannot make the inbox {inbox.folder}: {error.strerror}") from error
    return FolderInbox(inbox.folder)
