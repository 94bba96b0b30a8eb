"""Configurations that were trained again stand by their mean, and before the known-good one only beyond its noise."""

import numpy as np
import pytest

from analysis.stats.repeats import is_better, standings

FIRST = {0: 0.50, 1: 0.40}


def order(repeats: dict[str, dict[int, float]], first: str = "first") -> list[str]:
    found = standings(repeats, first)
    return sorted(found, key=lambda name: -found[name])


def test_standings_without_a_first_are_means() -> None:
    found = standings({"a": {0: 0.1, 1: 0.3}, "b": {0: 0.5}, "c": {}})
    assert found == {"a": pytest.approx(0.2), "b": 0.5}
    assert standings({}) == {}


@pytest.mark.parametrize(
    ("challenger", "before"),
    [
        ({0: 0.51, 1: 0.41}, True),  # better on both splits
        ({0: 0.70, 1: 0.39}, False),  # its mean is 0.095 higher, the standard error 0.105
        ({0: 0.50, 1: 0.40}, False),  # equal
        ({0: 0.40, 1: 0.30}, False),
        ({0: 0.51}, True),  # one difference has no standard error
        ({2: 0.90}, False),  # no split in common: nothing is shown
    ],
)
def test_standings_of_a_challenger(challenger: dict[int, float], before: bool) -> None:
    assert order({"other": challenger, "first": FIRST}) == (["other", "first"] if before else ["first", "other"])


def test_standings_in_doubt_are_just_below_the_first_and_above_what_is_worse() -> None:
    found = standings({"doubt": {0: 0.70, 1: 0.39}, "first": FIRST, "worse": {0: 0.5, 1: 0.3}}, "first")
    assert found["first"] == pytest.approx(0.45)
    assert found["worse"] < found["doubt"] < found["first"]
    assert found["doubt"] == pytest.approx(0.45)


def test_a_first_without_repeats_protects_nothing() -> None:
    assert order({"a": {0: 0.9}, "first": {}}) == ["a"]


def test_is_better_with_two_repeats_asks_for_both() -> None:
    rng = np.random.default_rng(0)
    for a, b, c, d in rng.normal(size=(200, 4)):
        assert is_better({0: a, 1: b}, {0: c, 1: d}) == (a > c and b > d)


def test_is_better_takes_noise_for_better_less_often_than_the_mean_does() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.normal(size=(2000, 2, 3))  # equal in truth, three repeats each
    wrong = [is_better(dict(enumerate(mine)), dict(enumerate(others))) for mine, others in drawn]
    by_mean = drawn.mean(axis=2)
    assert 0.10 < np.mean(wrong) < 0.25 < 0.45 < np.mean(by_mean[:, 0] > by_mean[:, 1])
