"""Where the values of a hyperparameter stand on an axis: in named places, or on a linear or logarithmic scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from analysis.stats.metrics import Floats

FEW_VALUES = 6
"""Whole numbers of at most so many different values, such as batch sizes, stand in places of equal width."""

WIDE_RANGE = 20
"""A scale is logarithmic where its largest value is at least so many times its smallest."""

SPREAD = 0.4
"""Share of a named place over which equal values are spread, so that they do not hide each other."""

GOLDEN = 0.618034
"""Multiples of the golden ratio, modulo 1, are spread evenly however many there are."""

ROOM = 0.08
"""Beyond the lowest and the highest value, as a share of their distance."""

LONGEST = 24
"""Letters of a value's name beside an axis."""


@dataclass(frozen=True)
class Scale:
    """names: the places from 0, () for a numeric scale; log: whether that is logarithmic; low, high: its ends."""

    names: tuple[object, ...]
    log: bool
    low: float
    high: float

    @property
    def axis_suffix(self) -> str:
        """What the title of an axis says about the scale."""
        return "\n(log scale)" if self.log else ""

    def places(self, values: pd.Series) -> Floats:
        """Position (n,) of each value: its number on a numeric scale, its spread place on a named one."""
        if not self.names:
            return np.asarray(values, dtype=np.float64)
        at = np.array([self.names.index(value) for value in values], dtype=np.float64)
        for place in np.unique(at):
            same = np.flatnonzero(at == place)
            if same.size > 1:
                at[same] += SPREAD * ((np.arange(same.size) * GOLDEN) % 1 - 0.5)
        return at

    def shares(self, values: pd.Series) -> Floats:
        """Position (n,) of each value between 0 (the lowest) and 1 (the highest)."""
        at = self.places(values)
        if self.names:
            return np.asarray((at + 0.5) / len(self.names))
        low, high = (np.log10(self.low), np.log10(self.high)) if self.log else (self.low, self.high)
        return np.asarray(((np.log10(at) if self.log else at) - low) / ((high - low) or 1.0))

    def ticks(self) -> list[tuple[float, str]]:
        """(share, text) of what is written beside an axis of this scale."""
        if self.names:
            return [((place + 0.5) / len(self.names), _named(name)) for place, name in enumerate(self.names)]
        return [(0.0, f"{self.low:.3g}"), (1.0, f"{self.high:.3g}")]

    def label(self, panel: Axes) -> None:
        """Make the y axis of the panel this scale."""
        if self.names:
            panel.set_yticks(range(len(self.names)), [_named(name) for name in self.names])
            panel.set_ylim(-0.6, len(self.names) - 0.4)
            return
        room = ROOM * ((np.log10(self.high / self.low) if self.log else self.high - self.low) or 1.0)
        if self.log:
            panel.set_yscale("log")
            panel.set_ylim(self.low / 10**room, self.high * 10**room)
            decades = range(int(np.floor(np.log10(self.low))), int(np.ceil(np.log10(self.high))) + 1)
            marks = [step * 10.0**power for power in decades for step in (1, 3)]
            panel.set_yticks([mark for mark in marks if self.low <= mark <= self.high], minor=False)
            panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            panel.yaxis.set_minor_locator(NullLocator())
        else:
            panel.set_ylim(self.low - room, self.high + room)


def scale_of(values: pd.Series, order: tuple[object, ...] = ()) -> Scale:
    """The scale that fits the values (n,) of one hyperparameter; order: of named places, from the lowest."""
    numbers = pd.to_numeric(values, errors="coerce")
    if order or numbers.isna().any() or values.map(lambda value: isinstance(value, bool | np.bool_)).any():
        found = set(values)
        names = [name for name in order if name in found] or sorted(found, key=str, reverse=True)
        return Scale(tuple(names), False, 0.0, 1.0)
    low, high = float(numbers.min()), float(numbers.max())
    if numbers.dtype.kind in "iu" and numbers.nunique() <= FEW_VALUES:
        return Scale(tuple(sorted(numbers.unique())), False, low, high)
    return Scale((), bool(low > 0 and high >= WIDE_RANGE * low), low, high)


def _named(name: object) -> str:
    """A value as an axis shows it."""
    if isinstance(name, float | np.floating):
        return f"{name:.3g}"
    text = str(name).replace("_", " ")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\u2026"
