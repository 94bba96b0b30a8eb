"""retina_data.images.decode: whole images are read in any form, what is none is refused by name."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retina_data.images import decode

FORM = decode.ImageSpec(16, "fov", "none")


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
        with pytest.raises(ValueError, match="no photograph but (a GIF image|an HTML page)"):
            decode.read_photograph(tmp_path / f"{name}.jpeg", FORM)


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


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bits_are_turned_as_eight_are(format: str, orientation: int) -> None:
    ramp = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) * 100
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = []
    for pixels in (ramp, (ramp >> 8).astype(np.uint8)):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, format, exif=exif)
        turned.append(np.asarray(decode.upright_rgb(file.getvalue(), 16)))
    assert np.array_equal(*turned)
    if orientation == 6:  # turn right by 90 degrees
        assert np.array_equal(turned[0][..., 0], np.rot90(ramp >> 8, -1))


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


def encoded(format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((90, 60), 60).convert("RGB").save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("format", "options"),
    [("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("JPEG", {"progressive": True})],
)
@pytest.mark.parametrize("cut", [10, 0.5, -2])
def test_any_format_that_ends_early_is_refused(format: str, options: dict[str, object], cut: float) -> None:
    data = encoded(format, **options)
    assert decode.upright_rgb(data, 16).mode == "RGB"
    end = int(cut * len(data)) if isinstance(cut, float) else cut
    with pytest.raises((ValueError, OSError, UserWarning)):
        decode.upright_rgb(data[:end], 16)


def test_a_thumbnails_end_is_not_the_files_end() -> None:
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9"  # as in an embedded picture
    data = encoded("JPEG", exif=exif.tobytes()[:-1] + b"\xff\xd9")
    assert decode.upright_rgb(data, 16).mode == "RGB"
    with pytest.raises(ValueError, match="ends early"):
        decode.upright_rgb(data[:-2], 16)
    assert decode.upright_rgb(data + b"\0" * 5000, 16).mode == "RGB"  # cameras pad their files


def test_a_real_bomb_is_refused_before_it_is_unpacked() -> None:
    file = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(file, "PNG")
    with pytest.raises(ValueError, match="more than 89,478,485 pixels"):
        decode.upright_rgb(file.getvalue(), 16)


def test_inverted_cmyk_keeps_its_colours() -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 40), (200, 40, 20)).convert("CMYK").save(file, "JPEG", quality=95)
    pixel = decode.upright_rgb(file.getvalue(), 16).getpixel((10, 10))
    assert isinstance(pixel, tuple) and all(abs(a - b) < 12 for a, b in zip(pixel, (200, 40, 20), strict=True))


def test_colour_normalisation_is_part_of_the_form(tmp_path: Path) -> None:
    data = jpeg()
    (tmp_path / "a.jpeg").write_bytes(data)
    plain = decode.read_photograph(tmp_path / "a.jpeg", decode.ImageSpec(32, "none", "none"))
    normalised = decode.read_photograph(tmp_path / "a.jpeg", decode.ImageSpec(32, "none", "graham"))
    assert plain.sha256 == normalised.sha256 == hashlib.sha256(data).hexdigest()
    assert (plain.pixels[0, 0] == 0).all() and (normalised.pixels[0, 0] == 128).all()


def test_threads_keep_the_order_and_their_errors_come_out() -> None:
    sources = [(row, np.full((1, 1, 3), row, np.uint8)) for row in range(30)]
    done = list(decode.in_threads(lambda row, source: int(np.asarray(source).sum()), sources, 30, 3, ""))
    assert done == [(row, 3 * row) for row in range(30)]

    def fails(row: int, source: object) -> int:
        return 1 // (5 - row)

    with pytest.raises(ZeroDivisionError):
        list(decode.in_threads(fails, sources, 30, 3, ""))


def test_reasons_name_no_path(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        (tmp_path / "gone").read_bytes()
    assert decode.reason(caught.value) == "No such file or directory"
    assert decode.reason(ValueError("a\n b")) == "a b" and decode.reason(KeyError()) == "KeyError"


@pytest.mark.parametrize("format", ["WEBP", "BMP"])
def test_other_formats_are_read_and_refused_where_they_end_early(format: str) -> None:
    data = encoded(format, **({"lossless": True} if format == "WEBP" else {}))
    assert np.array_equal(decode.upright_rgb(data, 16), Image.open(io.BytesIO(data)).convert("RGB"))
    with pytest.raises((ValueError, OSError)):
        decode.upright_rgb(data[: len(data) // 2], 16)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "palette with opacities"])
def test_what_is_transparent_is_black(mode: str) -> None:
    image = Image.new("RGBA", (40, 20), (200, 200, 200, 255))
    image.paste((180, 180, 180, 0), (0, 0, 20, 20))  # grey that nobody sees
    file = io.BytesIO()
    if mode == "P":
        plain = image.convert("RGB").quantize(4)
        plain.save(file, "PNG", transparency=plain.getpixel((5, 5)))
    elif mode == "palette with opacities":
        image.quantize(4).save(file, "PNG")
    else:
        image.convert(mode).save(file, "PNG")
    seen = decode.upright_rgb(file.getvalue(), 16)
    assert (seen.mode, seen.getpixel((5, 5))) == ("RGB", (0, 0, 0))
    right = seen.getpixel((30, 5))
    assert isinstance(right, tuple) and all(abs(value - 200) <= 4 for value in right)


def test_half_transparent_is_half_as_bright() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (8, 8), (200, 100, 50, 128)).save(file, "WEBP", lossless=True)
    assert decode.upright_rgb(file.getvalue(), 16).getpixel((2, 2)) == (100, 50, 25)


def test_a_photograph_says_what_its_field_of_view_was_taken_for(tmp_path: Path) -> None:
    place = (np.arange(90) + 0.5) / 90 * 2 - 1
    disc = Image.fromarray((np.add.outer(place**2, place**2) < 0.8).astype(np.uint8) * 200).convert("RGB")
    disc.save(tmp_path / "round.png")
    disc.resize((60, 90)).crop((-15, 0, 75, 90)).save(tmp_path / "oval.png")
    Image.new("RGB", (30, 30), (120, 120, 120)).save(tmp_path / "none.png")
    for name, outline in (("round", "circle"), ("oval", "ellipse"), ("none", "frame")):
        assert decode.read_photograph(tmp_path / f"{name}.png", FORM).outline == outline
        assert decode.read_photograph(tmp_path / f"{name}.png", replace(FORM, crop="none")).outline == "frame"
    assert decode.read_photograph(tmp_path / "oval.png", replace(FORM, shape="circle")).outline == "frame"
