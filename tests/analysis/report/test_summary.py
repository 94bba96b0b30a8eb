"""The sentences of a report say what the numbers say; tests/analysis/test_claims.py has a table of whole studies."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from analysis import schema
from analysis.report import summary
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import all_tables
from tests.fixtures import figures as shown
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import FinalistSpec, TrialSpec
from tests.fixtures.studies import SCRATCH18, Made, Trial, confirmed, eyes, grader, one_grade, study_of

VALIDATION = eyes(40, 1)


def said(study: StudyRuns) -> list[str]:
    return summary.answer(study, all_tables.make_tables(study)).sentences


def test_before_the_test_split_is_read_validation_is_told_with_its_optimism() -> None:
    study, made = shown.four().study, shown.four().made
    first, second, third, fourth, limits = summary.answer(study, made).sentences
    top = made.board.iloc[0]
    assert first == (
        "The primary endpoint, quadratic weighted kappa of the arm that validation chose (ResNet50 with pretraining) "
        "on the test split, is not measured: the test split has not been read."
    )
    assert second.startswith("ResNet50 with pretraining holds the first of 8 ended trials by kappa: kappa ")
    assert f"kappa {top['kappa']:.3f} ({top['kappa_low']:.3f} to {top['kappa_high']:.3f})" in second
    assert "on 120 validation images of 60 patients" in second
    assert f"gives an accuracy of {top['majority']:.3f}" in second
    assert f"without the choice among 2 trials of its arm kappa is about {top['kappa_corrected']:.3f}" in third
    assert fourth == "Arms are not compared by a test here, since their models were chosen on these images."
    assert limits.startswith("What limits this: an accuracy anywhere from")


def test_a_confirmed_study_leads_with_the_arm_that_validation_chose() -> None:
    study, made = shown.confirmed().study, shown.confirmed().made
    answer = summary.answer(study, made)
    row = made.endpoint.iloc[0]
    assert row["arm"] == made.board["arm"].iloc[0] == "resnet18-pretrained"
    assert answer.sentences[0] == (
        "The primary endpoint, quadratic weighted kappa of the arm that validation chose (ResNet18 with pretraining), "
        f"is {row['kappa']:.3f} ({row['kappa_low']:.3f} to {row['kappa_high']:.3f}), 95 % over patients, on 80 "
        "test images of 40 patients who are not in training, mean of 3 seeds."
    )
    assert "all 6 differences taken together" in " ".join(answer.sentences)
    assert answer.text() == "\n\n".join(answer.sentences) and len(answer.sentences) <= summary.MOST


@pytest.mark.parametrize(
    ("skill", "end"),
    [(0.75, ", from which its accuracy cannot be told."), (0.3, ", which it does not reach."), (1.0, " of 0.700.")],
)
def test_an_accuracy_that_is_no_better_than_the_majority_class_is_said_to_be(skill: float, end: str) -> None:
    common = eyes(60, 1, mix=(0.7, 0.1, 0.1, 0.05, 0.05))
    grade = replace(common, grade=common.grade * 0 + pd.Series([0] * 84 + [1] * 12 + [2] * 24).to_numpy())
    made = Made([Trial(SCRATCH18, grader(grade, skill))], validation=grade)
    assert said(study_of(made))[1].endswith(end)


def test_without_recorded_predictions_what_the_trials_reported_is_said() -> None:
    four = shown.four().study
    answer = said(StudyRuns(**{**vars(four), "predictions": {}, "confusions": {}}))
    assert answer[1].startswith("ResNet50 with pretraining holds the first of 8 ended trials by kappa, with kappa 0.8")
    assert "optimistic" in answer[-1]


def test_at_most_so_many_sentences_and_what_has_no_room_is_counted() -> None:
    sentences = [f"Sentence {number}." for number in range(10)]
    found = summary._at_most(sentences, ["a", "b", "c", "d", "e"])
    assert len(found) == summary.MOST
    assert found[-1] == "What limits this: a; b; c; d; report.html has 4 more of these remarks."
    assert summary._at_most(sentences[:2], []) == sentences[:2]


def test_a_threshold_is_said_of_each_split_with_its_images_and_its_choice() -> None:
    test = eyes(60, 2)
    study = study_of(confirmed({SCRATCH18: [grader(test, 1.0)] * 2}, test))
    assert summary.reaching(all_tables.make_tables(study, 0.8), 0.8) == (
        "On the test split (120 images; chosen on validation) 1 confirmed winner reaches an accuracy of 80 % by the "
        "estimate; by the lower bound, corrected for 1 configuration, and beyond the majority class, it does. "
        "On validation (80 images; chosen on them) 1 configuration reaches an accuracy of 80 % by the estimate; by the "
        "lower bound, corrected for 1 configuration, and beyond the majority class, none does."
    )
    constant = study_of(Made([Trial(SCRATCH18, one_grade(VALIDATION))], validation=VALIDATION))
    assert summary.reaching(all_tables.make_tables(constant, 0.1), 0.1) == (
        "On validation (80 images; chosen on them) no configuration has an accuracy of 10 % or more that lies beyond "
        "the majority class, neither by the lower bound nor by the estimate."
    )


def test_finalists_without_a_confirmation_are_told_with_the_mean_of_the_repeats() -> None:
    trials = [TrialSpec(number, "resnet18-scratch", 0.5 + 0.2 * number) for number in range(2)]
    trials.append(TrialSpec(2, "resnet18-scratch", state=schema.STATE_PRUNED, best=False, epochs=1))
    again = [FinalistSpec(2 * number + repeat, trials[number], repeat, 0.6) for number in (0, 1) for repeat in (0, 1)]
    uri = fixture.write_study("only finalists", trials, finalists=again, select_epoch="last")
    study = read_study(uri, "only finalists")
    top = all_tables.make_tables(study).board.iloc[0]
    _, first, last, *_ = said(study)
    assert "holds the first of 2 trials that ran all epochs by kappa (1 more was stopped early and has none)" in first
    assert f"kappa {top['finalist_mean']:.3f} is the mean of 2 repeats with fresh seeds on other validation" in first
    assert f"the trial itself has kappa {top['kappa']:.3f}" in first
    assert "the winner among the best of them by its repeats" in last
    assert "epochs" not in last


@pytest.mark.parametrize(
    ("select_epoch", "start"),
    [
        ("last", "Trials and the winner were both chosen"),
        ("best", "Trials, epochs and the winner were all chosen"),
    ],
)
def test_the_last_epoch_was_not_chosen(select_epoch: str, start: str) -> None:
    trials = [Trial(SCRATCH18, grader(VALIDATION, skill)) for skill in (0.9, 0.6)]
    study = study_of(Made(trials, validation=VALIDATION, tags={schema.TAG_SELECT_EPOCH: select_epoch}))
    assert said(study)[2].startswith(f"{start} on the validation split itself")
