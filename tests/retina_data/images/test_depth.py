"""retina_data.images.depth: what a sensor's bits show is seen, however many bits the file stores them in."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from retina_data.images import depth
from retina_data.images.decode import upright_rgb

Deep = npt.NDArray[np.uint16]


def png(pixels: Deep) -> bytes:
    """A PNG (H, W, 3 or 4) of 16 bits a colour, which Pillow cannot write."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )  # fmt: skip


def tiff(pixels: Deep, order: str, compression: int) -> bytes:
    """A TIFF (H, W, 3) of 16 bits a colour. order: < or >. compression: 1 none, 8 deflate."""
    height, width, _ = pixels.shape
    data = pixels.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if compression == 8 else data
    tags = {256: width, 257: height, 259: compression, 262: 2, 273: 8, 277: 3, 278: height, 279: len(data)}
    end = 8 + len(data)
    lines = [(tag, 4, 1, value) for tag, value in tags.items()] + [(258, 3, 3, end + 2 + 12 * 9 + 4)]
    directory = b"".join(struct.pack(f"{order}HHII", *line) for line in sorted(lines))
    begin = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", end)
    return (
        begin
        + data
        + struct.pack(f"{order}H", 9)
        + directory
        + struct.pack(f"{order}IHHH", 0, 16, 16, 16)
    )  # fmt: skip


def pixels(bits: int, channels: int = 3) -> Deep:
    """Noise (20, 30, C) that needs so many bits."""
    made = np.random.default_rng(bits).integers(0, 1 << bits, (20, 30, channels)).astype(np.uint16)
    made[0, 0] = (1 << bits) - 1
    return made


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_the_bits_that_are_used_become_eight(bits: int) -> None:
    values = pixels(bits)
    assert np.array_equal(depth.eight_bits(values), values >> (bits - 8))
    assert depth.eight_bits(values).dtype == np.uint8
    assert depth.eight_bits(np.zeros((2, 2), np.uint16)).max() == 0


@pytest.mark.parametrize("bits", [12, 16])
def test_colours_of_a_png_and_of_each_tiff(bits: int) -> None:
    made = pixels(bits)
    files = [png(made), *(tiff(made, order, compression) for order in "<>" for compression in (1, 8))]
    for file in files:
        assert np.array_equal(np.asarray(upright_rgb(file, 16)), made >> (bits - 8))


def test_grey_is_stretched_too() -> None:
    file, values = io.BytesIO(), pixels(12)[..., 0]
    Image.fromarray(values).save(file, "PNG")
    assert np.array_equal(np.asarray(upright_rgb(file.getvalue(), 16))[..., 1], values >> 4)


def test_opacity_is_no_colour() -> None:
    made = pixels(12, 4)
    made[..., 3] = 65535
    assert np.array_equal(np.asarray(upright_rgb(png(made), 16)), made[..., :3] >> 4)
    made[..., 3] = 0
    assert not np.asarray(upright_rgb(png(made), 16)).any()


def test_eight_bits_are_left_alone() -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (3, 2, 1)).save(file, "PNG")
    image = Image.open(file)
    assert not depth.is_deep(image) and depth.is_deep(Image.open(io.BytesIO(png(pixels(12)))))
    assert upright_rgb(file.getvalue(), 16).getpixel((0, 0)) == (3, 2, 1)
