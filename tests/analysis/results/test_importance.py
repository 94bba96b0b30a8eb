"""The hyperparameter that makes the difference is found, in its own arm, always the same."""

from __future__ import annotations

import numpy as np
import optuna
import pandas as pd
import pytest

from analysis import schema
from analysis.results.importance import COLUMNS, EARLY_STOPPING, MIN_TRIALS, WITHOUT_SCORE, importance
from analysis.results.study_runs import StudyRuns

SPACE = {"lr": {"low": 1e-4, "high": 1e-1, "log": True}, "batch_size": [16, 32, 64], "imbalance": ["none", "focal"]}


def study_of(trials: pd.DataFrame, space: dict[str, object] | None = None) -> StudyRuns:
    names = tuple(
        name for name in ("architecture", "lr", "batch_size", "imbalance", "freeze", "seed") if name in trials
    )
    return StudyRuns(
        "s",
        trials,
        pd.DataFrame(),
        {},
        {},
        pd.DataFrame(),
        pd.DataFrame(),
        pd.DataFrame(),
        {},
        {},
        _json(space),
        {},
        names,
    )


def _json(space: dict[str, object] | None) -> dict[str, object]:
    return {"config": {"space": space}} if space else {}


def trials_of(arm: str, number: int, matters: str, seed: int = 0) -> pd.DataFrame:
    """Trials whose kappa hangs on lr or on imbalance, and a little on chance."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"lr": 10 ** rng.uniform(-4, -1, number), "batch_size": rng.choice([16, 32, 64], number)})
    table["imbalance"] = rng.choice(["none", "focal"], number)
    table["freeze"] = rng.random(number) < 0.5
    table["architecture"], table["seed"] = arm.split("-")[0], np.arange(number)
    by_lr, by_imbalance = -((np.log10(table["lr"]) + 2.5) ** 2) / 4, (table["imbalance"] == "focal") * 0.5
    table["best_val_kappa"] = (by_lr if matters == "lr" else by_imbalance) + 0.02 * rng.normal(size=number)
    return table.assign(trial=[f"{i:04d}" for i in range(number)], arm=arm, fold=0, state=schema.STATE_COMPLETE)


@pytest.mark.parametrize("space", [SPACE, None])
def test_each_cell_has_its_own_winner_by_every_evaluator(space: dict[str, object] | None) -> None:
    trials = pd.concat([trials_of("resnet18-scratch", 40, "lr"), trials_of("resnet50-scratch", 40, "imbalance", 1)])
    found = importance(study_of(trials, space), "kappa")
    assert list(found.columns) == list(COLUMNS)
    assert set(found["evaluator"]) == {"fANOVA", "PED-ANOVA", "MDI"}
    for (arm, _), one in found.groupby(["arm", "evaluator"]):
        assert one["hyperparameter"].iloc[0] == ("lr" if arm == "resnet18-scratch" else "imbalance")
        assert one["importance"].iloc[0] > 0.35
        assert one["importance"].sum() == pytest.approx(1)
        assert one["importance"].is_monotonic_decreasing
        assert set(one["hyperparameter"]) == {"lr", "batch_size", "imbalance", "freeze"}
    assert (found["caveat"] == "").all()


def test_the_same_trials_give_the_same_table_and_leave_optuna_as_it_was() -> None:
    study, before = study_of(trials_of("resnet18-scratch", 20, "lr"), SPACE), optuna.logging.get_verbosity()
    pd.testing.assert_frame_equal(importance(study, "kappa"), importance(study, "kappa"))
    assert optuna.logging.get_verbosity() == before


def test_cells_with_too_little_say_why() -> None:
    few = trials_of("resnet18-scratch", MIN_TRIALS - 1, "lr")
    alike = trials_of("resnet18-pretrained", 12, "lr").assign(lr=0.1, batch_size=8, imbalance="none", freeze=True)
    flat = trials_of("resnet50-scratch", 12, "lr").assign(best_val_kappa=0.0)
    found = importance(study_of(pd.concat([few, alike, flat])), "kappa").set_index("arm")
    assert found.loc["resnet18-scratch", "caveat"] == "9 ended trials are too few, 10 are needed"
    assert found.loc["resnet18-pretrained", "caveat"] == "no hyperparameter differs between the trials"
    assert found.loc["resnet50-scratch", "caveat"] == "all trials have the same score"
    assert "resnet50-pretrained" not in found.index
    assert importance(study_of(few.iloc[:0]), "kappa").empty


def test_stopped_trials_count_with_a_word_on_what_that_does_and_failed_ones_do_not() -> None:
    trials = trials_of("resnet18-scratch", 20, "lr")
    trials.loc[:4, "state"] = schema.STATE_PRUNED
    trials.loc[19, "state"] = schema.STATE_FAILED
    found = importance(study_of(trials, SPACE), "kappa")
    assert set(found["trials"]) == {19}
    assert set(found["pruned"]) == {5}
    assert (found["caveat"] == f"5 of 19 trials were stopped early. {EARLY_STOPPING}").all()


def test_values_outside_of_the_space_and_the_level_of_a_fold_do_not_disturb() -> None:
    trials = trials_of("resnet18-scratch", 40, "lr")
    trials.loc[0, "lr"] = 0.5  # told from outside: --enqueue
    plain = importance(study_of(trials, SPACE), "kappa")
    assert plain["hyperparameter"].iloc[0] == "lr"
    trials["fold"] = np.arange(40) % 2 + 1
    trials.loc[trials["fold"] == 2, "best_val_kappa"] += 100
    folded = importance(study_of(trials, SPACE), "kappa")
    assert folded["hyperparameter"].iloc[0] == "lr"
    assert folded["importance"].iloc[0] > 0.5


def test_a_range_for_each_optimizer_is_one_axis() -> None:
    ranges = {"sgd": {"low": 1e-3, "high": 1e-1, "log": True}, "adamw": {"low": 1e-4, "high": 5e-3, "log": True}}
    study = study_of(trials_of("resnet18-scratch", 40, "lr"), SPACE | {"lr": ranges})
    plain = study_of(trials_of("resnet18-scratch", 40, "lr"), SPACE)
    pd.testing.assert_frame_equal(importance(study, "kappa"), importance(plain, "kappa"))


def test_trials_without_a_score_are_not_counted_and_that_is_said() -> None:
    trials = trials_of("resnet18-scratch", 20, "lr")
    trials.loc[:4, ["state", "best_val_kappa"]] = [schema.STATE_PRUNED, np.nan]
    study = study_of(trials, SPACE)
    study.tags[schema.TAG_SELECT_EPOCH] = "last"
    found = importance(study, "kappa")
    assert set(found["trials"]) == {15}
    assert found["caveat"].iloc[0] == f"5 more were stopped early. {WITHOUT_SCORE}"
