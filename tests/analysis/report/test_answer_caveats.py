"""What limits an answer, by the row that it is about; tests/analysis/test_claims.py has whole studies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analysis import schema
from analysis.report import answer_caveats
from analysis.results.study_runs import StudyRuns
from analysis.tables.all_tables import TableSet, make_tables
from tests.fixtures.studies import SCRATCH18, confirmed, eyes, grader, study_of

TEST = eyes(60, 2)


@pytest.fixture(scope="module")
def made() -> tuple[StudyRuns, TableSet]:
    study = study_of(confirmed({SCRATCH18: [grader(TEST, 0.7, seed) for seed in range(3)]}, TEST))
    return study, make_tables(study)


def limits(made: tuple[StudyRuns, TableSet], **other: Any) -> list[str]:
    """Limits of the endpoint's row, changed where `other` says so."""
    study, tables = made
    return answer_caveats.limitations(study, tables, tables.endpoint.to_dict("records")[0] | other)


NARROW = {"accuracy_low": 0.80, "accuracy_high": 0.85, "kappa_low": 0.6, "kappa_high": 0.7}


@pytest.mark.parametrize(
    ("other", "clauses"),
    [
        ({}, []),
        ({"accuracy_high": 0.95}, ["an accuracy anywhere from 0.80 to 0.95 fits these images"]),
        ({"kappa_low": 0.1}, ["a kappa anywhere from 0.10 to 0.70 fits these images"]),
        ({"seeds": 1}, ["one seed tells hardly anything of other seeds"]),
        ({"largest_patient": 0.25}, ["one patient has 25 % of the 120 images"]),
        ({"n_grade_3": 2}, ["there are hardly any images of grade 3 (2 images)"]),
        ({"kappa_low": float("nan")}, ["kappa has no interval, as all patients are alike"]),
        ({"kappa_low": float("nan"), "effective_patients": 3.0},
         ["kappa has no interval, as most images are of a few patients"]),
        ({"n_grade_1": 0, "n_grade_4": 0},
         ["no image has grade 1 or 4, so kappa, balanced accuracy, macro F1 and AUC are of the other grades alone"]),
        ({"exported_arm": "resnet50-scratch"},
         ["`retina export` takes ResNet50 from scratch, which stands first on validation"]),
    ],
)  # fmt: skip
def test_a_limit_is_said_where_it_is_one(
    made: tuple[StudyRuns, TableSet], other: dict[str, Any], clauses: list[str]
) -> None:
    assert limits(made, **NARROW | other) == clauses


def test_signs_that_patients_are_wrong_are_repeated(made: tuple[StudyRuns, TableSet]) -> None:
    findings = [
        {"kind": schema.FINDING_DOUBTFUL_PATIENTS, "count": 9, "text": "all 9 are of one; name them"},
        {"kind": "single eyes", "count": 1, "text": "one eye"},
    ]
    study = replace(made[0], study={"audit": {"findings": findings}})
    (found,) = limits((study, made[1]), **NARROW)
    assert found.startswith("the patients of this data may be wrong (all 9 are of one; name them), and so may splits")
    assert not answer_caveats.patients_known(study)
    assert answer_caveats.patients_known(replace(study, study={"audit": {"findings": findings[1:]}}))


def test_chance_is_beaten_by_an_interval_or_by_enough_patients_who_are_all_right() -> None:
    row = {"kappa": 0.4, "kappa_low": 0.1, "patients": 60}
    assert answer_caveats.beats_chance(row)
    assert not answer_caveats.beats_chance(row | {"kappa_low": -0.1})
    assert answer_caveats.beats_chance(row | {"kappa": 1.0, "kappa_low": float("nan")})
    assert not answer_caveats.beats_chance(row | {"kappa": 1.0, "kappa_low": float("nan"), "patients": 5})
