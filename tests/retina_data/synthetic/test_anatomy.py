"""retina_data.synthetic.anatomy: each grade shows what its definition asks for; nothing else hangs on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

from retina_data.synthetic.anatomy import OPTIC_DISC, OPTIC_DISC_RADIUS, Anatomy

SIDE, RADIUS = 384, 180.0
Floats = npt.NDArray[np.float32]


def anatomy(seed: int) -> Anatomy:
    return Anatomy(SIDE, RADIUS, (SIDE / 2, SIDE / 2), np.random.default_rng(seed))


def layers(grade: int, seed: int) -> tuple[Floats, Floats, Floats]:
    return anatomy(seed).layers(grade, 1.0)


def spots(blood: Floats) -> Floats:
    """Blood without what is thinner than a haemorrhage: vessels go, blots stay."""
    image = Image.fromarray((blood > 0.4).astype(np.uint8) * 255)
    return np.asarray(image.filter(ImageFilter.MinFilter(7)).filter(ImageFilter.MaxFilter(7)), np.float32) / 255


def test_haemorrhages_come_with_grade_2_and_lie_in_all_quadrants_of_grade_3() -> None:
    by_grade = [np.mean([spots(layers(grade, seed)[0]) for seed in range(8)], axis=0) for grade in range(5)]
    shares = [float(mean.mean()) for mean in by_grade]
    assert max(shares[0], shares[1]) < 0.35 * shares[2] and shares[2] < 0.6 * shares[3] and shares[4] > shares[2] / 2
    half = SIDE // 2
    for seed in range(8):
        found = spots(layers(3, seed)[0])
        assert all(found[y : y + half, x : x + half].any() for y in (0, half) for x in (0, half))


def test_microaneurysms_alone_are_grade_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Anatomy, "_vessels", lambda *_: None)
    monkeypatch.setattr(Anatomy, "_fill", lambda *_: None)
    assert not layers(0, 0)[0].any()
    for seed in range(8):
        dots, count = ndimage.label(layers(1, seed)[0] > 0.3)
        widths = [(s.stop - s.start) / RADIUS for place in ndimage.find_objects(dots) for s in place]
        assert 3 <= count <= 10 and max(widths) < 0.6 * OPTIC_DISC_RADIUS  # two may touch


def test_blood_and_bright_matter_cover_as_much_in_every_grade() -> None:
    drawn = [[[layer.mean() for layer in layers(grade, seed)[:2]] for seed in range(60)] for grade in range(5)]
    blood, bright = np.mean(drawn, axis=1).T
    assert max(blood) < 1.25 * min(blood)
    assert max(bright) < 1.6 * min(bright)


def test_new_vessels_lie_on_pale_fibres() -> None:
    assert all(layers(4, seed)[2].max() > 0.2 for seed in range(10))
    assert 0.2 < np.mean([layers(0, seed)[2].max() == 0 for seed in range(40)]) < 0.8


def test_vessels_leave_the_nerve_and_spare_the_macula() -> None:
    mean = np.mean([layers(0, seed)[0] for seed in range(10)], axis=0)
    x, y = np.meshgrid(*[(np.arange(SIDE) - SIDE / 2) / RADIUS] * 2)
    assert mean[np.hypot(x, y) < 0.12].max() == 0
    at_optic_disc = mean[np.hypot(x - OPTIC_DISC[0], y - OPTIC_DISC[1]) < OPTIC_DISC_RADIUS].mean()
    assert at_optic_disc > 2 * mean[np.hypot(x, y) < 0.9].mean()


def test_places_are_on_the_retina_and_in_their_quadrant() -> None:
    drawn = anatomy(1)
    for quadrant, (right, below) in enumerate([(True, True), (False, True), (False, False), (True, False)]):
        for _ in range(50):
            x, y = drawn.place(quadrant)
            assert (x > 0) == right and (y > 0) == below
            assert np.hypot(x, y) <= 0.88 and np.hypot(x - OPTIC_DISC[0], y - OPTIC_DISC[1]) > OPTIC_DISC_RADIUS


def test_the_same_generator_draws_the_same_eye() -> None:
    for one, other in zip(layers(2, 5), layers(2, 5), strict=True):
        np.testing.assert_array_equal(one, other)
