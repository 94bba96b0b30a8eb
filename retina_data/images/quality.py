"""Quality of a photograph: warnings beside its grade."""

from __future__ import annotations

import numpy as np

from retina_data.images.decode import open_image, upright_rgb
from retina_data.images.field_of_view import field_of_view_in

_SEEN_AT = 256  # pixels: enough for the field of view and for light and dark

_WHITE = 245  # lowest channel of what is overexposed


def warnings_of(data: bytes, image_size: int) -> list[str]:
    """Warnings about a photograph (a file's bytes) that is graded at `image_size` pixels; often none.

    The bounds of light are those of `retina data check`. Raises ValueError, or what Pillow raises, for no image.
    """
    shorter = min(open_image(data).size)
    image = upright_rgb(data, _SEEN_AT)
    pixels = np.asarray(image.reduce(max(1, max(image.size) // _SEEN_AT)))  # (H, W, 3)
    found = []
    if float(np.percentile(pixels.max(axis=2), 99)) < DARK:
        found.append("too dark")
    if float((pixels.min(axis=2) >= _WHITE).mean()) > BLOWN_OUT:
        found.append("overexposed")
    if not field_of_view_in(image).found:
        found.append("field of view not found")
    if shorter < image_size:
        found.append(f"too small: {shorter} px, less than {image_size}")
    return found


DARK = 16.0  # 99th percentile


BLOWN_OUT = 0.25  # white share
