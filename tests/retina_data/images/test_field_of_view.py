"""retina_data.images.field_of_view: it is found whatever the frame cuts off, and the eye is never oval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from retina_data.images.decode import ImageSpec, read_photograph
from retina_data.images.field_of_view import (
    LEAST_SUPPORT,
    crop_to_field_of_view,
    field_of_view_in,
    find_field_of_view,
    graham,
    pad_to_square,
    shape_note,
    shape_of_all,
)
from tests.retina_data.layouts.test_dataset import SHARED, needs_data


def photograph(
    width: int, height: int, cx: float, cy: float, radius: float, light: float = 180
) -> npt.NDArray[np.uint8]:
    """A disc with a darker rim on noisy black, and a bright mark outside that a camera might print."""
    y, x = np.mgrid[:height, :width] + 0.5
    distance = np.hypot(x - cx, y - cy) / radius
    grey = np.where(distance < 1, light * (1 - 0.5 * distance**2), 0)
    grey[5:12, 5:30] = light
    noise = np.random.default_rng(0).normal(0, 1, grey.shape)
    rgb = grey[..., None] * np.array([1.0, 0.5, 0.2]) + noise[..., None]
    return np.clip(rgb, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "cx", "cy", "radius", "light"),
    [
        (800, 600, 390.0, 310.0, 250.0, 180.0),  # the whole field of view
        (1072, 712, 495.0, 355.0, 427.0, 180.0),  # cut at top and bottom
        (600, 600, 300.0, 300.0, 300.0, 180.0),  # cropped to the field of view
        (500, 600, 250.0, 290.0, 300.0, 180.0),  # cut at left and right
        (800, 600, 390.0, 310.0, 250.0, 30.0),  # dim
        (64, 64, 31.0, 33.0, 29.0, 180.0),  # small
    ],
)
def test_the_disc_is_found(width: int, height: int, cx: float, cy: float, radius: float, light: float) -> None:
    fov = find_field_of_view(photograph(width, height, cx, cy, radius, light))
    assert fov.found
    tolerance = 0.02 * radius + 0.5
    assert abs(fov.cx - cx) < tolerance and abs(fov.cy - cy) < tolerance and abs(fov.rx - radius) < tolerance


@pytest.mark.parametrize("fill", [0, 128])
def test_without_an_edge_nothing_is_claimed(fill: int) -> None:
    frame = np.full((300, 400, 3), fill, np.uint8)
    fov = find_field_of_view(frame)
    assert not fov.found
    whole = crop_to_field_of_view(Image.fromarray(frame), 64)
    assert np.array_equal(np.asarray(whole), np.asarray(pad_to_square(Image.fromarray(frame), 64)))


@pytest.mark.parametrize(("width", "height", "radius"), [(800, 600, 280.0), (1072, 712, 427.0), (600, 800, 250.0)])
def test_a_cropped_eye_is_round_centred_and_of_common_radius(width: int, height: int, radius: float) -> None:
    image = Image.fromarray(photograph(width, height, width / 2 + 20, height / 2, radius))
    square = np.asarray(crop_to_field_of_view(image, 128)).max(axis=2)
    bright = square > 20
    row, column = bright[64], bright[:, 64]
    assert square.shape == (128, 128)
    assert row.sum() >= 125  # from rim to rim
    seen = min(128, round(128 * height / (2 * radius)))  # black where the frame cut the eye
    assert abs(column.sum() - seen) <= 3
    assert abs(np.flatnonzero(column).mean() - 63.5) <= 1.5
    assert not bright[:12, :12].any()  # outside the field of view


def test_padding_keeps_the_shape() -> None:
    frame = Image.new("RGB", (200, 100), (255, 0, 0))
    square = np.asarray(pad_to_square(frame, 50))
    assert square.shape == (50, 50, 3)
    assert (square[15:35, :, 0] > 200).all() and not square[:10].any() and not square[40:].any()


def test_graham_takes_light_and_colour_away_and_keeps_what_stands_out() -> None:
    y, x = np.mgrid[:120, :120] + 0.5
    inside = np.hypot(x - 60, y - 60) < 58
    spots = (np.hypot(x - 40, y - 50) < 2.5) | (np.hypot(x - 85, y - 75) < 2.5)
    seen = []
    for tint in (np.array([180.0, 90.0, 40.0]), np.array([110.0, 80.0, 70.0])):
        light = 1 - 0.5 * x / 120
        picture = (light * np.where(spots, 0.7, 1.0))[..., None] * tint * inside[..., None]
        seen.append(np.asarray(graham(Image.fromarray(picture.astype(np.uint8))), float))
    for normalised in seen:
        assert (normalised[~inside] == 128).all()
        plain = (
            inside & (np.hypot(x - 60, y - 60) < 50) & (np.hypot(x - 40, y - 50) > 9) & (np.hypot(x - 85, y - 75) > 9)
        )
        assert np.abs(normalised[plain] - 128).max() <= 12
        assert normalised[spots][:, 1].mean() < 100


def test_a_clear_edge_supports_its_circle_more_than_a_broken_one() -> None:
    clear = photograph(400, 400, 200, 200, 150)
    broken = clear.copy()
    broken[100:180, :200] = 0
    assert find_field_of_view(clear).support > 0.9 > find_field_of_view(broken).support >= LEAST_SUPPORT
    assert find_field_of_view(np.zeros((100, 100, 3), np.uint8)).support == 0


@needs_data
def test_the_disc_is_found_in_all_real_photographs() -> None:
    found = []
    for path in sorted((SHARED / "idrid/images").iterdir()):
        image = Image.open(path)
        image.draft("RGB", (500, 300))  # half the size
        found.append(find_field_of_view(np.asarray(image)))
    assert len(found) == 413 and all(fov.outline == "circle" for fov in found)
    # One camera took them all: its field of view is always about the same.
    assert np.ptp([fov.rx for fov in found]) < 5
    assert np.ptp([fov.cx for fov in found]) < 8 and np.ptp([fov.cy for fov in found]) < 6


def squashed(image: Image.Image, ratio: float, side: int) -> Image.Image:
    """A photograph whose frame has been cut to a ratio of its sides around its middle, then squashed to a square."""
    width = min(image.width, round(image.height * ratio))
    left = min(max(0, round(0.462 * image.width - width / 2)), image.width - width)  # where IDRiD's camera has the eye
    return image.crop((left, 0, left + width, image.height)).resize((side, side), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("ratio", [1.5, 4 / 3, 1.25])
@pytest.mark.parametrize(("radius", "side"), [(330.0, 512), (330.0, 96), (240.0, 256)])  # 330: cut at top and bottom
def test_a_squashed_eye_is_an_ellipse_and_becomes_round(ratio: float, radius: float, side: int) -> None:
    whole = Image.fromarray(photograph(900, 600, 416.0, 300.0, radius))
    image = squashed(whole, ratio, side)
    fov = field_of_view_in(image)
    cut = whole.width - min(whole.width, round(whole.height * ratio))
    assert fov.outline == "ellipse" and fov.support > 0.85
    assert fov.ry / fov.rx == pytest.approx((900 - cut) / 600, rel=0.02)
    plain = np.asarray(crop_to_field_of_view(whole, 128)).max(axis=2) > 20
    seen = np.asarray(crop_to_field_of_view(image, 128)).max(axis=2) > 20
    assert abs(seen.mean() - plain.mean()) < 0.03
    for axis in (0, 1):
        assert abs(np.flatnonzero(seen.any(axis=axis)).mean() - 63.5) < 0.02 * 128


def test_below_the_least_support_nothing_is_found() -> None:
    ragged = photograph(400, 400, 200, 200, 150)
    ragged[50:140, :200] = 0
    ragged[200:330, 200:] = 0
    fov = find_field_of_view(ragged)
    assert (fov.outline, fov.support, fov.found) == ("frame", 0.0, False)


def test_a_shadow_on_the_edge_makes_no_ellipse() -> None:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:300, :400]
    for _ in range(40):
        picture = photograph(400, 300, 200, 150, 140)
        for angle in rng.uniform(0, 2 * np.pi, rng.integers(1, 4)):
            near = np.hypot(x - 200 - 140 * np.cos(angle), y - 150 - 140 * np.sin(angle))
            picture[near < rng.uniform(20, 90)] = 0
        assert find_field_of_view(picture).outline in ("circle", "frame")


def test_a_photograph_on_grey_has_no_field_of_view() -> None:
    image = Image.fromarray(photograph(300, 300, 150, 150, 120))
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(10)), float)
    filtered = (4 * (np.asarray(image, float) - blurred) + 128).clip(0, 255).astype(np.uint8)
    assert field_of_view_in(image).found and not find_field_of_view(filtered).found


def test_a_shape_is_looked_for_alone() -> None:
    round_one = Image.fromarray(photograph(400, 300, 200, 150, 140))
    oval = squashed(round_one, 4 / 3, 300)
    assert [field_of_view_in(round_one, shape).outline for shape in ("circle", "ellipse", "frame", "each")] == [
        "circle", "ellipse", "frame", "circle",
    ]  # fmt: skip
    assert [field_of_view_in(oval, shape).outline for shape in ("circle", "ellipse", "frame", "each")] == [
        "frame", "ellipse", "frame", "ellipse",
    ]  # fmt: skip
    both = [
        np.asarray(crop_to_field_of_view(round_one, 64, field_of_view_in(round_one, s))) for s in ("circle", "ellipse")
    ]
    assert np.abs(both[0].astype(int) - both[1]).mean() < 2


@pytest.mark.parametrize(
    ("circles", "ellipses", "frames", "shape"),
    [
        (100, 0, 0, "circle"),
        (60, 0, 40, "circle"),
        (95, 5, 0, "circle"),
        (5, 95, 0, "ellipse"),
        (3, 30, 27, "ellipse"),
        (50, 50, 0, "each"),
        (5, 4, 91, "frame"),
        (0, 0, 0, "circle"),
        (49, 0, 51, "frame"),
        (0, 10, 10, "ellipse"),
    ],
)
def test_most_photographs_decide_for_all(circles: int, ellipses: int, frames: int, shape: str) -> None:
    assert shape_of_all(["circle"] * circles + ["ellipse"] * ellipses + ["frame"] * frames) == shape


def test_only_a_shape_that_is_no_circle_is_worth_a_note() -> None:
    assert shape_note("circle", 90, 100) == ""
    assert "squashed: their field of view is an ellipse (1,190 of 1,200)" in shape_note("ellipse", 1190, 1200)
    assert "(97 of 100), so the whole frame is used of all" in shape_note("frame", 3, 100)
    assert "a circle or an ellipse" in shape_note("each", 90, 100)


@needs_data
@pytest.mark.parametrize("ratio", [1.506, 4 / 3, 1.25])  # 1.506: the whole frame
def test_real_photographs_that_were_squashed_fill_the_input_as_others(tmp_path: Path, ratio: float) -> None:
    form, shares, middles = ImageSpec(128, "fov", "none"), [], []
    for path in sorted((SHARED / "idrid/images").iterdir())[::20]:
        file = tmp_path / path.name
        squashed(Image.open(path), ratio, 512).save(file, quality=92)
        pair = [read_photograph(one, form) for one in (path, file)]
        assert [one.outline for one in pair] == ["circle", "ellipse"]
        seen = [one.pixels.max(axis=2) > 20 for one in pair]
        shares.append(seen[1].mean() - seen[0].mean())
        middles += [np.flatnonzero(seen[1].any(axis=axis)).mean() - 63.5 for axis in (0, 1)]
    assert np.abs(shares).max() < 0.03 and np.abs(middles).max() < 0.02 * 128
