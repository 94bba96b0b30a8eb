"""Tables of `make bench-quality`, from made-up predictions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import quality_tables
from tests.benchmarks.quality_tables import (
    FIRST,
    INGREDIENTS,
    METHODS,
    PLAIN,
    Answer,
    Measured,
    Pool,
    Row,
    interval,
    pooled,
    resampled,
    row_scores,
    tables,
)

GRADES = np.arange(60) % 5


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand take a minute."""
    monkeypatch.setattr(quality_tables, "RESAMPLES", 20)


def answer(skill: float, seeds: int = 2) -> Answer:
    """A model that is right with a share of its probability mass."""
    random = np.random.default_rng(int(100 * skill))
    noise = random.dirichlet(np.ones(5), size=(seeds, len(GRADES)))
    chance = skill * np.eye(5)[GRADES] + (1 - skill) * noise
    return Answer("unit", GRADES, np.arange(len(GRADES)) // 2, {1: chance, 4: chance, 8: chance})


def test_a_row_is_the_mean_over_seeds_and_an_ensemble_is_one_model() -> None:
    answers = [answer(0.3), answer(0.3)]
    alone, together = (pooled(answers, Row("", "", ensemble=one)) for one in (False, True))
    assert [len(alone), len(together)] == [2, 1]
    assert together[0].shape == (120, 5)
    grades = Pool(answers).grades
    seeds = [row_scores(grades, [model], "median")["kappa"] for model in alone]
    assert np.isclose(row_scores(grades, alone, "median")["kappa"], np.mean(seeds))
    assert row_scores(grades, together, "median")["auc"] > row_scores(grades, alone, "median")["auc"]


def test_resamples_are_of_whole_patients_of_each_unit() -> None:
    pool = Pool([answer(0.3), answer(0.3)])
    rows = pool.rows(pool.resamples[0])
    counts = np.bincount(rows, minlength=120)
    assert (counts[0::2] == counts[1::2]).all()  # both photographs of a patient
    assert len(pool.resamples[0]) == 60


def test_a_difference_is_paired_and_zero_of_a_row_with_itself() -> None:
    answers = [answer(0.3)]
    pool = Pool(answers)
    one, again = (resampled(pool, answers, FIRST) for _ in range(2))
    assert interval(one["kappa"] - again["kappa"], "+") == "+0.000 (+0.000 to +0.000)"


def test_the_tables_name_each_row_with_its_interval_and_what_validation_claimed() -> None:
    skills = {
        "first trial": 0.3, "earlier method": 0.2, "new method": 0.35, "dihedral": 0.3,
        "synthetic source": 0.4, "equal compute": 0.3,
    }  # fmt: skip
    answers = {name: [answer(skill)] for name, skill in skills.items()}
    measured = Measured("idrid", answers, {"earlier method": [0.9], "new method": [0.5]})
    text = tables(measured)
    for row in (*METHODS, PLAIN, *(row for row, _ in INGREDIENTS)):
        assert f"| {row.title} | " in text
    assert "60 test images, majority class 0.200, mean of 2 seeds" in text
    assert "| earlier method | 0.900 | " in text
