"""Configurations that were trained again stand by their mean, and before the known-good one only beyond its noise."""

import numpy as np
import pytest
from scipy import stats

from analysis.stats.repeats import Final, run_variance, standings

FIRST = {0: 0.50, 1: 0.40}


def order(repeats: dict[str, dict[int, float]], *arms: Final, first: str = "first") -> list[str]:
    found = standings([Final(repeats, first), *arms])
    return sorted(repeats.keys() & found.keys(), key=lambda name: -found[name])


def test_standings_without_a_first_are_means() -> None:
    found = standings([Final({"a": {0: 0.1, 1: 0.3}, "b": {0: 0.5}, "c": {}})])
    assert found == {"a": pytest.approx(0.2), "b": 0.5}
    assert standings([]) == {}


@pytest.mark.parametrize(
    ("challenger", "before"),
    [
        ({0: 0.51, 1: 0.41}, True),  # better on both splits, and equally
        ({0: 0.60, 1: 0.45}, False),  # better on both: a mean of 0.075, a bound of 0.077
        ({0: 0.60, 1: 0.46}, True),  # 0.062 and 0.08
        ({0: 0.70, 1: 0.39}, False),
        ({0: 0.50, 1: 0.40}, False),  # equal
        ({0: 0.40, 1: 0.30}, False),
        ({0: 0.51}, True),  # one difference has no standard error
        ({2: 0.90}, False),  # no split in common: nothing is shown
    ],
)
def test_standings_of_a_challenger(challenger: dict[int, float], before: bool) -> None:
    assert order({"other": challenger, "first": FIRST}) == (["other", "first"] if before else ["first", "other"])


def test_standings_take_the_variance_of_all_arms() -> None:
    arm = {"other": {0: 0.60, 1: 0.45}, "first": FIRST}
    assert order(arm) == ["first", "other"]
    quiet = Final({"x": {0: 0.31, 1: 0.21}, "y": {0: 0.30, 1: 0.20}, "z": {0: 0.40, 1: 0.30}})
    assert order(arm, quiet) == ["other", "first"]
    noisy = Final({"x": {0: 0.10, 1: 0.80}, "y": {0: 0.80, 1: 0.10}})
    assert order(arm, noisy) == ["first", "other"]


def test_standings_in_doubt_are_just_below_the_first_and_above_what_is_worse() -> None:
    final = Final({"doubt": {0: 0.70, 1: 0.39}, "first": FIRST, "worse": {0: 0.5, 1: 0.3}}, "first")
    found = standings([final])
    assert found["first"] == pytest.approx(0.45)
    assert found["worse"] < found["doubt"] < found["first"]
    assert found["doubt"] == pytest.approx(0.45)


def test_a_first_without_repeats_protects_nothing() -> None:
    assert order({"a": {0: 0.9}, "first": {}}) == ["a"]


def test_run_variance_is_that_of_an_additive_model() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 3)) + rng.normal(size=3)
    residuals = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    arm = {str(name): dict(enumerate(own)) for name, own in enumerate(scores)}
    assert run_variance([arm]) == (pytest.approx((residuals**2).sum() / 6), 6)
    assert run_variance([arm, arm, {"alone": {0: 0.1, 1: 0.5}}]) == (pytest.approx((residuals**2).sum() / 6), 12)
    assert run_variance([]) == run_variance([{"a": {0: 0.1}, "b": {0: 0.2}}]) == (0.0, 0)


def test_run_variance_leaves_out_splits_that_not_all_have() -> None:
    complete = {"a": {0: 0.1, 1: 0.4}, "b": {0: 0.3, 1: 0.1}}
    assert run_variance([{"a": complete["a"] | {2: 9.0}, "b": complete["b"]}]) == run_variance([complete])


def test_two_configurations_are_told_apart_as_by_a_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    for mine, others in rng.normal(size=(50, 2, 3)):
        found = standings([Final({"other": dict(enumerate(mine)), "first": dict(enumerate(others))}, "first")])
        p = stats.ttest_rel(mine, others, alternative="greater").pvalue
        assert (found["other"] > found["first"]) == (p < 0.1)


def test_standings_take_noise_for_better_in_a_tenth() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.normal(size=(2000, 2, 2))  # equal in truth, two repeats each
    wrong = [order({"other": dict(enumerate(a)), "first": dict(enumerate(b))})[0] == "other" for a, b in drawn]
    assert np.mean(wrong) == pytest.approx(0.1, abs=2 * (0.1 * 0.9 / 2000) ** 0.5)
