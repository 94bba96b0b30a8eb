"""Members and views averaged: the mean of probabilities by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from retina_models.resnet import resnet18
from study.training.prediction import VIEWS, Grader, views_of


class _Corners(nn.Module):
    """Logits from the image's four corners and its middle row: another answer for each of the eight views."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x: Tensor) -> Tensor:
        corners = [x[:, 0, row, column] for row in (0, -1) for column in (0, -1)]
        return self.scale * torch.stack([*corners, x[:, 0, 0, 1]], dim=1)


def _images(n: int = 3) -> Tensor:
    return torch.randn(n, 3, 5, 5, generator=torch.Generator().manual_seed(4))


def test_one_member_and_one_view_are_the_network_s_own_answer() -> None:
    network = resnet18(seed=1).eval()
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(Grader([network])(x), network(x).log_softmax(dim=1))


def test_views_are_the_symmetries_of_the_square() -> None:
    x = _images(1)
    seen = views_of(x, 8)
    turns = [torch.rot90(one, turn, (2, 3)) for one in (x, x.flip(3)) for turn in range(4)]
    assert len(seen) == 8
    assert all(sum(torch.equal(one, other) for other in seen) == 1 for one in turns)
    four = views_of(x, 4)
    assert all(torch.equal(one, other) for one, other in zip(four, seen[:4], strict=True))
    assert [torch.equal(one, other) for one, other in zip(four, (x, x.flip(3), x.flip(2), x.flip(2, 3)), strict=True)]
    assert torch.equal(views_of(x, 1)[0], x)


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("members", [1, 3])
def test_it_is_the_logarithm_of_the_mean_probability(views: int, members: int) -> None:
    networks = [_Corners(scale) for scale in (1.0, -2.0, 0.5)][:members]
    x = _images()
    with torch.no_grad():
        by_hand = torch.stack([one(view).double().softmax(dim=1) for one in networks for view in views_of(x, views)])
        found = Grader(networks, views)(x)
    assert found.shape == (3, 5)
    torch.testing.assert_close(found.double().exp(), by_hand.mean(dim=0), rtol=1e-5, atol=1e-7)
    if views * members > 1:  # not the mean of logits, nor one view's answer
        assert not torch.allclose(found, by_hand.log().mean(dim=0).float(), atol=1e-3)
        assert not torch.allclose(found, by_hand[0].log().float(), atol=1e-3)


def test_every_image_keeps_its_place() -> None:
    grader, x = Grader([_Corners(), _Corners(2.0)], 8), _images(4)
    with torch.no_grad():
        together, alone = grader(x), torch.cat([grader(one[None]) for one in x])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("views", VIEWS)
def test_logits_of_any_size_give_finite_numbers(views: int) -> None:
    with torch.no_grad():
        found = Grader([_Corners(1e4), _Corners(-1e4)], views)(_images())
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.exp().sum(dim=1), torch.ones(3))


def test_under_bf16_the_mean_is_made_in_float32() -> None:
    grader = Grader([resnet18(seed=1), resnet18(seed=2)], 4).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = grader(torch.randn(2, 3, 32, 32))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.exp().sum(dim=1), torch.ones(2), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("members", "views"), [(1, 2), (1, 0), (0, 1)])
def test_other_numbers_are_refused(members: int, views: int) -> None:
    with pytest.raises(ValueError, match="views must be one of"):
        Grader([_Corners()] * members, views)
