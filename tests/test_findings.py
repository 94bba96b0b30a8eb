"""The sentences of a report say what the numbers say, with the caution that belongs to them."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis import findings, records, tables
from analysis.runs import StudyRuns, read_study
from tests import mlflow_fixture as fixture
from tests.mlflow_fixture import TrialSpec


def said(study: StudyRuns) -> tuple[str, str]:
    """All sentences of the answer, all remarks."""
    board = tables.leaderboard(study)
    cells = tables.four_way(study, board=board)
    return " ".join(findings.answer(study, board, cells)), " ".join(findings.remarks(study, board, cells))


def study_of(name: str, trials: list[TrialSpec], **more: object) -> StudyRuns:
    return read_study(fixture.write_study(name, trials, **more), name)  # type: ignore[arg-type]


def test_the_answer_holds_winner_interval_n_majority_and_part() -> None:
    study = read_study(fixture.four_arms(), "four")
    board = tables.leaderboard(study)
    answer, remarks = said(study)
    top = board.iloc[0]
    assert answer.startswith("ResNet50 with pretraining holds the best of 8 ended trials by kappa")
    assert f"kappa {top['kappa']:.3f} ({top['kappa_low']:.3f} to {top['kappa_high']:.3f})" in answer
    assert "on 120 images of 60 patients of the validation part" in answer
    assert f"gives an accuracy of {top['majority']:.3f}" in answer
    assert "optimistic" in answer
    assert "a confirmation on patients who took no part" in answer
    assert remarks == ""


def test_overlapping_intervals_are_a_tie_and_others_are_told_apart() -> None:
    study = read_study(fixture.four_arms(), "four")
    cells = tables.four_way(study).set_index("arm")
    answer, _ = said(study)
    assert cells.loc["resnet18-pretrained", "kappa_high"] > cells.loc["resnet50-pretrained", "kappa_low"]
    tied, behind = answer.split("so the study does not show which of them is better.")
    assert "ResNet18 with pretraining at" in tied
    assert "ResNet18 from scratch at" in behind
    assert "stays below it with an interval that does not overlap" in behind


def test_a_degenerate_winner_has_learned_nothing() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", confusion=fixture.LAB_TEST, epochs=1)]
    answer, remarks = said(study_of("worthless", trials))
    assert "the only ended trial" in answer
    assert "degenerate: it gives every image the same grade and has learned nothing" in answer
    assert "all 7,025 images get the same grade, so its accuracy of 0.7335" in remarks


@pytest.mark.parametrize(
    ("skill", "sentence"),
    [
        (0.3, "Its accuracy cannot be told from the majority class."),
        (0.0, "Its accuracy lies below that of the majority class."),
        (0.9, ""),
    ],
)
def test_an_accuracy_that_is_no_better_than_the_majority_class_is_said_to_be(skill: float, sentence: str) -> None:
    answer, _ = said(study_of(f"skill {skill}", [TrialSpec(0, "resnet18-scratch", skill=skill)]))
    assert ("Its accuracy" in answer) == bool(sentence)
    assert sentence in answer


def test_what_is_missing_is_remarked() -> None:
    trials = [
        TrialSpec(0, "resnet18-scratch"),
        TrialSpec(1, "resnet50-scratch", state=records.STATE_RUNNING, best=False, epochs=1),
        TrialSpec(2, "resnet50-scratch", state=records.STATE_FAILED, best=False, epochs=0, reason="see /home/anna/log"),
    ]
    reasons = {"resnet18-pretrained": "w.pth is not in /home/anna/w"}
    study = study_of("missing", trials, not_run=reasons, selected_on="test")
    _, remarks = said(study)
    assert "ResNet18 with pretraining was not run: w.pth is not in w." in remarks
    assert "ResNet50 from scratch has no result yet: no trial has ended with a score: 1 failed, 1 running." in remarks
    assert "1 of 3 trials is still to go on" in remarks
    assert "1 trial failed and is in no table" in remarks
    assert "chosen on the test part" in remarks
    assert findings.failures(study)["reason"].tolist() == ["", "see log"]


@pytest.mark.parametrize(
    ("trials", "states"),
    [
        ([], "none has been started"),
        ([TrialSpec(0, "resnet18-scratch", state=records.STATE_INTERRUPTED, best=False)], "1 interrupted"),
    ],
)
def test_without_a_result_nothing_is_concluded(trials: list[TrialSpec], states: str) -> None:
    answer, _ = said(study_of(f"nothing: {states}", trials))
    assert answer == f"No trial has ended with a score yet ({states}), so nothing can be concluded."


@pytest.mark.parametrize(
    ("bound", "estimate", "sentence"),
    [
        (0, 0, "No configuration reaches an accuracy of 82 %, neither by the lower bound nor by the estimate."),
        (
            0,
            1,
            "1 configuration reaches an accuracy of 82 % by the estimate; by the lower bound of the 95 % interval "
            "none of them does.",
        ),
        (
            1,
            1,
            "1 configuration reaches an accuracy of 82 % by the estimate; by the lower bound of the 95 % interval "
            "it does.",
        ),
        (
            2,
            5,
            "5 configurations reach an accuracy of 82 % by the estimate; by the lower bound of the 95 % interval "
            "2 of them do.",
        ),
    ],
)
def test_the_threshold_in_a_sentence(bound: int, estimate: int, sentence: str) -> None:
    best = pd.DataFrame({"criterion": ["lower_bound"] * bound + ["point_estimate"] * estimate})
    assert findings.reaching(best, 0.82) == sentence
