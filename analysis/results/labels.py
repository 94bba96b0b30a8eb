"""What a cell is called: its architecture, and where its pretrained weights come from."""

from __future__ import annotations

from analysis import schema
from analysis.results.mlflow_reader import StudyRuns

RULES = {"most_probable": "most probable grade", "median": "median grade"}
"""Rule by which a grade is called (`scores.called`) -> how a reader knows it."""


def other_rule(decision: str) -> str:
    """The rule that a study does not call its grades by."""
    return next(rule for rule in RULES if rule != decision)


def arm_label(study: StudyRuns, arm: str) -> str:
    """records.label of an arm, with the source of the study's weights."""
    return schema.label(arm, study.study.get("weights") or {})


def arm_labels(study: StudyRuns) -> dict[str, str]:
    """Arm -> its label, all four in the order of records.ARM_LABELS."""
    return {arm: arm_label(study, arm) for arm in schema.ARM_LABELS}
