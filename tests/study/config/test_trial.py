"""Fields of a trial: each with its rule, its meaning and its default."""

import pytest
from pydantic import ValidationError

from study.config.study import StudyConfig, make_study_config
from study.config.trial import TrialConfig, make_trial_config
from study.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": -0.1}, "`lr > 0` must hold, but got lr=-0.1"),
        ({"lr": 0}, "`lr > 0` must hold, but got lr=0"),
        ({"batch_size": 1}, "`batch_size >= 2` must hold, but got batch_size=1"),
        ({"momentum": 1.0}, "`momentum < 1` must hold, but got momentum=1.0"),
        ({"architecture": "vgg"}, "architecture must be one of 'resnet18' or 'resnet50', but got architecture='vgg'"),
        ({"batchsize": 3}, "batchsize is no known key; did you mean batch_size?"),
        ({"freeze_epochs": 2}, "set pretrained or freeze_epochs=0"),
        ({"freeze_epochs": 15, "pretrained": True}, "freeze_epochs < epochs must hold"),
        ({"views": 3}, "views must be one of 1, 4 or 8, but got views=3"),
        ({"views": 8}, "views=8 needs augmentation=dihedral for all images, but got augmentation=flips"),
        ({"views": 8, "augmentation": "dihedral", "imbalance": "flip_minority"}, "but got augmentation=dihedral, "),
        ({"select_epoch": "peak"}, "select_epoch must be one of 'last' or 'best', but got select_epoch='peak'"),
        ({"lr": "fast"}, "unable to parse string as a number, but got 'fast'"),
    ],
)
def test_a_broken_rule_is_named_with_its_value(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_trial_config(values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        TrialConfig().lr = 1.0  # type: ignore[misc]


def test_every_field_says_what_it_is() -> None:
    for model in (TrialConfig, StudyConfig):
        assert all(field.description for field in model.model_fields.values())


def test_defaults_are_the_configuration_that_is_known_to_learn() -> None:
    config = TrialConfig()
    assert (config.optimizer, config.lr, config.weight_decay, config.batch_size) == ("adamw", 0.001, 0.01, 32)
    assert (config.schedule, config.augmentation, config.imbalance) == ("one_cycle", "flips", "none")
    assert (config.select_epoch, config.views) == ("last", 4)


def test_eight_views_need_turns_in_whatever_may_be_drawn() -> None:
    assert make_study_config({"space": {"imbalance": ["none"]}}, {"views": 8, "augmentation": "dihedral"})
    assert make_study_config({"fixed": {"views": "8", "augmentation": "dihedral"}, "space": {}}, {}).fixed["views"] == 8
    with pytest.raises(ConfigError, match="views=8 needs augmentation=dihedral .* but got augmentation=flips"):
        make_study_config({"space": {"augmentation": ["dihedral", "flips"]}}, {"views": 8})
    with pytest.raises(ConfigError, match="imbalance=flip_minority"):
        make_study_config({}, {"views": 8, "augmentation": "dihedral"})  # the default space draws it
