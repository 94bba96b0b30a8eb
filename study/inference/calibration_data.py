"""Validation as the exported model predicts it, and whether weights and stored predictions belong together."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from retina_data.cache.cache import Cache
from retina_data.grades import PROBABILITIES
from study.errors import ConfigError
from study.inference.best_model import BestModel
from study.training.checkpoints import CALIBRATION
from study.training.prediction import Grader, predict_rows

log = logging.getLogger(__name__)


AGREE = 1e-4
"""How far a probability may be from the stored one, and from that of another format."""

CHECKED = 32  # validation photographs whose stored predictions are computed again


def calibration(winner: BestModel, cache: Cache | None) -> tuple[pd.DataFrame, int]:
    """Predictions (row, patient, grade, p0 .. p4) that temperature and threshold are fitted on, and the model's views.

    They are of all views and members. A trial that was not confirmed stored one view: validation is predicted again
    from the prepared photographs; where these have gone the model has one view, which is what was stored, and that is
    said. A confirmation's views are not changed: its test scores are of them. Raises ConfigError where its predictions
    and the photographs have gone.
    """
    views = winner.config.views
    stored = winner.calibration()
    if stored is not None:
        return stored, views
    if views == 1 and not winner.others:
        return winner.validation(), 1
    if cache is not None:
        table = winner.validation()
        log.info(f"predicting {len(table)} validation photographs again with {views} views")
        return _predicted(winner, winner.grader(views), cache, table), views
    if winner.confirm:
        raise ConfigError(
            f"{CALIBRATION} of {winner.confirm} of study {winner.study} must be there, but has gone, and so have the "
            "prepared photographs that validation could be predicted again from; make them again with `retina data "
            "prepare`"
        )
    log.info(
        f"note: the prepared photographs have gone, so this model has one view, as its stored predictions, and not "
        f"{views}; for these make the photographs again with `retina data prepare`, then export again"
    )
    return winner.validation(), 1


def check(winner: BestModel, grader: Grader, validation: pd.DataFrame, cache: Cache | None) -> str:
    """Compute some stored predictions again, so that a card never stands beside other weights than it speaks of.

    validation: what the grader was calibrated on. Returns a sentence for the card; raises ConfigError where they
    differ.
    """
    if cache is None:
        return "The weights were not compared with the stored predictions: the prepared photographs have gone."
    pairs: list[tuple[nn.Module, pd.DataFrame]] = [(one.network(), one.validation()) for one in winner.members]
    if winner.confirm:
        pairs.append((grader, validation))
    apart = max(_apart(winner, model, table.head(CHECKED), cache) for model, table in pairs)
    count = min(CHECKED, len(validation))
    text = f"The stored probabilities of {count} validation photographs were computed again: at most {apart:.1g} off"
    if winner.config.precision == "bf16":
        return f"{text} (they were stored in bf16 arithmetic, everything here is fp32)."
    if not apart <= AGREE:
        raise ConfigError(
            f"weights and predictions of {winner.study}/{winner.confirm or winner.trial} must belong together, but "
            f"probabilities are {apart:.2g} apart; one of its files was changed: train it again"
        )
    return f"{text}."


def arrays(predictions: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities (n, 5) and grades (n,)."""
    probabilities = predictions[[*PROBABILITIES]].to_numpy(np.float64)
    return probabilities, predictions["grade"].to_numpy(np.int64)


def _predicted(winner: BestModel, model: nn.Module, cache: Cache, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the probabilities that the model gives its rows, in fp32."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    probabilities = predict_rows(
        model.to(device),
        cache.images,
        table["row"].to_numpy(np.int64),
        normalisation=winner.config.normalisation,
        precision="fp32",
    )
    model.to("cpu")
    return table.assign(**dict(zip(PROBABILITIES, probabilities.T, strict=True)))


def _apart(winner: BestModel, model: nn.Module, stored: pd.DataFrame, cache: Cache) -> float:
    """How far a probability of the model is from the stored ones, at most."""
    return float(np.abs(arrays(_predicted(winner, model, cache, stored))[0] - arrays(stored)[0]).max())
