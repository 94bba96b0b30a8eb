"""Strips and tiles of a TIFF file, looked at for damage: libtiff notices some of it only, and Pillow hears less."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from retina_data.images import jpeg

_COMPRESSION, _JPEG_TABLES = 259, 347

_PLACES, _LENGTHS = (273, 324), (279, 325)  # of strips, of tiles

_JPEG, _DEFLATE = 7, (8, 32946)


def refuse_damaged(tags: ImageFileDirectory_v2, data: bytes) -> None:
    """Raise ValueError where a JPEG or deflated data in a TIFF's bytes are damaged inside."""
    if tags.get(_COMPRESSION) == _JPEG:
        tables = bytes(tags.get(_JPEG_TABLES, b""))[:-2]  # without its end
        for strip in _strips(tags, data):
            jpeg.checked(tables + strip[2:] if tables else strip, "RGB", 1, 1)
    elif tags.get(_COMPRESSION) in _DEFLATE:
        for strip in _strips(tags, data):
            _inflate(strip)


def pages_of(image: TiffImageFile) -> int:
    """Pages of a TIFF file, opened: the first is read. Smaller copies of it are none."""
    width, pages = image.width, 1
    try:
        for number in range(1, image.n_frames):
            image.seek(number)
            pages += 2 * image.width > width
    except (OSError, EOFError, ValueError, SyntaxError):  # what stands behind the first is damaged
        pass
    return pages


def _strips(tags: ImageFileDirectory_v2, data: bytes) -> Iterator[bytes]:
    places, lengths = (next(filter(None, (tags.get(tag) for tag in kind)), ()) for kind in (_PLACES, _LENGTHS))
    if sum(lengths) <= len(data):  # strips that overlap are no photograph's, and might be looked at for ever
        yield from (data[place : place + length] for place, length in zip(places, lengths, strict=False))


def _inflate(strip: bytes) -> None:
    """Raise ValueError where deflated data break their form, end early or have another checksum."""
    inflated = zlib.decompressobj()
    try:
        while strip and not inflated.eof:  # in pieces, so that a few bytes that unpack to a memory's fill do no harm
            inflated.decompress(strip, 1 << 20)
            strip = inflated.unconsumed_tail
    except zlib.error:
        raise ValueError("the file is damaged inside") from None
