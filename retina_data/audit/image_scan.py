"""Scan of each image of a data set: size, digest, brightness, field of view, perceptual hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw

from retina_data.images import decode
from retina_data.images.decode import Source
from retina_data.images.field_of_view import FieldOfView, crop_to_field_of_view, field_of_view_in
from retina_data.images.quality import SEEN_AT, light_of
from retina_data.layouts.dataset import DataSet

MISSING = "not there"

_HASH = 16  # cells a side


class _Look(NamedTuple):
    bytes: int
    width: int
    height: int
    pages: int
    sha256: str
    error: str
    light: float
    white: float
    fov_found: bool
    fov_outline: str
    fov_support: float
    bits: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Content:
    """What the images of a data set are.

    `table` has the data set's index and the columns bytes, width, height, pages (of the file), sha256, error (why it
    cannot be read, else ""), light (its 99th percentile, 0..255), white (share of its pixels), fov_found, fov_outline
    and fov_support (share of the field of view's edge that lies on its outline). `bits` (N, 512) is a perceptual hash:
    it hardly changes when a photograph is saved again, resized or made brighter.
    """

    table: pd.DataFrame
    bits: npt.NDArray[np.bool_]


def look_at(dataset: DataSet, *, workers: int | None = None, progress: bool = True) -> Content:
    """Open every image once, by `workers` threads (all cores). Whatever is wrong with one is its `error`."""
    count, bar = len(dataset.table), "looking at images" if progress else ""
    looks = decode.in_threads(_look, enumerate(decode.sources(dataset)), count, workers or os.cpu_count() or 1, bar)
    found = [look for _, look in looks]
    table = pd.DataFrame([look[:-1] for look in found], columns=list(_Look._fields[:-1]), index=dataset.table.index)
    return Content(table, np.stack([look.bits for look in found]))


def pictures(dataset: DataSet, rows: Iterable[int], side: int) -> dict[int, Image.Image | None]:
    """Whole frames of some rows, at most `side` pixels, with the field of view drawn in; None where unreadable."""
    wanted = set(rows)
    drawn: dict[int, Image.Image | None] = {}
    jobs = ((row, source) for row, source in enumerate(decode.sources(dataset)) if row in wanted)

    def show(row: int, source: Source) -> Image.Image | None:
        try:
            image = _opened(source)[0]
        except Exception:  # it is shown because it cannot be read
            return None
        place, scale = field_of_view_in(image), side / max(image.size)
        small = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        if place.found:
            x, y, rx, ry = (value * scale for value in (place.cx, place.cy, place.rx, place.ry))
            ImageDraw.Draw(small).ellipse((x - rx, y - ry, x + rx, y + ry), outline=(90, 230, 255), width=2)
        return small

    for row, picture in decode.in_threads(show, jobs, len(wanted), 2, ""):
        drawn[row] = picture
    return drawn


def _look(row: int, source: Source) -> _Look:
    nothing = np.zeros(2 * _HASH * _HASH, dtype=bool)
    if isinstance(source, Path) and source == Path(""):
        return _Look(0, 0, 0, 0, "", MISSING, 0.0, 0.0, False, "frame", 0.0, nothing)
    try:
        image, (width, height), data = _opened(source)
    except Exception as error:  # Pillow's decoders raise nearly every kind
        size, sha256 = _file(source)
        return _Look(size, 0, 0, 0, sha256, decode.reason(error), 0.0, 0.0, False, "frame", 0.0, nothing)
    light, place = light_of(image), field_of_view_in(image)
    return _Look(
        bytes=len(data),
        width=width,
        height=height,
        pages=decode.pages_of(data) if isinstance(source, Path) else 1,
        sha256=hashlib.sha256(data).hexdigest(),
        error="",
        light=light.percentile,
        white=light.white,
        fov_found=place.found,
        fov_outline=place.outline,
        fov_support=place.support,
        bits=_perceptual_hash(image, place),
    )


def _opened(source: Source) -> tuple[Image.Image, tuple[int, int], bytes]:
    """A small decode of the image, the size that its file states, and the file's bytes."""
    if not isinstance(source, Path):
        return Image.fromarray(source), (source.shape[1], source.shape[0]), source.tobytes()
    data = source.read_bytes()
    return decode.upright_rgb(data, SEEN_AT), decode.open_image(data).size, data


def _file(source: Source) -> tuple[int, str]:
    try:
        data = source.read_bytes() if isinstance(source, Path) else source.tobytes()
    except OSError:
        return 0, ""
    return len(data), hashlib.sha256(data).hexdigest()


def _perceptual_hash(image: Image.Image, place: FieldOfView) -> npt.NDArray[np.bool_]:
    """Whether each cell of the retina is brighter than the one to its left, and than the one above it: (512,) bool."""
    square = crop_to_field_of_view(image, 64, place).convert("L")
    across = np.asarray(square.resize((_HASH + 1, _HASH), Image.Resampling.BOX), np.int16)
    down = np.asarray(square.resize((_HASH, _HASH + 1), Image.Resampling.BOX), np.int16)
    return np.concatenate([(np.diff(across, axis=1) > 0).ravel(), (np.diff(down, axis=0) > 0).ravel()])
