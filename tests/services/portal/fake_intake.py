"""Intake as the portal sees it, in memory: the answers are those of the real one (proven in tests/e2e).

`fail` makes the next requests of a path fail with a status; `requests` remembers what came.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import web

OFFENBACH = {
    "kind": "municipal",
    "why": None,
    "candidates": [
        {
            "municipality_key": "06438002",
            "municipality": "Dreieich",
            "district": "Landkreis Offenbach",
            "state": "Hessen",
            "jobcenter": "kreis-offenbach",
            "referral": None,
        }
    ],
    "jobcenter": {
        "id": "kreis-offenbach",
        "name": "Pro Arbeit Kreis Offenbach",
        "state": "Hessen",
        "rollout": "live",
        "contact": {"email": "info@example.org", "telephone": "+49 6074 8058"},
    },
    "referral": None,
}
JOINT = {
    "kind": "joint",
    "why": None,
    "candidates": [
        {
            "municipality_key": "09162000",
            "municipality": "München",
            "district": "München",
            "state": "Bayern",
            "jobcenter": None,
            "referral": {"area": "Jobcenter München", "url": "https://www.jobcenter.digital", "text": "Bitte dort."},
        }
    ],
    "jobcenter": None,
    "referral": {"area": "Jobcenter München", "url": "https://www.jobcenter.digital", "text": "Bitte dort."},
}
AMBIGUOUS = {
    "kind": "ambiguous",
    "why": None,
    "candidates": [OFFENBACH["candidates"][0], JOINT["candidates"][0]],  # type: ignore[index]
    "jobcenter": None,
    "referral": None,
}
UNKNOWN = {"kind": "unknown", "why": "postcode-unknown", "candidates": [], "jobcenter": None, "referral": None}


@dataclass
class Submission:
    id: str
    body: dict[str, Any]
    status: str = "opened"
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    application: dict[str, Any] | None = None
    order: list[str] = field(default_factory=list)
    receipt: dict[str, Any] | None = None


@dataclass
class FakeIntake:
    submissions: dict[str, Submission] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    fail: dict[str, list[int]] = field(default_factory=dict)
    too_late: bool = False

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._failing], client_max_size=100_000_000)
        app.add_routes(
            [
                web.post("/oauth/token", self._token),
                web.get("/health/live", self._live),
                web.get("/v1/jobcenters", self._jobcenters),
                web.get("/v1/municipalities", self._municipalities),
                web.post("/v1/submissions", self._open),
                web.get("/v1/submissions/{id}", self._status),
                web.put("/v1/submissions/{id}", self._complete),
                web.delete("/v1/submissions/{id}", self._withdraw),
                web.get("/v1/submissions/{id}/receipt", self._receipt),
                web.post("/v1/submissions/{id}/documents", self._upload),
                web.delete("/v1/submissions/{id}/documents/{document}", self._delete),
            ]
        )
        return app

    @web.middleware
    async def _failing(self, request: web.Request, handler: Any) -> web.StreamResponse:
        what = f"{request.method} {request.match_info.route.resource.canonical}"  # type: ignore[union-attr]
        self.requests.append(what)
        planned = self.fail.get(what)
        if planned:
            status = planned.pop(0)
            if status > 1000:  # done, and the answer lost
                await handler(request)
                status -= 1000
            if status:
                return _problem(status, "unavailable")
        response: web.StreamResponse = await handler(request)
        return response

    async def _token(self, _: web.Request) -> web.Response:
        return web.json_response({"access_token": secrets.token_hex(8), "token_type": "Bearer", "expires_in": 1800})

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _jobcenters(self, request: web.Request) -> web.Response:
        postcode, municipality = request.query["postcode"], request.query.get("municipality")
        if postcode == "63303" or municipality == "06438002":
            return web.json_response(OFFENBACH)
        if postcode == "80331" or municipality == "09162000":
            return web.json_response(JOINT)
        return web.json_response(AMBIGUOUS if postcode == "63303" or postcode == "64390" else UNKNOWN)

    async def _municipalities(self, request: web.Request) -> web.Response:
        hit = dict(OFFENBACH["candidates"][0], place=None)  # type: ignore[call-overload, index]
        return web.json_response({"municipalities": [hit] if "drei" in request.query["q"].lower() else []})

    async def _open(self, request: web.Request) -> web.Response:
        body, key = await request.json(), request.headers["Idempotency-Key"]
        if key not in self.keys:
            submission = Submission(str(uuid4()), body)
            self.submissions[submission.id] = submission
            self.keys[key] = submission.id
        found = self.submissions[self.keys[key]]
        if found.body != body:
            return _problem(409, "idempotency-key-reused")
        return web.json_response({"submission_id": found.id, "status": found.status}, status=201)

    async def _upload(self, request: web.Request) -> web.Response:
        found = self.submissions[request.match_info["id"]]
        if found.status != "opened":
            return _problem(409, "submission-completed")
        content = await request.read()
        document = {
            "id": str(uuid4()),
            "state": "uploaded",
            "purpose": request.query["purpose"],
            "media_type": request.content_type,
            "size": len(content),
            "sha512": hashlib.sha512(content).hexdigest(),
        }
        found.documents[document["id"]] = document
        found.contents[document["id"]] = content
        return web.json_response(document, status=201)

    async def _delete(self, request: web.Request) -> web.Response:
        found = self.submissions[request.match_info["id"]]
        if found.documents.pop(request.match_info["document"], None) is None:
            return _problem(404, "document-not-found")
        return web.Response(status=204)

    async def _complete(self, request: web.Request) -> web.Response:
        found = self.submissions[request.match_info["id"]]
        body = await request.json()
        if found.receipt is not None:
            same = found.application == body["application"]
            return web.json_response(found.receipt) if same else _problem(409, "content-differs")
        if set(body["documents"]) != set(found.documents):
            return _problem(409, "documents-differ")
        found.application, found.order, found.status = body["application"], body["documents"], "accepted"
        found.receipt = {
            "submission_id": found.id,
            "received_at": "2026-11-22T22:00:00.000Z",
            "jobcenter": "kreis-offenbach",
            "documents": len(found.order),
            "receipt": "a.b.c",
            "receipt_secret": "secret",
        }
        return web.json_response(found.receipt, status=201)

    async def _status(self, request: web.Request) -> web.Response:
        found = self.submissions[request.match_info["id"]]
        documents = list(found.documents.values()) if found.status == "opened" else []
        return web.json_response({"submission_id": found.id, "status": found.status, "documents": documents})

    async def _receipt(self, request: web.Request) -> web.Response:
        found = self.submissions[request.match_info["id"]]
        return web.json_response(found.receipt) if found.receipt else _problem(409, "receipt-pending")

    async def _withdraw(self, request: web.Request) -> web.Response:
        if self.too_late:
            return _problem(409, "withdrawal-too-late")
        self.submissions[request.match_info["id"]].status = "withdrawn"
        return web.Response(status=204)


def _problem(status: int, code: str) -> web.Response:
    return web.json_response({"type": f"/problems/{code}", "code": code, "status": status}, status=status)
