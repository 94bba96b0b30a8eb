"""The networks against torchvision's and timm's, their initialisation, and freezing."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision

from retina_models.resnet import ARCHITECTURES, Bottleneck, Pointwise, ResNet, initialise, resnet18

NAMES = sorted(ARCHITECTURES)


def with_lively_statistics(model: torch.nn.Module) -> torch.nn.Module:
    """Statistics and scales as after training: with fresh ones, a BatchNorm in evaluation mode does nothing."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.8, 1.2, generator=generator)
            torch.nn.init.uniform_(module.weight, 0.3, 0.6, generator=generator)
            torch.nn.init.normal_(module.bias, 0, 0.1, generator=generator)
    return model


def images(side: int = 64) -> torch.Tensor:
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("classes", [5, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_logits_equal_torchvisions_with_the_same_weights(name: str, classes: int) -> None:
    theirs = with_lively_statistics(torchvision.models.get_model(name, num_classes=classes)).eval()
    ours = ARCHITECTURES[name](classes).eval()
    expected = {key: tensor.shape for key, tensor in theirs.state_dict().items()}
    assert {key: tensor.shape for key, tensor in ours.state_dict().items()} == expected
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for side in (64, 75):  # an odd side: padding and strides must agree, too
        with torch.no_grad():
            difference = (ours(images(side)) - theirs(images(side))).abs().max().item()
        assert difference < 1e-5


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("side", [64, 75])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_and_running_statistics_equal_torchvisions(name: str, side: int, layout: torch.memory_format) -> None:
    """In float64: the normalisations of a ResNet50 over three images make 1 % of float32's rounding."""
    theirs = with_lively_statistics(torchvision.models.get_model(name, num_classes=5)).double().train()
    ours = ARCHITECTURES[name]().double().train()
    ours.load_state_dict(theirs.state_dict())
    ours.to(memory_format=layout)
    x = images(side).double()
    for model, batch in ((ours, x.contiguous(memory_format=layout)), (theirs, x)):
        model(batch).square().sum().backward()
    for (key, mine), (_, other) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert mine.grad is not None and other.grad is not None
        error = (mine.grad - other.grad).norm() / other.grad.norm().clamp_min(1e-6)
        assert error < 1e-9, key
    torch.testing.assert_close(ours.layer4[0].bn1.running_mean, theirs.layer4[0].bn1.running_mean)


def operations(layer: torch.nn.Module, x: torch.Tensor) -> set[str]:
    with torch.profiler.profile() as profile:
        layer(x)
    return {event.key for event in profile.key_averages()}


def test_a_pointwise_convolution_is_a_matrix_product_in_training_on_a_cpu_with_channels_last() -> None:
    layer = Pointwise(6, 4, stride=2)
    x = torch.randn(2, 6, 5, 7, generator=torch.Generator().manual_seed(3))
    last = x.contiguous(memory_format=torch.channels_last)
    assert "aten::linear" in operations(layer, last) and "aten::conv2d" not in operations(layer, last)
    assert "aten::conv2d" in operations(layer, x)
    torch.testing.assert_close(layer(last), layer(x))
    layer.eval()  # what a network predicts, and what is exported, is a convolution
    assert "aten::conv2d" in operations(layer, last)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_it_is_one_product_also_where_it_is_frozen(stride: int, learns: bool, dtype: torch.dtype) -> None:
    """A product for each row of pixels copies the weight for each, and takes ten times as long in bf16."""
    layer = Pointwise(6, 4, stride).to(dtype).requires_grad_(learns)
    x = torch.randn(2, 6, 8, 8, dtype=dtype).contiguous(memory_format=torch.channels_last)
    names = operations(layer, x)
    assert "aten::mm" in names and "aten::bmm" not in names


def short_resnet50() -> ResNet:
    """One block in each stage, channels-last, in float64."""
    model = ResNet(Bottleneck, (1, 1, 1, 1), 5, "linear")
    initialise(model, seed=1)
    return model.double().to(memory_format=torch.channels_last)


def test_a_network_with_pointwise_convolutions_is_compiled_whole_and_exported_as_convolutions() -> None:
    model = short_resnet50().train()
    x = images().double().contiguous(memory_format=torch.channels_last)
    step = torch.compile(model, fullgraph=True, dynamic=False, backend="eager")
    torch.testing.assert_close(step(x), model(x))
    nodes = [str(node.target) for node in torch.export.export(model.eval(), (x,)).graph.nodes]
    assert nodes.count("aten.conv2d.default") == 1 + 4 * 3 + 4 and nodes.count("aten.linear.default") == 1


@pytest.mark.parametrize("name", NAMES)
def test_logits_equal_timms_with_the_same_weights(name: str) -> None:
    theirs = with_lively_statistics(timm.create_model(name, num_classes=5)).eval()
    ours = ARCHITECTURES[name]().eval()
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        assert (ours(images()) - theirs(images())).abs().max().item() < 1e-5


def test_lab_head_holds_imagenets_classifier_and_five_logits_behind_a_relu() -> None:
    theirs = torchvision.models.resnet18(num_classes=1000).eval()
    ours = resnet18(5, head="lab").eval()
    missing = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert missing.missing_keys == ["fc_lab.weight", "fc_lab.bias"] and not missing.unexpected_keys
    with torch.no_grad():
        expected = ours.fc_lab(torch.relu(theirs(images())))
        torch.testing.assert_close(ours(images()), expected, atol=1e-5, rtol=0)


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(ValueError, match="'linear' or 'lab'.*'deep'"):
        resnet18(5, head="deep")  # type: ignore[arg-type]


def test_a_seed_fixes_the_initialisation_and_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    first, again, other = resnet18(seed=3), resnet18(seed=3), resnet18(seed=4)
    assert torch.equal(torch.random.get_rng_state(), before)
    for key, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key]), key
    assert not torch.equal(first.conv1.weight, other.conv1.weight)


@pytest.mark.parametrize("name", NAMES)
def test_initialisation_has_torchvisions_scale(name: str) -> None:
    theirs = torchvision.models.get_model(name, num_classes=5).state_dict()
    for key, mine in ARCHITECTURES[name](5).state_dict().items():
        assert torch.isfinite(mine.double()).all(), key
        if mine.ndim == 4:
            assert mine.std().item() == pytest.approx(theirs[key].std().item(), rel=0.05), key
        elif key.startswith("fc"):
            assert mine.abs().max().item() == pytest.approx(theirs[key].abs().max().item(), rel=0.9), key
        else:
            assert torch.equal(mine, theirs[key]), key


@pytest.mark.parametrize("head", ["linear", "lab"])
@pytest.mark.parametrize("name", NAMES)
def test_a_frozen_backbone_learns_nothing_and_keeps_its_statistics(name: str, head: str) -> None:
    model = ARCHITECTURES[name](5, head).to(memory_format=torch.channels_last)
    model.freeze_backbone(True)
    model.train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    model(images().contiguous(memory_format=torch.channels_last)).sum().backward()
    assert all(parameter.grad is None for parameter in model.backbone_parameters())
    assert all(parameter.grad is not None for parameter in model.head_parameters())
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())

    model.freeze_backbone(False)  # while training: the BatchNorm wakes at once
    model(images()).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert not torch.equal(model.bn1.running_mean, before["bn1.running_mean"])


def test_backbone_and_head_share_out_all_parameters() -> None:
    model = resnet18(5, head="lab")
    parts = [id(parameter) for parameter in (*model.backbone_parameters(), *model.head_parameters())]
    assert sorted(parts) == sorted(id(parameter) for parameter in model.parameters())
