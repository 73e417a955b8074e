"""Unsigned ends of a delivery. None of them settles anything: the platform sends again or asks a human."""

from __future__ import annotations

from shared.errors import AntragsweicheError, OurError


class Refusal(AntragsweicheError):
    """The push breaks the contract. `code` says how, `status` is HTTP's."""

    status = 400

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadDelivery(Refusal):
    """Not a multipart body as the contract wants it, cut off, or without a readable manifest."""


class NotSigned(Refusal):
    """No valid push signature of the platform over exactly this request, not older than five minutes."""

    status = 401


class TooLarge(Refusal):
    """Above one of this receiver's configured limits."""

    status = 413


class Silent(Refusal):
    """The body stopped coming."""

    status = 408


class NotNow(OurError):
    """This receiver cannot do its part now: disk, journal, a key that is not configured, too many at once."""

    status = 503

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
