from pathlib import Path

import pytest
import torch

from retina_models.pretrained import WeightsError, read_weights, save_weights
from retina_models.resnet import resnet18, resnet50
from study.config import StudyConfig, make_study_config
from study.ledger import StudyState
from study.pretraining import check_fit, kept_file, kept_weights, runnable


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pretraining")
    save_weights(made / "r18.safetensors", resnet18(seed=1).state_dict(), {})
    save_weights(made / "r50.safetensors", resnet50(seed=1).state_dict(), {})
    torch.hub.set_dir(str(made / "hub"))  # no ImageNet file of this machine is found
    return made


def _config(folder: Path, **files: str) -> StudyConfig:
    weights = {"resnet18": "imagenet", "resnet50": "imagenet"} | {k: str(folder / v) for k, v in files.items()}
    return make_study_config({"weights": weights}, {})


def test_what_is_not_here_is_left_out_with_its_name_alone(folder: Path) -> None:
    cells, not_run, weights = runnable(_config(folder, resnet18="r18.safetensors"), {})
    assert cells == [("resnet18", False), ("resnet18", True), ("resnet50", False)]
    assert list(not_run) == ["resnet50-pretrained"]
    assert str(folder) not in not_run["resnet50-pretrained"]
    assert weights["resnet18"]["name"] == "r18.safetensors"
    assert weights["resnet18"]["digest"] == read_weights(folder / "r18.safetensors", "resnet18").digest


def test_a_file_that_was_named_and_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(WeightsError, match="is not a file"):
        runnable(_config(folder, resnet18="gone.pth"), {})


def test_a_study_s_own_copy_comes_first(folder: Path, tmp_path: Path) -> None:
    digest = read_weights(folder / "r18.safetensors", "resnet18").digest
    state = StudyState()
    known = {"resnet18": {"source": "lost.safetensors", "digest": digest}}
    state.apply({"event": "study", "id": "a", "weights": known})
    copy = kept_file(tmp_path, {"name": "lost.safetensors", "digest": digest})
    assert kept_weights(tmp_path, state, None) == {}
    copy.parent.mkdir()
    copy.write_bytes((folder / "r18.safetensors").read_bytes())
    kept = kept_weights(tmp_path, state, None)
    assert kept == {"resnet18": copy}
    _, _, weights = runnable(_config(folder, resnet18="lost.safetensors"), kept)
    assert (weights["resnet18"]["digest"], weights["resnet18"]["name"]) == (digest, "lost.safetensors")
    assert kept_weights(tmp_path, state, {"resnet18": "another.pth"}) == {}


def test_weights_must_hold_all_but_the_head(folder: Path) -> None:
    report = check_fit(read_weights(folder / "r18.safetensors", "resnet18"), "lab")
    assert any(key.startswith("fc") for key in (*report.new, *(entry[0] for entry in report.wrong_shape)))
    with pytest.raises(WeightsError, match="must hold all of a resnet18 but its head"):
        check_fit(read_weights(folder / "r50.safetensors", "resnet18"), "linear")
