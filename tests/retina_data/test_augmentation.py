"""retina_data.augmentation: flips, turns, scale, brightness and contrast of whole batches."""

from __future__ import annotations

import pytest
import torch

from retina_data.augmentation import _grid, brightness_contrast, random_affine, random_flips, random_transpose
from tests.retina_data.test_batches import SYMMETRIES, seeded, symmetry


def test_sampling_is_torchs_affine_grid() -> None:
    angle, shift = torch.tensor([0.3, 2.0]), torch.tensor([[0.1, -0.05], [0.0, 0.08]])
    cos, sin = 1.1 * angle.cos(), 1.1 * angle.sin()
    matrix = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1).view(2, 2, 3)
    expected = torch.nn.functional.affine_grid(matrix, [2, 3, 9, 9], align_corners=False)
    torch.testing.assert_close(_grid(cos, sin, shift, torch.zeros(2, 3, 9, 9)), expected)


def test_each_of_the_four_mirrorings_is_as_likely() -> None:
    one = torch.arange(6.0).view(1, 1, 2, 3).expand(4000, 3, 2, 3)
    flipped = random_flips(one, seeded())
    counts = []
    for dimensions in ((), (2,), (3,), (2, 3)):
        counts.append((flipped == one[:1].flip(dimensions)).flatten(1).all(1).sum().item())
    assert sum(counts) == 4000
    assert all(abs(count - 1000) < 5 * 27.4 for count in counts)  # five standard deviations of a binomial number


def test_each_of_the_eight_symmetries_is_as_likely() -> None:
    one = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3).expand(8000, 3, 3, 3)
    generator = seeded()
    turned = random_transpose(random_flips(one, generator), generator)
    counts = []
    for turns, mirrored in SYMMETRIES:
        counts.append((turned == symmetry(one[:1], turns, mirrored)).flatten(1).all(1).sum().item())
    assert sum(counts) == 8000 and turned.dtype == torch.uint8
    assert all(abs(count - 1000) < 5 * 29.6 for count in counts)  # five standard deviations of a binomial number


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_device_exchanges_rows_and_columns_as_the_processor_does(layout: torch.memory_format) -> None:
    """What is done on a GPU, on the processor: a tensor that says it lies on another device."""

    class Elsewhere(torch.Tensor):
        @property
        def device(self) -> torch.device:  # type: ignore[override]
            return torch.device("meta")

    x = torch.randint(0, 256, (200, 3, 8, 8), generator=seeded(), dtype=torch.uint8).contiguous(memory_format=layout)
    drawn = torch.rand(200, generator=seeded(5))
    here, before = random_transpose(x, seeded(5)), x.clone()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand", lambda *_, **__: drawn)
        there = random_transpose(x.as_subclass(Elsewhere), seeded(5)).as_subclass(torch.Tensor)
    assert torch.equal(here, there) and torch.equal(x, before)
    chosen = drawn < 0.5
    assert torch.equal(here[chosen], x[chosen].mT) and torch.equal(here[~chosen], x[~chosen])


def test_rotation_keeps_a_centred_disc_and_moves_what_lies_on_it() -> None:
    side = 64
    y, x = torch.meshgrid(torch.arange(side) - 31.5, torch.arange(side) - 31.5, indexing="ij")
    disc = ((x**2 + y**2) < 20**2).float().expand(16, 3, side, side).clone()
    moved = random_affine(disc, seeded())
    area = moved[:, 0].sum(dim=(1, 2)) / disc[0, 0].sum()
    assert (area > 0.85**2 * 0.97).all() and (area < 1.15**2 * 1.03).all()
    assert area.max() - area.min() > 0.2  # the scales differ from image to image
    across = (moved[:, 0] * x).sum(dim=(1, 2)) / moved[:, 0].sum(dim=(1, 2))
    assert across.abs().max() < 0.06 * side * 1.15 * 1.5 and across.std() > 0.3
    spot = torch.zeros(16, 3, side, side)
    spot[:, :, 30:34, 48:52] = 1
    angles = torch.stack([torch.atan2((s * y).sum(), (s * x).sum()) for s in random_affine(spot, seeded())[:, 0]])
    assert angles.max() > 1.5 and angles.min() < -1.5  # turned any way round


def test_brightness_and_contrast_vary_by_image_and_leave_black_alone() -> None:
    x = torch.rand(50, 3, 8, 8, generator=seeded()) * 0.5 + 0.1
    x[:, :, :2] = 0
    changed = brightness_contrast(x, seeded(1))
    assert (changed[:, :, :2] == 0).all()
    ratio = changed.mean(dim=(1, 2, 3)) / x.mean(dim=(1, 2, 3))
    assert 0.75 < ratio.min() < 0.9 and 1.1 < ratio.max() < 1.25
