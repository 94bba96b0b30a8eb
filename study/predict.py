"""A network and images -> predictions; shared by training, confirmation, export and prediction.

Shapes: N images, S pixels a side, K = 5 grades.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retina_data.batches import load_images, normalise
from study.grader import Grader

MOST_AT_ONCE = 256
PIXELS_AT_ONCE = 32 * 256**2
PIECE = 1024  # images of a cache in memory at once


def channels_last(device: torch.device, precision: str) -> bool:
    """Whether pixels of one place shall lie together. Measured: on CPUs bf16 is faster so, fp32 the other way round."""
    return device.type == "cuda" or precision == "bf16"


def at_once(side: int, views: int = 1) -> int:
    """Images of S pixels a side that are predicted together: so many that they take less memory than training does."""
    return max(1, min(MOST_AT_ONCE, PIXELS_AT_ONCE // side**2) // views)


def predict(model: nn.Module, images: Tensor, *, normalisation: str, precision: str) -> Tensor:
    """uint8 images (N, 3, S, S) -> float32 probabilities (N, K) on the model's device; the host does not wait for them.

    model: a network, or a Grader, whose views and members are averaged. It is put into evaluation mode while it
    predicts. precision: "fp32" or "bf16".
    """
    return logits(model, images, normalisation=normalisation, precision=precision).softmax(dim=1)


def logits(model: nn.Module, images: Tensor, *, normalisation: str, precision: str) -> Tensor:
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
        for x in torch.split(images, size):
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
