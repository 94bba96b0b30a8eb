import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from retina_models.resnet import ResNet, resnet18, resnet50
from study.inference.gradcam import SMALLEST_SIDE, explain, gradcam, overlay, png


def _class_activation(model: ResNet, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Zhou et al. 2016: with an average and one linear layer behind the maps, Grad-CAM is their weighted sum."""
    x = F.relu(model.bn1(model.conv1(images)))
    x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
    maps = model.layer4(model.layer3(model.layer2(model.layer1(x))))  # (B, C, s, s)
    heat = F.relu(torch.einsum("bc,bcij->bij", model.fc.weight[classes], maps))
    heat = F.interpolate(heat[:, None], size=images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    return heat / heat.amax(dim=(1, 2), keepdim=True).clamp_min(1e-30)  # all 0 where nothing speaks for the class


@pytest.mark.parametrize("make", [resnet18, resnet50])
def test_it_is_the_class_activation_map_where_that_exists(make: object) -> None:
    model = make(seed=3).eval()  # type: ignore[operator]
    images, classes = torch.randn(3, 3, 96, 96, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 4])
    with torch.no_grad():
        expected = _class_activation(model, images, classes)
    heat = gradcam(model, images, classes)
    assert heat.shape == (3, 96, 96)
    torch.testing.assert_close(heat, expected, atol=1e-5, rtol=1e-4)
    assert heat.min() >= 0
    assert set(heat.amax(dim=(1, 2)).tolist()) <= {0.0, 1.0}
    assert heat.max() == 1


def test_it_follows_the_gradient_through_the_lab_s_head_too() -> None:
    model = resnet18(head="lab", seed=1).eval()
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    maps = []
    hook = model.layer4.register_forward_hook(lambda module, inputs, output: maps.append(output))
    model(images)[0, 3].backward(inputs=[model.layer4[-1].bn2.weight], retain_graph=True)
    (gradient,) = torch.autograd.grad(model(images)[0, 3], maps[-1:])
    hook.remove()
    coarse = F.relu((gradient.mean(dim=(2, 3), keepdim=True) * maps[-1]).sum(1, keepdim=True))
    expected = F.interpolate(coarse, size=(64, 64), mode="bilinear")[:, 0].detach()
    torch.testing.assert_close(gradcam(model, images, torch.tensor([3])), expected / expected.max())


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training: bool) -> None:
    model = resnet18(seed=0).train(training)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    gradcam(model, torch.randn(2, 3, 64, 64), torch.tensor([1, 1]))
    assert model.training is training
    assert torch.is_grad_enabled()
    assert not model.layer4._forward_hooks
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_hook_goes_even_where_the_network_fails() -> None:
    model = resnet18()
    with pytest.raises(RuntimeError):
        gradcam(model, torch.randn(1, 3, 64, 64), torch.tensor([9]))
    assert not model.layer4._forward_hooks
    assert model.training


def test_it_works_under_no_grad_and_without_anything_for_the_class() -> None:
    model = resnet18(seed=0).eval()
    with torch.no_grad():
        model.fc.weight.fill_(-1.0)
        heat = gradcam(model, torch.randn(1, 3, 64, 64), torch.tensor([0]))
    assert torch.equal(heat, torch.zeros(1, 64, 64))


def test_the_overlay_is_grey_where_it_is_cold_and_bright_where_it_is_hot() -> None:
    image = np.full((8, 8, 3), (200, 90, 40), np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[:, 4:] = 1
    made = overlay(image, heat)
    assert made.dtype == np.uint8
    assert made.shape == image.shape
    assert np.ptp(made[0, 0]) == 0
    assert int(made[0, 7].max()) - int(made[0, 7].min()) > 60
    steps = [overlay(image, np.full((1, 1), value, np.float32)) for value in np.linspace(0.3, 1, 8)]
    assert np.all(np.diff([float(Image.fromarray(step).convert("L").getpixel((0, 0))) for step in steps]) > 0)  # type: ignore[arg-type]


def test_a_picture_is_the_photograph_beside_its_overlay_without_any_field() -> None:
    images = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    pictures = explain(resnet18(seed=0), images, np.array([0, 4]), "imagenet")
    assert [one.size for one in pictures] == [(2 * SMALLEST_SIDE, SMALLEST_SIDE)] * 2
    large = np.random.default_rng(0).integers(0, 255, (1, 300, 300, 3), dtype=np.uint8)
    (picture,) = explain(resnet18(seed=0), large, np.array([0]), "unit")
    assert np.array_equal(np.asarray(picture)[:, :300], large[0])
    with Image.open(io.BytesIO(png(picture))) as read:
        assert read.format == "PNG"
        assert read.info == {}
        assert not read.getexif()
        assert np.array_equal(np.asarray(read), np.asarray(picture))
    assert explain(resnet18(), large[:0], np.array([], np.int64), "unit") == []
