"""SIGKILL at every step: after a restart and a redelivery there is exactly one folder, whole, and one accept."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from services.receiver.deliveries import Step
from shared.contracts.answer import Verdict
from tests.services.receiver.support import Attachment, Package, Running, body_of, make_package, make_settings

ROOT = Path(__file__).parents[3]


async def push_until_killed(folder: Path, step: Step, package: Package) -> None:
    """Send a delivery to a receiver that is killed at `step`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.services.receiver.killed", str(folder), step.value],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = (await asyncio.to_thread(process.stdout.readline)).strip()
        async with Running(make_settings(folder / "elsewhere")) as signer, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/jobcenter-a/v1/deliveries/{package.delivery_id}"
            with pytest.raises(aiohttp.ClientError):
                await session.post(url, headers=signer.platform.signed_headers(package), data=body_of(package))
        assert await asyncio.to_thread(process.wait, 20) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.parametrize("step", list(Step))
async def test_killed_at(step: Step, tmp_path: Path) -> None:
    package = make_package([Attachment()])
    await push_until_killed(tmp_path, step, package)
    handover = tmp_path / "handover-a"
    renamed = step in {Step.RENAMED, Step.ACCEPTED}
    assert (handover / str(package.manifest.submission_id)).exists() is renamed
    assert [path.name for path in handover.iterdir() if path.name != ".incoming"] == (
        [str(package.manifest.submission_id)] if renamed else []
    )

    async with Running(make_settings(tmp_path)) as restarted:
        assert restarted.leftovers() == []
        answer = (await restarted.platform.push(package)).answer(package)
        assert answer.verdict is Verdict.ACCEPT
        assert restarted.folders() == [str(package.manifest.submission_id)]
        documents = restarted.index(package)["documents"]
        assert [(restarted.folder(package) / item["file"]).stat().st_size for item in documents] == [
            len(Attachment().content)
        ]
        assert restarted.leftovers() == []


@pytest.mark.parametrize("step", [Step.RENAMED, Step.ACCEPTED])
async def test_killed_and_the_specialist_system_took_the_folder_before_the_restart(step: Step, tmp_path: Path) -> None:
    package = make_package()
    await push_until_killed(tmp_path, step, package)
    folder = tmp_path / "handover-a" / str(package.manifest.submission_id)
    folder.rename(tmp_path / "taken")

    async with Running(make_settings(tmp_path)) as restarted:
        assert (await restarted.platform.push(package)).answer(package).verdict is Verdict.ACCEPT
        assert restarted.folders() == []


async def test_killed_and_the_workshop_was_emptied_by_hand(tmp_path: Path) -> None:
    """Nothing proves a hand-over then: twice is better than never."""
    package = make_package()
    await push_until_killed(tmp_path, Step.BEGUN, package)
    workshop = next((tmp_path / "handover-a" / ".incoming").iterdir())
    workshop.rename(tmp_path / "emptied")

    async with Running(make_settings(tmp_path)) as restarted:
        assert (await restarted.platform.push(package)).answer(package).verdict is Verdict.ACCEPT
        assert restarted.folders() == [str(package.manifest.submission_id)]


async def test_a_lost_journal_does_not_hand_over_twice(tmp_path: Path) -> None:
    package = make_package([Attachment()])
    async with Running(make_settings(tmp_path)) as first:
        await first.platform.push(package)
    for file in tmp_path.glob("journal.sqlite3*"):
        file.unlink()
    async with Running(make_settings(tmp_path)) as second:
        assert (await second.platform.push(package)).answer(package).verdict is Verdict.ACCEPT
        assert second.folders() == [str(package.manifest.submission_id)]
        assert second.leftovers() == []
