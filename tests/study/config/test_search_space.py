from typing import Any

import optuna
import pytest

from study.config.arms import arm_name, groups_of
from study.config.search_space import (
    contains,
    describe,
    distribution_json,
    distribution_of,
    drawn,
    known_good,
    suggest,
)
from study.config.study import StudyConfig, make_study_config
from study.config.trial import TrialConfig
from study.storage.state import StudyState
from study.tuning.ask_tell import Arms
from tests.fixtures.study import study_event


def _draw(values: dict[str, object], seed: int, **flags: object) -> tuple[dict[str, object], optuna.Trial]:
    config = make_study_config(values, flags)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    trial = study.ask()
    return suggest(trial, config, config.arm_specs()), trial  # type: ignore[return-value]


def test_what_is_drawn_is_a_configuration() -> None:
    for seed in range(20):
        values, trial = _draw({}, seed, epochs=3)
        config = TrialConfig(**values)  # type: ignore[arg-type]
        assert config.epochs == 3
        low, high = {"sgd": (1e-3, 1e-1), "adamw": (1e-4, 5e-3)}[config.optimizer]
        assert low <= config.lr <= high
        assert trial.params[f"lr_{config.optimizer}"] == config.lr
        assert trial.params[f"weight_decay_{config.optimizer}"] == config.weight_decay
        assert len([name for name in trial.params if name.startswith("lr")]) == 1, "the other optimizer's is not drawn"
        assert trial.params["arm"] == config.arm


def test_a_single_cell_is_not_an_axis() -> None:
    values, trial = _draw({}, 0, architecture="resnet50", pretrained=True)
    assert "arm" not in trial.params
    assert (values["architecture"], values["pretrained"]) == ("resnet50", True)
    assert arm_name(("resnet50", True)) == TrialConfig(architecture="resnet50", pretrained=True).arm


def test_an_axis_that_nothing_reads_is_not_drawn() -> None:
    space = {"imbalance": ["none", "focal"], "focal_gamma": {"low": 1, "high": 3}}
    seen = set()
    for seed in range(20):
        values, _ = _draw({"space": space}, seed)
        seen.add(values["imbalance"])
        assert ("focal_gamma" in values) == (values["imbalance"] == "focal")
    assert seen == {"none", "focal"}


def test_an_integer_axis_draws_integers() -> None:
    values, _ = _draw({"space": {"batch_size": {"low": 8, "high": 64, "log": True}}}, 1)
    assert isinstance(values["batch_size"], int)


def test_the_space_reads_as_people_write_it() -> None:
    text = dict(describe(make_study_config({}, {})))
    assert text["lr"] == "sgd: 0.001 to 0.1, logarithmic; adamw: 0.0001 to 0.005, logarithmic"
    assert text["batch_size"] == "16, 32, 64"


ONE: dict[str, Any] = {"architecture": "resnet18", "pretrained": False}
GAMMA = {"low": 3, "high": 4}
BY_OPTIMIZER = {"sgd": {"low": 0.01, "high": 0.1}, "adamw": {"low": 0.001, "high": 0.01}}


def _good(values: dict[str, Any], **flags: Any) -> dict[str, Any]:
    config = make_study_config(values, flags)
    return known_good(config, config.arm_specs())


def test_an_arm_begins_with_what_is_known_to_learn() -> None:
    common = {"optimizer": "adamw", "batch_size": 32, "augmentation": "flips", "imbalance": "none"}
    common |= {"weight_decay_adamw": 0.01}
    assert _good({}, **ONE) == common | {"lr_adamw": 0.001}
    assert _good({}, **ONE | {"pretrained": True}) == common | {"lr_adamw": 0.0005}
    assert _good({})["arm"] == "resnet18-scratch"  # arms=joint: one of them begins


@pytest.mark.parametrize(
    ("space", "flags", "params"),
    [
        ({"lr": {"low": 0.01, "high": 0.1}}, {}, {"lr": 0.01}),
        ({"lr": {"low": 1e-5, "high": 1e-4}}, {}, {"lr": 1e-4}),
        ({"lr": {"low": 1e-5, "high": 1e-2}}, {}, {"lr": 0.001}),
        ({"lr": {"low": 1e-5, "high": 0.1}}, {"optimizer": "sgd"}, {"lr": 0.01}),
        ({"lr": [0.1, 0.004, 0.0001]}, {}, {"lr": 0.0001}),
        ({"batch_size": [8, 16, 128]}, {}, {"batch_size": 16}),
        ({"batch_size": {"low": 40, "high": 64}}, {}, {"batch_size": 40}),
        ({"imbalance": ["focal", "oversample"]}, {}, {"imbalance": "focal"}),
        ({"augmentation": ["none", "flips"]}, {}, {"augmentation": "flips"}),
        ({"lr": BY_OPTIMIZER}, {"optimizer": "sgd"}, {"lr_sgd": 0.01}),
        ({"lr": BY_OPTIMIZER}, {"optimizer": "adamw"}, {"lr_adamw": 0.001}),
        ({"lr": BY_OPTIMIZER, "optimizer": ["sgd"]}, {}, {"lr_sgd": 0.01, "optimizer": "sgd"}),
        ({"weight_decay": {"low": 1e-5, "high": 0.1}}, {"optimizer": "sgd"}, {"weight_decay": 1e-4}),
        ({"imbalance": ["focal"], "focal_gamma": GAMMA}, {}, {"imbalance": "focal", "focal_gamma": 3.0}),
        ({"imbalance": ["none", "focal"], "focal_gamma": GAMMA}, {}, {"imbalance": "none"}),
        ({"freeze_epochs": [1, 2]}, {}, {}),
        ({"freeze_epochs": [1, 2]}, {"pretrained": True}, {"freeze_epochs": 1}),
        ({}, {}, {}),
    ],
)
def test_what_is_known_to_learn_is_moved_into_the_space(
    space: dict[str, Any], flags: dict[str, Any], params: dict[str, Any]
) -> None:
    assert _good({"space": space}, **ONE | flags) == params


@pytest.mark.parametrize("flags", [{}, {"arms": "joint"}, {"optimizer": "sgd"}, {"pretrained": True}])
def test_the_first_trial_of_each_arm_is_that_configuration(flags: dict[str, Any]) -> None:
    config = make_study_config({}, flags)
    groups = groups_of(config, config.arm_specs())
    arms = Arms(config, groups, StudyState(study_event()))
    for index, cells in enumerate(groups.values()):
        asked = arms.ask(index)
        good = known_good(config, cells)
        assert {name: asked.params[name] for name in good} == good == asked.params
        sgd = flags.get("optimizer") == "sgd"
        assert asked.config["lr"] == (0.01 if sgd else 0.0005 if asked.config["pretrained"] else 0.001)


def _lr_by_optimizer() -> StudyConfig:
    return make_study_config({"space": {"lr": BY_OPTIMIZER, "optimizer": ["sgd", "adamw"]}}, ONE)


def test_a_range_for_each_optimizer_is_a_parameter_for_each() -> None:
    config = _lr_by_optimizer()
    assert list(drawn(config)) == ["optimizer", "lr_sgd", "lr_adamw"]  # what decides comes first
    assert distribution_of(config, "lr", config.arm_specs()) is None
    assert distribution_json(config, "lr_sgd", config.arm_specs()) != distribution_json(
        config, "lr_adamw", config.arm_specs()
    )
    for name, value, inside in (("lr_sgd", 0.05, True), ("lr_sgd", 0.005, False), ("lr_adamw", 0.005, True)):
        assert contains(config, name, config.arm_specs(), value) is inside
