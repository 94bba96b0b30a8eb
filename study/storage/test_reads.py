"""How often the test split was read before."""

from __future__ import annotations

from collections import Counter

from analysis import schema
from study.storage.progress import times
from study.storage.state import StudyState


def reading_note(state: StudyState) -> str:
    """What a reader must be told of the test split, in one sentence."""
    reads = len(state.test_evaluations)
    if not reads:
        return "the test split has not been read"
    seeds = Counter(record.confirm.trial for record in state.confirmations.values() if record.test and record.confirm)
    few = f"; fewer than {schema.FEW_SEEDS} seeds of a winner" if min(seeds.values()) < schema.FEW_SEEDS else ""
    each = ", once for each confirmation" if reads > 1 else ""
    return f"the test split was read {times(reads)}{each}{few}"
