"""Pixels of a JPEG, decoded by libjpeg-turbo, whose warnings are heeded: Pillow swallows them.

A file that was closed properly may be damaged inside, say where a download was cut or a disk gave zeros. The decoder
notices, fills the rest with grey or noise, and warns; a few zeros it may take for pixels.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

_DAMAGE = re.compile("(corrupt jpeg data(?!: bad icc)|premature end|inconsistent progression)", re.IGNORECASE)
"""Of libjpeg's warnings those that concern pixels; the others (JFIF revision, SOS parameters) do no harm."""

_ZEROS = bytes(64)

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Behind a scan. Within it stand escaped bytes and restart markers alone."""


def decoded(image: Image.Image, data: bytes) -> Image.Image:
    """The image of a JPEG's bytes, loaded, in the size and with the metadata of `image`, its opened file.

    The pixels are those that Pillow decodes, in the same time. Raises ValueError with the reason where the file is
    damaged inside. What simplejpeg gives no colours of, such as CMYK, is then left to Pillow.
    """
    # The least scale that gives at least this size is the one that Pillow's draft mode has chosen.
    pixels = checked(data, "RGB" if image.mode in ("RGB", "L") else "CMYK", image.height, image.width)
    if pixels is None or pixels.shape != (image.height, image.width, 3):
        return image
    loaded = Image.fromarray(pixels)
    loaded.info = image.info  # which holds EXIF and its orientation
    return loaded


def checked(data: bytes, colours: str, height: int, width: int) -> npt.NDArray[np.uint8] | None:
    """Pixels (H, W, C) of a JPEG's bytes, of at least this size; None where simplejpeg does not read it.

    Raises ValueError where it is damaged inside.
    """
    try:
        pixels = simplejpeg.decode_jpeg(data, colours, min_height=height, min_width=width, strict=True)
    except ValueError as error:
        if not _DAMAGE.match(str(error)):
            return None
    else:
        if not _zeroed(data):
            return np.asarray(pixels)
    raise ValueError("the file is damaged inside")  # the same words for all, which are counted


def _zeroed(data: bytes) -> bool:
    """Whether 64 zero bytes stand in a scan where no sound one has them.

    The code of zeros alone is that of the first symbol of a Huffman table. Where it ends a block, zeros are flat areas.
    Else each frequency of block after block would have the same value, which no picture has.
    """
    if _ZEROS not in data:
        return False
    first: dict[int, int] = {}  # class and number of a table -> its first symbol: zeros before a value, bits of it
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xD9:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        body = data[place + 4 : place + 2 + length]
        place += 2 + length
        if marker == 0xFF:  # a fill byte
            place -= 1 + length
        while marker == 0xC4 and len(body) > 17:
            first[body[0]], body = body[17], body[17 + sum(body[1:17]) :]
        if marker == 0xDA and body:
            end = found.start() if (found := _NEXT_MARKER.search(data, place)) else len(data)
            *components, _, last, _ = body[1:]
            tables = [0x10 | (number & 15) for number in components[1::2]]  # of frequencies, which a scan of DC has not
            if last and any(first.get(table, 0) & 15 for table in tables) and data.find(_ZEROS, place, end) >= 0:
                return True
            place = end
    return False
