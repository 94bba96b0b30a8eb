"""retina_data.images.conics: the curve is that of most points, whatever the others do."""

from __future__ import annotations

import numpy as np
import pytest

from retina_data.images.conics import Floats, fit_circle, fit_ellipse


def arc(rx: float, ry: float, cut: float = 1.0, strays: int = 0) -> tuple[Floats, Floats]:
    """Points of an ellipse around (120, 90), its top and bottom cut at a share of ry, and points anywhere."""
    angle = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    angle = angle[np.abs(np.sin(angle)) <= cut]
    rng = np.random.default_rng(0)
    x, y = 120 + rx * np.cos(angle), 90 + ry * np.sin(angle)
    return np.append(x, rng.uniform(0, 240, strays)), np.append(y, rng.uniform(0, 180, strays))


@pytest.mark.parametrize("cut", [1.0, 0.8])
@pytest.mark.parametrize("strays", [0, 60])
@pytest.mark.parametrize(("rx", "ry"), [(60.0, 60.0), (50.0, 75.0), (80.0, 64.0)])
def test_an_ellipse_is_found_where_it_is_cut_and_points_stray(rx: float, ry: float, cut: float, strays: int) -> None:
    x, y = arc(rx, ry, cut, strays)
    found = fit_ellipse(x, y)
    assert found is not None
    assert np.allclose(found[:4], (120, 90, rx, ry), atol=0.5)
    assert found.support == pytest.approx(1 - strays / len(x), abs=0.05)


def test_a_circle_has_equal_axes_and_fits_no_ellipse() -> None:
    round_one = fit_circle(*arc(60, 60, 0.8, 60))
    assert round_one is not None and np.allclose(round_one[:4], (120, 90, 60, 60), atol=0.5)
    oval = fit_circle(*arc(50, 75, 0.8))
    assert oval is None or oval.support < 0.6


def test_neither_is_found_in_few_points_on_a_line_or_in_noise() -> None:
    rng = np.random.default_rng(1)
    line = np.arange(100.0)
    for fit in (fit_circle, fit_ellipse):
        assert fit(line[:20], line[:20] ** 2) is None
        assert fit(line, 2 * line) is None
        assert fit(rng.uniform(0, 200, 300), rng.uniform(0, 200, 300)) is None


def test_an_ellipse_more_than_twice_as_long_as_wide_is_none() -> None:
    found = fit_ellipse(*arc(100, 40))
    assert found is None or found.support < 0.7
