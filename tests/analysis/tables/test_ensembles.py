"""The seeds as one model: the mean of their probabilities, beside the arms and not among them."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.results.columns import ENSEMBLES
from analysis.stats.metrics import called, confusion_matrix, quadratic_kappa
from analysis.tables import ensembles
from tests.fixtures import figures as shown


def test_the_mean_of_the_probabilities_is_measured_as_one_model() -> None:
    one = shown.finalists()
    table = one.made.ensembles
    assert list(table.columns) == list(ENSEMBLES)
    assert table["arm"].tolist() == ["resnet18-scratch", "resnet18-pretrained"]
    models = one.predictions["resnet18-scratch"]
    guess = called(models.probabilities.mean(axis=0), "median")
    row = table.iloc[0]
    assert row["kappa"] == pytest.approx(float(quadratic_kappa(confusion_matrix(models.grade, guess))))
    assert row["seeds"] == 2
    assert row["seed_numbers"] == "; ".join(models.seeds)
    assert row["kappa_low"] < row["kappa"] < row["kappa_high"]
    assert (row["n"], row["patients"], row["majority"]) == (160, 80, one.primary["majority"].iloc[0])
    assert row["kappa"] != one.primary["kappa"].iloc[0]  # that is the mean of the seeds' own scores


def test_the_headlines_images_are_measured() -> None:
    one = shown.confirmed()
    assert set(one.made.ensembles["measured_on"]) == {"test_new_patients"}
    assert (one.made.ensembles["n"] == 80).all()


def test_folds_are_pooled() -> None:
    table = shown.folded().made.ensembles
    assert (table["n"] == 160).all()
    assert (table["seeds"] == 2).all()


@pytest.mark.parametrize("name", ["four", "half", "empty", "partly_confirmed"])
def test_one_seed_or_no_confirmation_is_no_ensemble(name: str) -> None:
    assert getattr(shown, name)().made.ensembles.empty


def test_one_model_has_one_seed() -> None:
    models = shown.confirmed().predictions["resnet50-scratch"]
    one = ensembles.as_one(models)
    assert one.probabilities.shape == (1, *models.probabilities.shape[1:])
    assert one.seeds == ("106; 107; 108",)
    np.testing.assert_allclose(one.probabilities[0], models.probabilities.mean(axis=0))
