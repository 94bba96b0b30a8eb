"""What is said of one arm's row; tests/analysis/test_claims.py has whole studies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analysis import schema
from analysis.report import row_text
from analysis.tables.all_tables import make_tables
from tests.fixtures.studies import SCRATCH18, Made, Trial, confirmed, eyes, grader, study_of

TEST = eyes(60, 2)
ROW: dict[str, Any] = {"majority": 0.7, "constant_predictor": False, "seeds": 3, "constant_predictor_seeds": 0}
ROW |= {"constant_predictor_grades": "", "gain_over_majority_low": 0.01, "gain_over_majority_high": 0.1}


@pytest.mark.parametrize(
    ("other", "folds", "end"),
    [
        ({}, 0, "an accuracy of 0.700"),
        ({"gain_over_majority_low": -0.1}, 0, ", from which its accuracy cannot be told"),
        ({"gain_over_majority_low": -0.2, "gain_over_majority_high": -0.1}, 0, ", which it does not reach"),
        ({"constant_predictor": True, "constant_predictor_seeds": 1, "seeds": 1}, 0,
         "; this model gives every image the same grade and has learned nothing: constant predictor"),
        ({"constant_predictor": True, "constant_predictor_seeds": 2, "constant_predictor_grades": "0; 2"}, 0,
         "; 2 of its 3 models give every image a single grade each (grade 0; grade 2) and have learned nothing: "
         "constant predictor"),
        ({"constant_predictor": True, "constant_predictor_seeds": 1}, 3,
         "; 1 of its 3 models gives every image of its fold a single grade and has learned nothing: constant "
         "predictor"),
    ],
)  # fmt: skip
def test_what_an_accuracy_is_worth(other: dict[str, Any], folds: int, end: str) -> None:
    assert row_text.against_majority(ROW | other, folds).endswith(end)


def test_images_are_counted_with_their_patients_where_these_are_known() -> None:
    study = study_of(confirmed({SCRATCH18: [grader(TEST, 0.7)]}, TEST))
    row = {"n": 1200, "patients": 600, "measured_on": "test", "folds_tested": 0}
    assert row_text.images_text(study, row) == "1,200 test images of 600 patients"
    assert row_text.images_text(study, row | {"measured_on": "validation"}) == "1,200 validation images of 600 patients"
    unknown = replace(study, study={"audit": {"findings": [{"kind": schema.FINDING_NO_PATIENTS, "count": 2}]}})
    assert row_text.images_text(unknown, row) == "1,200 test images"


def test_trials_that_were_stopped_early_are_counted_beside_those_with_a_score() -> None:
    validation = eyes(40, 1)
    trials = [Trial(SCRATCH18, grader(validation, 0.8)), Trial(SCRATCH18, None, schema.STATE_PRUNED)]
    study = study_of(Made(trials, validation=validation))
    found = row_text.among_trials(study, make_tables(study))
    assert found == "the only trial that ran all epochs (1 more was stopped early and has none)"
