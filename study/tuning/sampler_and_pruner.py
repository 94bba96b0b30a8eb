"""Optuna's sampler and pruner as a study asks for them; the seed of each suggestion."""

from __future__ import annotations

import hashlib
import warnings

import optuna

from study.config.early_stopping import first_rung
from study.config.study import StudyConfig
from study.config.trial import TrialConfig

STARTUP_TRIALS = 5
"""Random trials of an arm before TPE models them; Optuna's default of 10 would leave small arms all random."""


HALVING_FACTOR = 3


def seed_of(seed: int, group: str, number: int) -> int:
    """Seed of one suggestion, in [0, 2**32): a function of the study's seed, sampler group and trial number alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{group}/{number}".encode()).digest()[:4], "big")


def sampler_of(config: StudyConfig, seed: int) -> optuna.samplers.BaseSampler:
    """The study's sampler, seeded for one suggestion: TPE, Gaussian process or random."""
    with warnings.catch_warnings():
        # constant_liar keeps trials that run at once apart; Optuna marks it and grouping as experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if config.sampler == "tpe":
            return optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True, constant_liar=True
            )
        if config.sampler == "gp":
            # It models what all trials have in common; an axis that some have not is drawn at random, without a word.
            return optuna.samplers.GPSampler(
                seed=seed,
                n_startup_trials=STARTUP_TRIALS,
                deterministic_objective=False,
                warn_independent_sampling=False,
            )
    return optuna.samplers.RandomSampler(seed=seed)


def pruner_of(config: StudyConfig) -> optuna.pruners.BasePruner:
    """What stops trials early: nothing, successive halving or Hyperband, with epochs as the resource."""
    epochs = int(config.fixed.get("epochs", TrialConfig.model_fields["epochs"].default))
    rung = first_rung(config)
    if config.early_stopping == "none" or rung >= epochs:
        return optuna.pruners.NopPruner()
    # Resources are numbers, never "auto": those would be guessed again from other trials after a restart.
    if config.early_stopping == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=rung, max_resource=epochs, reduction_factor=HALVING_FACTOR)
    return optuna.pruners.SuccessiveHalvingPruner(min_resource=rung, reduction_factor=HALVING_FACTOR)
