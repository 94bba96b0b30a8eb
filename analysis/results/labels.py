"""What a cell is called: its architecture, and where its pretrained weights come from."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analysis import schema
from analysis.results.mlflow_reader import StudyRuns

RULES = {"most_probable": "most probable grade", "median": "median grade"}
"""Rule by which a grade is called (`scores.called`) -> how a reader knows it."""


Row = Mapping[Hashable, Any]


def other_rule(decision: str) -> str:
    """The rule that a study does not call its grades by."""
    return next(rule for rule in RULES if rule != decision)


def arm_label(study: StudyRuns, arm: str) -> str:
    """records.label of an arm, with the source of the study's weights."""
    return schema.label(arm, study.study.get("weights") or {})


def arm_labels(study: StudyRuns) -> dict[str, str]:
    """Arm -> its label, all four in the order of records.ARM_LABELS."""
    return {arm: arm_label(study, arm) for arm in schema.ARM_LABELS}


def spoken(label: str) -> str:
    """A cell's label as it is said within a sentence."""
    return label.replace(", pretrained", " with pretraining").replace(",", "")


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def signed(pair: Row, score: str, sign: int) -> str:
    """`+0.113 (0.050 to 0.175)`: the difference seen from the other side where sign is -1."""
    value, low, high = (sign * float(pair[f"{score}_difference{end}"]) for end in ("", "_low", "_high"))
    if pd.isna(value):
        return "undefined"
    return f"{value:+.3f}" if pd.isna(low) else f"{value:+.3f} ({min(low, high):.3f} to {max(low, high):.3f})"
