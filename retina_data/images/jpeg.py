"""Pixels of a JPEG, decoded by libjpeg-turbo, whose warnings are heeded: Pillow swallows them.

A file that was closed properly may be damaged inside, say where a download was cut or a disk gave zeros. The decoder
notices, fills the rest with grey or noise, and warns.
"""

from __future__ import annotations

import re

import simplejpeg
from PIL import Image

_DAMAGE = re.compile("(corrupt jpeg data(?!: bad icc)|premature end|inconsistent progression)", re.IGNORECASE)
"""Of libjpeg's warnings those that concern pixels; the others (JFIF revision, SOS parameters) do no harm."""


def decoded(image: Image.Image, data: bytes) -> Image.Image:
    """The image of a JPEG's bytes, loaded, in the size and with the metadata of `image`, its opened file.

    The pixels are those that Pillow decodes, in the same time. Raises ValueError with the reason where the file is
    damaged inside. What simplejpeg does not read, such as CMYK, is left to Pillow, damaged or not.
    """
    if image.mode not in ("RGB", "L"):
        return image
    try:
        # The least scale that gives at least this size is the one that Pillow's draft mode has chosen.
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=image.height, min_width=image.width, strict=True)
    except ValueError as error:
        if _DAMAGE.match(str(error)):
            raise ValueError("the file is damaged inside") from None  # the same words for all, which are counted
        return image
    if pixels.shape[:2] != (image.height, image.width):
        return image
    loaded = Image.fromarray(pixels)
    loaded.info = image.info  # which holds EXIF and its orientation
    return loaded
