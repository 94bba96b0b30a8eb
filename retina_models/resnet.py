"""Residual networks with 18 and 50 layers, from the convolution up (He et al. 2016, https://arxiv.org/abs/1512.03385).

Attribute names, state-dict keys and shapes are torchvision's, so that weights move between the two unchanged. ResNet50
halves the resolution in its 3x3 convolution, as torchvision's does ("v1.5"), not in the first 1x1 of the paper.

Shapes: B images, C channels, S pixels a side, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Head = Literal["linear", "lab"]


def conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Convolution that keeps the resolution (but for its stride); the BatchNorm after it makes a bias useless."""
    return nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=False)


class Pointwise(nn.Conv2d):
    """1x1 convolution: (B, C, S, S) -> (B, K, S / stride, S / stride).

    It is a matrix product over pixels. Training on a CPU computes it so where the channels of a pixel lie together: a
    step of a ResNet50 takes 0.8 of the time at 32 pixels and 0.9 at 64 (`make bench`).
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__(channels_in, channels_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)):
            return super().forward(x)
        down, across = self.stride
        # (B, S / stride, S / stride, C); contiguous, or a frozen layer multiplies each row of pixels by itself.
        pixels = x[:, :, ::down, ::across].permute(0, 2, 3, 1).contiguous()
        return F.linear(pixels, self.weight.flatten(1)).permute(0, 3, 1, 2)


def shortcut(conv1x1: nn.Conv2d) -> nn.Sequential | None:
    """The convolution for a skip connection where its shape must change, else None: the identity."""
    if conv1x1.stride == (1, 1) and conv1x1.in_channels == conv1x1.out_channels:
        return None
    return nn.Sequential(conv1x1, nn.BatchNorm2d(conv1x1.out_channels))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a skip connection: (B, C_in, S, S) -> (B, width, S / stride, S / stride)."""

    expansion = 1  # channels out = width * expansion

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv(channels_in, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(conv(channels_in, width, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.bn2(self.conv2(x))
        return F.relu(x + skip, inplace=True)


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up beside a skip connection: (B, C_in, S, S) -> (B, 4 width, S / stride, S / stride)."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Pointwise(channels_in, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = Pointwise(width, width * self.expansion)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.downsample = shortcut(Pointwise(channels_in, width * self.expansion, stride))

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        x = self.bn3(self.conv3(x))
        return F.relu(x + skip, inplace=True)


Block = type[BasicBlock] | type[Bottleneck]


class ResNet(nn.Module):
    """Stem, four stages, average over the image, head: normalised images (B, 3, S, S) -> logits (B, K).

    head="linear" maps the features to the K classes. head="lab" keeps a layer `fc` of 1000 outputs, into which the
    classifier of ImageNet fits, and puts ReLU and `fc_lab` (1000 -> K) behind it.
    """

    def __init__(self, block: Block, depths: tuple[int, int, int, int], num_classes: int, head: Head) -> None:
        super().__init__()
        self.conv1 = conv(3, 64, 7, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = stage(block, 64, 64, depths[0], stride=1)
        self.layer2 = stage(block, 64 * block.expansion, 128, depths[1], stride=2)
        self.layer3 = stage(block, 128 * block.expansion, 256, depths[2], stride=2)
        self.layer4 = stage(block, 256 * block.expansion, 512, depths[3], stride=2)
        features = 512 * block.expansion
        self.fc = nn.Linear(features, 1000 if head == "lab" else num_classes)
        self.fc_lab = nn.Linear(1000, num_classes) if head == "lab" else None
        self._frozen = False

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)  # (B, 64, S/2, S/2)
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)  # (B, 64, S/4, S/4)
        x = self.layer1(x)  # (B,  64 e, S/4,  S/4), e = 1 in ResNet18, 4 in ResNet50
        x = self.layer2(x)  # (B, 128 e, S/8,  S/8)
        x = self.layer3(x)  # (B, 256 e, S/16, S/16)
        x = self.layer4(x)  # (B, 512 e, S/32, S/32)
        x = x.mean(dim=(2, 3))  # (B, 512 e)
        x = self.fc(x)  # (B, K), or (B, 1000) in the lab's head
        return x if self.fc_lab is None else self.fc_lab(F.relu(x))

    def head_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters behind the features: `fc`, and `fc_lab` where there is one."""
        return chain(self.fc.parameters(), () if self.fc_lab is None else self.fc_lab.parameters())

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        """All parameters but the head's."""
        head = {id(parameter) for parameter in self.head_parameters()}
        return (parameter for parameter in self.parameters() if id(parameter) not in head)

    def freeze_backbone(self, frozen: bool) -> None:
        """Decide whether the backbone learns; a frozen one keeps the running statistics of its BatchNorm, too."""
        self._frozen = frozen
        for parameter in self.backbone_parameters():
            parameter.requires_grad_(not frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> ResNet:
        """As nn.Module.train, but the BatchNorm of a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self._frozen:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


def stage(block: Block, channels_in: int, width: int, depth: int, stride: int) -> nn.Sequential:
    """`depth` blocks; the first one changes resolution and channels."""
    rest = (block(width * block.expansion, width, 1) for _ in range(depth - 1))
    return nn.Sequential(block(channels_in, width, stride), *rest)


@torch.no_grad()
def initialise(model: ResNet, seed: int) -> None:
    """Set every parameter and buffer, from a generator of its own; the rules are torchvision's.

    Convolutions: normal, variance 2 / fan-out (He et al. 2015, https://arxiv.org/abs/1502.01852). BatchNorm: identity.
    Linear layers: uniform within 1 / sqrt(fan-in).
    """
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()  # weight 1, bias 0, running mean 0 and variance 1: nothing is drawn
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            nn.init.uniform_(module.bias, -bound, bound, generator=generator)


LAYERS: dict[str, tuple[Block, tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


def shaped(architecture: str, num_classes: int = 5, head: Head = "linear") -> ResNet:
    """A network without memory: it has its shapes, and nothing was drawn."""
    if head not in ("linear", "lab"):
        raise ValueError(f"head must be 'linear' or 'lab', but got {head!r}")
    with torch.device("meta"):
        return ResNet(*LAYERS[architecture], num_classes, head)


def build(architecture: str, num_classes: int, head: Head, seed: int) -> ResNet:
    """Make a network on the CPU. It is shaped without memory first, so that no default initialisation draws numbers."""
    model = shaped(architecture, num_classes, head)
    model.to_empty(device="cpu")
    initialise(model, seed)
    return model


def resnet18(num_classes: int = 5, head: Head = "linear", *, seed: int = 0) -> ResNet:
    """ResNet18: 11.2 million parameters with 5 classes, 512 features."""
    return build("resnet18", num_classes, head, seed)


def resnet50(num_classes: int = 5, head: Head = "linear", *, seed: int = 0) -> ResNet:
    """ResNet50: 23.5 million parameters with 5 classes, 2048 features."""
    return build("resnet50", num_classes, head, seed)


ARCHITECTURES: dict[str, Callable[..., ResNet]] = {"resnet18": resnet18, "resnet50": resnet50}
