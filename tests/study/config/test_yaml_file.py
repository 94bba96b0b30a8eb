from pathlib import Path

import pytest

from study.config.search_space import known_good
from study.config.study import make_study_config
from study.config.yaml_file import read_study_config, to_yaml
from study.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trials: 3\nfixed:\n  epochs: 2\n  lr: -0.1\n", "`lr > 0` must hold, but got lr=-0.1 (lab.yaml, line 4)"),
        ("trials: 4\ntrails: 3\n", "trails is no known key; did you mean trials? (lab.yaml, line 2)"),
        ("space:\n  lr: {low: 1, high: 0.1}\n", "low < high must hold, but got low=1, high=0.1 (lab.yaml, line 2)"),
        ("seed: 0\n\ntrials: 0\n", "`trials >= 1` must hold, but got trials=0 (lab.yaml, line 3)"),
        ("fixed: [1, 2", "lab.yaml is not YAML"),
        ("- 1\n", "lab.yaml must hold `key: value` lines, but holds a list"),
        ("[]\n", "lab.yaml must hold `key: value` lines, but holds a list"),
        ("", "lab.yaml must hold `key: value` lines, but is empty (line 1); write the study into it, or `{}` for"),
        ("# trials: 3\n---\n", "lab.yaml must hold `key: value` lines, but is empty (line 1)"),
        ("trials: 1\nseed: 0\n'trials': 2\n", "trials must be given once, but stands twice (lab.yaml, lines 1 and 3)"),
        (
            "fixed:\n  lr: 0.1\n  epochs: 2\n  lr: 0.1\ntrials: 1\ntrials: 2\n",
            "lr must be given once, but stands twice (lab.yaml, lines 2 and 4); delete one of them",
        ),
        (
            "space:\n  lr: {low: 0.1, low: 0.2, high: 1}\n",
            "low must be given once, but stands twice (lab.yaml, line 2)",
        ),
    ],
)
def test_an_error_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_study_config(path)
    assert message in str(caught.value)


def test_the_default_study_can_be_asked_for_and_a_name_may_stand_in_two_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("{}\n")
    assert read_study_config(tmp_path / "a.yaml") == make_study_config({}, {})
    (tmp_path / "a.yaml").write_text("seed: 3\nfixed: {lr: 0.1}\nspace:\n  momentum: {low: 0.1, high: 0.5}\n")
    assert read_study_config(tmp_path / "a.yaml").seed == 3


def test_a_weights_file_lies_beside_the_yaml_file_and_a_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("weights: {resnet18: synthetic, resnet50: w.pth}\n")
    known = {"resnet18": "synthetic", "resnet50": str(tmp_path / "w.pth")}
    assert read_study_config(tmp_path / "a.yaml").weights == known
    overridden = read_study_config(tmp_path / "a.yaml", {"weights": {"resnet50": "imagenet"}})
    assert overridden.weights == known | {"resnet50": "imagenet"}


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give --config the path of a YAML file"):
        read_study_config(tmp_path / "none.yaml")


def test_a_study_reads_back_equal(tmp_path: Path) -> None:
    config = make_study_config({}, {"epochs": 3, "lr": 0.1 + 0.2, "trials": 8})
    (tmp_path / "study.yaml").write_text(to_yaml(config))
    assert read_study_config(tmp_path / "study.yaml") == config


def test_the_lab_is_four_cells_of_its_own_settings() -> None:
    config = read_study_config(ROOT / "configs" / "lab.yaml")
    assert (config.select_on, config.trials, len(config.arm_specs())) == ("test", 4, 4)
    assert config.fixed["imbalance"] == "flip_minority"
    assert config.fixed["head"] == "lab"
    assert (config.fixed["epochs"], config.fixed["batch_size"], config.fixed["lr"]) == (15, 8, 0.001)
    assert set(config.space) == {"architecture", "pretrained"}


def test_small_photographs_are_searched_with_what_the_evidence_says() -> None:
    config = read_study_config(ROOT / "configs" / "small.yaml")
    assert config.arm_specs() == [("resnet18", False), ("resnet18", True)]
    assert config.weights["resnet18"] == "synthetic"
    assert (config.trials, config.finalists, config.repeats) == (40, 2, 2)
    assert {config.fixed[name] for name in ("image_size", "views", "augmentation", "decision")} == {
        28, 8, "dihedral", "median"
    }  # fmt: skip
    assert read_study_config(ROOT / "configs" / "small.yaml", {"image_size": 96}).fixed["image_size"] == 96


@pytest.mark.parametrize("name", ["small", "study"])
def test_an_arm_of_a_recommended_config_begins_with_the_known_good_configuration(name: str) -> None:
    config = read_study_config(ROOT / "configs" / f"{name}.yaml")
    params = known_good(config, [("resnet18", True)])
    assert (params["optimizer"], params["lr_adamw"], params["imbalance"]) == ("adamw", 0.0005, "none")
    assert (params["batch_size"], params["weight_decay_adamw"]) == (32, 0.01)


@pytest.mark.parametrize("name", ["lab", "study", "small"])
def test_each_config_opens_with_its_command(name: str) -> None:
    lines = (ROOT / "configs" / f"{name}.yaml").read_text().splitlines()[:12]
    assert any(f"retina search {name} --config configs/{name}.yaml --data" in line for line in lines)
    assert any("Hardware:" in line for line in lines)
    assert read_study_config(ROOT / "configs" / f"{name}.yaml", {"trials": 8}).trials == 8
