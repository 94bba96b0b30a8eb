"""retina_data.images.field_of_view: it is found whatever the frame cuts off, and the eye is never oval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from retina_data.images.field_of_view import crop_to_field_of_view, find_field_of_view, graham, pad_to_square
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
    assert abs(fov.cx - cx) < tolerance and abs(fov.cy - cy) < tolerance and abs(fov.radius - radius) < tolerance


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
    assert find_field_of_view(clear).support > 0.9 > find_field_of_view(broken).support > 0.3
    assert find_field_of_view(np.zeros((100, 100, 3), np.uint8)).support == 0


@needs_data
def test_the_disc_is_found_in_all_real_photographs() -> None:
    found = []
    for path in sorted((SHARED / "idrid/images").iterdir()):
        image = Image.open(path)
        image.draft("RGB", (500, 300))  # half the size
        found.append(find_field_of_view(np.asarray(image)))
    assert len(found) == 413 and all(fov.found for fov in found)
    # One camera took them all: its field of view is always about the same.
    assert np.ptp([fov.radius for fov in found]) < 5
    assert np.ptp([fov.cx for fov in found]) < 8 and np.ptp([fov.cy for fov in found]) < 6
