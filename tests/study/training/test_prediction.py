"""Predictions: the same whatever the batches, and the model is left as it was."""

from __future__ import annotations

import pytest
import torch

from retina_data.batches import normalise
from retina_models.resnet import resnet18
from study.training import prediction as predicting
from study.training.prediction import Grader, at_once, logits, predict


def images(n: int = 7) -> torch.Tensor:
    return torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("normalisation", ["unit", "imagenet"])
def test_probabilities_are_those_of_the_plain_model(normalisation: str) -> None:
    model = resnet18().eval()
    with torch.no_grad():
        expected = model(normalise(images().float() / 255, normalisation)).softmax(1)
    found = predict(model, images(), normalisation=normalisation, precision="fp32")
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found.sum(1), torch.ones(7))


def test_batches_do_not_matter_and_the_order_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model = resnet18()
    whole = logits(model, images(), normalisation="imagenet", precision="fp32")
    for size in (1, 2, 3):
        monkeypatch.setattr(predicting, "MOST_AT_ONCE", size)
        cut = logits(model, images(), normalisation="imagenet", precision="fp32")
        torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-5)
    one = logits(model, images()[3:4], normalisation="imagenet", precision="fp32")
    torch.testing.assert_close(one[0], whole[3], rtol=1e-4, atol=1e-5)


def test_large_photographs_are_predicted_a_few_at_a_time() -> None:
    assert [at_once(side) for side in (32, 64, 256, 512, 1024, 2048)] == [256, 256, 32, 8, 2, 1]


def test_views_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [at_once(side, 8) for side in (32, 256, 2048)] == [32, 4, 1]
    grader, sizes = Grader([resnet18()], views=4), []
    grader.first.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    monkeypatch.setattr(predicting, "MOST_AT_ONCE", 8)
    predict(grader, images(5), normalisation="unit", precision="fp32")
    assert sizes == [8, 8, 4]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_model_is_left_as_it_was(training: bool, frozen: bool) -> None:
    model = resnet18().train(training)
    model.freeze_backbone(frozen)
    modes = [module.training for module in model.modules()]
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    found = predict(model, images(), normalisation="unit", precision="fp32")
    assert not found.requires_grad
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_bf16_is_near_fp32_and_gives_float32() -> None:
    model = resnet18()
    exact = predict(model, images(), normalisation="imagenet", precision="fp32")
    rough = predict(model, images(), normalisation="imagenet", precision="bf16")
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).abs().max() < 0.05


def test_fp32_means_fp32_while_it_predicts_and_nothing_stays_changed() -> None:
    """On a GPU convolutions are TF32 otherwise, and what is stored could not be computed again elsewhere."""
    model, seen = resnet18(), []
    model.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    before = torch.backends.cudnn.allow_tf32
    predict(model, torch.zeros((2, 3, 32, 32), dtype=torch.uint8), normalisation="imagenet", precision="fp32")
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32 == before
