"""A network and images -> predictions; shared by training, confirmation, export and prediction.

Shapes: N images, S pixels a side, K = 5 grades.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retina_data.batches import normalise


def channels_last(device: torch.device, precision: str) -> bool:
    """Whether pixels of one place shall lie together. Measured: on CPUs bf16 is faster so, fp32 the other way round."""
    return device.type == "cuda" or precision == "bf16"


def predict(model: nn.Module, images: Tensor, *, normalisation: str, precision: str, batch_size: int = 256) -> Tensor:
    """uint8 images (N, 3, S, S) -> float32 probabilities (N, K) on the model's device; the host does not wait for them.

    The model is put into evaluation mode while it predicts. precision: "fp32" or "bf16".
    """
    return logits(model, images, normalisation=normalisation, precision=precision, batch_size=batch_size).softmax(dim=1)


def logits(model: nn.Module, images: Tensor, *, normalisation: str, precision: str, batch_size: int = 256) -> Tensor:
    """As `predict`, before the softmax: float32 (N, K)."""
    device = next(model.parameters()).device
    layout = torch.channels_last if channels_last(device, precision) else torch.contiguous_format
    outputs = []
    was_training = model.training
    model.eval()
    # What is stored must come out again on another device: no TF32 here, though training on a GPU may use it.
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with exact, torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        for x in torch.split(images, batch_size):
            x = normalise(x.to(device, non_blocking=True).float() / 255, normalisation)  # (B, 3, S, S)
            outputs.append(model(x.contiguous(memory_format=layout)).float())
    model.train(was_training)
    return torch.cat(outputs)
