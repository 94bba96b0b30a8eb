import pytest
import torch

from retina_models.resnet import ARCHITECTURES, BasicBlock, Bottleneck
from retina_models.weights import zero_init_residual


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_network_begins_as_its_skip_connections(name: str) -> None:
    network = ARCHITECTURES[name](5).train()
    network.load_state_dict(zero_init_residual(name, seed=1).state)
    blocks = [module for module in network.modules() if isinstance(module, BasicBlock | Bottleneck)]
    some = [block for block in blocks if block.downsample is None]
    assert len(some) == {"resnet18": 5, "resnet50": 12}[name]
    for block in some:
        x = torch.rand(2, block.conv1.in_channels, 4, 4, generator=torch.Generator().manual_seed(0))  # as after ReLU
        assert torch.equal(block(x), x)


def test_all_else_is_random_and_follows_the_seed() -> None:
    first, again, other = (zero_init_residual("resnet18", seed).state["conv1.weight"] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.std() > 0
