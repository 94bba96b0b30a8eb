from pathlib import Path

import pytest

from study.config import ConfigError
from study.goingon import arms_of, left_out, read_study_file
from study.ledger import StudyState
from study.space import Cell

CELLS: list[Cell] = [("resnet18", False), ("resnet18", True)]


def _begun(*arms: str) -> StudyState:
    state = StudyState()
    state.apply({"event": "study", "arms": list(arms)})
    return state


def test_a_new_study_takes_every_arm_that_can_run() -> None:
    assert arms_of("s", StudyState(), CELLS, {}, (), joint=False) == (CELLS, {})


def test_a_study_goes_on_with_its_own_arms() -> None:
    cells, not_run = arms_of("s", _begun("resnet18-scratch"), CELLS, {}, (), joint=False)
    assert cells == [("resnet18", False)]
    assert "resnet18-pretrained" in not_run
    assert arms_of("s", _begun("resnet18-scratch"), CELLS, {}, ("resnet18-pretrained",), joint=False)[0] == CELLS


def test_a_joint_search_cannot_get_another_arm() -> None:
    with pytest.raises(ConfigError, match="cannot be added where arms=joint"):
        arms_of("s", _begun("resnet18-scratch"), CELLS, {}, ("resnet18-pretrained",), joint=True)


def test_a_study_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="restore it, or give --data and --config"):
        read_study_file(tmp_path / "study.yaml")


def test_an_arm_that_is_left_out_says_what_brings_it_in() -> None:
    missing = {"resnet50-pretrained": "ImageNet weights r50.pth are not on this machine"}
    [before], [begun] = (left_out(missing, begun) for begun in (False, True))
    assert before == (
        "left out: resnet50-pretrained: ImageNet weights r50.pth are not on this machine; fetch them (retina weights "
        "resnet50) or give --weights resnet50=FILE"
    )
    assert begun == f"{before}, and go on with --add-arm resnet50-pretrained"
    _, later = arms_of("s", _begun("resnet18-scratch"), CELLS, {}, (), joint=False)
    [line] = left_out(later, begun=True)
    assert line.endswith("not of this study; --add-arm resnet18-pretrained adds it")
