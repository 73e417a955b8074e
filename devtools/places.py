"""Which Jobcenters are connected in demo and hands-on use: the four live ones and those that a sample must reach.

Every other of the 104 is in the directory too, without keys: an application for it is accepted and waits, sealed.
"""

from __future__ import annotations

from collections.abc import Iterable

from devtools.samples import ACKNOWLEDGED, SAMPLES, Sample
from shared.directory.base import LIVE
from shared.directory.resolve import resolve
from shared.directory.tables import Tables


def connected(samples: Iterable[Sample] = SAMPLES) -> tuple[str, ...]:
    """Ids, sorted."""
    tables = Tables.load()
    found = {
        resolve(tables, sample.postcode, sample.municipality_key).jobcenter_id
        for sample in samples
        if sample.expected == ACKNOWLEDGED
    }
    return tuple(sorted(LIVE | {jobcenter for jobcenter in found if jobcenter is not None}))
