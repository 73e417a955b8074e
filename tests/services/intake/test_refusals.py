"""Everything the door refuses: clearly, and with nothing kept."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest

from services.intake.app import MAX_BODY_BYTES
from tests.services.intake.world import OTHER, PDF, Replica, World, make_application, upload_headers

BERLIN = "10115"
TWO_MUNICIPAL = "06632"


async def test_without_a_token(replica: Replica) -> None:
    for header in (None, "Basic x", "Bearer", "Bearer x.y.z", "Bearer " + "a" * 8000):
        headers = {} if header is None else {"Authorization": header}
        response, body = await replica.raw("POST", "/v1/submissions", portal=None, headers=headers, json={})
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert json.loads(body)["code"] == "unauthorized"


async def open_(replica: Replica, **members: Any) -> tuple[int, Any]:
    return await replica.call("POST", "/v1/submissions", json={"service": "sgb2-hauptantrag", **members})


async def test_ambiguous_then_unresolved_or_named(replica: Replica, world: World) -> None:
    status, problem = await open_(replica, postcode=TWO_MUNICIPAL)
    assert (status, problem["code"]) == (409, "municipality-needed")
    assert len({each["jobcenter"] for each in problem["candidates"]}) == 2
    assert not world.store.objects
    status, opened = await open_(replica, postcode=TWO_MUNICIPAL, unresolved=True)
    assert (status, opened["clearing"], opened["jobcenter"]) == (201, True, None)
    key = problem["candidates"][0]["municipality_key"]
    status, opened = await open_(replica, postcode=TWO_MUNICIPAL, municipality_key=key)
    assert status == 201
    assert opened["jobcenter"]["id"] == problem["candidates"][0]["jobcenter"]


async def test_joint_with_referral_or_anyway(replica: Replica) -> None:
    status, problem = await open_(replica, postcode=BERLIN)
    assert (status, problem["code"]) == (422, "joint-jobcenter")
    assert problem["candidates"][0]["referral"]["url"] == "https://www.jobcenter.digital"
    submission = await replica.open(postcode=BERLIN, send_anyway=True)
    status, receipt = await replica.complete(submission, application=make_application(BERLIN))
    assert (status, receipt["jobcenter"]) == (201, None)
    _, view = await replica.call("GET", f"/v1/submissions/{submission}")
    assert view["status"] == "clearing"


async def test_unknown_asks_for_the_municipality(replica: Replica) -> None:
    status, problem = await open_(replica, postcode="00000")
    assert (status, problem["code"]) == (422, "postcode-unknown")
    status, problem = await open_(replica, postcode="49124", municipality_key="03361012")
    assert (status, problem["code"]) == (422, "municipality-mismatch")
    status, problem = await open_(replica, postcode="49124", municipality_key="99999999")
    assert (status, problem["code"]) == (422, "municipality-unknown")


async def test_problems_never_repeat_what_was_sent(replica: Replica) -> None:
    status, problem = await open_(replica, postcode="Kanarienvogel", Kanarienvogel="Kanarienvogel")
    assert status == 422
    assert "Kanarienvogel" not in json.dumps(problem)
    assert {"field": "/postcode", "code": "string_pattern_mismatch"} in problem["errors"]
    submission = await replica.open()
    application = make_application()
    application["Kanarienvogel"] = "Kanarienvogel"
    application["applicant"]["birth_date"] = "Kanarienvogel"
    status, problem = await replica.complete(submission, application=application)
    assert (status, problem["code"]) == (422, "application-invalid")
    assert len(problem["errors"]) >= 2
    assert "Kanarienvogel" not in json.dumps(problem)


async def test_bodies_that_cannot_be_read(replica: Replica) -> None:
    kind = {"Content-Type": "application/json"}
    for body in (b"", b"{", b"\xff", b'{"service": 1, "service": 2}', b'{"x": NaN}'):
        status, problem = await replica.call("POST", "/v1/submissions", data=body, headers=kind)
        assert (status, problem["code"]) == (400, "malformed-body"), body
    for application in (b'{"a": "\\ud800"}', b"[" * 400 + b"]" * 400, b'{"a": 1e999}', b"[]"):
        body = b'{"application": ' + application + b"}"
        status, problem = await replica.call("PUT", f"/v1/submissions/{uuid4()}", data=body, headers=kind)
        assert (status, problem["code"]) == (422, "invalid-request"), application
    status, _ = await replica.call("POST", "/v1/submissions", data=b"{}", headers={"Content-Type": "text/plain"})
    assert status == 415
    status, problem = await replica.call(
        "POST", "/v1/submissions", data=BytesIO(b" " * (MAX_BODY_BYTES + 1) + b"{}"), headers=kind
    )
    assert (status, problem["code"]) == (413, "request-too-large")


async def test_routing_answers_must_be_the_openings(replica: Replica, world: World) -> None:
    submission = await replica.open()
    status, problem = await replica.complete(submission, application=make_application("27283"))
    assert (status, problem["code"]) == (422, "routing-differs")
    assert not [key for key in world.store.objects if key.endswith("/outcome")]
    status, _ = await replica.complete(submission)
    assert status == 201


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (b"", {}, 422, "document-empty"),
        (PDF, {"Content-Type": "text/html"}, 415, "unsupported-media-type"),
        (PDF, {"Content-Type": "image/png"}, 415, "unsupported-media-type"),
        (b"PK\x03\x04" + b"x" * 100, {}, 415, "unsupported-media-type"),
        (PDF, {"Content-Encoding": "gzip"}, 415, "unsupported-media-type"),
        (PDF, {"Content-Disposition": "inline"}, 422, "invalid-request"),
        (PDF, {"Content-Disposition": "attachment; filename*=UTF-8''%FF"}, 422, "invalid-request"),
        (PDF, {"Content-Disposition": "attachment; filename*=UTF-8''a%00b"}, 422, "invalid-request"),
        (PDF, {"Content-Digest": "sha-512=:AAAA:"}, 422, "digest-mismatch"),
        (PDF, {"Content-Digest": "sha-512=AAAA"}, 422, "invalid-request"),
        (PDF, {"Content-Digest": "sha-256=:AAAA:"}, 422, "digest-mismatch"),
    ],
)
async def test_uploads_of_which_nothing_is_kept(
    replica: Replica, world: World, data: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    submission = await replica.open()
    before = dict(world.store.objects)
    answer, problem = await replica.upload(submission, data, headers=headers)
    assert (answer, problem["code"]) == (status, code)
    assert world.store.objects == before


async def test_an_upload_without_length(replica: Replica, world: World) -> None:
    submission = await replica.open()
    before = dict(world.store.objects)

    async def chunks() -> Any:
        yield PDF

    answer, problem = await replica.upload(submission, chunks())  # type: ignore[arg-type]
    assert (answer, problem["code"]) == (411, "length-required")
    assert world.store.objects == before


async def test_an_upload_that_is_cut_off(replica: Replica, world: World) -> None:
    submission = await replica.open()
    before = dict(world.store.objects)
    await replica.call("GET", f"/v1/submissions/{submission}")
    token = replica.tokens["portal-a"]
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.client.port)
    lines = [
        f"POST /v1/submissions/{submission}/documents HTTP/1.1",
        "Host: intake",
        f"Authorization: Bearer {token}",
        "Content-Length: 5000",
        *(f"{name}: {value}" for name, value in upload_headers().items()),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + PDF[:300])
    await writer.drain()
    async with asyncio.timeout(10):
        while len(world.store.objects) == len(before):
            await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()
        while world.store.objects != before:
            await asyncio.sleep(0.01)
    assert await reader.read() == b""


async def test_limits_of_size_and_number(world: World) -> None:
    async with world.replica(max_document_bytes=1000, max_documents=2, max_submission_bytes=1500) as replica:
        submission = await replica.open()
        before = dict(world.store.objects)
        status, problem = await replica.upload(submission, PDF + b"x" * 1000)
        assert (status, problem["code"]) == (413, "document-too-large")
        assert world.store.objects == before
        assert (await replica.upload(submission))[0] == 201
        before = dict(world.store.objects)
        status, problem = await replica.upload(submission, PDF)
        assert (status, problem["code"]) == (413, "submission-too-large")
        assert world.store.objects == before
        assert (await replica.upload(submission, PDF[:100]))[0] == 201
        status, problem = await replica.upload(submission, PDF[:100])
        assert (status, problem["code"]) == (409, "too-many-documents")


async def test_documents_must_be_exactly_those_named(replica: Replica, world: World) -> None:
    submission = await replica.open()
    _, first = await replica.upload(submission)
    _, second = await replica.upload(submission)
    status, problem = await replica.complete(submission, [first["id"]])
    assert (status, problem["not_named"], problem["not_uploaded"]) == (409, [second["id"]], [])
    stranger = str(uuid4())
    status, problem = await replica.complete(submission, [first["id"], second["id"], stranger])
    assert (status, problem["not_uploaded"]) == (409, [stranger])
    status, _ = await replica.complete(submission, [first["id"], first["id"]])
    assert status == 422
    status, _ = await replica.call("DELETE", f"/v1/submissions/{submission}/documents/{second['id']}")
    assert status == 204
    status, problem = await replica.complete(submission, [first["id"], second["id"]])
    assert status == 409
    status, _ = await replica.complete(submission, [first["id"]])
    assert status == 201
    # What was deleted, and only that, is gone from the store.
    assert [key.rpartition("/")[2] for key in world.store.objects if "/parts/" in key] == [first["id"]]
    for method, path in (("DELETE", f"/documents/{first['id']}"), ("POST", "/documents")):
        options = {"data": PDF, "headers": upload_headers()} if method == "POST" else {}
        status, problem = await replica.call(method, f"/v1/submissions/{submission}{path}", **options)
        assert (status, problem["code"]) == (409, "submission-completed")


async def test_evidence_must_name_uploaded_documents(replica: Replica) -> None:
    submission = await replica.open()
    application = make_application() | {"evidence": [{"evidence_code": "E-ID", "document": str(uuid4())}]}
    status, problem = await replica.complete(submission, application=application)
    assert (status, problem["code"]) == (409, "documents-differ")


async def test_a_client_over_its_limit(world: World) -> None:
    async with world.replica(client_rate_per_s=1, client_burst=2) as replica:
        path = f"/v1/submissions/{uuid4()}"
        statuses = [(await replica.call("GET", path))[0] for _ in range(3)]
        assert statuses == [404, 404, 429]
        response, _ = await replica.raw("GET", path)
        assert response.headers["Retry-After"] == "1"
        assert (await replica.call("GET", path, portal=OTHER))[0] == 404
        world.clock.advance(1)
        assert (await replica.call("GET", path))[0] == 404


async def test_more_than_is_admitted(world: World) -> None:
    async with world.replica(max_requests=1, max_uploads=1) as replica:
        submission = await replica.open()
        before = dict(world.store.objects)
        with replica.door.admission.request():
            response, body = await replica.raw("GET", f"/v1/submissions/{submission}")
            assert response.status == 503
            assert json.loads(body)["code"] == "busy"
            assert response.headers["Retry-After"] == "1"
            assert (await replica.client.get("/health/live")).status == 200
        with replica.door.admission.upload():
            status, problem = await replica.upload(submission)
            assert (status, problem["code"]) == (503, "busy")
        assert world.store.objects == before


async def test_store_and_kafka_away(replica: Replica, world: World) -> None:
    submission = await replica.open()
    before = dict(world.store.objects)
    world.kafka.down = True
    assert (await replica.complete(submission))[0] == 503
    assert (await open_(replica, postcode="49124"))[0] == 503
    assert world.store.objects == before
    world.kafka.down = False
    world.kafka.silent = True
    assert (await open_(replica, postcode="49124"))[0] == 503
    assert world.store.objects == before
    world.kafka.silent = False
    world.store.unavailable = True
    response, body = await replica.raw("GET", f"/v1/submissions/{submission}")
    assert (response.status, json.loads(body)["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert (await replica.complete(submission))[0] == 503
    world.store.unavailable = False
    assert (await replica.complete(submission))[0] == 201


async def test_addresses_that_do_not_exist(replica: Replica) -> None:
    for method, path, status in (
        ("GET", "/v2", 404),
        ("GET", "/v1/submissions/not-an-id", 404),
        ("GET", f"/v1/submissions/{uuid4()}", 404),
        ("PATCH", "/v1/submissions", 405),
        ("GET", "/v1/jobcenters", 422),
        ("GET", "/v1/municipalities?q=a", 422),
        ("GET", "/v1/forms/nothing", 404),
    ):
        answer, problem = await replica.call(method, path)
        assert answer == status, (path, problem)
        assert problem["type"].startswith("/problems/")
