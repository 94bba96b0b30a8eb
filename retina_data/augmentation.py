"""Augmentation: pure functions on whole batches of uint8 images (B, 3, S, S), on the device."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SCALES = (0.85, 1.15)


SHIFT = 0.05  # of the side


BRIGHTNESS = 0.2


CONTRAST = 0.2


def constant(values: tuple[float, float, float], x: Tensor) -> Tensor:
    """One number for each channel, made on x's device (copying it there would make the host wait): (1, 3, 1, 1)."""
    return torch.stack([x.new_full((), value) for value in values]).view(1, 3, 1, 1)


def uniform(n: int, low: float, high: float, x: Tensor, generator: torch.Generator) -> Tensor:
    """n random numbers in [low, high), on x's device."""
    return torch.rand(n, generator=generator, device=x.device) * (high - low) + low


def random_flips(x: Tensor, generator: torch.Generator, only: Tensor | None = None) -> Tensor:
    """Mirror each image left-right and top-bottom, with a chance of one half each: (B, 3, S, S), any type.

    only: bool (B,), the images that may be flipped; the others pass unchanged.
    """
    chosen = torch.rand((2, len(x)), generator=generator, device=x.device) < 0.5
    if only is not None:
        chosen &= only
    if x.device.type == "cpu":  # one image after the other is several times faster there, on a GPU slower
        flipped = x.clone()
        for n, (across, down) in enumerate(zip(*chosen.tolist(), strict=True)):
            if across or down:
                flipped[n] = x[n].flip([2] * across + [1] * down)
        return flipped
    for dimension, some in zip((3, 2), chosen, strict=True):
        x = torch.where(some.view(-1, 1, 1, 1), x.flip(dimension), x)
    return x


def random_transpose(x: Tensor, generator: torch.Generator) -> Tensor:
    """Exchange rows and columns of each image with a chance of one half: (B, 3, S, S), any type.

    After `random_flips` each of the eight symmetries of the square is equally likely, 90-degree turns among them.
    """
    chosen = torch.rand(len(x), generator=generator, device=x.device) < 0.5
    if x.device.type == "cpu":  # as in random_flips
        turned = x.clone()
        for n in chosen.nonzero().flatten().tolist():
            turned[n] = x[n].mT
        return turned
    return torch.where(chosen.view(-1, 1, 1, 1), x.mT, x)


def random_affine(x: Tensor, generator: torch.Generator) -> Tensor:
    """Rotate each image by any angle, scale it by 0.85 to 1.15 and shift it by up to 5 % of the side; black outside.

    (B, 3, S, S) float -> the same. A fundus photograph has no upright position that a grade depends on.
    """
    n = len(x)
    angle = uniform(n, -math.pi, math.pi, x, generator)
    zoom = 1 / uniform(n, *SCALES, x, generator)
    shift = uniform(2 * n, -2 * SHIFT, 2 * SHIFT, x, generator).view(n, 2)  # the grid's side is 2
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    grid = _grid(cos, sin, shift, x)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _grid(cos: Tensor, sin: Tensor, shift: Tensor, x: Tensor) -> Tensor:
    """Where each pixel comes from, (B, S, S, 2) in -1..1, for [[cos, -sin], [sin, cos]] and a shift (B, 2).

    What affine_grid makes of this matrix, by sums of rows and columns instead of products of all: a third of the time.
    """
    side = x.shape[-1]
    place = (torch.arange(side, device=x.device, dtype=x.dtype) * 2 + 1) / side - 1  # centres of the pixels
    grid = x.new_empty((len(x), side, side, 2))
    for axis, (across, down) in enumerate(((cos, -sin), (sin, cos))):
        rows = down[:, None] * place + shift[:, axis, None]
        torch.add((across[:, None] * place)[:, None, :], rows[:, :, None], out=grid[..., axis])
    return grid


def brightness_contrast(x: Tensor, generator: torch.Generator) -> Tensor:
    """Scale each image's brightness by 0.8 to 1.2, then its distance from its mean by 0.8 to 1.2; black stays black.

    (B, 3, S, S) float in [0, 1] -> the same.
    """
    brightness = uniform(len(x), 1 - BRIGHTNESS, 1 + BRIGHTNESS, x, generator).view(-1, 1, 1, 1)
    contrast = uniform(len(x), 1 - CONTRAST, 1 + CONTRAST, x, generator).view(-1, 1, 1, 1)
    # 0 in the black frame around the field of view, else 1. (amax would take three times as long.)
    inside = x[:, :1].add(x[:, 1:2]).add_(x[:, 2:]).sign_()  # (B, 1, S, S)
    mean = x.mean(dim=(1, 2, 3), keepdim=True) * brightness
    return (x * (brightness * contrast)).add_(mean * (1 - contrast)).mul_(inside).clamp_(0, 1)
