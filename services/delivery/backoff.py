"""How long to wait after failures in a row. Pure: the random number is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubling delays with jitter.

    | field | meaning | default |
    |---|---|---|
    | `first_s` | delay after the first failure, seconds | 1 |
    | `most_s` | no delay of our own is longer, seconds | 60 |
    | `jitter` | each delay is spread evenly by this share up and down, so that lanes do not march in step | 0.2 |
    | `most_asked_s` | the longest wait that somebody else's `Retry-After` may impose, seconds | 3600 |
    """

    first_s: float = 1.0
    most_s: float = 60.0
    jitter: float = 0.2
    most_asked_s: float = 3600.0

    def __post_init__(self) -> None:
        if not 0 < self.first_s <= self.most_s or not 0 <= self.jitter < 1 or self.most_asked_s < 0:
            raise ValueError("need 0 < first_s <= most_s, 0 <= jitter < 1, most_asked_s >= 0")

    def delay_s(self, failures: int, chance: float, asked_s: float | None = None) -> float:
        """Seconds to wait after `failures` failures in a row (≥ 1); `chance` is a random number in [0, 1).

        With `asked_s` (a `Retry-After`) the delay is never shorter than it, up to `most_asked_s`.
        """
        doublings = min(max(failures, 1) - 1, 64)
        delay = min(self.first_s * 2.0**doublings, self.most_s) * (1 + self.jitter * (2 * chance - 1))
        return delay if asked_s is None else max(delay, min(max(asked_s, 0.0), self.most_asked_s))
