"""The sentences of a report say what the numbers say, with the caution that belongs to them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from analysis import columns, findings, records, tableset
from analysis.runs import StudyRuns, read_study
from tests import mlflow_fixture as fixture
from tests.mlflow_fixture import ConfirmSpec, TrialSpec


def said(study: StudyRuns) -> list[str]:
    return findings.answer(study, tableset.make_tables(study))


def study_of(name: str, trials: list[TrialSpec], **more: object) -> StudyRuns:
    return read_study(fixture.write_study(name, trials, **more), name)  # type: ignore[arg-type]


def test_the_answer_holds_winner_interval_n_majority_and_part() -> None:
    study = read_study(fixture.four_arms(), "four")
    made = tableset.make_tables(study)
    first, _, last = findings.answer(study, made)
    top = made.board.iloc[0]
    assert first.startswith("ResNet50 with pretraining holds the best of 8 ended trials by kappa")
    assert f"kappa {top['kappa']:.3f} ({top['kappa_low']:.3f} to {top['kappa_high']:.3f})" in first
    assert "on 120 images of 60 patients of the validation part" in first
    assert f"gives an accuracy of {top['majority']:.3f}" in first
    assert f"So few patients do not tell an accuracy of {top['accuracy_low']:.2f} from" in first
    assert "optimistic" in last
    assert f"without the choice among 2 trials of its cell kappa is about {top['kappa_corrected']:.3f}" in last
    assert "a confirmation on patients who took no part" in last


def test_on_validation_paired_intervals_tell_a_tie_from_a_difference() -> None:
    study = read_study(fixture.four_arms(), "four")
    made = tableset.make_tables(study)
    sentence = findings.answer(study, made)[1]
    pairs = made.pairs.set_index(["arm_a", "arm_b"])
    tie = pairs.loc[("resnet50-pretrained", "resnet18-pretrained")]
    assert tie["kappa_difference_low"] < 0 < tie["kappa_difference_high"]
    ahead, tied = sentence.split(" It cannot be told from ")
    assert tied.startswith(f"ResNet18 with pretraining (kappa {tie['kappa_difference']:+.3f} (")
    assert tied.endswith("so the study does not show which of the two is better.")
    assert ahead.startswith("It is ahead of ResNet18 from scratch (kappa +")
    assert "and ResNet50 from scratch (" in ahead
    assert " p " not in sentence  # both were chosen on these images: a test would promise too much


def test_a_confirmed_study_is_judged_on_the_test_part_by_the_paired_test() -> None:
    study = read_study(fixture.confirmed(), "confirmed")
    made = tableset.make_tables(study)
    first, second, third = findings.answer(study, made)
    judged = columns.headline(made.cells).set_index("arm")
    top = judged.loc["resnet50-pretrained"]
    assert judged["kappa"].idxmax() == "resnet50-pretrained"
    assert first.startswith("ResNet50 with pretraining scores highest on the test part, which the search never saw: ")
    assert f"kappa {top['kappa']:.3f} ({top['kappa_low']:.3f} to {top['kappa_high']:.3f})" in first
    assert "means of 3 seeds" in first
    assert "on 80 images of 40 patients who are not in training" in first
    pair = made.pairs.set_index(["arm_a", "arm_b"]).loc[("resnet50-pretrained", "resnet18-scratch")]
    assert pair["p_holm"] < 0.05
    assert "by the paired test by patient with Holm's correction, ahead of ResNet18 from scratch (" in second
    assert f"p = {pair['p_holm']:.3f}" in second
    assert "In accuracy it cannot be told from ResNet18 with pretraining (" in second
    assert f"over the seeds 109, 110 and 111 its kappa has a standard deviation of {top['kappa_sd']:.3f}" in third
    assert f"for the recipe, with any seed, the 95 % interval is {top['kappa_recipe_low']:.3f} to" in third
    assert "On validation ResNet18 with pretraining had stood first." in third
    assert "optimistic" not in first + second + third


def test_one_confirmed_cell_with_one_seed_claims_a_model_and_no_recipe() -> None:
    trials = [TrialSpec(0, "resnet18-scratch"), TrialSpec(1, "resnet50-scratch")]
    first, last = said(study_of("one confirmed", trials, confirms=[ConfirmSpec(0, trials[0])]))
    assert "ResNet18 from scratch is the only cell that was confirmed, and stands, on the test part" in first
    assert "(the one seed, 95 % intervals), on 160 images of 80 patients, where" in first
    assert "one seed only: the intervals hold for this trained model" in last


def test_folds_are_answered_over_all_their_test_parts() -> None:
    first, second, third = said(read_study(fixture.folded(), "folded"))
    assert "scores highest on the test parts of 3 outer folds taken together" in first
    assert "on 160 images of 80 patients" in first
    assert "ahead of ResNet18 from scratch" in second
    assert "two seeds say little about that" in third


def test_a_cell_that_is_better_on_the_eye_and_worse_by_the_test_is_said_to_be() -> None:
    pair = {"status": "run", "arm_a": "resnet18-pretrained", "arm_b": "resnet18-scratch"}
    pair |= {"cell_a": "ResNet18, pretrained", "cell_b": "ResNet18, from scratch", "p_holm": 0.01}
    for score, value in (("kappa", 0.2), ("accuracy", 0.1)):
        pair |= {f"{score}_difference": value, f"{score}_difference_low": 0.05, f"{score}_difference_high": 0.3}
    made = tableset.make_tables(read_study(fixture.four_arms(), "four"))
    made = replace(made, pairs=pd.DataFrame([pair]))
    top = {"arm": "resnet18-scratch", "measured_on": "test"}
    (found,) = findings._comparison(made, top, "kappa")
    assert "behind ResNet18 with pretraining (kappa -0.200 (-0.300 to -0.050), accuracy -0.100" in found


def test_a_degenerate_winner_has_learned_nothing() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", confusion=fixture.LAB_TEST, epochs=1)]
    answer = said(study_of("worthless", trials))
    assert "the only ended trial" in answer[0]
    assert "degenerate: it gives every image the same grade and has learned nothing" in answer[0]


def test_degenerate_seeds_are_counted() -> None:
    trial = TrialSpec(0, "resnet18-scratch", epochs=1)
    confirms = [ConfirmSpec(0, trial, one_grade=True), ConfirmSpec(1, trial, 1)]
    answer = said(study_of("half worthless", [trial], confirms=confirms))
    assert "1 of its 2 models give every image the same grade" in answer[0]


def test_without_recorded_predictions_what_the_trials_reported_is_said() -> None:
    four = read_study(fixture.four_arms(), "four")
    answer = said(StudyRuns(**{**vars(four), "predictions": {}, "confusions": {}}))
    assert answer[0].startswith("ResNet50 with pretraining holds the best of 8 ended trials by kappa, with kappa 0.8")
    assert "optimistic" in answer[-1]


@pytest.mark.parametrize(
    ("skill", "sentence"),
    [
        (0.3, "Its accuracy cannot be told from the majority class."),
        (0.0, "Its accuracy lies below that of the majority class."),
        (0.9, ""),
    ],
)
def test_an_accuracy_that_is_no_better_than_the_majority_class_is_said_to_be(skill: float, sentence: str) -> None:
    answer = said(study_of(f"skill {skill}", [TrialSpec(0, "resnet18-scratch", skill=skill)]))[0]
    assert ("Its accuracy" in answer) == bool(sentence)
    assert sentence in answer


@pytest.mark.parametrize(
    ("trials", "states"),
    [
        ([], "none has been started"),
        ([TrialSpec(0, "resnet18-scratch", state=records.STATE_INTERRUPTED, best=False)], "1 interrupted"),
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
    assert findings.reaching(best, 0.82) == sentence


def test_the_threshold_is_said_for_each_part_by_itself() -> None:
    best = pd.DataFrame(
        {
            "criterion": ["point_estimate"] * 3 + ["lower_bound"],
            "measured_on": ["test", "validation", "validation", "validation"],
        }
    )
    assert findings.reaching(best, 0.82) == (
        "On the test part 1 configuration reaches an accuracy of 82 % by the estimate; by the lower bound of the 95 % "
        "interval none of them does. On validation 2 configurations reach an accuracy of 82 % by the estimate; by the "
        "lower bound of the 95 % interval 1 of them does."
    )


def test_a_kappa_that_is_better_where_accuracies_are_tied_is_said_beside_the_tie() -> None:
    trials = [TrialSpec(0, "resnet18-scratch"), TrialSpec(1, "resnet50-scratch")]
    nothing = ConfirmSpec(0, trials[0], one_grade=True)
    study = study_of("kappa beside", trials, confirms=[nothing, ConfirmSpec(1, trials[1], skill=0.4)])
    made = tableset.make_tables(study)
    [pair] = made.pairs[made.pairs["status"] == columns.RUN].to_dict("records")
    assert pair["p_holm"] > 0.05 and abs(pair["kappa_difference_low"]) > 0
    sentence = findings.answer(study, made)[1]
    assert sentence.startswith("In accuracy it cannot be told from ResNet18 from scratch (kappa +")
    assert "which of the two is more often right. In kappa, by the interval of each difference" in sentence
    assert sentence.endswith("it is ahead of ResNet18 from scratch.")


def test_a_test_part_whose_patients_are_all_known_is_not_called_new() -> None:
    trial = TrialSpec(0, "resnet18-scratch")
    study = study_of("all known", [trial], confirms=[ConfirmSpec(0, trial, clean=0.0)])
    assert "though each of its patients has an image in training" in said(study)[0]
