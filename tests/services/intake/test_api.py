"""The API as a whole: its description, the public directory, authentication, CORS, health."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.intake.auth import TokenRules, TokenVerifier
from services.intake.clients import Client, ClientsFile, hash_secret, read_clients, write_clients
from services.intake.jwks import jwks_from_file
from shared.errors import Misconfigured, SenderError
from shared.sealing.jwk import generate_ec, public_jwk
from tests.services.intake.world import OTHER, OTHER_SECRET, PORTAL, SECRET, Replica, World, make_settings


async def described(replica: Replica) -> dict[str, Any]:
    response, body = await replica.raw("GET", "/openapi.json", portal=None)
    assert response.status == 200
    document: dict[str, Any] = json.loads(body)
    return document


async def test_the_description_is_valid_and_complete(replica: Replica) -> None:
    document = await described(replica)
    OpenAPIV31SpecValidator(document).validate()
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in replica.client.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    told = {(method, path) for path, methods in document["paths"].items() for method in methods}
    untold = {path for _, path in served - told}
    assert untold == {
        "/openapi.json",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/problems",
        "/problems/{code}",
    }
    assert told <= served


async def test_every_example_fits_its_schema(replica: Replica) -> None:
    document = await described(replica)
    checked = 0
    for operation in (each for methods in document["paths"].values() for each in methods.values()):
        contents = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (media for each in contents for media in each.get("content", {}).values()):
            schema = {**content["schema"], "components": document["components"]}
            for example in content.get("examples", {}).values():
                Draft202012Validator(schema).validate(example["value"])
                checked += 1
    assert checked > 50


async def test_who_is_responsible(replica: Replica) -> None:
    status, view = await replica.call("GET", "/v1/jobcenters?postcode=49124")
    assert (status, view["kind"], view["jobcenter"]["id"]) == (200, "municipal", "landkreis-osnabrueck")
    assert {key["use"] for key in view["jobcenter"]["keys"]} == {"encrypt", "verify"}
    assert all("d" not in key["jwk"] for key in view["jobcenter"]["keys"])
    _, view = await replica.call("GET", "/v1/jobcenters?postcode=31655")
    assert view["jobcenter"]["rollout"] is None
    _, view = await replica.call("GET", "/v1/jobcenters?postcode=10115")
    assert (view["kind"], view["jobcenter"]) == ("joint", None)
    assert view["referral"]["url"] == "https://www.jobcenter.digital"
    _, view = await replica.call("GET", "/v1/jobcenters?postcode=59969")
    assert view["kind"] == "ambiguous"
    key = next(each["municipality_key"] for each in view["candidates"] if each["municipality"] == "Hallenberg")
    _, view = await replica.call("GET", f"/v1/jobcenters?postcode=59969&municipality={key}")
    assert (view["kind"], view["jobcenter"]["id"]) == ("municipal", "hochsauerlandkreis")
    _, view = await replica.call("GET", "/v1/jobcenters?postcode=00000")
    assert (view["kind"], view["why"]) == ("unknown", "postcode-unknown")
    _, hits = await replica.call("GET", "/v1/municipalities?q=hallenb")
    assert hits["municipalities"][0]["municipality"] == "Hallenberg"
    _, jwks = await replica.call("GET", "/v1/receipt-keys")
    assert [set(key) for key in jwks["keys"]] == [{"kty", "crv", "x", "y", "kid", "alg", "key_ops"}]
    response, body = await replica.raw("GET", "/v1/forms/sgb2-hauptantrag?kind=supplement")
    Draft202012Validator.check_schema(json.loads(body))
    assert response.content_type == "application/schema+json"


async def token(replica: Replica, **fields: str) -> tuple[int, Any]:
    form = {"grant_type": "client_credentials", "client_id": PORTAL, "client_secret": SECRET} | fields
    async with replica.client.post("/oauth/token", data=form) as response:
        assert response.headers["Cache-Control"] == "no-store"
        return response.status, await response.json()


async def test_tokens_for_clients_only(replica: Replica, world: World) -> None:
    status, answer = await token(replica)
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 1800)
    for fields, status, error in (
        ({"client_secret": SECRET + "x"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_secret": OTHER_SECRET}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": "nobody", "client_secret": ""}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ):
        answered, body = await token(replica, **fields)
        assert (answered, body) == (status, {"error": error}), fields
    async with replica.client.get("/oauth/jwks.json") as response:
        [key] = (await response.json())["keys"]
        assert "d" not in key
        assert jwt.decode(answer["access_token"], ECKey.import_key(key), algorithms=["ES256"]).claims["sub"] == PORTAL


async def test_a_disabled_client_is_refused_at_once(replica: Replica, world: World) -> None:
    assert (await replica.call("GET", "/v1/submissions/x"))[0] == 404
    path = world.folder / "clients.json"
    clients = dict(read_clients(path).clients)
    clients[PORTAL] = clients[PORTAL].model_copy(update={"disabled": True})
    write_clients(path, ClientsFile(clients=clients))
    world.clock.advance(1)
    assert (await replica.call("GET", "/v1/submissions/x"))[0] == 401
    assert (await token(replica))[0] == 401
    assert (await replica.call("GET", "/v1/submissions/x", portal=OTHER))[0] == 404
    path.write_text("{ broken")
    world.clock.advance(1)
    assert (await replica.call("GET", "/v1/submissions/x", portal=OTHER))[0] == 404


async def test_a_token_expires(replica: Replica, world: World) -> None:
    assert (await replica.call("GET", "/v1/submissions/x"))[0] == 404
    world.clock.advance(1829)
    assert (await replica.call("GET", "/v1/submissions/x"))[0] == 404
    world.clock.advance(1)
    assert (await replica.call("GET", "/v1/submissions/x"))[0] == 401


RULES = TokenRules("https://issuer.example", "antragsweiche", ("ES256",))
NOW = 1_800_000_000.0


def claims(**more: Any) -> dict[str, Any]:
    base = {"iss": RULES.issuer, "aud": RULES.audience, "exp": NOW + 60, "client_id": "portal"}
    return {name: value for name, value in (base | more).items() if value is not None}


def signed(key: dict[str, Any], payload: dict[str, Any], **header: Any) -> str:
    signer = ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y", "d")})
    return jwt.encode({"alg": "ES256", "kid": key["kid"]} | header, payload, signer)


async def test_another_issuers_tokens(tmp_path: Any) -> None:
    key, foreign = generate_ec(), generate_ec()
    path = tmp_path / "jwks.json"
    public = {name: value for name, value in public_jwk(key).items() if name != "key_ops"}
    path.write_text(json.dumps({"keys": [public]}))
    verifier = TokenVerifier(RULES, jwks_from_file(path), lambda: NOW)
    good = signed(key, claims())
    assert await verifier.client_of(f"Bearer {good}") == "portal"
    assert await verifier.client_of(f"bearer {good}") == "portal"
    confused = jwt.encode({"alg": "HS256", "kid": key["kid"]}, claims(), OctKey.import_key(json.dumps(public)))
    unsigned = good.rpartition(".")[0] + "."
    for bad in (
        signed(key, claims(iss="https://other.example")),
        signed(key, claims(aud="other")),
        signed(key, claims(aud=None)),
        signed(key, claims(exp=NOW - 31)),
        signed(key, claims(exp=None)),
        signed(key, claims(exp=True)),
        signed(key, claims(nbf=NOW + 31)),
        signed(key, claims(client_id=None)),
        signed(key, claims(client_id="")),
        signed(foreign, claims()),
        signed(foreign, claims(), kid=key["kid"]),
        confused,
        unsigned,
        good[:-2],
    ):
        with pytest.raises(SenderError, match="unauthorized"):
            await verifier.client_of(f"Bearer {bad}")
    assert await verifier.client_of(f"Bearer {signed(key, claims(aud=['x', 'antragsweiche'], nbf=NOW))}") == "portal"


async def test_a_new_key_of_the_issuer_is_found(tmp_path: Any) -> None:
    old, new = generate_ec(), generate_ec()
    now = NOW
    keys = [old]
    reads = 0

    async def jwks() -> dict[str, Any]:
        nonlocal reads
        reads += 1
        return {"keys": [{name: key[name] for name in ("kty", "crv", "x", "y", "kid")} for key in keys]}

    verifier = TokenVerifier(RULES, jwks, lambda: now)
    assert await verifier.client_of(f"Bearer {signed(old, claims())}") == "portal"
    keys = [new]
    with pytest.raises(SenderError):
        await verifier.client_of(f"Bearer {signed(new, claims())}")
    assert reads == 1, "a stranger's token does not make us ask the issuer each time"
    now += 30
    assert await verifier.client_of(f"Bearer {signed(new, claims())}") == "portal"
    assert reads == 2
    with pytest.raises(SenderError):
        await verifier.client_of(f"Bearer {signed(old, claims(client_id='another'))}")


@pytest.mark.parametrize(
    "values",
    [
        {"clients_file": None},
        {"issuer_key_file": None, "clients_file": None},
        {"oauth_jwks_url": "https://x", "oauth_issuer": "x"},
        {"issuer_key_file": None, "clients_file": None, "oauth_jwks_url": "https://x"},
        {"oauth_algorithms": ("HS256",)},
        {"oauth_algorithms": ()},
    ],
)
def test_half_specified_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"issuer|algorithms|together"):
        make_settings(**values)


def test_lists_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTAKE_CORS_ORIGINS", "https://a.example, https://b.example")
    assert make_settings().cors_origins == ("https://a.example", "https://b.example")


async def test_cors_for_listed_origins_only(world: World) -> None:
    async with world.replica(cors_origins=("https://portal.example",)) as replica:
        asked = {"Origin": "https://portal.example", "Access-Control-Request-Method": "PUT"}
        async with replica.client.options("/v1/submissions/x", headers=asked) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "https://portal.example"
            assert "PUT" in response.headers["Access-Control-Allow-Methods"]
            assert "Idempotency-Key" in response.headers["Access-Control-Allow-Headers"]
        async with replica.client.get("/v1/submissions/x", headers={"Origin": "https://portal.example"}) as response:
            assert response.status == 401
            assert response.headers["Access-Control-Allow-Origin"] == "https://portal.example"
        async with replica.client.get("/v1/receipt-keys", headers={"Origin": "https://evil.example"}) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
        async with replica.client.options("/v1/submissions/x", headers=asked | {"Origin": "null"}) as response:
            assert response.status == 405


async def test_metrics_name_routes_and_nobody(replica: Replica) -> None:
    submission = await replica.open()
    await replica.call("GET", f"/v1/submissions/{submission}")
    async with replica.client.get("/metrics") as response:
        text = await response.text()
    assert 'route="/v1/submissions/{id}",status="200"' in text
    assert submission not in text
    assert not re.search(r"49124|portal-a", text)


def test_a_broken_clients_file_is_told_without_its_content(tmp_path: Any) -> None:
    path = tmp_path / "clients.json"
    path.write_text('{"clients": {"Kanarienvogel": 1}}')
    with pytest.raises(Misconfigured) as caught:
        read_clients(path)
    assert "Kanarienvogel" not in str(caught.value)
    write_clients(path, ClientsFile(clients={"portal": Client(secret_sha256=hash_secret("x"))}))
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == ["clients.json"]
