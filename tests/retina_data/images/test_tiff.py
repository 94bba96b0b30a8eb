"""retina_data.images.tiff: damage that libtiff forgives is found, nothing sound is accused, and pages are counted."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from retina_data.images import decode
from tests.retina_data.as_people_have_them.builder import pages

NOISE = Image.effect_noise((300, 200), 60)


def encoded(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "TIFF", **options)
    return file.getvalue()


@pytest.mark.parametrize("compression", [None, "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_sound_files_are_read(mode: str, compression: str | None) -> None:
    for image in (NOISE, Image.new("L", (900, 700))):
        data = encoded(image.convert(mode), compression=compression)
        assert decode.upright_rgb(data, 64).size == image.size


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_zeros_in_compressed_pixels_are_found(compression: str, share: float) -> None:
    data = encoded(NOISE.convert("RGB"), compression=compression)
    place = int(share * len(data))
    with pytest.raises((ValueError, OSError)):
        decode.upright_rgb(data[:place] + bytes(400) + data[place + 400 :], 64)


def test_pages_are_counted_but_not_smaller_copies() -> None:
    assert decode.pages_of(pages(3)) == 3 and decode.pages_of(pages(1)) == 1
    small = encoded(NOISE, save_all=True, append_images=[NOISE.resize((30, 20))])
    assert decode.pages_of(small) == 1
