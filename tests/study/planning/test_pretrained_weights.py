from dataclasses import replace
from pathlib import Path

import pytest
import torch

from retina_models.errors import WeightsError
from retina_models.resnet import resnet18, resnet50
from retina_models.weights import imagenet_file, read_weights, save_weights
from study.config.study import StudyConfig, make_study_config
from study.errors import ConfigError
from study.planning.pretrained_weights import (
    check_fit,
    check_one_kind,
    kept_file,
    kept_weights,
    read_source,
    runnable,
    synthetic_file,
)
from study.storage.state import StudyState
from tests.fixtures.study import study_event


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
    cells, not_run, weights = runnable(_config(folder, resnet18="r18.safetensors"), {}, folder)
    assert cells == [("resnet18", False), ("resnet18", True), ("resnet50", False)]
    assert list(not_run) == ["resnet50-pretrained"]
    assert str(folder) not in not_run["resnet50-pretrained"].reason
    assert (weights["resnet18"]["name"], weights["resnet18"]["kind"]) == ("r18.safetensors", "file")
    assert weights["resnet18"]["digest"] == read_weights(folder / "r18.safetensors", "resnet18").digest


def test_a_damaged_file_of_imagenet_is_named_without_its_folder(folder: Path) -> None:
    damaged = imagenet_file("resnet50")
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"damaged")
    _, not_run, _ = runnable(_config(folder, resnet18="r18.safetensors"), {}, folder)
    damaged.unlink()
    reason = not_run["resnet50-pretrained"].reason
    assert reason.startswith(f"{damaged.name} is damaged") and str(folder) not in reason


def test_a_file_that_was_named_and_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(WeightsError, match="is not a file"):
        runnable(_config(folder, resnet18="gone.pth"), {}, folder)


def test_a_study_s_own_copy_comes_first(folder: Path, tmp_path: Path) -> None:
    digest = read_weights(folder / "r18.safetensors", "resnet18").digest
    known = {"resnet18": {"source": "lost.safetensors", "digest": digest}}
    state = StudyState(replace(study_event(), weights=known))
    copy = kept_file(tmp_path, {"name": "lost.safetensors", "digest": digest})
    assert kept_weights(tmp_path, state, None) == {}
    copy.parent.mkdir()
    copy.write_bytes((folder / "r18.safetensors").read_bytes())
    kept = kept_weights(tmp_path, state, None)
    assert kept == {"resnet18": copy}
    _, _, weights = runnable(_config(folder, resnet18="lost.safetensors"), kept, folder)
    assert (weights["resnet18"]["digest"], weights["resnet18"]["name"]) == (digest, "lost.safetensors")
    assert kept_weights(tmp_path, state, {"resnet18": "another.pth"}) == {}


def test_weights_must_hold_all_but_the_head(folder: Path) -> None:
    report = check_fit(read_weights(folder / "r18.safetensors", "resnet18"), "lab")
    assert any(key.startswith("fc") for key in (*report.new, *(entry[0] for entry in report.wrong_shape)))
    with pytest.raises(WeightsError, match="must hold all of a resnet18 but its head"):
        check_fit(read_weights(folder / "r50.safetensors", "resnet18"), "linear")


def _synthetic(home: Path, architecture: str, kind: str = "synthetic") -> Path:
    file = synthetic_file(home, architecture)
    file.parent.mkdir(exist_ok=True)
    network = resnet18(seed=2) if architecture == "resnet18" else resnet50(seed=2)
    save_weights(file, network.state_dict(), {"kind": kind})
    return file


def test_synthetic_weights_are_the_home_s_and_left_out_where_it_has_none(folder: Path, tmp_path: Path) -> None:
    config = make_study_config({"weights": {"resnet18": "synthetic", "resnet50": "synthetic"}}, {})
    file = _synthetic(tmp_path, "resnet18")
    cells, not_run, weights = runnable(config, {}, tmp_path)
    assert cells == [("resnet18", False), ("resnet18", True), ("resnet50", False)]
    assert {arm: why.reason for arm, why in not_run.items()} == {
        "resnet50-pretrained": "synthetic weights synthetic-resnet50.safetensors are not in this home"
    }
    found = weights["resnet18"]
    assert (found["file"], found["kind"], found["name"]) == (str(file), "synthetic", "synthetic-resnet18.safetensors")
    assert kept_file(tmp_path, found).suffix == ".safetensors"


def test_a_file_is_of_the_kind_that_it_says_wherever_it_lies(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mine.safetensors"
    _synthetic(tmp_path, "resnet18").rename(elsewhere)
    _, _, weights = runnable(_config(folder, resnet18=str(elsewhere)), {}, tmp_path)
    assert (weights["resnet18"]["kind"], weights["resnet18"]["name"]) == ("synthetic", "mine.safetensors")
    _synthetic(tmp_path, "resnet18", kind="file")
    with pytest.raises(
        WeightsError, match=r"synthetic-resnet18\.safetensors of this home must be made by `retina pret"
    ):
        runnable(make_study_config({"weights": {"resnet18": "synthetic"}}, {}), {}, tmp_path)


def test_a_source_that_is_not_there_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"make them \(retina pretrain --architecture resnet18 --home h\)"):
        read_source("synthetic", "resnet18", tmp_path, rerun_flags=" --home h")
    file = _synthetic(tmp_path, "resnet18")
    assert read_source("synthetic", "resnet18", tmp_path)[1] == file


def _weights(kind: str) -> dict[str, str]:
    return {"kind": kind, "name": f"{kind}.pth", "source": f"{kind}.pth"}


def test_two_kinds_of_weights_are_never_in_one_study() -> None:
    one, other = _weights("imagenet"), _weights("synthetic")
    check_one_kind("s", {"resnet18": one, "resnet50": one}, {"resnet18": one})
    with pytest.raises(ConfigError, match="of one kind") as caught:
        check_one_kind("s", {"resnet18": one, "resnet50": other}, {})
    text = str(caught.value)
    assert "resnet18 are imagenet (imagenet.pth) and those of resnet50 are synthetic (synthetic.pth)" in text
    assert "--weights synthetic" in text and "--architecture" in text


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_an_arm_that_is_added_begins_from_the_study_s_kind(architecture: str) -> None:
    started = {"resnet18": _weights("file"), "resnet50": {"source": "of an older study", "digest": "d"}}
    check_one_kind("s", {architecture: _weights("file")}, started)
    with pytest.raises(ConfigError, match=r"those of resnet18 are file \(file\.pth\) .* study s began so: give"):
        check_one_kind("s", {architecture: _weights("synthetic")}, started)
