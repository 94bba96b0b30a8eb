"""Weights that torchvision would publish."""

from __future__ import annotations

import pytest
import torch
import torchvision


@pytest.fixture(scope="module")
def theirs() -> dict[str, torch.Tensor]:
    """Random weights of torchvision's own ResNet18."""
    return dict(torchvision.models.resnet18(num_classes=1000).state_dict())
