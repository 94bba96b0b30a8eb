"""Numbers as texts: decimals, dashes, bounds and signs."""

from __future__ import annotations

import pandas as pd

from analysis import number_format


def test_numbers_as_texts() -> None:
    assert (
        number_format.number(float("nan"))
        == number_format.count(float("nan"))
        == number_format.time(float("nan"))
        == number_format.DASH
    )
    assert (
        number_format.plain(0.00123456) == "0.00123"
        and number_format.plain(16) == "16"
        and number_format.plain(True) == "True"
    )
    assert [number_format.time(seconds) for seconds in (3.21, 600, 7200)] == ["3.2 s", "10 min", "2.0 h"]
    pair = pd.Series({"kappa_difference": float("nan"), "kappa_difference_low": 0.0, "kappa_difference_high": 0.0})
    assert number_format.difference(pair.to_dict(), "kappa") == number_format.DASH


def test_p_value_is_never_zero() -> None:
    assert (number_format.p_value(0.0001), number_format.equals_p(0.0001)) == ("< 0.001", "< 0.001")
    assert (number_format.p_value(0.0123), number_format.equals_p(0.0123)) == ("0.012", "= 0.012")


def test_bounds_of_scores_and_differences() -> None:
    row = {"kappa": 0.5, "kappa_low": 0.25, "kappa_high": 0.75}
    assert number_format.with_interval(row, "kappa") == "0.500 (0.250 to 0.750)"
    assert number_format.with_bounds(1.0, (float("nan"), float("nan"))) == "1.000 (no interval)"
    pair = {"kappa_difference": 0.1, "kappa_difference_low": -0.1, "kappa_difference_high": 0.3}
    assert number_format.signed(pair, "kappa", -1) == "-0.100 (-0.300 to +0.100)"
    assert [number_format.with_sign(value) for value in (-0.0001, 0.0, 0.0004)] == ["0.000"] * 3
    assert number_format.signed_bounds(pair, "kappa_difference") == "-0.100 to +0.300"
