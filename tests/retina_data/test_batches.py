"""Draws, batches and augmentation: what each image goes through, and that a seed fixes it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retina_data.batches import (
    MappedImages,
    balanced_draws,
    batch_bounds,
    batches,
    load_images,
    normalise,
    permutation,
    weighted_draws,
)

CPU = torch.device("cpu")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cache(n: int = 12, side: int = 16) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def run(order: torch.Tensor, batch_size: int = 4, seed: int = 0, **changes: Any) -> list[tuple[torch.Tensor, ...]]:
    options: dict[str, Any] = {
        "augmentation": "none",
        "flip_only": None,
        "normalisation": "unit",
        "channels_last": False,
    } | changes
    images = load_images(cache(), np.arange(12), CPU, budget_bytes=0)
    return list(batches(images, torch.arange(12) % 5, order, batch_size, generator=seeded(seed), **options))


def test_images_are_read_in_the_order_of_the_rows(tmp_path: Any) -> None:
    np.save(tmp_path / "images.npy", cache(3000, 4))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    rows = np.random.default_rng(1).permutation(3000)[:2500]  # more than one piece
    images = load_images(mapped, rows, CPU, budget_bytes=0)
    assert images.shape == (2500, 3, 4, 4) and images.dtype == torch.uint8
    np.testing.assert_array_equal(images.permute(0, 2, 3, 1).numpy(), mapped[rows])


def test_mapped_images_are_those_that_would_be_loaded_and_are_not_copied(tmp_path: Any) -> None:
    np.save(tmp_path / "images.npy", cache())
    file, rows = np.load(tmp_path / "images.npy", mmap_mode="r"), np.array([7, 0, 11, 3])
    loaded, mapped = load_images(file, rows, CPU, budget_bytes=0), MappedImages(file, rows)
    assert (mapped.shape, len(mapped), mapped.device) == (tuple(loaded.shape), len(loaded), loaded.device)
    positions = torch.tensor([3, 0, 0])
    for mine, theirs in (
        (mapped[1:3], loaded[1:3]),
        (mapped.index_select(0, positions), loaded.index_select(0, positions)),
    ):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
        assert mine.is_contiguous()
    assert np.shares_memory(mapped._images, file), "its pages are the file's, whoever else has it open"


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_batch_is_the_drawn_images_scaled_to_one(channels_last: bool) -> None:
    order = torch.tensor([7, 1, 1, 11, 0, 3])
    done = run(order, channels_last=channels_last)
    assert [len(x) for x, _, _ in done] == [3, 3]
    x, y, positions = (torch.cat(splits) for splits in zip(*done, strict=True))
    assert torch.equal(positions, order) and torch.equal(y, order % 5)
    expected = torch.from_numpy(cache()[order.numpy()]).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(x, expected)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert all(batch.is_contiguous(memory_format=layout) for batch, _, _ in done)


def test_imagenets_normalisation_is_torchvisions() -> None:
    from torchvision.transforms import v2

    x = torch.rand(2, 3, 8, 8, generator=seeded())
    expected = v2.functional.normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(normalise(x, "imagenet"), expected)


@given(n=st.integers(1, 200), batch_size=st.integers(2, 50))
@settings(max_examples=100, deadline=None)
def test_batches_cover_the_draws_and_none_holds_one_image(n: int, batch_size: int) -> None:
    bounds = batch_bounds(n, batch_size)
    assert bounds[0][0] == 0 and bounds[-1][1] == n
    assert all(stop == start for (_, stop), (start, _) in zip(bounds, bounds[1:], strict=False))
    sizes = [stop - start for start, stop in bounds]
    assert max(sizes) <= max(batch_size, 3)  # three by two cannot be split
    assert max(sizes) - min(sizes) <= 1
    assert n == 1 or min(sizes) > 1
    assert len(bounds) == math.ceil(n / batch_size) or min(sizes) == 2  # no more steps than there must be


def test_a_rest_of_two_images_is_no_batch_of_its_own() -> None:
    assert batch_bounds(34, 16) == [(0, 12), (12, 23), (23, 34)]
    assert batch_bounds(32, 16) == [(0, 16), (16, 32)]
    assert batch_bounds(3, 2) == [(0, 3)]


@pytest.mark.parametrize("augmentation", ["flips", "dihedral", "full"])
def test_a_seed_fixes_the_augmentation(augmentation: str) -> None:
    order = torch.arange(12)
    first, again, other = (run(order, seed=seed, augmentation=augmentation) for seed in (1, 1, 2))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])
    assert all(x.min() >= 0 and x.max() <= 1 for x, _, _ in first)


def test_only_the_chosen_images_are_flipped() -> None:
    only = torch.arange(12) % 5 != 0
    order = torch.arange(12).repeat(20)
    for x, y, positions in run(order, batch_size=12, augmentation="flips", flip_only=only):
        plain = torch.from_numpy(cache()[positions.numpy()]).permute(0, 3, 1, 2).float() / 255
        assert torch.equal(x[y == 0], plain[y == 0])
        changed = (x != plain).flatten(1).any(1)
        assert changed.any() and not changed[y == 0].any()


def test_large_images_are_worked_on_in_pieces_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    order = torch.arange(12)
    whole = run(order, batch_size=12, augmentation="flips", normalisation="imagenet")
    monkeypatch.setattr("retina_data.batches._CPU_CACHE", 4 * 3 * 16 * 16 * 5)
    pieces = run(order, batch_size=12, augmentation="flips", normalisation="imagenet")
    assert torch.equal(whole[0][0], pieces[0][0]) and len(pieces) == 1


SYMMETRIES = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


def symmetry(x: torch.Tensor, turns: int, mirrored: bool) -> torch.Tensor:
    """One of the eight symmetries of the square."""
    turned = x.rot90(turns, (-2, -1))
    return turned.flip(-1) if mirrored else turned


def test_a_batch_with_turns_holds_symmetries_of_its_images_alone() -> None:
    order = torch.arange(12).repeat(40)
    plain = torch.from_numpy(cache()).permute(0, 3, 1, 2).float() / 255
    seen = set()
    for x, _, positions in run(order, batch_size=48, augmentation="dihedral"):
        all_eight = torch.stack([symmetry(plain[positions], *one) for one in SYMMETRIES])
        same = (all_eight == x).flatten(2).all(2)
        assert (same.sum(0) == 1).all()
        seen |= set(same.nonzero()[:, 0].tolist())
    assert seen == set(range(8))


def test_a_permutation_holds_each_position_once() -> None:
    assert permutation(100, seeded()).sort().values.tolist() == list(range(100))


def test_weighted_draws_follow_the_weights() -> None:
    weights = torch.tensor([0.0, 1.0, 0.0, 3.0, 0.0])
    counts = torch.bincount(weighted_draws(weights, 8000, seeded()), minlength=5).tolist()
    assert counts[0] == counts[2] == counts[4] == 0
    assert abs(counts[3] - 6000) < 5 * 38.7  # five standard deviations


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_balanced_draws_use_each_grade_alike_and_each_image_of_it_alike(grades: list[int], seed: int) -> None:
    labels = torch.tensor(grades)
    n = len(grades)
    drawn = balanced_draws(labels, n, seeded(seed))
    assert len(drawn) == n
    by_grade = torch.bincount(labels[drawn], minlength=5)[labels.unique()]
    assert by_grade.max() - by_grade.min() <= 1
    uses = torch.bincount(drawn, minlength=n)
    for grade in set(grades):
        mine = uses[labels == grade]
        assert mine.max() - mine.min() <= 1
