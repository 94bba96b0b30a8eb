"""A network whose residual blocks give at first what they get: how source weights begin.

The scale of each block's last BatchNorm is zero (Goyal et al. 2017, https://arxiv.org/abs/1706.02677), as torchvision's
`zero_init_residual` has it. Without this a ResNet50 learns nothing from some thousand photographs in a few epochs.
"""

from __future__ import annotations

import torch

from analysis.records import GRADES
from retina_models.pretrained import Weights
from retina_models.resnet import ARCHITECTURES, BasicBlock, Bottleneck


def zero_init_residual(architecture: str, seed: int = 0) -> Weights:
    """Random weights of a whole network, with a scale of zero at the end of each residual block."""
    model = ARCHITECTURES[architecture](len(GRADES), seed=seed)
    for module in model.modules():
        if isinstance(module, BasicBlock | Bottleneck):
            last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
            torch.nn.init.zeros_(last.weight)
    return Weights(architecture, model.state_dict(), digest="", source="new")
