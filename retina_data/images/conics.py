"""Circles and upright ellipses through the edge points of a field of view, most of which may belong to no edge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_MINIMUM_EDGE_POINTS = 24

_EDGE_ERROR = 0.015  # of the radius: how far an edge point may lie from the curve that it supports

_LEAST_ERROR = 0.75  # pixels: so far an edge may be seen beside where it is, however small the picture

_LONGEST = 2.0  # ratio of an ellipse's axes: no photograph is squashed more


class Conic(NamedTuple):
    """Centre, half axes in pixels, and share of the points that lie on it."""

    cx: float
    cy: float
    rx: float
    ry: float
    support: float


def fit_circle(x: Floats, y: Floats) -> Conic | None:
    """The circle that most points support; None when too few do.

    Circles through three points, drawn with a fixed seed, find the supporters (Fischler and Bolles, RANSAC, 1981);
    least squares through these give the circle (Kasa, 1976).
    """
    if len(x) < _MINIMUM_EDGE_POINTS:
        return None
    picks = np.random.Generator(np.random.PCG64(0)).integers(0, len(x), (200, 3))
    circles = _through_three(x[picks], y[picks])  # (200, 3)
    every = max(1, len(x) // 150)  # of the points, enough to compare circles by
    with np.errstate(invalid="ignore"):
        errors = np.abs(np.hypot(x[::every] - circles[:, :1], y[::every] - circles[:, 1:2]) - circles[:, 2:])
        support = (errors < _EDGE_ERROR * circles[:, 2:]).sum(axis=1)
    # A huge circle has a huge tolerance: radii beyond any frame's field of view do not count.
    support[~(circles[:, 2] < np.ptp(x) + np.ptp(y))] = 0
    cx, cy, radius = circles[np.argmax(support)]
    for _ in range(3):
        near = np.abs(np.hypot(x - cx, y - cy) - radius) < _EDGE_ERROR * radius
        if near.sum() < max(_MINIMUM_EDGE_POINTS, 0.3 * len(x)):
            return None
        design = np.column_stack([x[near], y[near], np.ones(near.sum())])
        a, b, c = np.linalg.lstsq(design, x[near] ** 2 + y[near] ** 2, rcond=None)[0]
        cx, cy, radius = a / 2, b / 2, float(np.sqrt(c + (a / 2) ** 2 + (b / 2) ** 2))
    errors = np.abs(np.hypot(x - cx, y - cy) - radius)
    support = float((errors < max(_EDGE_ERROR * radius, _LEAST_ERROR)).mean())
    return Conic(float(cx), float(cy), float(radius), float(radius), support)


def fit_ellipse(x: Floats, y: Floats) -> Conic | None:
    """The ellipse with upright axes that most points support, found in the same way; None when too few do.

    x^2 + k y^2 + d x + e y + f = 0, about the points' mean and in units of their spread.
    """
    if len(x) < _MINIMUM_EDGE_POINTS:
        return None
    scale = max(float(np.ptp(x)), float(np.ptp(y)), 1.0) / 2
    u, v = (x - x.mean()) / scale, (y - y.mean()) / scale
    terms = np.column_stack([v**2, u, v, np.ones(len(u))])
    picks = np.random.Generator(np.random.PCG64(0)).integers(0, len(u), (400, 4))
    matrices = terms[picks]  # (400, 4, 4)
    solvable = np.abs(np.linalg.det(matrices)) > 1e-9
    solved = np.linalg.solve(matrices[solvable], -(u[picks][solvable] ** 2)[..., None])[..., 0]
    candidates = [one for one in map(_centre_and_axes, solved) if one]
    if not candidates:
        return None
    every = max(1, len(u) // 150)
    errors = _ellipse_errors(u[::every], v[::every], np.array(candidates).T[..., None])
    best = candidates[int((errors < _EDGE_ERROR).sum(axis=1).argmax())]
    for _ in range(3):
        near = _ellipse_errors(u, v, np.array(best)) < _EDGE_ERROR
        if near.sum() < max(_MINIMUM_EDGE_POINTS, 0.3 * len(u)):
            return None
        fitted = _centre_and_axes(np.linalg.lstsq(terms[near], -(u[near] ** 2), rcond=None)[0])
        if fitted is None:
            return None
        best = fitted
    cx, cy, rx, ry = (float(value) * scale for value in best)
    errors = _ellipse_errors(u, v, np.array(best))
    support = float((errors < max(_EDGE_ERROR, _LEAST_ERROR / min(rx, ry))).mean())
    return Conic(cx + float(x.mean()), cy + float(y.mean()), rx, ry, support)


def _centre_and_axes(coefficients: Floats) -> tuple[float, float, float, float] | None:
    """cx, cy, rx, ry of k, d, e, f (4,); None where that is no ellipse, a long one, or one beyond any frame."""
    k, d, e, f = (float(value) for value in coefficients)
    if not _LONGEST**-2 < k < _LONGEST**2:
        return None
    cx, cy = -d / 2, -e / (2 * k)
    squared = cx**2 + k * cy**2 - f
    if not 0 < squared < 4 * max(1.0, k):
        return None
    return cx, cy, squared**0.5, (squared / k) ** 0.5


def _ellipse_errors(x: Floats, y: Floats, ellipse: Floats) -> Floats:
    """Distance of points from ellipses (4, ...), as a share of their radius."""
    cx, cy, rx, ry = ellipse
    return np.asarray(np.abs(np.hypot((x - cx) / rx, (y - cy) / ry) - 1))


def _through_three(x: Floats, y: Floats) -> Floats:
    """Circles (n, 3) as cx, cy, radius through triples of points (n, 3); nan where they are on a line."""
    bx, by, cx, cy = x[:, 1] - x[:, 0], y[:, 1] - y[:, 0], x[:, 2] - x[:, 0], y[:, 2] - y[:, 0]
    twice_area = 2 * (bx * cy - by * cx)
    twice_area[np.abs(twice_area) < 1e-9] = np.nan
    b, c = bx**2 + by**2, cx**2 + cy**2
    ux, uy = (cy * b - by * c) / twice_area, (bx * c - cx * b) / twice_area
    return np.column_stack([x[:, 0] + ux, y[:, 0] + uy, np.hypot(ux, uy)])
