"""One thing that is wrong with a data set, and how serious it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; where it is an error, so would training be.

    `rows`: images, grouped where alike. `reasons`: of each of these groups, where they differ.
    """

    kind: str
    severity: Severity
    text: str
    rows: tuple[tuple[int, ...], ...] = ()
    counted: int = 0  # images, where they are not listed
    reasons: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Images that it concerns."""
        return self.counted or sum(len(group) for group in self.rows)
