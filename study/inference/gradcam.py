"""Where a network looks: Grad-CAM (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391), as numbers and pictures.

Shapes: B images, S pixels a side, C channels and s places a side of the last stage.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from retina_data.batches import normalise
from retina_models.resnet import ResNet

Pixels = NDArray[np.uint8]

SMALLEST_SIDE = 256  # of a picture that is shown, pixels; a smaller photograph is enlarged

# Black, violet, orange, yellow: rises evenly in brightness, and reads in grey and by the colour-blind (inferno's way).
_COLOURS = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], np.float64)

_STRENGTH = 0.75  # of the colour where the heat is 1; below it the photograph shines through


def gradcam(model: ResNet, images: Tensor, classes: Tensor) -> Tensor:
    """How much each place speaks for a class: normalised images (B, 3, S, S), classes (B,) -> (B, S, S) in [0, 1].

    The maps of `layer4`, weighted by the mean gradient of the class's logit, without what speaks against it, each image
    scaled to its own maximum; all 0 where nothing speaks for the class. The model is left as it was: neither its mode
    nor a gradient of its parameters changes.
    """
    kept: list[Tensor] = []

    def keep(module: torch.nn.Module, inputs: Any, output: Tensor) -> Tensor:
        maps = output.detach().requires_grad_()
        kept.append(maps)
        torch.set_grad_enabled(True)  # only from here on: what lies before would fill the memory for nothing
        return maps

    was_training, hook = model.training, model.layer4.register_forward_hook(keep)
    try:
        with torch.no_grad():
            logits = model.eval()(images)  # (B, K)
            chosen = logits.gather(1, classes.view(-1, 1)).sum()
        (gradient,) = torch.autograd.grad(chosen, kept)  # (B, C, s, s)
    finally:
        hook.remove()
        model.train(was_training)
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
    heat = F.relu((weights * kept[0].detach()).sum(dim=1, keepdim=True))  # (B, 1, s, s)
    heat = F.interpolate(heat, size=images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]  # (B, S, S)
    return heat / heat.amax(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(heat.dtype).tiny)


def overlay(image: Pixels, heat: NDArray[np.float32]) -> Pixels:
    """A photograph (S, S, 3) in grey under colours of the heat (S, S) in [0, 1] -> (S, S, 3) uint8."""
    places = np.linspace(0, 1, len(_COLOURS))
    colours = np.stack([np.interp(heat, places, channel) for channel in _COLOURS.T], axis=-1)  # (S, S, 3)
    grey = np.asarray(Image.fromarray(image).convert("L"), np.float64)[..., None]  # (S, S, 1)
    share = _STRENGTH * np.asarray(heat, np.float64)[..., None]
    return np.asarray((1 - share) * grey + share * colours).round().clip(0, 255).astype(np.uint8)


def explain(model: ResNet, images: Pixels, classes: NDArray[np.int64], normalisation: str) -> list[Image.Image]:
    """Photographs (B, S, S, 3) uint8 -> for each a picture of it beside its overlay for the class."""
    if not len(images):
        return []
    device = next(model.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).to(device)
    heat = gradcam(model, normalise(x.float() / 255, normalisation), torch.tensor(classes, device=device)).cpu().numpy()
    return [_beside(image, overlay(image, one)) for image, one in zip(images, heat, strict=True)]


def _beside(image: Pixels, explained: Pixels) -> Image.Image:
    """Two images of one size, the first on the left, both enlarged where they are small."""
    both = Image.fromarray(np.concatenate([image, explained], axis=1))
    times = max(1, -(-SMALLEST_SIDE // image.shape[0]))
    return both.resize((both.width * times, both.height * times), Image.Resampling.BICUBIC) if times > 1 else both


def png(picture: Image.Image) -> bytes:
    """A picture as PNG; made from pixels alone, it holds no name, time or EXIF field."""
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
