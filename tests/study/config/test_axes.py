from pathlib import Path

import pytest

from study.config.axes import Range, bounds
from study.config.study import make_study_config
from study.config.yaml_file import read_study_config
from study.errors import ConfigError


def test_the_default_space_holds_the_axes_that_matter() -> None:
    config = make_study_config({}, {})
    assert set(config.space) == {
        "architecture", "pretrained", "optimizer", "lr", "weight_decay", "batch_size", "augmentation", "imbalance"
    }  # fmt: skip
    assert config.space["lr"] == {
        "sgd": Range(low=1e-3, high=1e-1, log=True), "adamw": Range(low=1e-4, high=5e-3, log=True)
    }  # fmt: skip
    assert len(config.arm_specs()) == 4


RANGES = {"sgd": {"low": 0.01, "high": 0.1}, "adamw": {"low": 0.001, "high": 0.01}}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("lr: {sgd: {low: 0.1, high: 0.01}, adamw: {low: 0.1, high: 1}}", 2, "low < high must hold, but got low=0.1"),
        ("lr:\n    sgd: {low: 0.1, high: 1}\n    adamw: {low: 0.1, high: 20}", 2, "`lr <= 10` must hold"),
        ("lr: {sgd: {low: 0.01, high: 0.1}}", 2, "space.lr must have a range for each optimizer, but lacks ['adamw']"),
        ("batch_size: {sgd: {low: 8, high: 16}, adamw: {low: 8, high: 16}}", 2, "batch_size cannot hang on the optimi"),
        ("lr: {adam: {low: 0.01, high: 0.1}}", 2, "space.lr.adam must be one of 'sgd' or 'adamw'"),
    ],
)
def test_a_range_that_hangs_on_the_optimizer_is_checked_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    (tmp_path / "lab.yaml").write_text(f"space:\n  {text}\n  optimizer: [sgd, adamw]\n")
    with pytest.raises(ConfigError) as caught:
        read_study_config(tmp_path / "lab.yaml")
    assert message in str(caught.value)
    assert f"(lab.yaml, line {line})" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_ranges_are_needed_for_the_optimizers_of_the_study_alone() -> None:
    only = {"space": {"lr": {"sgd": RANGES["sgd"]}}}
    config = make_study_config({**only, "fixed": {"optimizer": "sgd"}}, {})
    assert config.space["lr"] == {"sgd": Range(low=0.01, high=0.1)}
    with pytest.raises(ConfigError, match="lacks \\['adamw'\\]"):
        make_study_config(only, {})  # whose optimizer is the default


def test_bounds_of_each_kind_of_axis() -> None:
    low, high = Range(low=0.1, high=1), Range(low=2, high=3)
    assert (bounds(low), bounds(("a", "b")), bounds({"sgd": low, "adamw": high})) == (
        (0.1, 1),
        ("a", "b"),
        (0.1, 1, 2, 3),
    )
