"""retina_data.synthetic.painter: a disc on black, mirrored for left eyes, its colours its camera's, not its grade's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from retina_data.images.field_of_view import find_field_of_view
from retina_data.synthetic.painter import CAMERAS, draw_look, paint

SIZE = 64


def photograph(grade: int, seed: int, camera: str = "a", eye: str = "right") -> npt.NDArray[np.uint8]:
    look = draw_look(np.random.default_rng(1000 + seed))
    return np.asarray(paint(grade, eye, look, CAMERAS[camera], SIZE, np.random.default_rng(seed)))


@pytest.mark.parametrize("camera", ["a", "b"])
def test_it_is_a_disc_on_black_that_can_be_found(camera: str) -> None:
    for grade in range(5):
        picture = photograph(grade, grade, camera)
        assert picture.shape == (SIZE, SIZE, 3) and not picture[0, 0].any() and picture[32, 32].max() > 20
        fov = find_field_of_view(picture)
        assert fov.found and max(abs(half / SIZE - CAMERAS[camera].radius) for half in (fov.rx, fov.ry)) < 0.04
        assert picture[..., 0].mean() > picture[..., 2].mean()  # more red than blue


def test_the_optic_nerve_is_nasal_and_mirrored() -> None:
    for eye, nasal, temporal in (("right", slice(44, 54), slice(10, 20)), ("left", slice(10, 20), slice(44, 54))):
        mean = np.mean([photograph(0, seed, eye=eye) for seed in range(10)], axis=0)[27:35].sum(axis=(0, 2))  # (64,)
        assert mean[nasal].max() > 1.15 * mean[temporal].max()


def test_cameras_show_colours_differently() -> None:
    shares = {
        camera: np.mean([photograph(0, seed, camera)[24:40, 24:40].mean(axis=(0, 1)) for seed in range(10)], axis=0)
        for camera in ("a", "b")
    }
    assert shares["b"][2] / shares["b"][0] > 1.3 * shares["a"][2] / shares["a"][0]


def test_dark_and_bright_cover_as_much_in_every_grade() -> None:
    """Else a histogram of colours would tell the grade."""
    dark, bright = [], []
    for grade in range(5):
        inside = [p[p.max(axis=2) > 8].astype(float) for p in (photograph(grade, seed) for seed in range(60))]
        green = [pixels[:, 1] / np.median(pixels[:, 1]) for pixels in inside]
        dark.append(np.mean([(values < 0.75).mean() for values in green]))
        bright.append(np.mean([(values > 1.3).mean() for values in green]))
    assert max(dark) < 1.4 * min(dark) and max(bright) < 1.5 * min(bright)


def test_patients_look_different() -> None:
    looks = [draw_look(np.random.default_rng(seed)) for seed in range(200)]
    tints = np.array([look.tint for look in looks])  # (200, 3)
    assert (tints[:, 0] > tints[:, 1]).all() and (tints[:, 1] > tints[:, 2]).all()  # red, then green, then blue
    assert np.ptp(tints[:, 2]) > 0.3 and np.ptp([look.brightness for look in looks]) > 0.4
    assert 0.15 < np.mean([look.streaks > 0 for look in looks]) < 0.45
