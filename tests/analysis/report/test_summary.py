"""The sentences of a report say what the numbers say, with the caution that belongs to them."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from analysis import schema
from analysis.report import summary
from analysis.results import columns
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import all_tables
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, FinalistSpec, TrialSpec


def said(study: StudyRuns) -> list[str]:
    return summary.answer(study, all_tables.make_tables(study)).sentences


def study_of(name: str, trials: list[TrialSpec], **more: object) -> StudyRuns:
    return read_study(fixture.write_study(name, trials, **more), name)  # type: ignore[arg-type]


def test_the_answer_holds_winner_interval_n_majority_and_part() -> None:
    study = read_study(fixture.four_arms(), "four")
    made = all_tables.make_tables(study)
    (first, _, last), cautions = summary.answer(study, made)
    top = made.board.iloc[0]
    assert first.startswith("ResNet50 with pretraining holds the best of 8 ended trials by kappa")
    assert f"kappa {top['kappa']:.3f} ({top['kappa_low']:.3f} to {top['kappa_high']:.3f})" in first
    assert "on 120 images of 60 patients of the validation split" in first
    assert f"gives an accuracy of {top['majority']:.3f}" in first
    assert f"So few patients do not tell an accuracy of {top['accuracy_low']:.2f} from" in cautions[0]
    assert "optimistic" in last
    assert f"without the choice among 2 trials of its arm kappa is about {top['kappa_corrected']:.3f}" in last
    assert "a confirmation on patients who took no part" in last


def test_a_confirmed_study_is_judged_on_the_test_part_by_the_paired_test() -> None:
    study = read_study(fixture.confirmed(), "confirmed")
    made = all_tables.make_tables(study)
    (first, second, third), cautions = summary.answer(study, made)
    judged = columns.primary_endpoint(made.four_way).set_index("arm")
    top = judged.loc["resnet50-pretrained"]
    assert judged["kappa"].idxmax() == "resnet50-pretrained"
    assert first.startswith("ResNet50 with pretraining scores highest on the test split, which the search never saw: ")
    assert f"kappa {top['kappa']:.3f} ({top['kappa_low']:.3f} to {top['kappa_high']:.3f})" in first
    assert "means of 3 seeds" in first
    assert "on 80 images of 40 patients who are not in training" in first
    pair = made.pairs.set_index(["arm_a", "arm_b"]).loc[("resnet50-pretrained", "resnet18-scratch")]
    assert pair["p_holm"] < 0.05
    assert second.startswith(
        "By the paired test by patient, with Holm's correction, these trained models are more often"
    )
    assert f"p = {pair['p_holm']:.3f}" in second
    assert f"over the seeds 109, 110 and 111 its kappa has a standard deviation of {top['kappa_sd']:.3f}" in third
    assert (
        f"for the configuration, with any seed, the 95 % interval is {top['kappa_configuration_low']:.3f} to" in third
    )
    assert "On validation ResNet18 with pretraining had stood first by kappa." in cautions
    assert "optimistic" not in first + second + third
    assert summary.answer(study, made).text() == "\n\n".join(
        [first, second, third, "\n".join(f"- {one}" for one in cautions)]
    )


def test_one_confirmed_cell_with_one_seed_claims_a_model_and_no_configuration() -> None:
    trials = [TrialSpec(0, "resnet18-scratch"), TrialSpec(1, "resnet50-scratch")]
    first, last = said(study_of("one confirmed", trials, confirmations=[ConfirmSpec(0, trials[0])]))
    assert "ResNet18 from scratch is the only arm that was confirmed: on the test split" in first
    assert "(the one seed, 95 % intervals), on 160 images of 80 patients, where" in first
    assert "one seed only: the intervals hold for this trained model" in last


def test_folds_are_answered_over_all_their_test_parts() -> None:
    first, second, third = said(read_study(fixture.folded(), "folded"))
    assert "scores highest on the test splits of 3 outer folds taken together" in first
    assert "on 160 images of 80 patients" in first
    assert "these trained models are more often right than ResNet18 from scratch (" in second
    assert "two seeds say little about that" in third


def test_a_degenerate_winner_has_learned_nothing() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", confusion=fixture.LAB_TEST, epochs=1)]
    answer = said(study_of("worthless", trials))
    assert "the only ended trial" in answer[0]
    assert "constant predictor: it gives every image the same grade and has learned nothing" in answer[0]


def test_degenerate_seeds_are_counted() -> None:
    trial = TrialSpec(0, "resnet18-scratch", epochs=1)
    confirmations = [ConfirmSpec(0, trial, one_grade=True), ConfirmSpec(1, trial, 1)]
    answer = said(study_of("half worthless", [trial], confirmations=confirmations))
    assert "1 of its 2 models give every image the same grade" in answer[0]


def test_without_recorded_predictions_what_the_trials_reported_is_said() -> None:
    four = read_study(fixture.four_arms(), "four")
    answer = said(StudyRuns(**{**vars(four), "predictions": {}, "confusions": {}}))
    assert answer[0].startswith("ResNet50 with pretraining holds the best of 8 ended trials by kappa, with kappa 0.8")
    assert "optimistic" in answer[-1]


@pytest.mark.parametrize(
    ("skill", "sentence"),
    [
        (0.3, ", from which its own cannot be told."),
        (0.0, ", which it does not reach."),
        (0.9, "gives an accuracy of 0.700."),
    ],
)
def test_an_accuracy_that_is_no_better_than_the_majority_class_is_said_to_be(skill: float, sentence: str) -> None:
    answer = said(study_of(f"skill {skill}", [TrialSpec(0, "resnet18-scratch", skill=skill)]))[0]
    assert answer.endswith(sentence)


@pytest.mark.parametrize(
    ("trials", "states"),
    [
        ([], "none has been started"),
        ([TrialSpec(0, "resnet18-scratch", state=schema.STATE_INTERRUPTED, best=False)], "1 interrupted"),
    ],
)
def test_without_a_result_nothing_is_concluded(trials: list[TrialSpec], states: str) -> None:
    answer = said(study_of(f"nothing: {states}", trials))
    assert answer == [f"No trial has ended with a score yet ({states}), so nothing can be concluded."]


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
    assert summary.reaching(best, 0.82) == sentence


def test_the_threshold_is_said_for_each_part_by_itself() -> None:
    best = pd.DataFrame(
        {
            "criterion": ["point_estimate"] * 3 + ["lower_bound"],
            "measured_on": ["test", "validation", "validation", "validation"],
        }
    )
    assert summary.reaching(best, 0.82) == (
        "On the test split 1 configuration reaches an accuracy of 82 % by the estimate; by the lower bound of the 95 % "
        "interval none of them does. On validation 2 configurations reach an accuracy of 82 % by the estimate; by the "
        "lower bound of the 95 % interval 1 of them does."
    )


@pytest.mark.parametrize("known", [1, 2])
def test_a_headline_of_one_grade_is_judged_by_accuracy_and_not_called_unconfirmed(known: int) -> None:
    """Of a test split whose few new patients all have grade 0 there is no kappa."""
    trials = [TrialSpec(0, "resnet18-scratch"), TrialSpec(1, "resnet50-scratch")]
    confirmations = [ConfirmSpec(2 * n + repeat, trials[n], repeat) for n in (0, 1) for repeat in (0, 1)]
    study = study_of(f"one grade {known}", trials, confirmations=confirmations)
    tables = {}
    for name, table in study.test_predictions.items():
        healthy = table.groupby("patient")["grade"].max()
        tables[name] = table.assign(new_patients=table["patient"].isin(healthy[healthy == 0].index[:known]))
    study = replace(study, test_predictions=tables)
    (first, *_, last), cautions = summary.answer(study, all_tables.make_tables(study))
    assert "scores highest in accuracy on the test split" in first and "kappa undefined and accuracy" in first
    assert "kappa is undefined here, so nothing is said of the configuration" in last
    assert cautions[0].startswith(f"Kappa is undefined on these {2 * known} images, since all have the same grade")
    assert "confirmation" not in " ".join([first, last])


def test_seeds_that_are_all_right_say_nothing_of_the_configuration() -> None:
    trial = TrialSpec(0, "resnet18-scratch", epochs=1)
    study = study_of("perfect", [trial], confirmations=[ConfirmSpec(n, trial, n, skill=1.0) for n in range(3)])
    made = all_tables.make_tables(study)
    first, last = summary.answer(study, made).sentences
    assert "kappa 1.000 and accuracy 1.000 (0.9" in first
    assert "all 3 seeds have the same kappa" in last and "1.000 to 1.000" not in last
    assert made.four_way["test_accuracy_configuration_low"].isna().all()


def test_a_test_part_whose_patients_are_all_known_is_not_called_new() -> None:
    trial = TrialSpec(0, "resnet18-scratch")
    study = study_of("all known", [trial], confirmations=[ConfirmSpec(0, trial, new_patients=0.0)])
    assert "though each of its patients has an image in training" in said(study)[0]


def test_patients_that_nobody_knows_are_not_counted_and_said() -> None:
    study = read_study(fixture.four_arms(), "four")
    finding = {"kind": "no patients", "count": 120, "text": ""}
    unknown = replace(study, study={**study.study, "audit": {"findings": [finding]}})
    found = summary.answer(unknown, all_tables.make_tables(unknown))
    assert "on 120 images of the validation split" in found.sentences[0]
    assert found.warnings[0].startswith("Of 120 images the data does not say whose they are, and each is taken for")


def test_finalists_without_a_confirmation_lead_with_the_mean_of_the_repeats() -> None:
    trials = [TrialSpec(number, "resnet18-scratch", 0.5 + 0.2 * number) for number in range(2)]
    trials.append(TrialSpec(2, "resnet18-scratch", state=schema.STATE_PRUNED, best=False, epochs=1))
    again = [FinalistSpec(2 * number + repeat, trials[number], repeat, 0.6) for number in (0, 1) for repeat in (0, 1)]
    study = study_of("only finalists", trials, finalists=again, select_epoch="last")
    top = all_tables.make_tables(study).board.iloc[0]
    first, last = said(study)
    assert "holds the best of 2 trials that ran all epochs by kappa (1 more was stopped early and has none)" in first
    assert f"kappa {top['finalist_mean']:.3f} is the mean of 2 repeats with fresh seeds on other validation" in first
    assert f"the trial itself has kappa {top['kappa']:.3f}" in first
    assert "the winner among the best of them by its repeats" in last
    assert "epochs" not in last


def test_the_last_epoch_was_not_chosen() -> None:
    trials = [TrialSpec(0, "resnet18-scratch"), TrialSpec(1, "resnet18-scratch")]
    last = said(study_of("by the last", trials, select_epoch="last"))[-1]
    assert last.startswith("Trials and the winner were both chosen on the validation split itself")
    last = said(study_of("by the best", trials, select_epoch="best"))[-1]
    assert last.startswith("Trials, epochs and the winner were all chosen on the validation split itself")


def test_the_answer_claims_nothing_about_patients_that_are_not_known() -> None:
    trial = TrialSpec(0, "resnet18-scratch")
    old = study_of("old patients", [trial], confirmations=[ConfirmSpec(0, trial, new_patients=0.0)])
    assert "though each of its patients has an image in training" in said(old)[0]
    findings = [{"kind": schema.FINDING_DOUBTFUL_PATIENTS, "count": 9, "text": "all 9 are of one"}]
    for study, expected in (
        (old, "on the test split, which the search never saw, with kappa"),
        (read_study(fixture.confirmed(), "confirmed"), "who are not in training, as far as the data tells patients, w"),
    ):
        described = {**study.study, "audit": {**study.study.get("audit", {}), "findings": findings}}
        first = said(replace(study, study=described))[0]
        assert "has an image in training" not in first and expected in first
        assert not re.search(r"of \d+ patients", first)  # their number is a guess as well
