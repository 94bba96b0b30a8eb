"""retina_data.painter: a disc on black, mirrored for left eyes, with more lesions in higher grades."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from retina_data.fundus import find_disc
from retina_data.painter import CAMERAS, draw_look, paint

SIZE = 64


def photograph(grade: int, seed: int, camera: str = "a", eye: str = "right") -> npt.NDArray[np.uint8]:
    look = draw_look(np.random.default_rng(1000 + seed))
    return np.asarray(paint(grade, eye, look, CAMERAS[camera], SIZE, np.random.default_rng(seed)))


@pytest.mark.parametrize("camera", ["a", "b"])
def test_it_is_a_disc_on_black_that_can_be_found(camera: str) -> None:
    for grade in range(5):
        picture = photograph(grade, grade, camera)
        assert picture.shape == (SIZE, SIZE, 3) and not picture[0, 0].any() and picture[32, 32].max() > 20
        disc = find_disc(picture)
        assert disc.found and abs(disc.radius / SIZE - CAMERAS[camera].radius) < 0.04
        assert picture[..., 0].mean() > picture[..., 2].mean()  # more red than blue


def test_the_optic_nerve_is_nasal_and_mirrored() -> None:
    for eye, nasal, temporal in (("right", slice(44, 54), slice(10, 20)), ("left", slice(10, 20), slice(44, 54))):
        mean = np.mean([photograph(0, seed, eye=eye) for seed in range(10)], axis=0)[27:35].sum(axis=(0, 2))  # (64,)
        assert mean[nasal].max() > 1.15 * mean[temporal].max()


def _spots(picture: npt.NDArray[np.uint8]) -> float:
    """Share of the disc's inside whose green is far from its surroundings'."""
    green = Image.fromarray(picture).getchannel("G")
    smooth = np.asarray(green.resize((8, 8), Image.Resampling.BOX).resize((SIZE, SIZE)), float)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2 + 0.5
    inside = (np.hypot(x, y) < 0.38 * SIZE) & ~((np.abs(y) < 9) & (x > 9))  # not the nerve
    return float((np.abs(np.asarray(green, float) / (smooth + 1) - 1) > 0.3)[inside].mean())


def test_higher_grades_show_more() -> None:
    by_grade = [np.mean([_spots(photograph(grade, seed)) for seed in range(12)]) for grade in range(5)]
    assert by_grade[0] < by_grade[1] < by_grade[2] < min(by_grade[3], by_grade[4])
    assert by_grade[3] > 3 * by_grade[0]


def test_cameras_show_colours_differently() -> None:
    shares = {
        camera: np.mean([photograph(0, seed, camera)[24:40, 24:40].mean(axis=(0, 1)) for seed in range(10)], axis=0)
        for camera in ("a", "b")
    }
    assert shares["b"][2] / shares["b"][0] > 1.3 * shares["a"][2] / shares["a"][0]
