"""What a model is calibrated on, and the proof that its weights belong to what was stored."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from study.errors import ConfigError
from study.inference.best_model import BestModel, photographs
from study.inference.calibration_data import calibration, check
from study.inference.model_selection import find_best_model
from study.training.checkpoints import BEST, CALIBRATION, PREDICTIONS
from study.training.prediction import predict
from tests.fixtures.winner import COLUMNS, NAME, Made, confirm, copy_of, made_study


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return copy_of(made_study(), tmp_path)


def _one_view(winner: BestModel) -> BestModel:
    return replace(winner, config=winner.config.model_copy(update={"views": 1}))


def test_a_trial_s_validation_is_predicted_again_with_its_views(caplog: pytest.LogCaptureFixture) -> None:
    made = made_study()
    winner = find_best_model(made.home, NAME)
    table, views = calibration(winner, photographs(made.home, winner))
    assert (views, len(caplog.messages)) == (4, 1)
    assert "validation photographs again with 4 views" in caplog.messages[0]
    assert table[["row", "patient", "grade"]].equals(made.predictions[["row", "patient", "grade"]])
    images = torch.from_numpy(made.prepared.cache.images[table["row"].to_numpy()]).permute(0, 3, 1, 2)
    each = [
        predict(winner.network(), images.flip(axes), normalisation="imagenet", precision="fp32")
        for axes in ((), (2,), (3,), (2, 3))
    ]
    assert np.allclose(table[COLUMNS], torch.stack(each).mean(dim=0), atol=1e-5)


def test_one_view_is_what_was_stored() -> None:
    made = made_study()
    winner = _one_view(find_best_model(made.home, NAME))
    table, views = calibration(winner, None)
    assert views == 1
    pd.testing.assert_frame_equal(table, made.predictions)


def test_a_trial_without_photographs_becomes_a_model_of_one_view_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    made = made_study()
    table, views = calibration(find_best_model(made.home, NAME), None)
    assert views == 1
    pd.testing.assert_frame_equal(table, made.predictions)
    assert len(caplog.messages) == 1
    assert (
        "this model has one view, as its stored predictions, and not 4; for these make the photographs"
        in caplog.messages[0]
    )


def test_a_confirmation_is_calibrated_on_what_it_stored(made: Made) -> None:
    confirm(made)
    winner = find_best_model(made.home, NAME)
    table, views = calibration(winner, None)
    assert views == 4
    pd.testing.assert_frame_equal(table, pd.read_parquet(made.folder / "checkpoints" / "c0000" / CALIBRATION))


def test_a_confirmation_that_lost_it_is_predicted_again_but_never_with_other_views(made: Made) -> None:
    confirm(made)
    stored = made.folder / "checkpoints" / "c0000" / CALIBRATION
    before = pd.read_parquet(stored)
    stored.unlink()
    winner = find_best_model(made.home, NAME)
    table, views = calibration(winner, photographs(made.home, winner))
    assert views == 4
    assert np.allclose(table[COLUMNS], before[COLUMNS], atol=1e-5)
    with pytest.raises(ConfigError, match=r"calibration.parquet of c0000 of study made must be there"):
        calibration(winner, None)


@pytest.mark.parametrize("changed", [PREDICTIONS, CALIBRATION, BEST])
def test_weights_of_any_seed_that_are_not_those_of_its_predictions_are_refused(made: Made, changed: str) -> None:
    confirm(made, "c0000")
    confirm(made, "c0001", repeat=1)
    winner = find_best_model(made.home, NAME, ensemble=True)
    cache = photographs(made.home, winner)
    table, views = calibration(winner, cache)
    assert f"probabilities of {len(table)} validation" in check(winner, winner.grader(views), table, cache)
    other = made.folder / "checkpoints" / "0001" / (PREDICTIONS if changed == CALIBRATION else changed)
    file = made.folder / "checkpoints" / "c0001" / changed
    file.unlink()
    shutil.copy(other, file)
    table, views = calibration(winner, cache)
    with pytest.raises(ConfigError, match=r"weights and predictions of made/c0000, c0001 must belong together"):
        check(winner, winner.grader(views), table, cache)


def test_without_photographs_nothing_is_compared_and_the_card_says_so(caplog: pytest.LogCaptureFixture) -> None:
    winner = find_best_model(made_study().home, NAME)
    text = check(winner, winner.grader(1), winner.validation(), None)
    assert text == "The weights were not compared with the stored predictions: the prepared photographs have gone."
