"""Arms against each other in words, from pairs whose numbers are given."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.report import pairwise_text

NAN = float("nan")
LABELS = {
    "resnet18-scratch": "ResNet18, from scratch",
    "resnet18-pretrained": "ResNet18, pretrained",
    "resnet50-scratch": "ResNet50, from scratch",
}


def pair(
    a: str,
    b: str,
    value: float,
    half: float,
    p: float,
    configuration: tuple[float, float] = (-1.0, 1.0),
    accuracy: tuple[float, float, float] = (0.0, -0.1, 0.1),
) -> dict[str, Any]:
    """Kappa of a minus that of b, as the tables have it."""
    row: dict[str, Any] = {"arm_a": a, "arm_b": b, "label_a": LABELS[a], "label_b": LABELS[b], "score": "kappa"}
    row |= {"kappa_difference": value, "kappa_difference_low": value - half, "kappa_difference_high": value + half}
    row |= {
        f"kappa_difference_configuration{end}": one for end, one in zip(("_low", "_high"), configuration, strict=True)
    }
    row |= {f"accuracy_difference{end}": one for end, one in zip(("", "_low", "_high"), accuracy, strict=True)}
    return row | {"p_adjusted": p}


ONE, TWO, THREE = LABELS
AHEAD = pair(TWO, ONE, 0.2, 0.1, 0.001, (0.02, 0.38))
BEHIND = pair(THREE, ONE, -0.2, 0.1, 0.0001)
OPEN = pair(THREE, TWO, 0.05, 0.1, 0.4)


def test_a_difference_is_claimed_of_these_models_and_the_rest_is_counted() -> None:
    (found,) = pairwise_text.comparison(pd.DataFrame([AHEAD, BEHIND, OPEN]))
    assert found == (
        "In kappa, all 3 differences taken together, of these models ResNet18 with pretraining is ahead of ResNet18 "
        "from scratch by 0.200 (0.100 to 0.300; adjusted p = 0.001) and ResNet18 from scratch is ahead of "
        "ResNet50 from scratch by 0.200 (0.100 to 0.300; adjusted p < 0.001); the other one cannot be told from 0."
    )


def test_without_a_claim_the_widest_difference_is_named() -> None:
    (found,) = pairwise_text.comparison(pd.DataFrame([OPEN, pair(TWO, ONE, -0.08, 0.1, 0.3)]))
    assert found == (
        "No difference in kappa between these models of the arms can be told from 0, both differences taken together "
        "(the largest is ResNet18 from scratch minus ResNet18 with pretraining, +0.080 (-0.020 to +0.180), adjusted p "
        "= 0.300)."
    )
    (alone,) = pairwise_text.comparison(pd.DataFrame([OPEN]))
    assert alone.startswith("The difference in kappa between these models of two arms cannot be told from 0 (ResNet50")
    (same,) = pairwise_text.comparison(pd.DataFrame([pair(TWO, ONE, 0.0, 0.0, 1.0)]))
    assert same == "These models of the arms have the same kappa."


def test_the_other_score_is_described_where_its_own_interval_leaves_out_0() -> None:
    (found,) = pairwise_text.comparison(pd.DataFrame([pair(TWO, ONE, 0.0, 0.0, 1.0, accuracy=(-0.3, -0.4, -0.2))]))
    assert found == (
        "These models of the arms have the same kappa; accuracy, which is described and not tested, differs: ResNet18 "
        "from scratch minus ResNet18 with pretraining, +0.300 (+0.200 to +0.400)."
    )


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([AHEAD, OPEN], "with another seed of each, of the configurations ResNet18 with pretraining is ahead of "
         "ResNet18 from scratch (+0.020 to +0.380)"),
        ([OPEN], "with another seed of each no configuration is shown to be ahead of another"),
        ([pair(TWO, ONE, 0.2, 0.1, 0.01, (NAN, NAN))], ""),
    ],
)  # fmt: skip
def test_configurations_differ_only_by_their_own_interval(pairs: list[dict[str, Any]], expected: str) -> None:
    assert pairwise_text.of_configurations(pd.DataFrame(pairs)) == ([expected] if expected else [])


def test_where_nothing_was_tested_nothing_is_said() -> None:
    pairs = pd.DataFrame([AHEAD]).assign(p_adjusted=NAN)
    assert pairwise_text.comparison(pairs) == pairwise_text.of_configurations(pairs) == []
