"""What an arm is called: its architecture, and where its pretrained weights come from."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from analysis import schema
from analysis.results.study_runs import StudyRuns

RULES = {"most_probable": "most probable grade", "median": "median grade"}
"""Rule by which a grade is called (`metrics.called`) -> how a reader knows it."""


Row = Mapping[Hashable, Any]


def other_rule(decision: str) -> str:
    """The rule that a study does not call its grades by."""
    return next(rule for rule in RULES if rule != decision)


def arm_label(study: StudyRuns, arm: str) -> str:
    """schema.label of an arm, with the source of the study's weights."""
    return schema.label(arm, study.study.get("weights") or {})


def arm_labels(study: StudyRuns) -> dict[str, str]:
    """Arm -> its label, all four in the order of schema.ARM_LABELS."""
    return {arm: arm_label(study, arm) for arm in schema.ARM_LABELS}


def spoken(label: str) -> str:
    """An arm's label as it is said within a sentence."""
    return label.replace(", pretrained", " with pretraining").replace(",", "")


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
