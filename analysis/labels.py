"""What a cell is called: its architecture, and where its pretrained weights come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis import records
from analysis.runs import StudyRuns

KINDS = {"imagenet": "ImageNet", "synthetic": "synthetic", "file": "own file"}
"""Kind of source weights, as study.json has it -> how a reader knows it."""


RULES = {"most_probable": "most probable grade", "median": "median grade"}
"""Rule by which a grade is called (`scores.called`) -> how a reader knows it."""


def other_rule(decision: str) -> str:
    """The rule that a study does not call its grades by."""
    return next(rule for rule in RULES if rule != decision)


def arm_label(study: StudyRuns, arm: str) -> str:
    """`ResNet18, from scratch`; `ResNet18, pretrained (ImageNet)`, without the source where it is not recorded."""
    return _label(study.study.get("weights") or {}, arm)


def arm_labels(study: StudyRuns) -> dict[str, str]:
    """Arm -> its label, all four in the order of records.ARM_LABELS."""
    return {arm: arm_label(study, arm) for arm in records.ARM_LABELS}


def _label(weights: Mapping[str, Any], arm: str) -> str:
    label, architecture = records.ARM_LABELS[arm], arm.partition("-")[0]
    source = weights.get(architecture)
    kind = KINDS.get(str(source.get("kind", "")), "") if isinstance(source, Mapping) else ""
    return f"{label} ({kind})" if kind and arm.endswith("-pretrained") else label
