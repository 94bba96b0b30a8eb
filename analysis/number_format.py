"""Numbers as texts, the same on the page, in tables, figures and sentences; a missing one is a dash."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

DASH = "–"

Row = Mapping[Any, Any] | Mapping[Hashable, Any]


def number(value: Any) -> str:
    """A score with three decimals."""
    return DASH if pd.isna(value) else f"{value:.3f}"


def percent(share: Any) -> str:
    """A share as a percentage with one decimal."""
    return DASH if pd.isna(share) else f"{100 * share:.1f} %"


def count(value: Any) -> str:
    """A whole number with commas."""
    return DASH if pd.isna(value) else f"{int(value):,}"


def p_value(value: Any) -> str:
    """A p-value with three decimals; the permutation test does not tell smaller ones apart."""
    return DASH if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def equals_p(value: float) -> str:
    """The same behind a `p`: `= 0.012`, `< 0.001`."""
    return p_value(value) if value < 0.001 else f"= {p_value(value)}"


def plain(value: Any) -> str:
    """A hyperparameter, numbers with three significant digits."""
    if isinstance(value, float):
        return DASH if pd.isna(value) else f"{value:.3g}"
    return str(value)


def yes(value: Any) -> str:
    """A truth value."""
    return DASH if pd.isna(value) else "yes" if value else "no"


def time(seconds: float) -> str:
    """A duration in seconds, minutes or hours."""
    if pd.isna(seconds):
        return DASH
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = round(seconds / 60), seconds / 3600
    return f"{minutes} min" if minutes < 100 else f"{hours:.1f} h"


def with_bounds(value: float, bounds: tuple[float, float], no_bounds: str = " (no interval)") -> str:
    """`0.925 (0.875 to 0.967)`; `undefined` for NaN."""
    low, high = bounds
    if pd.isna(value):
        return "undefined"
    return f"{value:.3f}{no_bounds}" if pd.isna(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def with_interval(row: Row, score: str) -> str:
    """The same of a row's columns `score`, `score`_low and `score`_high; without bounds the value alone."""
    value, low, high = (float(row[f"{score}{end}"]) for end in ("", "_low", "_high"))
    return with_bounds(value, (low, high), "")


def with_sign(value: float) -> str:
    """`+0.123`; what rounds to 0 has no sign."""
    text = f"{value:+.3f}"
    return text if text.strip("+-0.") else "0.000"


def difference(pair: Row, score: str) -> str:
    """A difference with its bounds: `+0.123 (+0.010 to +0.236)`."""
    value, low, high = (pair[f"{score}_difference{end}"] for end in ("", "_low", "_high"))
    if pd.isna(value) or pd.isna(low):
        return DASH if pd.isna(value) else with_sign(value)
    return f"{with_sign(value)} ({with_sign(low)} to {with_sign(high)})"


def signed(pair: Row, score: str, sign: int) -> str:
    """`+0.113 (+0.050 to +0.175)`: the difference seen from the other side where sign is -1."""
    value, low, high = (sign * float(pair[f"{score}_difference{end}"]) for end in ("", "_low", "_high"))
    if pd.isna(value):
        return "undefined"
    if pd.isna(low):
        return with_sign(value)
    return f"{with_sign(value)} ({with_sign(min(low, high))} to {with_sign(max(low, high))})"


def signed_bounds(pair: Row, name: str) -> str:
    """`+0.010 to +0.236` of the columns `name`_low and `name`_high; "" where they are missing."""
    low, high = (pair[f"{name}{end}"] for end in ("_low", "_high"))
    return "" if pd.isna(low) else f"{with_sign(low)} to {with_sign(high)}"
