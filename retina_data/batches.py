"""Cached images -> batches on the device: draws, augmentation and normalisation, whole batches at once.

Nothing in here waits for the device. Draws come from a generator on the CPU, so that they are the same on every device;
the parameters of augmentation are drawn where the images are.

Shapes: N images of a split, B images of a batch, S pixels a side. Positions count within the split, from 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retina_data.augmentation import brightness_contrast, constant, random_affine, random_flips, random_transpose

IMAGENET_MEAN = (0.485, 0.456, 0.406)

IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


_CPU_CACHE = 2**20  # bytes of floats that are worked on together


def load_images(
    cache_images: NDArray[np.uint8], rows: NDArray[np.int64], device: torch.device, *, budget_bytes: int
) -> Tensor:
    """Rows of the cache (N_all, S, S, 3) -> uint8 tensor (N, 3, S, S), in the order of `rows`.

    It lies on the device where it takes at most `budget_bytes`, else in host memory (pinned if the device is a GPU).
    For a GPU the three channels of a pixel stay together, as in the cache (channels last), for a CPU each is a plane:
    what the convolutions there like best.
    """
    count, height, width, _ = cache_images.shape
    on_gpu = device.type == "cuda"
    layout = torch.channels_last if on_gpu else torch.contiguous_format
    shape = (len(rows), 3, height, width)
    there = math.prod(shape) <= budget_bytes  # filled in place: a copy in locked host memory would never be given back
    images = torch.empty(
        shape, dtype=torch.uint8, memory_format=layout, device=device if there else "cpu",
        pin_memory=on_gpu and not there,
    )  # fmt: skip
    for start in range(0, len(rows), 1024):  # in pieces: the copy that numpy makes stays small
        piece = torch.from_numpy(cache_images[rows[start : start + 1024]])
        images[start : start + 1024] = piece.permute(0, 3, 1, 2)
    return images


class MappedImages:
    """Rows of a cache that stay in it, uint8 (N, 3, S, S) to who reads them, on the CPU.

    Trials of one machine share the pages of the mapped file, and only a batch is copied.
    """

    device = torch.device("cpu")

    def __init__(self, cache_images: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        self._images, self._rows = cache_images, rows

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, 3, S, S)."""
        _, height, width, channels = self._images.shape
        return len(self._rows), channels, height, width

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, some: slice) -> Tensor:
        return self._copied(self._rows[some])

    def index_select(self, dim: int, positions: Tensor) -> Tensor:
        """Those at the positions (B,), as Tensor.index_select gives them: (B, 3, S, S)."""
        assert dim == 0
        return self._copied(self._rows[positions.numpy()])

    def _copied(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._images[rows]).permute(0, 3, 1, 2).contiguous()


Images = Tensor | MappedImages
"""uint8 (N, 3, S, S): in memory of their own, or in the cache's file."""


def permutation(n: int, generator: torch.Generator) -> Tensor:
    """Each of n positions once, in random order: (n,)."""
    return torch.randperm(n, generator=generator)


def weighted_draws(weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n positions with replacement, each with a chance in proportion to its weight: weights (N,) -> (n,)."""
    ends = weights.double().cumsum(0)  # (N,): position i owns the interval that ends at ends[i]
    points = torch.rand(n, generator=generator, dtype=torch.float64) * ends[-1]
    return torch.searchsorted(ends, points, right=True).clamp_max(len(weights) - 1)


def balanced_draws(labels: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n positions in random order, as many of each grade that occurs (but for a remainder): labels (N,) -> (n,).

    Within a grade nothing is drawn again before all its images were drawn; then a new pass over it begins.
    """
    grades = torch.bincount(labels).nonzero().squeeze(1)
    shares = torch.full((len(grades),), n // len(grades))
    shares[torch.randperm(len(grades), generator=generator)[: n % len(grades)]] += 1
    drawn_positions: list[Tensor] = []
    for grade, share in zip(grades.tolist(), shares.tolist(), strict=True):
        positions = (labels == grade).nonzero().squeeze(1)
        passes = [
            positions[torch.randperm(len(positions), generator=generator)]
            for _ in range(math.ceil(share / len(positions)))
        ]
        drawn_positions.extend(one[: share - i * len(positions)] for i, one in enumerate(passes))
    drawn = torch.cat(drawn_positions)
    return drawn[torch.randperm(n, generator=generator)]


def batch_bounds(n: int, batch_size: int) -> list[tuple[int, int]]:
    """Where each batch of n draws begins and ends: as few batches as may be, whose sizes differ by one at most.

    A small rest at the end of an epoch would be its own batch: two images that BatchNorm sets against each other, with
    gradients a thousand times those of a whole batch. No batch is one image, which BatchNorm cannot take: three draws
    by two are one batch.
    """
    count = max(1, min(math.ceil(n / batch_size), n // 2))
    size, longer = divmod(n, count)
    ends = [size * (i + 1) + min(i + 1, longer) for i in range(count)]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def batches(
    images: Images,
    labels: Tensor,
    order: Tensor,
    batch_size: int,
    *,
    augmentation: str,
    flip_only: Tensor | None,
    normalisation: str,
    generator: torch.Generator,
    channels_last: bool,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (x float32 (B, 3, S, S), grades (B,), positions (B,)) on the device of the labels, in the order drawn.

    images: uint8 (N, 3, S, S), on that device or on the host. labels: (N,). order: positions, on the CPU.
    augmentation: "none", "flips", "dihedral" (flips and 90-degree turns) or "full" (flips, scale, rotation, shift,
    brightness, contrast).
    flip_only: bool (N,), the images that may be flipped; None: all. generator: on the device of the labels.
    """
    device = labels.device
    layout = torch.channels_last if channels_last else torch.contiguous_format
    moved = order.to(device)  # the whole epoch's at once
    for start, stop in batch_bounds(len(order), batch_size):
        positions = moved[start:stop]
        if images.device == device:
            x = images.index_select(0, positions)
        else:
            x = images.index_select(0, order[start:stop]).pin_memory().to(device, non_blocking=True)
        x = x.contiguous(memory_format=layout)
        if augmentation != "none":
            x = random_flips(x, generator, None if flip_only is None else flip_only[positions])
        if augmentation == "dihedral":
            x = random_transpose(x, generator)
        together = len(x)
        if device.type == "cpu":  # a few at a time, so that what lies between two steps stays in the processor's cache
            together = max(1, _CPU_CACHE // (4 * x[0].numel()))
        pieces = [x[first : first + together] for first in range(0, len(x), together)]
        splits = [_network_input(piece, augmentation, normalisation, generator) for piece in pieces]
        x = torch.cat(splits) if len(splits) > 1 else splits[0]
        yield x.contiguous(memory_format=layout), labels[positions], positions


def _network_input(x: Tensor, augmentation: str, normalisation: str, generator: torch.Generator) -> Tensor:
    """uint8 (B, 3, S, S) -> float, augmented beyond flips where that is asked for, normalised."""
    x = x.float().div_(255)
    if augmentation == "full":
        x = brightness_contrast(random_affine(x, generator), generator)
    if normalisation == "imagenet":  # `normalise` in place
        x.sub_(constant(IMAGENET_MEAN, x)).mul_(constant(IMAGENET_DEVIATION, x).reciprocal_())
    return x


def normalise(x: Tensor, normalisation: str) -> Tensor:
    """Pixels in [0, 1], (B, 3, S, S) -> the network's input: "unit" as they are, "imagenet" standardised by channel."""
    if normalisation == "unit":
        return x
    return (x - constant(IMAGENET_MEAN, x)).div_(constant(IMAGENET_DEVIATION, x))
