"""ImageNet's weights, as torchvision publishes them: their file, its hash, and the download."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch

from retina_models.errors import WeightsError


def imagenet_url(architecture: str) -> str:
    """Address of ImageNet's weights in torchvision: version 1 for ResNet18 (it has no other), 2 for ResNet50."""
    from torchvision.models import ResNet18_Weights, ResNet50_Weights

    choices = {"resnet18": ResNet18_Weights.IMAGENET1K_V1, "resnet50": ResNet50_Weights.IMAGENET1K_V2}
    if architecture not in choices:
        raise WeightsError(f"architecture must be one of {', '.join(choices)}, but got {architecture!r}")
    return str(choices[architecture].url)


def imagenet_file(architecture: str) -> Path:
    """Where torchvision's hub cache has ImageNet's weights, or wants them."""
    return Path(torch.hub.get_dir()) / "checkpoints" / imagenet_url(architecture).rpartition("/")[2]


def hash_prefix(path: Path) -> str:
    """First digits of the SHA-256 that the publisher wrote into the file's name, as in resnet18-f37072fd.pth."""
    found = re.search(r"-([0-9a-f]{8,})\.", path.name)
    assert found, f"torchvision's file names carry a hash, but {path.name} does not"
    return found[1]


def fetch_imagenet(architecture: str, path: Path, download: bool) -> None:
    """Download ImageNet's weights with a progress bar and a check of their hash; a file appears whole or not at all."""
    remedy = f"put the file {path.name} into the folder {path.parent}, or give a file of weights"
    if not download:
        raise WeightsError(f"ImageNet weights of {architecture} are not on this machine; {remedy}")
    print(f"downloading ImageNet weights of {architecture} to {path}", file=sys.stderr)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(imagenet_url(architecture), str(path), hash_prefix(path), progress=True)
    except (OSError, RuntimeError) as error:  # no network, no room, or another hash than the name's
        raise WeightsError(f"ImageNet weights of {architecture} could not be downloaded; {remedy}") from error
