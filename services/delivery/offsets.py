"""Which offset of a partition may be committed: the one after the contiguous done prefix.

Assumptions
    - Records of one partition are offered in rising order of offset. Gaps are normal (deleted records).
    - After a rebalance or restart the broker may offer again what was offered before; `offer` says so.
Guarantees
    - `committable()` is never above an offset that was offered and is not done. What is committed is therefore
      settled, copied elsewhere or handed to a human: nothing else (design, "Delivery, precisely", 2).
    - `committable()` never falls. Everything that was done below a gap becomes committable as soon as the gap closes.
Order of use
    `offer(offset)` → the caller works, in any order, side by side → `done(offset)` → `committable()` → commit →
    `committed(offset)`.
Transitions of one offset
    unknown ──offer──▶ pending ──done──▶ done ──(all below are done)──▶ committable ──committed──▶ forgotten
    Each arrow is taken once. `offer` of anything but unknown answers False; `done` of anything but pending is an error.
"""

from __future__ import annotations

import heapq


class OffsetTracker:
    """Tracks one partition. Not thread-safe; `offer` and `done` cost O(log n)."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._pending: set[int] = set()
        self._heap: list[int] = []
        self._known = 0

    def offer(self, offset: int) -> bool:
        """True when the offset is new and now pending; False when it was offered before."""
        if self._next is None:
            self._known = offset  # where reading began: committing it again would say nothing new
        elif offset < self._next:
            return False
        self._next = offset + 1
        self._pending.add(offset)
        heapq.heappush(self._heap, offset)
        return True

    def done(self, offset: int) -> None:
        """The offset needs no more work. ValueError unless it is pending."""
        if offset not in self._pending:
            raise ValueError(f"offset {offset} is not pending")
        self._pending.remove(offset)
        while self._heap and self._heap[0] not in self._pending:
            heapq.heappop(self._heap)

    def committable(self) -> int | None:
        """The offset to commit (that of the next record to read), or None when there is nothing new to commit."""
        if self._next is None:
            return None
        position = self._heap[0] if self._heap else self._next
        return position if position > self._known else None

    def committed(self, offset: int) -> None:
        """The broker has stored `offset`."""
        self._known = max(self._known, offset)

    @property
    def known(self) -> int:
        """What was committed last, or where reading began: the broker never offers less, unless it forgot."""
        return self._known

    @property
    def pending(self) -> int:
        """Offsets that were offered and are not done."""
        return len(self._pending)

    @property
    def span(self) -> int:
        """Offsets between the first pending one and the last offered: what a restart would read again at most."""
        return self._next - self._heap[0] if self._heap and self._next is not None else 0

    @property
    def first_pending(self) -> int | None:
        return self._heap[0] if self._heap else None
