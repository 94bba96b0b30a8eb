"""Each suggestion has a seed of its own; a pruner compares at the rungs of the study's schedule."""

import optuna
import pytest

from study.config.study import make_study_config
from study.tuning.sampler_and_pruner import pruner_of, sampler_of, seed_of


def test_seed_of_differs_by_study_group_and_number() -> None:
    seeds = {seed_of(seed, group, number) for seed in (0, 1) for group in ("a", "b") for number in (0, 1)}
    assert len(seeds) == 8
    assert seed_of(0, "a", 0) == seed_of(0, "a", 0)


@pytest.mark.parametrize("name", ["tpe", "gp", "random"])
def test_sampler_of_one_seed_repeats_its_suggestion(name: str) -> None:
    drawn = []
    for _ in range(2):
        study = optuna.create_study(sampler=sampler_of(make_study_config({"sampler": name}, {}), 7))
        drawn.append(study.ask().suggest_float("lr", 0.0, 1.0))
    assert drawn[0] == drawn[1]


def test_pruner_of_a_study_without_early_stopping_stops_nobody() -> None:
    config = make_study_config({}, {})
    assert isinstance(pruner_of(config), optuna.pruners.NopPruner)
    assert isinstance(
        pruner_of(make_study_config({"early_stopping": "halving"}, {})), optuna.pruners.SuccessiveHalvingPruner
    )
