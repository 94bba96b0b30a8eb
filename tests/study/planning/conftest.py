"""A data set, and weights to begin from."""

from pathlib import Path

import pytest
import torch

from retina_models.resnet import resnet18, resnet50
from retina_models.weights import save_weights
from tests.fixtures.study import small_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("plan")
    small_data(made / "data")
    save_weights(made / "r18.safetensors", resnet18(seed=1).state_dict(), {})
    save_weights(made / "r50.safetensors", resnet50(seed=1).state_dict(), {})
    torch.hub.set_dir(str(made / "hub"))  # no ImageNet file of this machine is found
    return made
