"""What must be known before a study's answer is passed on: how little few patients, seeds and one choice say."""

from __future__ import annotations

import pandas as pd

from analysis import schema
from analysis.report.pairwise_text import by_kappa, of_configurations
from analysis.results.columns import VALIDATION
from analysis.results.labels import Row, arm_label, spoken
from analysis.results.study_runs import StudyRuns
from analysis.tables.all_tables import TableSet
from analysis.tables.arm_comparison import objective

WIDE = {"accuracy": 0.1, "kappa": 0.2}
"""Width of an interval beyond which a sentence says what it means."""


def without_patient(study: StudyRuns) -> int:
    """Images of the data set whose patient neither their names nor the label file tell."""
    entries = study.study.get("audit", {}).get("findings", [])
    return sum(int(one["count"]) for one in entries if one["kind"] == schema.FINDING_NO_PATIENTS)


def doubtful_patients(study: StudyRuns) -> list[str]:
    """Of each sign that the data's patients are wrong, what it says."""
    entries = study.study.get("audit", {}).get("findings", [])
    return [str(one["text"]) for one in entries if one["kind"] == schema.FINDING_DOUBTFUL_PATIENTS]


def patients_known(study: StudyRuns) -> bool:
    """Whether every patient of the study's data is known, with no sign against it."""
    return schema.patients_known(study.study.get("audit", {}))


def warnings(study: StudyRuns, made: TableSet, top: Row) -> list[str]:
    """Sentences that stand beside the answer about the arm `top`, a row of columns.primary_endpoint(four_way)."""
    found = []
    if unknown := without_patient(study):
        found.append(
            f"Of {unknown:,} images the data does not say whose they are, and each is taken for another patient's. If "
            "patients have several, some stand on both sides of the split: then scores are too good and intervals too "
            "narrow."
        )
    if top["measured_on"] != VALIDATION and pd.isna(top["kappa"]):
        found.append(
            f"Kappa is undefined on these {int(top['n']):,} images, since all have the same grade; what the accuracy "
            "is worth they cannot tell either."
        )
    found += [
        f"The patients of this data may be wrong: {text}. Until then splits, scores and intervals may be wrong too."
        for text in doubtful_patients(study)
    ]
    for score, wide in WIDE.items():
        low, high = top[f"{score}_low"], top[f"{score}_high"]
        if high - low > wide and not top["constant_predictor"]:
            found.append(
                f"So few patients do not tell {'an ' * (score[0] == 'a')}{score} of {low:.2f} from {high:.2f}."
            )
    found += [*of_configurations(made.pairs, top), *by_kappa(made.pairs, top)]
    first = arm_label(study, made.board.to_dict("records")[0]["arm"])
    if top["measured_on"] != VALIDATION and first != top["label"] and not study.folds:
        found.append(f"On validation {spoken(first)} had stood first by {objective(study)}.")
    return found
