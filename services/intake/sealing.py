"""For whom the parts of a submission are sealed. Asks the directory each time, so a new key is used at once."""

from __future__ import annotations

from collections.abc import Iterable

from services.intake.records import Document, Opening
from shared.contracts.directory import Destination, KeyState, KeyUse
from shared.contracts.manifest import CLEARING
from shared.directory.decide import Entries, sealing_key
from shared.errors import SenderError
from shared.sealing.jwe import Recipient
from shared.trust.platform import PlatformKeys


class Recipients:
    """Public keys made ready once: loading an RSA key costs more than using it. Keys are few and bounded."""

    MAX = 1024

    def __init__(self) -> None:
        self._by_kid: dict[str, Recipient] = {}
        self._transit: tuple[PlatformKeys, Recipient] | None = None

    def transit(self, platform: PlatformKeys) -> Recipient:
        """The active transit key. Raises `Misconfigured` when the key set has none."""
        if self._transit is None or self._transit[0] is not platform:
            self._transit = (platform, platform.transit())
        return self._transit[1]

    def of(self, opening: Opening, directory: Entries, platform: PlatformKeys) -> Recipient:
        """Whom this submission's next part is sealed for. Raises the 409 problem when the destination is gone."""
        if opening.destination == CLEARING:
            return self.transit(platform)
        key = sealing_key(_destination(opening, directory))
        if key is None:
            raise _changed()
        found = self._by_kid.get(key.kid)
        if found is None:
            if len(self._by_kid) >= self.MAX:
                self._by_kid.clear()
            found = self._by_kid[key.kid] = Recipient.from_jwk(key.jwk)
        return found


def check_still_openable(
    opening: Opening, documents: Iterable[Document], directory: Entries, platform: PlatformKeys
) -> None:
    """Whether the destination can open what was uploaded earlier. Raises the 409 problem after a revocation."""
    kids = {document.part.kid for document in documents if document.part is not None}
    if opening.destination == CLEARING:
        openable = all(platform.is_transit(kid) for kid in kids)
    else:
        good = {
            key.kid
            for key in _destination(opening, directory).keys
            if key.use is KeyUse.ENCRYPT and key.state is not KeyState.REVOKED
        }
        openable = kids <= good
    if not openable:
        raise _changed()


def _destination(opening: Opening, directory: Entries) -> Destination:
    owner = directory.destination(opening.destination)
    if owner is None:
        raise _changed()
    return owner[1]


def _changed() -> SenderError:
    return SenderError(
        "destination-changed", "The Jobcenter's keys have changed since the opening. Open a new submission."
    )
