"""What is done about rare grades: which images an epoch draws, what the loss is, which images are augmented.

In every strategy an epoch draws as many images as the training split has, so that budgets stay comparable.
Shapes: N training images, B images of a batch, K = 5 grades.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from retina_data.batches import balanced_draws, permutation, weighted_draws
from retina_data.grades import GRADES
from study.config.trial import TrialConfig


@dataclass(frozen=True)
class Strategy:
    """sampling: generator on the CPU -> positions (N,). loss: logits (B, K), grades (B,) -> mean over the batch, ().

    flip_only: bool (N,), the images that may be flipped, None: all. augmentation: as in TrialConfig.
    """

    sampling: Callable[[torch.Generator], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]
    flip_only: Tensor | None
    augmentation: str


def strategy(config: TrialConfig, grades: Tensor, device: torch.device) -> Strategy:
    """The strategy that the configuration names, for the training split's grades (N,) on the CPU."""
    n = len(grades)
    counts = torch.bincount(grades, minlength=len(GRADES))  # (K,)
    smoothing = config.label_smoothing

    def sampling(generator: torch.Generator) -> Tensor:
        match config.imbalance:
            case "undersample":
                # Each grade as often as every other; the frequent grade is cut to the rare ones' number. Japkowicz and
                # Stephen 2002, https://doi.org/10.3233/IDA-2002-6504. What is cut differs from epoch to epoch.
                return balanced_draws(grades, n, generator)
            case "oversample":
                # Rare grades drawn again, with replacement. Buda et al. 2018, https://arxiv.org/abs/1710.05381
                return weighted_draws(1 / counts[grades], n, generator)
            case _:
                return permutation(n, generator)

    loss: Callable[[Tensor, Tensor], Tensor]
    match config.imbalance:
        case "weighted_loss":
            weights = class_weights(counts, config.weight_power).to(device)
            loss = partial(weighted_cross_entropy, weights=weights, smoothing=smoothing)
        case "focal":
            loss = partial(focal, gamma=config.focal_gamma, smoothing=smoothing)
        case "logit_adjustment":
            shift = config.logit_tau * log_prior(counts).to(device)
            loss = partial(adjusted_cross_entropy, shift=shift, smoothing=smoothing)
        case _:
            loss = partial(F.cross_entropy, label_smoothing=smoothing)

    if config.imbalance == "flip_minority":  # the lab's own: only images of grades 1 to 4 are varied
        return Strategy(sampling, loss, (grades != 0).to(device), "flips")
    return Strategy(sampling, loss, None, config.augmentation)


def class_weights(counts: Tensor, power: float) -> Tensor:
    """Inverse frequency to a power, scaled so that the weights' mean over the training images is 1: (K,) -> (K,).

    A grade without images has weight 0. King and Zeng 2001, https://doi.org/10.1093/oxfordjournals.pan.a004868
    """
    raw = torch.where(counts > 0, counts.clamp_min(1).double() ** -power, 0.0)
    return (raw * counts.sum() / (raw * counts).sum()).float()


def weighted_cross_entropy(logits: Tensor, y: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy with a weight for each grade, divided by B: the mean over batches is that over the training split,
    which torch's own division by the batch's weights is not."""
    return F.cross_entropy(logits, y, weight=weights, label_smoothing=smoothing, reduction="sum") / len(y)


def focal(logits: Tensor, y: Tensor, gamma: float, smoothing: float) -> Tensor:
    """Cross-entropy times (1 - p of the true grade) ** gamma: what is known already counts less.

    Lin et al. 2017, https://arxiv.org/abs/1708.02002, without their weights by class: those are `weighted_loss`.
    """
    losses = F.cross_entropy(logits, y, label_smoothing=smoothing, reduction="none")  # (B,)
    log_p = -F.cross_entropy(logits, y, reduction="none")
    # expm1 keeps 1 - p exact, and the floor keeps the power's slope finite, where p rounds to 1.
    wrong = (-torch.expm1(log_p)).clamp_min(1e-6)
    return (wrong**gamma * losses).mean()


def adjusted_cross_entropy(logits: Tensor, y: Tensor, shift: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy after adding tau times the log prior (K,) to the logits, in training only: the network then learns
    what speaks for a grade beside its frequency. Menon et al. 2021, https://arxiv.org/abs/2007.07314"""
    return F.cross_entropy(logits + shift, y, label_smoothing=smoothing)


def log_prior(counts: Tensor) -> Tensor:
    """Logarithm of each grade's share of the training images: (K,) -> (K,). A grade without images counts as one."""
    return (counts.clamp_min(1).double() / counts.sum()).log().float()
