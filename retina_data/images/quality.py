"""Quality of a photograph: what the audit of a data set and a graded photograph are warned of, by the same bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from retina_data.images.decode import ImageSpec, open_image, pages_of, upright_rgb
from retina_data.images.field_of_view import field_of_view_in

SEEN_AT = 256  # pixels: enough for the field of view and for light and dark

DARK = 16.0  # 99th percentile of the highest channel

BLOWN_OUT = 0.25  # white share

TINY = 64  # shorter side, pixels

_WHITE = 245  # lowest channel of what is white

BLACK, WHITE = "black or nearly so", f"white on more than {BLOWN_OUT:.0%} of the frame"

SMALL = f"with a side below {TINY} px"

LOST = "no field of view was found"

SEVERAL = "of several pages, of which the first is used"

_WHOLE = "the whole frame is used"


class Light(NamedTuple):
    """99th percentile (0..255) of a photograph's highest channel, and the share of it that is white."""

    percentile: float
    white: float


def light_of(image: Image.Image) -> Light:
    """Light and white of an RGB photograph, seen in a small copy."""
    small = np.asarray(image.reduce(max(1, max(image.size) // SEEN_AT)))  # (H, W, 3)
    return Light(float(np.percentile(small.max(axis=2), 99)), float((small.min(axis=2) >= _WHITE).mean()))


def warnings_of(data: bytes, spec: ImageSpec) -> list[str]:
    """Warnings about a photograph (a file's bytes) that is graded as a spec says; often none.

    The words and bounds are those of `retina data check`. Raises ValueError, or what Pillow raises, for no image.
    """
    shorter = min(open_image(data).size)
    image = upright_rgb(data, SEEN_AT)
    light = light_of(image)
    black, white = light.percentile < DARK, light.white > BLOWN_OUT
    found = [text for wrong, text in ((black, BLACK), (white, WHITE), (shorter < TINY, SMALL)) if wrong]
    if not black and not white:
        found += _field_of_view(image, spec)
    if (pages := pages_of(data)) > 1:
        found.append(f"{SEVERAL}: {pages} pages")
    if shorter < spec.size:
        found.append(f"smaller than the network's input: {shorter} px, less than {spec.size}")
    return found


def _field_of_view(image: Image.Image, spec: ImageSpec) -> list[str]:
    """Where this photograph does not look as the decision for the training's data set has it."""
    alone = field_of_view_in(image)
    if spec.crop == "none":
        return [] if alone.found else [LOST]
    if spec.shape == "frame":
        return [f"a field of view is seen, but in the training's photographs {LOST}: {_WHOLE}"] if alone.found else []
    if field_of_view_in(image, spec.shape).found:
        return []
    if alone.outline == "ellipse":
        return [f"squashed: its field of view is an ellipse, in the training's photographs a circle: {_WHOLE}"]
    return [f"{LOST}: {_WHOLE}"]
