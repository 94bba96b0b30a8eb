"""Find the field of view in a photograph, cut a square around it and resize: never an oval eye.

Cameras show the retina as a bright circle on black; the frame may cut it at two or at all sides. So the field of view
is a circle fitted to those of its edges that are visible, not a bounding box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Floats = npt.NDArray[np.float64]

Pixels = npt.NDArray[np.uint8]

_THUMBNAIL = 256  # longer side of the picture in which the field of view is found, pixels

_MINIMUM_EDGE_POINTS = 24

_BLACK = 8  # highest channel of what counts as black around the field of view

_EDGE_ERROR = 0.015  # of the radius: how far an edge point may lie from the circle that it supports


@dataclass(frozen=True)
class FieldOfView:
    """Centre and radius in pixels of the picture, whose first pixel spans 0..1.

    found: False where none was found: then it is the circle around the frame. support: share of the edge points that
    lie on the circle; low where the edge is unclear, 0 where none was found.
    """

    cx: float
    cy: float
    radius: float
    found: bool
    support: float = 0.0


def find_field_of_view(rgb: Pixels) -> FieldOfView:
    """The field of view in a photograph (H, W, 3) uint8; where none is seen, the circle around the frame, not found."""
    return field_of_view_in(Image.fromarray(rgb))


def field_of_view_in(image: Image.Image) -> FieldOfView:
    """The field of view in an RGB photograph, found in a small copy of it; else the circle around the frame."""
    width, height = image.size
    step = max(1, round(max(width, height) / _THUMBNAIL))
    small = np.asarray(image.reduce(step)).max(axis=2)
    whole_frame = FieldOfView(width / 2, height / 2, max(width, height) / 2, found=False)
    circle = _fit_circle(*_edge_points(_bright(small)))
    if circle is None:
        return whole_frame
    cx, cy, radius = (value * step for value in circle[:3])
    inside = 0 <= cx <= width and 0 <= cy <= height
    if not inside or not 0.2 * min(height, width) <= radius <= 0.75 * float(np.hypot(height, width)):
        return whole_frame
    return FieldOfView(cx, cy, radius, found=True, support=circle[3])


def crop_to_field_of_view(image: Image.Image, size: int, fov: FieldOfView | None = None) -> Image.Image:
    """An RGB photograph as (size, size): the field of view's radius becomes size / 2, what lies outside is black.

    `fov` is looked for when it is not given; where it is not found, the whole frame is padded to a square.
    """
    fov = fov or field_of_view_in(image)
    if not fov.found:
        return pad_to_square(image, size)
    pixels = np.array(_square(image, fov, size))
    centre = (np.arange(size) + 0.5) / size * 2 - 1
    pixels[np.add.outer(centre**2, centre**2) > 1.0] = 0
    return Image.fromarray(pixels)


def pad_to_square(image: Image.Image, size: int) -> Image.Image:
    """The whole frame of an RGB photograph as (size, size), black added at its shorter sides."""
    width, height = image.size
    return _square(image, FieldOfView(width / 2, height / 2, max(width, height) / 2, found=False), size)


def graham(square: Image.Image) -> Image.Image:
    """A square photograph with the average of each place's surroundings made grey and the contrast raised four times.

    Differences of illumination and camera go, lesions and vessels stay (B. Graham, Kaggle Diabetic Retinopathy
    Detection, 2015). What is black is no part of the average, and becomes grey (128) like it.
    """
    pixels = np.asarray(square)  # (S, S, 3)
    bright = pixels.max(axis=2) > _BLACK
    blur = ImageFilter.GaussianBlur(max(square.size) / 60)  # a thirtieth of the field of view's radius
    share = np.asarray(Image.fromarray((bright * 255).astype(np.uint8)).filter(blur), np.float32) / 255
    sums = np.asarray(Image.fromarray(pixels * bright[..., None]).filter(blur), np.float32)
    average = sums / np.maximum(share, 1 / 255)[..., None]
    normalised = np.where(bright[..., None], 4 * (pixels - average) + 128, 128)
    return Image.fromarray(normalised.clip(0, 255).astype(np.uint8))


def _square(image: Image.Image, fov: FieldOfView, size: int) -> Image.Image:
    """The square around a circle, black where it leaves the frame, resized with antialiasing."""
    left, top = round(fov.cx - fov.radius), round(fov.cy - fov.radius)
    side = max(1, round(2 * fov.radius))
    return image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)


def _bright(small: Pixels) -> npt.NDArray[np.bool_]:
    """Where the retina is. Black is what the darkest pixels show; a dim retina is little above it."""
    black, light = np.percentile(small, (0.5, 90.0))
    return np.asarray(small > black + max(4.0, 0.15 * (light - black)), dtype=np.bool_)


def _edge_points(bright: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Outer edges of the bright pixels in each row and column, without those at the frame: no edge of it."""
    height, width = bright.shape
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    first_x, last_x = bright[rows].argmax(axis=1), width - bright[rows, ::-1].argmax(axis=1)
    first_y, last_y = bright[:, columns].argmax(axis=0), height - bright[::-1, columns].argmax(axis=0)
    x = np.concatenate([first_x, last_x, columns + 0.5, columns + 0.5]).astype(np.float64)
    y = np.concatenate([rows + 0.5, rows + 0.5, first_y, last_y]).astype(np.float64)
    # Only the coordinate that was searched tells of a cut: the first row's left edge may well be the field of view's.
    searched = np.concatenate([np.ones(2 * len(rows), bool), np.zeros(2 * len(columns), bool)])
    inside = np.where(searched, (x > 1) & (x < width - 1), (y > 1) & (y < height - 1))
    return x[inside], y[inside]


def _fit_circle(x: Floats, y: Floats) -> tuple[float, float, float, float] | None:
    """Centre, radius and share of supporters of the circle that most points support; None when too few do.

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
    return float(cx), float(cy), float(radius), float(near.mean())


def _through_three(x: Floats, y: Floats) -> Floats:
    """Circles (n, 3) as cx, cy, radius through triples of points (n, 3); nan where they are on a line."""
    bx, by, cx, cy = x[:, 1] - x[:, 0], y[:, 1] - y[:, 0], x[:, 2] - x[:, 0], y[:, 2] - y[:, 0]
    twice_area = 2 * (bx * cy - by * cx)
    twice_area[np.abs(twice_area) < 1e-9] = np.nan
    b, c = bx**2 + by**2, cx**2 + cy**2
    ux, uy = (cy * b - by * c) / twice_area, (bx * c - cx * b) / twice_area
    return np.column_stack([x[:, 0] + ux, y[:, 0] + uy, np.hypot(ux, uy)])
