"""A network and images -> predictions, members and views averaged; shared by training, confirmation and export.

Shapes: B or N images, S pixels a side, V views, M members, K = 5 grades.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retina_data.batches import Images, load_images, normalise
from retina_models.resnet import ResNet

VIEWS = (1, 4, 8)
"""1: the image. 4: also mirrored left-right, top-bottom and both. 8: these four of the transposed image, too."""


class Grader(nn.Module):
    """Normalised images (B, 3, S, S) -> logarithm (B, K) of the mean probability over M members and V views.

    One member and one view give log_softmax of the logits. A softmax of the output gives the mean probability again,
    and a softmax of it divided by T that probability at temperature T. Memory is that of V x B images.
    """

    def __init__(self, members: Iterable[nn.Module], views: int = 1) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.views = views
        if views not in VIEWS or not len(self.members):
            raise ValueError(
                f"views must be one of {VIEWS} and members at least one, but got {views} and {len(self.members)}"
            )

    @property
    def first(self) -> ResNet:
        """The member that is asked where it looks."""
        return cast(ResNet, self.members[0])

    def forward(self, x: Tensor) -> Tensor:
        count = len(self.members) * self.views
        viewed = torch.cat(views_of(x, self.views))  # (V B, 3, S, S)
        # In float32 also under autocast: a mean of few probabilities must not lose what a softmax has.
        each = torch.cat([member(viewed).float().log_softmax(dim=1) for member in self.members])  # (M V B, K)
        return each.view(count, -1, each.shape[1]).logsumexp(dim=0) - math.log(count)


def views_of(x: Tensor, views: int) -> list[Tensor]:
    """The images (B, 3, S, S) as they are, and mirrored and turned: 1, 4 or 8 tensors of the same shape."""
    if views == 1:
        return [x]
    both = [x] if views == 4 else [x, x.transpose(2, 3)]
    return [one.flip(axes) if axes else one for one in both for axes in ((), (3,), (2,), (2, 3))]


MOST_AT_ONCE = 256

PIXELS_AT_ONCE = 32 * 256**2

PIECE = 1024  # images of a cache in memory at once


def channels_last(device: torch.device, precision: str) -> bool:
    """Whether pixels of one place shall lie together. Measured: on CPUs bf16 is faster so, fp32 the other way round."""
    return device.type == "cuda" or precision == "bf16"


def at_once(side: int, views: int = 1) -> int:
    """Images of S pixels a side that are predicted together: so many that they take less memory than training does."""
    return max(1, min(MOST_AT_ONCE, PIXELS_AT_ONCE // side**2) // views)


def predict(model: nn.Module, images: Images, *, normalisation: str, precision: str) -> Tensor:
    """uint8 images (N, 3, S, S) -> float32 probabilities (N, K) on the model's device; the host does not wait for them.

    model: a network, or a Grader, whose views and members are averaged. It is put into evaluation mode while it
    predicts. precision: "fp32" or "bf16".
    """
    return logits(model, images, normalisation=normalisation, precision=precision).softmax(dim=1)


def logits(model: nn.Module, images: Images, *, normalisation: str, precision: str) -> Tensor:
    """As `predict`, before the softmax: float32 (N, K); of a Grader the logarithm of the mean probability."""
    device = next(model.parameters()).device
    layout = torch.channels_last if channels_last(device, precision) else torch.contiguous_format
    size = at_once(images.shape[-1], model.views if isinstance(model, Grader) else 1)
    outputs = []
    was_training = model.training
    model.eval()
    # What is stored must come out again on another device: no TF32 here, though training on a GPU may use it.
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with exact, torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        for start in range(0, len(images), size):
            x = images[start : start + size]
            x = normalise(x.to(device, non_blocking=True).float() / 255, normalisation)  # (B, 3, S, S)
            outputs.append(model(x.contiguous(memory_format=layout)).float())
    model.train(was_training)
    return torch.cat(outputs)


def predict_rows(
    model: nn.Module, cache_images: NDArray[np.uint8], rows: NDArray[np.int64], *, normalisation: str, precision: str
) -> NDArray[np.float32]:
    """`predict` for rows of a cache (N_all, S, S, 3), in their order: (N, K); few of them are in memory at once."""
    device = next(model.parameters()).device
    pieces = []
    for start in range(0, len(rows), PIECE):
        images = load_images(cache_images, rows[start : start + PIECE], device, budget_bytes=0)  # (P, 3, S, S)
        pieces.append(predict(model, images, normalisation=normalisation, precision=precision).cpu())
    return np.asarray(torch.cat(pieces).numpy(), np.float32)
