"""One exception tree for the whole system. The class says whose fault it is, which decides what happens next.

    AntragsweicheError
    ├── SenderError            the sender's fault: answered as an RFC 9457 problem, never retried by us
    ├── JobcenterError         the Jobcenter's fault: its lane waits, nothing is copied, no budget is spent
    ├── MessageError           this one message's fault: it leaves the lane (retry tier, clearing or dead letter)
    └── OurError               our fault or our infrastructure's: everything waits, nobody is blamed
        ├── StoreUnavailable
        │   └── StoreRefused   it answered with an error
        ├── KafkaUnavailable
        ├── DirectoryUnavailable
        └── Misconfigured      the service refuses to start

No message of any of them may contain personal data: only ids, codes, sizes and field *names*.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AntragsweicheError(Exception):
    """Root of all errors that this project raises on purpose."""


class SenderError(AntragsweicheError):
    """A request that the sender must change. Becomes an RFC 9457 problem.

    `code` names the problem type (see `shared.web.problems`), `detail` says in plain words what to do,
    `extra` are the problem's extension members; they must be free of personal data.
    """

    def __init__(self, code: str, detail: str = "", **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.extra: Mapping[str, Any] = extra


class JobcenterError(AntragsweicheError):
    """The Jobcenter's system failed or cannot be reached; its lane waits. `retry_after_s` honours its wish."""

    def __init__(self, code: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after_s = retry_after_s


class MessageError(AntragsweicheError):
    """This message alone cannot go on. `reason` is a code of `shared.contracts.reasons.Reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OurError(AntragsweicheError):
    """Our own infrastructure failed; whatever was under way is tried again."""


class StoreUnavailable(OurError):
    """The object store did not answer, or answered with a server error."""


class StoreRefused(StoreUnavailable):
    """The object store answered, but with an error: `status` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class KafkaUnavailable(OurError):
    """Kafka did not acknowledge in time. The message may still have been written: writers must be idempotent."""


class DirectoryUnavailable(OurError):
    """The directory has not been read to its end yet, or holds no platform key set."""


class Misconfigured(OurError):
    """Settings, key files or topics are not what the service needs; it refuses to start."""


class InvalidSignature(AntragsweicheError):
    """A signature, key, header or signed document is not what it must be. Never says more than a code."""


class CannotOpen(AntragsweicheError):
    """A sealed part cannot be opened with the keys at hand, or is not of the accepted profile."""
