"""The way of a submission over HTTP: open, upload, complete, receipt, status."""

from __future__ import annotations

import json
from uuid import UUID

from shared.contracts.manifest import Role
from shared.contracts.stored import Outcome
from shared.sealing.jwe import open_part
from shared.store import keys
from shared.trust.manifests import verify_manifest
from tests import keys as test_keys
from tests.services.intake.world import OTHER, PDF, POSTCODE, Replica, World, make_application, sha512


async def test_open_upload_complete(replica: Replica, world: World) -> None:
    submission = await replica.open()
    status, document = await replica.upload(submission)
    assert status == 201
    assert document["size"] == len(PDF)
    assert document["sha512"] == sha512(PDF)
    application = make_application()
    status, receipt = await replica.complete(submission, [document["id"]], application)
    assert status == 201, receipt
    manifest = verify_manifest(receipt["receipt"], test_keys.platform_keys())
    assert str(manifest.submission_id) == submission
    assert (manifest.postcode, manifest.destination) == (POSTCODE, "landkreis-osnabrueck")
    assert [part.role for part in manifest.parts] == [Role.METADATA, Role.DATA, Role.ATTACHMENT]
    assert world.kafka.received(submission) == [receipt["receipt"]]
    assert world.kafka.steps(submission) == ["opened", "accepted"]

    outcome = Outcome.model_validate_json(world.store.objects[keys.outcome(UUID(submission))])
    key_for = test_keys.key_for("a-encrypt")
    metadata, data, attachment = manifest.parts
    opened, header = open_part(outcome.inline[data.id].encode(), key_for)
    assert json.loads(opened) == application
    assert header.cty == "application/json"
    described = json.loads(open_part(outcome.inline[metadata.id].encode(), key_for)[0])
    assert described["contentStructure"]["attachments"][0]["filename"] == "Bescheid.pdf"
    sealed = world.store.objects[keys.part(UUID(submission), attachment.id)]
    assert open_part(sealed, key_for)[0] == PDF
    assert len(sealed) == attachment.size
    assert set(outcome.locks) == {part.id for part in manifest.parts}
    assert not [key for key in world.store.objects if key.startswith("open/")]


async def test_only_what_exists_is_listed(replica: Replica, world: World) -> None:
    """For a prefix of which nothing exists versitygw reads the bucket's top folder: once for each submission there."""
    listed: list[str] = []

    def note(what: str, prefix: str) -> None:
        if what == "list":
            assert any(key.startswith(prefix) for key in world.store.objects), prefix
            listed.append(prefix)

    await world.sweeper().sweep()
    world.store.before = note
    for documents in (0, 1):
        submission = await replica.open()
        named = [(await replica.upload(submission))[1]["id"] for _ in range(documents)]
        assert (await replica.call("GET", f"/v1/submissions/{submission}"))[0] == 200
        for expected in (201, 200):
            assert (await replica.complete(submission, named))[0] == expected
        assert (await replica.call("GET", f"/v1/submissions/{submission}"))[0] == 200
        await world.sweeper().sweep()
    abandoned = await replica.open()
    world.clock.advance(86_400)
    assert (await world.sweeper().sweep()).expired == 1
    assert f"open/{abandoned}/" in listed


async def test_a_repeated_completion_gets_the_same_bytes(replica: Replica, world: World) -> None:
    submission = await replica.open()
    _, document = await replica.upload(submission)
    body = {"application": make_application(), "documents": [document["id"]]}
    path = f"/v1/submissions/{submission}"
    first, first_body = await replica.raw("PUT", path, json=body)
    again, again_body = await replica.raw("PUT", path, json=body)
    fetched, fetched_body = await replica.raw("GET", path + "/receipt")
    assert (first.status, again.status, fetched.status) == (201, 200, 200)
    assert first_body == again_body == fetched_body
    assert len(world.kafka.received(submission)) == 1
    changed = {"application": make_application(canary="Andere"), "documents": [document["id"]]}
    status, problem = await replica.call("PUT", path, json=changed)
    assert (status, problem["code"]) == (409, "content-differs")
    status, problem = await replica.call("PUT", path, json={**body, "documents": []})
    assert status == 409


async def test_nobody_else_sees_it(replica: Replica) -> None:
    submission = await replica.open()
    path = f"/v1/submissions/{submission}"
    body = {"application": make_application(), "documents": []}
    for _ in range(2):
        for method, where, options in (
            ("GET", path, {}),
            ("GET", path + "/receipt", {}),
            ("DELETE", path, {}),
            ("PUT", path, {"json": body}),
        ):
            status, problem = await replica.call(method, where, portal=OTHER, **options)
            assert (status, problem["code"]) == (404, "submission-not-found"), (method, where)
        status, _ = await replica.upload(submission, portal=OTHER)
        assert status == 404
        assert (await replica.complete(submission))[0] in (200, 201)


async def test_status_until_completed(replica: Replica, world: World) -> None:
    submission = await replica.open()
    _, document = await replica.upload(submission)
    status, view = await replica.call("GET", f"/v1/submissions/{submission}")
    assert (status, view["status"]) == (200, "opened")
    assert [(each["id"], each["state"]) for each in view["documents"]] == [(document["id"], "uploaded")]
    await replica.complete(submission, [document["id"]])
    _, view = await replica.call("GET", f"/v1/submissions/{submission}")
    assert view["status"] == "accepted"
    assert view["receipt_ready"] is True
    assert view["documents"] == []
