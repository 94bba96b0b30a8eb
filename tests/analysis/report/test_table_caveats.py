"""What is missing, degenerate, leaked or not yet confirmed is remarked, and nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from analysis import schema
from analysis.report.table_caveats import caveats
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import all_tables
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, FinalistSpec, TrialSpec


def said(name: str, trials: list[TrialSpec], **more: object) -> list[str]:
    study = read_study(fixture.write_study(name, trials, **more), name)  # type: ignore[arg-type]
    return caveats(study, all_tables.make_tables(study))


def test_a_finished_study_of_four_arms_needs_no_remark_but_its_limits_and_the_leak_of_its_data() -> None:
    study = read_study(fixture.four_arms(), "four")
    *limits, leak = caveats(study, all_tables.make_tables(study))
    assert limits and all(
        "fits these images" in one or one.startswith("ResNet50 from scratch is not") for one in limits
    )
    assert leak.startswith("Copying the fellow eye's grade")
    assert "0.84728 on the 5,618 images" in leak


def test_the_labs_published_confusion_is_called_degenerate() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", confusion=fixture.LAB_TEST, epochs=1)]
    text = " ".join(said("lab in words", trials, selection_split="test"))
    assert "all 7,025 images get the same grade, so its accuracy of 0.7335 says only how" in text
    assert "chosen on the test split" in text


def test_what_is_missing_is_remarked() -> None:
    trials = [
        TrialSpec(0, "resnet18-scratch"),
        TrialSpec(1, "resnet50-scratch", state=schema.STATE_RUNNING, best=False, epochs=1),
        TrialSpec(2, "resnet50-scratch", state=schema.STATE_FAILED, best=False, epochs=0, reason="see /home/anna/log"),
    ]
    reasons = {"resnet18-pretrained": "w.pth is not in /home/anna/w"}
    text = " ".join(said("missing", trials, not_run=reasons, selection_split="test"))
    assert "ResNet18 with pretraining was not run: w.pth is not in w." in text
    assert "ResNet50 from scratch has no result yet: no trial has ended with a score: 1 failed, 1 running." in text
    assert "1 of 3 trials is still to go on" in text
    assert "1 trial failed and is in no table" in text
    assert "chosen on the test split" in text
    failed = all_tables.make_tables(read_study(fixture.store()[0], "missing")).failures
    assert failed["reason"].tolist() == ["", "see log"]


def test_a_confirmed_study_says_what_its_test_part_is_worth() -> None:
    study = read_study(fixture.confirmed(), "confirmed")
    made = all_tables.make_tables(study)
    found = caveats(study, made)
    (new,) = [one for one in found if one.startswith("Of the 160 test images 80 are of patients who are not in train")]
    assert f"ResNet50 from scratch has accuracy {made.four_way['test_accuracy'].iloc[2]:.3f} (" in new
    assert any(one.startswith("No image has grade 2 and 3, so balanced accuracy") for one in found) is bool(
        made.endpoint["n_grade_3"].iloc[0] == made.endpoint["n_grade_2"].iloc[0] == 0
    )


def test_what_is_not_confirmed_and_what_was_confirmed_instead_of_the_best() -> None:
    trials = [
        TrialSpec(0, "resnet18-scratch", skill=0.3),
        TrialSpec(1, "resnet18-scratch", skill=0.9),
        TrialSpec(2, "resnet50-scratch"),
    ]
    confirmations = [
        ConfirmSpec(0, trials[0], one_grade=True),
        ConfirmSpec(1, trials[0], 1),
        ConfirmSpec(2, trials[1], 0, state=schema.STATE_RUNNING, read=False),
        ConfirmSpec(3, trials[1], 1, state=schema.STATE_FAILED, read=False),
    ]
    text = " ".join(said("outrun", trials, confirmations=confirmations))
    assert "ResNet50 from scratch is not confirmed: no confirmation of this arm" in text
    assert "by now trial" not in text
    assert (
        "ResNet18 from scratch is measured by trial 0000, as no confirmation of trial 0001, which validation put "
        "before it, was measured"
    ) in text
    assert "2 seeds tell hardly anything of other seeds." in text.replace("2 Seeds", "2 seeds")
    assert (
        "1 of 2 models of ResNet18 from scratch is a constant predictor and gives all 160 images one grade (grade 0;"
        in text
    )
    assert "1 of 4 confirmations is still to go on" in text
    assert "1 confirmation failed and is in no table" in text


@pytest.mark.parametrize(("started", "sentence"), [((1, 2), "2 of 3 folds have begun."), ((1, 2, 3), "")])
def test_folds_that_have_not_begun_are_counted(started: tuple[int, ...], sentence: str) -> None:
    folded = read_study(fixture.folded(), "folded")
    study = StudyRuns(**{**vars(folded), "folds_begun": started})
    found = [one for one in caveats(study, all_tables.make_tables(study)) if "begun" in one]
    assert found == [sentence] * bool(sentence)


def test_folds_that_are_not_confirmed_are_counted_for_each_cell() -> None:
    folded = read_study(fixture.folded(), "folded")
    left = {name: table for name, table in folded.test_predictions.items() if name not in ("3/c0000", "3/c0001")}
    study = StudyRuns(**{**vars(folded), "test_predictions": left})
    found = [one for one in caveats(study, all_tables.make_tables(study)) if "so far" in one]
    assert found == ["Of ResNet18 from scratch 2 of 3 folds are confirmed so far."]


def test_intervals_over_images_are_remarked() -> None:
    four = read_study(fixture.four_arms(), "four")
    study = StudyRuns(**{**vars(four), "predictions": {}})
    assert "the interval of accuracy is over images" in caveats(study, all_tables.make_tables(study))[-1]


def test_a_test_part_without_a_clean_patient_is_remarked() -> None:
    trial = TrialSpec(0, "resnet18-scratch")
    for new_patients, expected in ((0.0, True), (1.0, False)):
        name = f"new {new_patients}"
        confirmations = [ConfirmSpec(0, trial, new_patients=new_patients)]
        study = read_study(fixture.write_study(name, [trial], confirmations=confirmations), name)
        told = " ".join(caveats(study, all_tables.make_tables(study)))
        assert ("Each patient of the test split has an image in training too" in told) is expected


def test_fellows_that_were_dropped_only_for_the_confirmation_are_remarked() -> None:
    study = read_study(fixture.confirmed(), "confirmed")
    dropped = dataclasses.replace(study, study={**study.study, "test": {"exclude_test_patients": True}})
    told = " ".join(caveats(dropped, all_tables.make_tables(dropped)))
    assert "the search before them had the fellow eyes" in told


def test_the_highest_peak_is_remarked_and_the_last_epoch_is_not() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", 0.9)]
    assert any("highest of all noisy peaks" in one for one in said("peaks", trials, select_epoch="best"))
    assert not any("noisy peaks" in one for one in said("no peaks", trials, select_epoch="last"))


def test_cells_that_have_not_learned_are_named_with_what_is_known_of_why() -> None:
    same = (70, 20, 20, 5, 5)
    trials = [
        TrialSpec(0, "resnet18-scratch", confusion=same, epochs=1),
        TrialSpec(1, "resnet18-pretrained", 0.0),
        TrialSpec(2, "resnet50-scratch", 0.97, patients=300),
    ]
    found = said("half learned", trials)
    scratch, pretrained = (
        next(one for one in found if one.startswith(f"ResNet18 {how} is not shown to have learned"))
        for how in ("from scratch", "with pretraining")
    )
    assert "not shown to lie above 0. Its trial began from random weights, ran 1 epoch and saw 400 images" in scratch
    assert "Its trial began from pretrained weights, ran 3 epochs and saw 1,200 images." in pretrained
    assert not any("No arm is shown" in one or one.startswith("ResNet50 from scratch is not") for one in found)
    found = said("none learned", trials[:2])
    assert "No arm is shown to beat chance: of none does the interval of kappa lie above 0." in found


def test_finalists_that_have_not_ended_are_counted() -> None:
    trial = TrialSpec(0, "resnet18-scratch", 0.8)
    again = [FinalistSpec(0, trial, state=schema.STATE_RUNNING), FinalistSpec(1, trial, 1, state=schema.STATE_FAILED)]
    text = " ".join(said("finalists go on", [trial], finalists=again))
    assert "1 of 2 finalists is still to go on" in text
    assert "1 finalist failed and is in no table of scores" in text


@pytest.mark.parametrize("kind", [schema.FINDING_DOUBTFUL_PATIENTS, schema.FINDING_NO_PATIENTS])
def test_caveats_claim_nothing_about_patients_that_are_not_known(kind: str) -> None:
    trial, name = TrialSpec(0, "resnet18-scratch"), f"old patients, {kind}"
    uri = fixture.write_study(name, [trial], confirmations=[ConfirmSpec(0, trial, new_patients=0.0)])
    for study in (read_study(uri, name), read_study(fixture.confirmed(), "confirmed")):
        finding = {"kind": kind, "count": 3, "text": "patients are few"}
        described = {**study.study, "audit": {**study.study.get("audit", {}), "findings": [finding]}}
        described["test"] = {"exclude_test_patients": True}
        doubted = dataclasses.replace(study, study=described)
        found = " ".join(caveats(doubted, all_tables.make_tables(doubted)))
        assert "has an image in training" not in found and "also has" not in found
        assert "no image of a test patient in training, as far as the data tells patients; the search" in found
        if study.name == "confirmed":
            assert "80 are of patients who are not in training, as far as the data tells patients, and only" in found
        else:
            assert "Which test images are of new patients cannot be said." in found
