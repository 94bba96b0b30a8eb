"""16 bits a colour -> 8. Cameras store 10, 12 or 14 bits in 16, of which the higher 8 alone show a black eye."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_DEPTHS = (8, 10, 12, 14, 16)  # bits of a sensor

_SWAPPED = {"B": "L", "L": "B", "N": "B"}  # order of bytes, at the end of Pillow's raw modes; N is this machine's


def eight_bits(values: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.uint8]:
    """The highest 8 bits of those that are used: of the least depth that holds the largest value (any shape)."""
    held = values.clip(0, 65535)
    depth = next(bits for bits in _DEPTHS if int(held.max()) < 1 << bits)
    return np.asarray(held >> (depth - 8), np.uint8)


def is_deep(image: Image.Image) -> bool:
    """Whether a file, opened and not loaded, has 16 bits of each colour, of which Pillow keeps the higher 8."""
    return any(_raw_mode(tile.args).startswith("RGB") and ";16" in _raw_mode(tile.args) for tile in _tiles(image))


def keep_lower_bytes(image: Image.Image) -> Image.Image:
    """The same file, opened and not loaded, so that Pillow keeps the lower 8 bits: read in the other order of bytes."""
    tiles = _tiles(image)
    for place, tile in enumerate(tiles):
        raw = _raw_mode(tile.args)
        swapped = raw[:-1] + _SWAPPED[raw[-1]]
        args = swapped if isinstance(tile.args, str) else (swapped, *tile.args[1:])
        tiles[place] = type(tile)(*tile[:3], args)
    return image


def merged(higher: Image.Image, lower: Image.Image) -> Image.Image:
    """RGB or RGBA in 8 bits of both halves of 16; colours and opacity each by their own depth."""
    values = np.asarray(higher).astype(np.uint32) << 8 | np.asarray(lower)
    channels = [eight_bits(values[..., :3]), *([eight_bits(values[..., 3:])] if values.shape[2] == 4 else [])]
    return Image.fromarray(np.concatenate(channels, axis=2))


def _tiles(image: Image.Image) -> list[Any]:
    """How each part of a file is decoded: Pillow's list, empty for an image that is loaded."""
    return getattr(image, "tile", [])


def _raw_mode(args: Any) -> str:
    return str(args if isinstance(args, str) else args[0]) if args else ""
