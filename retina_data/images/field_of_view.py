"""Find the field of view in a photograph, cut a square around it and resize: never an oval eye.

Cameras show the retina as a bright circle on black; the frame may cut it at two or at all sides. So the field of view
is a circle fitted to those of its edges that are visible, not a bounding box. In a photograph that was squashed it is
an ellipse, which becomes a circle again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from retina_data.images.conics import Conic, Floats, fit_circle, fit_ellipse

Pixels = npt.NDArray[np.uint8]

Outline = Literal["circle", "ellipse", "frame"]
"""What the field of view of one photograph is taken for; frame: none was found, so it is the whole frame."""

Shape = Literal["circle", "ellipse", "frame", "each"]
"""The decision for a whole data set; each: every photograph has its own."""

LEAST_SUPPORT = 0.7
"""Share of the edge points that must lie on a curve; below it no field of view is found.

IDRiD's photographs have 0.82 to 0.98, squashed ones 0.48 to 0.51 with a circle.
"""

MOST = 0.9  # share of the photographs with a field of view that decides for all

_THUMBNAIL = 256  # longer side of the picture in which the field of view is found, pixels

_BLACK = 8  # highest channel of what counts as black around the field of view

_GREY = 64  # of the darkest corner; above it nothing around the field of view is black


@dataclass(frozen=True)
class FieldOfView:
    """Centre and half axes in pixels of the picture, whose first pixel spans 0..1.

    outline: "frame" where none was found: then it is the circle around the frame. support: share of the edge points
    that lie on the outline, at least LEAST_SUPPORT; 0 where none was found.
    """

    cx: float
    cy: float
    rx: float
    ry: float
    outline: Outline
    support: float = 0.0

    @property
    def found(self) -> bool:
        """Whether an edge was seen."""
        return self.outline != "frame"


def find_field_of_view(rgb: Pixels) -> FieldOfView:
    """The field of view in a photograph (H, W, 3) uint8; where none is seen, the circle around the frame, not found."""
    return field_of_view_in(Image.fromarray(rgb))


def field_of_view_in(image: Image.Image, shape: Shape = "each") -> FieldOfView:
    """The field of view in an RGB photograph, found in a small copy of it; else the circle around the frame.

    shape: what is looked for; each: a circle, and where none fits an ellipse, as in a squashed photograph.
    """
    width, height = image.size
    whole_frame = _whole_frame(width, height)
    if shape == "frame":
        return whole_frame
    step = max(1, round(max(width, height) / _THUMBNAIL))
    small = np.asarray(image.reduce(step)).max(axis=2)
    if _darkest_corner(small) > _GREY:  # filtered as B. Graham did, on grey, or without any edge
        return whole_frame
    x, y = _edge_points(_bright(small))
    fits: tuple[tuple[Outline, Callable[[Floats, Floats], Conic | None]], ...]
    fits = (("circle", fit_circle), ("ellipse", fit_ellipse))
    for outline, fit in fits:
        conic = fit(x, y) if shape in (outline, "each") else None
        if conic is None or conic.support < LEAST_SUPPORT:
            continue
        cx, cy, rx, ry = (value * step for value in conic[:4])
        least, largest = 0.2 * min(height, width), 0.75 * float(np.hypot(height, width))
        if 0 <= cx <= width and 0 <= cy <= height and least <= min(rx, ry) and max(rx, ry) <= largest:
            return FieldOfView(cx, cy, rx, ry, outline, conic.support)
    return whole_frame


def shape_of_all(outlines: Iterable[Outline]) -> Shape:
    """One decision for a data set from what is seen in each of its photographs.

    Where no field of view is found in more than half of them, the whole frame is taken of all: else the others alone
    would be enlarged. Otherwise those in which it is found decide for circle or ellipse, where at least MOST agree.
    """
    every = list(outlines)
    found = [outline for outline in every if outline != "frame"]
    if 2 * len(found) < len(every):
        return "frame"
    shapes: tuple[Shape, ...] = ("circle", "ellipse")
    return next((shape for shape in shapes if found.count(shape) >= MOST * len(found)), "each")  # type: ignore[arg-type]


def shape_note(shape: Shape, found: int, read: int) -> str:
    """What a reader must know of the decision; "" where it is a circle, as in most data sets.

    found: photographs of `read` in which a field of view was found.
    """
    notes = {
        "ellipse": f"photographs were squashed: their field of view is an ellipse ({found:,} of {read:,}), made round",
        "frame": f"no field of view is found in most photographs ({read - found:,} of {read:,}), so the whole frame is "
        "used of all",
        "each": f"some photographs were squashed, others not: the field of view ({found:,} of {read:,}) is a circle or "
        "an ellipse, made round",
    }
    return notes.get(shape, "")


def crop_to_field_of_view(image: Image.Image, size: int, fov: FieldOfView | None = None) -> Image.Image:
    """An RGB photograph as (size, size): both half axes of the field of view become size / 2, what is outside black.

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
    return _square(image, _whole_frame(*image.size), size)


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


def _whole_frame(width: int, height: int) -> FieldOfView:
    """The circle around the longer side, which is the square around the frame."""
    longer = max(width, height) / 2
    return FieldOfView(width / 2, height / 2, longer, longer, "frame")


def _square(image: Image.Image, fov: FieldOfView, size: int) -> Image.Image:
    """The box around a field of view, black where it leaves the frame, resized to a square with antialiasing."""
    left, top = round(fov.cx - fov.rx), round(fov.cy - fov.ry)
    box = (left, top, left + max(1, round(2 * fov.rx)), top + max(1, round(2 * fov.ry)))
    return image.crop(box).resize((size, size), Image.Resampling.LANCZOS)


def _darkest_corner(small: Pixels) -> float:
    """Median of the darkest of the four corners, each a thirtieth of the frame's longer side wide."""
    side = max(1, max(small.shape) // 30)
    top, bottom = small[:side], small[-side:]
    corners = (top[:, :side], top[:, -side:], bottom[:, :side], bottom[:, -side:])
    return min(float(np.median(corner)) for corner in corners)


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
