"""The network that is measured, exported and used: members and views averaged into one answer.

Shapes: B images, S pixels a side, V views, M members, K = 5 grades.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

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
        seen = torch.cat(views_of(x, self.views))  # (V B, 3, S, S)
        # In float32 also under autocast: a mean of few probabilities must not lose what a softmax has.
        each = torch.cat([member(seen).float().log_softmax(dim=1) for member in self.members])  # (M V B, K)
        return each.view(count, -1, each.shape[1]).logsumexp(dim=0) - math.log(count)


def views_of(x: Tensor, views: int) -> list[Tensor]:
    """The images (B, 3, S, S) as they are, and mirrored and turned: 1, 4 or 8 tensors of the same shape."""
    if views == 1:
        return [x]
    both = [x] if views == 4 else [x, x.transpose(2, 3)]
    return [one.flip(axes) if axes else one for one in both for axes in ((), (3,), (2,), (2, 3))]
