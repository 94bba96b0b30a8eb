"""retina_data.decode: whole images are read in any form, what is none is refused by name."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retina_data import decode
from retina_data.index import DataError


def jpeg(size: tuple[int, int] = (90, 60), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("cut", [0, 10, 700, -2])
def test_a_truncated_file_is_refused(cut: int) -> None:
    with pytest.raises((ValueError, OSError)):
        decode.upright_rgb(jpeg()[:cut], 16)


def test_another_format_under_a_jpegs_name_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "a.jpeg", "GIF")
    (tmp_path / "b.jpeg").write_text("<html></html>")
    for name in "ab":
        with pytest.raises(ValueError, match="no JPEG, PNG, TIFF image"):
            decode.read_photograph(tmp_path / f"{name}.jpeg", 16, True)


def test_too_many_pixels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_PIXELS", 90 * 60 - 1)
    with pytest.raises(ValueError, match="90 x 60 is more than"):
        decode.upright_rgb(jpeg(), 16)


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
def test_any_colour_form_becomes_rgb(mode: str) -> None:
    image = decode.upright_rgb(jpeg(mode=mode), 16)
    assert image.mode == "RGB" and min(image.size) >= 16


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((20, 20), 128 * 256, np.uint16)).save(file, "PNG")
    assert decode.upright_rgb(file.getvalue(), 16).getpixel((5, 5)) == (128, 128, 128)


def test_exif_orientation_is_honoured() -> None:
    image = Image.new("RGB", (80, 40))
    image.paste((255, 0, 0), (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    turned = decode.upright_rgb(file.getvalue(), 40)
    assert turned.size == (40, 80)
    red = np.asarray(turned)[..., 0]
    assert red[:30].min() > 200 and red[50:].max() < 60


def test_draft_decoding_keeps_twice_the_target() -> None:
    image = decode.upright_rgb(jpeg((1600, 1200)), 2 * 64)
    assert 128 <= min(image.size) < 300


def test_rows_are_written_in_order_and_bad_files_named(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(30)]
    for n, path in enumerate(paths):
        Image.new("RGB", (32, 32), (n, n, n)).save(path)
    hashes, found = decode.decode_all(paths, tmp_path / "images.npy", 16, False, 2, False)
    images = np.load(tmp_path / "images.npy")
    assert images.shape == (30, 16, 16, 3) and images[:, 8, 8, 0].tolist() == list(range(30))
    assert hashes[3] == hashlib.sha256(paths[3].read_bytes()).hexdigest() and not any(found)
    for path in paths[:14]:
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"14 of 30 .*0\.png \(the file is empty\).* and 4 more"):
        decode.decode_all(paths, tmp_path / "images.npy", 16, False, 2, False)
