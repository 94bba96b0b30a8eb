"""retina_data.images.jpeg: the pixels are Pillow's; what is damaged inside is found, and nothing sound is accused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from retina_data.audit.image_scan import look_at
from retina_data.cache.preparation import prepare
from retina_data.errors import DataError
from retina_data.images import decode, jpeg
from retina_data.layouts.dataset import read_index
from retina_data.synthetic.painter import CAMERAS, draw_look, paint
from tests.retina_data.audit.test_image_scan import relabel
from tests.retina_data.layouts.test_dataset import SHARED, needs_data

SOUND, DAMAGED = 400, 40


def encoded(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def by_pillow(data: bytes, at_least: int) -> Image.Image:
    """As Pillow alone decodes it."""
    image = Image.open(io.BytesIO(data))
    image.draft(None, (at_least, at_least))
    return ImageOps.exif_transpose(image).convert("RGB")


@pytest.mark.parametrize("at_least", [20, 64, 150, 500])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "options",
    [{}, {"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True}, {"quality": 30}],
)
def test_the_pixels_are_those_of_pillow(mode: str, options: dict[str, object], at_least: int) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (33, 47, 3), np.uint8))
    data = encoded(noise.resize((411, 293), Image.Resampling.BICUBIC).convert(mode), **options)
    assert np.array_equal(decode.upright_rgb(data, at_least), by_pillow(data, at_least))


@needs_data
@pytest.mark.parametrize("size", [32, 64, 128, 224])
def test_the_pixels_of_real_photographs_are_those_of_pillow(size: int) -> None:
    for path in sorted((SHARED / "idrid/images").iterdir())[::20]:
        data = path.read_bytes()
        assert np.array_equal(decode.upright_rgb(data, 2 * size), by_pillow(data, 2 * size))


def test_cmyk_is_left_to_pillow() -> None:
    data = encoded(Image.new("CMYK", (60, 40), (10, 90, 30, 40)))
    opened = decode.open_image(data)
    assert jpeg.decoded(opened, data) is opened


def test_damage_of_cmyk_is_found() -> None:
    data = encoded(Image.effect_noise((300, 200), 60).convert("CMYK"))
    assert decode.upright_rgb(data, 500).tobytes() == by_pillow(data, 500).tobytes()
    place = len(data) // 2
    with pytest.raises(ValueError, match="the file is damaged inside"):
        decode.upright_rgb(data[:place] + bytes(400) + data[place + 400 :], 500)


@pytest.mark.parametrize("options", [{"optimize": True}, {"progressive": True}, {"optimize": True, "subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_zeros_of_flat_areas_are_no_damage(mode: str, options: dict[str, object]) -> None:
    picture = Image.new("RGB", (900, 700), (10, 20, 30))
    picture.paste(Image.effect_noise((200, 200), 60).convert("RGB"), (0, 500))
    data = encoded(Image.new("RGB", (2000, 1500)).convert(mode), **options)
    assert bytes(64) in data[data.index(b"\xff\xda") :]  # they are there
    for one in (data, encoded(picture.convert(mode), **options)):
        assert decode.upright_rgb(one, 64).size[0] >= 64


def test_zeros_in_metadata_are_no_damage() -> None:
    data = encoded(Image.effect_noise((90, 60), 60).convert("RGB"), comment=bytes(400))
    assert bytes(64) in data and decode.upright_rgb(data, 16).size


@needs_data
def test_a_hundred_zeros_in_real_photographs_are_found() -> None:
    rng = np.random.default_rng(4)
    for number, path in enumerate(sorted((SHARED / "idrid/images").iterdir())[::20]):
        data = path.read_bytes()
        if number % 2:
            data = encoded(Image.open(path), quality=92, optimize=True)
        place = int(rng.integers(2000, len(data) - 2000))
        with pytest.raises(ValueError, match="the file is damaged inside"):
            decode.upright_rgb(data[:place] + bytes(100) + data[place + 100 :], 256)


def test_a_warning_that_concerns_no_pixel_does_no_harm() -> None:
    data = bytearray(encoded(Image.effect_noise((90, 60), 60).convert("RGB")))
    data[data.index(b"JFIF\0") + 5] = 9  # revision 9 of the container
    assert np.array_equal(decode.upright_rgb(bytes(data), 16), by_pillow(bytes(data), 16))


def damage(data: bytes, rng: np.random.Generator, cut: bool) -> bytes:
    """A JPEG cut within its pixels and closed, or with up to 4 KiB of zeros in them."""
    begin = data.index(b"\xff\xda") + 14
    place = begin + int(rng.uniform(0.1, 0.8) * (len(data) - begin))
    if cut:
        return data[:place].removesuffix(b"\xff") + b"\xff\xd9"
    zeros = min(4096, (len(data) - 2 - place) // 2)
    return data[:place] + bytes(zeros) + data[place + zeros :]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """Painted photographs of several sizes and encodings, some damaged at seeded places, all closed properly."""
    folder, rng = tmp_path_factory.mktemp("mixed"), np.random.default_rng(20)
    (folder / "images").mkdir()
    eyes = [paint(grade, "left", draw_look(rng), CAMERAS["a"], 200, rng) for grade in range(5)]
    names = [f"{number}_left" for number in range(SOUND + DAMAGED)]
    damaged = set(rng.choice(names, DAMAGED, replace=False))
    for number, name in enumerate(names):
        size, angle = (96, 128, 200)[number % 3], float(rng.uniform(0, 360))  # all differ, and painting takes long
        picture = eyes[number % 5].rotate(angle, Image.Resampling.BICUBIC).resize((size, size))
        options = {"quality": (75, 85, 95)[number % 3], "subsampling": number % 3, "progressive": number % 4 == 0}
        data = encoded(picture, **options)
        if name in damaged:
            data = damage(data, rng, cut=number % 2 == 0)
        (folder / "images" / f"{name}.jpeg").write_bytes(data)
    relabel(folder, [(name, number % 5) for number, name in enumerate(names)])
    return folder, damaged


def test_damaged_files_are_found_among_sound_ones(mixed: tuple[Path, set[str]], tmp_path: Path) -> None:
    folder, damaged = mixed
    data = read_index(folder)
    errors = look_at(data, progress=False).table["error"]
    found = set(data.table["image"][errors != ""])
    assert not found - damaged
    assert len(found) >= 38
    assert (errors == "the file is damaged inside").sum() >= 30  # the others' markers are damaged: Pillow sees it too
    with pytest.raises(DataError, match=f"{len(found)} of {SOUND + DAMAGED}"):
        prepare(data, tmp_path, image_size=32, progress=False)
    cache = prepare(data, tmp_path, image_size=32, on_error="skip", progress=False)
    assert set(cache.table["image"][cache.table["error"] != ""]) == found


@needs_data
def test_real_photographs_that_were_cut_or_zeroed_are_found() -> None:
    rng = np.random.default_rng(3)
    for number, path in enumerate(sorted((SHARED / "idrid/images").iterdir())[::10]):
        data = path.read_bytes()
        decode.upright_rgb(data, 256)
        with pytest.raises(ValueError, match="the file is damaged inside"):
            decode.upright_rgb(damage(data, rng, cut=number % 2 == 0), 256)
