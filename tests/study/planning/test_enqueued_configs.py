from pathlib import Path
from typing import Any

import pytest

from study.config.arms import groups_of
from study.config.study import StudyConfig
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.planning.enqueued_configs import read_enqueued
from study.storage.events import WarmStart
from tests.study.planning.test_warm_start import _asked, _config


def _enqueued(tmp_path: Path, text: str, config: StudyConfig) -> list[dict[str, Any]]:
    (tmp_path / "try.yaml").write_text(text)
    return read_enqueued(tmp_path / "try.yaml", config, groups_of(config, config.arm_specs()))


def test_configurations_that_somebody_wants_come_first(tmp_path: Path) -> None:
    config = _config()
    text = "- {architecture: resnet18, pretrained: true, optimizer: sgd, lr: 0.01, imbalance: focal}\n"
    text += "- {optimizer: adamw, lr: 0.002, batch_size: 64}\n"
    enqueued = _enqueued(tmp_path, text, config)
    assert len(enqueued) == 1 + 4  # the second names no arm, so every arm tries it
    asked = _asked(config, WarmStart(trials=[], enqueued=enqueued), 12)
    pretrained = [TrialConfig(**each.config) for each in asked if each.group == "resnet18-pretrained"]
    assert (pretrained[0].lr, pretrained[0].imbalance) == (0.0005, "none")  # what is known to learn
    assert (pretrained[1].optimizer, pretrained[1].lr, pretrained[1].imbalance) == ("sgd", 0.01, "focal")
    assert (pretrained[2].optimizer, pretrained[2].lr, pretrained[2].batch_size) == ("adamw", 0.002, 64)
    assert all(each.config["lr"] == 0.002 for each in asked if each.number == 1 and each.group != "resnet18-pretrained")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {lr: 0.5}", "lr hangs on the optimizer here: name the optimizer beside it (try.yaml, entry 1)"),
        (
            "- {optimizer: sgd, lr: 0.5}",
            "lr_sgd must lie in 0.001 to 0.1, logarithmic, but got 0.5 (try.yaml, entry 1)",
        ),
        ("- {optimizer: adamw, lr: 0.05}", "lr_adamw must lie in 0.0001 to 0.005, logarithmic, but got 0.05"),
        ("- {optimizer: adam, lr: 0.005}", "optimizer must be one of 'sgd' or 'adamw'"),
        ("- {lr_sgd: 0.01}", "lr_sgd is no known key"),
        ("- {optimizer: sgd, lr: 0.01}\n- {batch_size: 17}", "but got 17 (try.yaml, entry 2)"),
        ("- {momentum: 0.5}", "momentum is not searched here and is 0.9, but got 0.5"),
        ("- {rate: 0.5}", "rate is no known key"),
        ("lr: 0.5", "must be a list of `field: value` mappings"),
        ("- {architecture: resnet18, pretrained: 3}", "pretrained"),
    ],
)
def test_a_wish_that_cannot_be_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _enqueued(tmp_path, text, _config())
    assert message in str(caught.value)


def test_a_number_that_yaml_reads_as_text_is_a_number(tmp_path: Path) -> None:
    for wish in _enqueued(tmp_path, "- {optimizer: adamw, lr: 1e-3, weight_decay: 1e-2}", _config()):
        assert wish["params"]["lr_adamw"] == 0.001 and type(wish["params"]["lr_adamw"]) is float


def test_an_optimizer_that_is_fixed_names_the_range_of_a_wish(tmp_path: Path) -> None:
    [wish] = _enqueued(tmp_path, "- {lr: 0.05}", _config(optimizer="sgd", architecture="resnet18", pretrained=False))
    assert wish["params"] == {"lr_sgd": 0.05}
