"""Arms against each other in words, from pairs whose numbers are given."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.report import pairwise_text
from analysis.results.mlflow_reader import read_study
from analysis.tables import all_tables
from tests.fixtures import mlflow as fixture

TOP = {"arm": "resnet18-scratch", "measured_on": "test"}
OTHERS = {
    "resnet18-pretrained": "ResNet18, pretrained",
    "resnet50-scratch": "ResNet50, from scratch",
    "resnet50-pretrained": "ResNet50, pretrained",
}


def pair(other: str, p: float, accuracy: float, recipe: tuple[float, float], kappa: float = 0.0) -> dict[str, Any]:
    """`other` minus the arm TOP, as the tables have it: the later arm minus the earlier."""
    row = {"status": "run", "arm_a": other, "arm_b": TOP["arm"], "label_a": OTHERS[other]}
    row |= {"label_b": "ResNet18, from scratch", "p_holm": p}
    for score, value in (("kappa", kappa), ("accuracy", accuracy)):
        row |= {f"{score}_difference": value, f"{score}_difference_low": value - 0.05}
        row |= {f"{score}_difference_high": value + 0.05}
    return row | {
        "accuracy_difference_configuration_low": recipe[0],
        "accuracy_difference_configuration_high": recipe[1],
    }


NAN = float("nan")
PAIRS = pd.DataFrame(
    [
        pair("resnet18-pretrained", 0.01, 0.1, (0.02, 0.2), kappa=0.2),
        pair("resnet50-scratch", 0.0001, -0.2, (-1.0, 1.0)),
        pair("resnet50-pretrained", 0.4, 0.01, (-0.3, 0.3), kappa=0.2),
    ]
)


def test_what_the_test_says_is_said_of_the_trained_models() -> None:
    (found,) = pairwise_text.comparison(PAIRS, TOP, "kappa")
    assert found == (
        "By the paired test by patient, with Holm's correction, these trained models are more often right than "
        "ResNet50 from scratch (accuracy +0.200 (0.150 to 0.250), p < 0.001), less often right than ResNet18 with "
        "pretraining (accuracy -0.100 (-0.150 to -0.050), p = 0.010) and not to be told from ResNet50 with pretraining "
        "(accuracy -0.010 (-0.060 to 0.040), p = 0.400)."
    )


def test_a_difference_of_models_is_one_of_recipes_only_where_their_interval_says_so() -> None:
    open_, holds = pairwise_text.of_configurations(PAIRS, TOP)
    assert open_ == (
        "That the models differ in accuracy from ResNet50 from scratch (-1.000 to 1.000) need not hold with other "
        "seeds: the 95 % interval for the configurations holds 0."
    )
    assert holds == (
        "The difference in accuracy holds for the configurations too, with any seed: to ResNet18 with pretraining "
        "(-0.200 to -0.020)."
    )
    (unknown,) = pairwise_text.of_configurations(
        pd.DataFrame([pair("resnet18-pretrained", 0.01, 0.1, (NAN, NAN))]), TOP
    )
    assert (
        unknown
        == "Whether the difference in accuracy to ResNet18 with pretraining holds with other seeds is not known."
    )


def test_kappa_is_told_beside_a_tie_in_accuracy_alone() -> None:
    assert pairwise_text.by_kappa(PAIRS, TOP) == [
        "In kappa, by the interval of each difference, not corrected for the number of pairs, it is behind ResNet50 "
        "with pretraining (-0.200 (-0.250 to -0.150))."
    ]


def test_on_validation_paired_intervals_tell_a_tie_from_a_difference() -> None:
    made = all_tables.make_tables(read_study(fixture.four_arms(), "four"))
    top = {"arm": "resnet50-pretrained", "measured_on": "validation"}
    tie = made.pairs.set_index(["arm_a", "arm_b"]).loc[("resnet50-pretrained", "resnet18-pretrained")]
    assert tie["kappa_difference_low"] < 0 < tie["kappa_difference_high"]
    (found,) = pairwise_text.comparison(made.pairs, top, "kappa")
    ahead, tied = found.split(" and not to be told from ")
    assert tied.startswith(f"ResNet18 with pretraining (kappa {tie['kappa_difference']:+.3f} (")
    assert ahead.startswith(
        "By the interval of each paired difference it is better than ResNet18 from scratch (kappa +"
    )
    assert " p " not in found  # both were chosen on these images: a test would promise too much
    assert pairwise_text.of_configurations(made.pairs, top) == pairwise_text.by_kappa(made.pairs, top) == []


def test_without_another_cell_nothing_is_compared() -> None:
    assert pairwise_text.comparison(PAIRS.assign(status="no result yet"), TOP, "kappa") == []


def test_one_patient_has_a_difference_without_bounds() -> None:
    alone = PAIRS.iloc[:1].assign(accuracy_difference_low=NAN, accuracy_difference_high=NAN)
    assert "(accuracy -0.100, p = 0.010)" in pairwise_text.comparison(alone, TOP, "kappa")[0]


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_lists(names: list[str], text: str) -> None:
    assert pairwise_text.listed(names) == text
