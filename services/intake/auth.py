"""OAuth 2.0 at the door: bearer tokens (RFC 6750, RFC 9068's claims) and the built-in issuer (RFC 6749, section 4.4).

Algorithms are pinned by the settings and never taken from a token; keys come from one JWK set only.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from services.intake.clients import Clients
from shared.errors import SenderError
from shared.sealing.jwk import public_jwk

MAX_TOKEN_CHARS = 8192
MAX_CACHED = 4096
REFRESH_AT_MOST_EVERY_S = 30.0

JwksSource = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Caller:
    """Whom a token stands for."""

    client_id: str
    test: bool = False


@dataclass(frozen=True)
class TokenRules:
    """What a token must be. `algorithms` are pinned; `leeway_s` allows for clocks that differ."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    client_claim: str = "client_id"
    leeway_s: int = 30


class TokenVerifier:
    """Checks bearer tokens. A good one is remembered by its hash until it expires, because senders repeat it.

    `jwks` reads the issuer's key set: once at first, and again when a token names an unknown key (at most every 30 s,
    so that strangers' tokens do not make us hammer the issuer).
    """

    def __init__(self, rules: TokenRules, jwks: JwksSource, now: Callable[[], float]) -> None:
        self._rules = rules
        self._jwks = jwks
        self._now = now
        self._keys: KeySet | None = None
        self._read_at = float("-inf")
        self._cache: OrderedDict[bytes, tuple[float, str]] = OrderedDict()

    async def client_of(self, authorization: str | None) -> str:
        """The client id in a good `Authorization: Bearer …`. Raises the 401 problem."""
        token = _bearer(authorization)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._cache.get(digest)
        if known is not None and self._now() < known[0]:
            return known[1]
        claims = await self._verified(token)
        client_id, expires = self._check(claims)
        self._cache[digest] = (expires, client_id)
        if len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)
        return client_id

    async def _verified(self, token: str) -> dict[str, Any]:
        for attempt in (1, 2):
            keys = await self._key_set(refresh=attempt == 2)
            try:
                return dict(jwt.decode(token, keys, algorithms=list(self._rules.algorithms)).claims)
            except (JoseError, ValueError, KeyError, TypeError):
                # Perhaps the issuer has a new key. A broken token costs the second look only when one is due.
                if attempt == 2 or self._now() - self._read_at < REFRESH_AT_MOST_EVERY_S:
                    break
        raise _unauthorised()

    async def _key_set(self, *, refresh: bool) -> KeySet:
        if self._keys is None or refresh:
            self._read_at = self._now()
            self._keys = KeySet.import_key_set(await self._jwks())  # type: ignore[arg-type]
        return self._keys

    def _check(self, claims: dict[str, Any]) -> tuple[str, float]:
        """Client id and time of expiry."""
        rules, now = self._rules, self._now()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        expires, not_before = claims.get("exp"), claims.get("nbf", 0)
        client_id = claims.get(rules.client_claim)
        good = (
            claims.get("iss") == rules.issuer
            and rules.audience in audiences
            and _is_number(expires)
            and _is_number(not_before)
            and isinstance(client_id, str)
            and 0 < len(client_id) <= 200
        )
        if not good:
            raise _unauthorised()
        ends, begins = float(expires) + rules.leeway_s, float(not_before) - rules.leeway_s  # type: ignore[arg-type]
        if now >= ends or now < begins:
            raise _unauthorised()
        return str(client_id), ends


class TokenIssuer:
    """The embedded issuer: client credentials in, ES256 access token out. Its key is of this installation alone."""

    def __init__(
        self,
        key_jwk: dict[str, Any],
        clients: Clients,
        rules: TokenRules,
        *,
        lifetime_s: int,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._public = public_jwk(key_jwk)
        self._kid = str(self._public["kid"])
        self._key = ECKey.import_key({name: key_jwk[name] for name in ("kty", "crv", "x", "y", "d")})
        self.clients = clients
        self._rules = rules
        self._lifetime_s = lifetime_s
        self._now = now
        self._monotonic = monotonic

    def jwks(self) -> dict[str, Any]:
        """The public JWK set."""
        return {"keys": [{**self._public, "use": "sig"}]}

    async def read_jwks(self) -> dict[str, Any]:
        """The same, as a `JwksSource`."""
        return {"keys": [{name: self._public[name] for name in ("kty", "crv", "x", "y", "kid")}]}

    def token(self, client_id: str, secret: str) -> dict[str, Any] | None:
        """The answer of RFC 6749, section 5.1; None when the client is unknown or the secret wrong."""
        if self.clients.authenticate(client_id, secret, self._monotonic()) is None:
            return None
        now = int(self._now())
        claims = {
            "iss": self._rules.issuer,
            "aud": self._rules.audience,
            "sub": client_id,
            self._rules.client_claim: client_id,
            "iat": now,
            "exp": now + self._lifetime_s,
            "jti": str(uuid4()),
        }
        header = {"alg": "ES256", "kid": self._kid, "typ": "at+jwt"}
        token = jwt.encode(header, claims, self._key, algorithms=["ES256"])
        return {"access_token": token, "token_type": "Bearer", "expires_in": self._lifetime_s}

    def caller(self, client_id: str) -> Caller:
        """The client behind a good token, which may have been removed meanwhile. Raises the 401 problem."""
        client = self.clients.get(client_id, self._monotonic())
        if client is None:
            raise _unauthorised()
        return Caller(client_id, client.test)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise _unauthorised()
    return token


def _unauthorised() -> SenderError:
    return SenderError("unauthorized", "Send a valid access token: Authorization: Bearer ….")
