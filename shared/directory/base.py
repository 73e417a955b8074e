"""The directory to begin with: one unsigned entry for each of the 104 municipal Jobcenters.

Contact details stand only where a source gives them; all others are empty, never invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from shared.contracts.directory import Contact, Destination, JobcenterEntry, Rollout
from shared.directory.tables import Tables

LIVE = frozenset({"kreis-offenbach", "landkreis-osnabrueck", "landkreis-verden", "landkreis-schaumburg"})
"""Connected to begin with; every other of the 104 may use it (`available`)."""

CONTACTS: Mapping[str, Contact] = {
    "landkreis-osnabrueck": Contact(
        telephone="+49 541 501-2099", website="www.massarbeit.de", source="MaßArbeit kAöR, www.massarbeit.de"
    ),
}


def base_entries(now: datetime, *, version: int = 1, tables: Tables | None = None) -> list[JobcenterEntry]:
    """The 104 entries, sorted by id: each with one default destination bearing the Jobcenter's id, without keys.

    `now` must carry a time zone. Signing them is the directory key's work (`shared.trust.anchor`).
    """
    known = (tables or Tables.load()).jobcenters
    return [
        JobcenterEntry(
            id=jobcenter.id,
            version=version,
            issued_at=now,
            name=jobcenter.name,
            state=jobcenter.state,
            carrier_number=jobcenter.carrier_number,
            rollout=Rollout.LIVE if jobcenter.id in LIVE else Rollout.AVAILABLE,
            contact=CONTACTS.get(jobcenter.id, Contact()),
            destinations=(Destination(id=jobcenter.id),),
        )
        for jobcenter in sorted(known.values())
    ]
