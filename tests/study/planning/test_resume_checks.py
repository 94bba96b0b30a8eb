from dataclasses import replace

import pytest

from study.config.arms import ArmSpec
from study.errors import ConfigError
from study.planning.pretrained_weights import NotRun
from study.planning.resume_checks import arms_of, reasons
from study.storage.state import StudyState
from tests.fixtures.study import study_event

CELLS: list[ArmSpec] = [("resnet18", False), ("resnet18", True)]


def _started(*arms: str) -> StudyState:
    state = StudyState(replace(study_event(), arms=list(arms)))
    return state


def test_a_new_study_takes_every_arm_that_can_run() -> None:
    assert arms_of("s", None, CELLS, {}, (), joint=False) == (CELLS, {})


def test_a_study_goes_on_with_its_own_arms() -> None:
    cells, not_run = arms_of("s", _started("resnet18-scratch"), CELLS, {}, (), joint=False)
    assert cells == [("resnet18", False)]
    assert "resnet18-pretrained" in not_run
    assert arms_of("s", _started("resnet18-scratch"), CELLS, {}, ("resnet18-pretrained",), joint=False)[0] == CELLS


def test_a_joint_search_cannot_get_another_arm() -> None:
    with pytest.raises(ConfigError, match="cannot be added where arms=joint"):
        arms_of("s", _started("resnet18-scratch"), CELLS, {}, ("resnet18-pretrained",), joint=True)


def test_an_arm_that_is_left_out_says_what_brings_it_in() -> None:
    missing = {"resnet50-pretrained": NotRun("ImageNet weights r50.pth are not on this machine")}
    begin = "resnet50-pretrained: ImageNet weights r50.pth are not on this machine; "
    fetch = "fetch them (retina weights resnet50) or give --weights resnet50=FILE"
    make = "make synthetic ones (retina pretrain --home h)"

    def told(*kinds: str, started: bool, source: str = "imagenet") -> str:
        [line] = reasons(missing, {"resnet50": source}, kinds, started=started, rerun_flags=" --home h")
        return line.removeprefix(begin)

    add = "--add-arm resnet50-pretrained"
    assert told(started=False) == f"{fetch}; or {make} and give --weights synthetic"
    assert told(started=True) == f"{fetch}, and go on with {add}; or {make} and go on with --weights synthetic {add}"
    # Weights of another kind than the study's would be refused: they are not offered.
    assert told("imagenet", started=True) == f"{fetch}, and go on with {add}"
    alone = "make synthetic ones (retina pretrain --architecture resnet50 --home h)"
    assert told("synthetic", started=True) == f"{alone} and go on with --weights resnet50=synthetic {add}"
    assert told("file", started=True) == f"give --weights resnet50=FILE, and go on with {add}"
    made = "make them (retina pretrain --architecture resnet50 --home h)"
    assert told(started=True, source="synthetic") == f"{made}, and go on with {add}"


def test_an_arm_that_can_be_added_needs_no_weights() -> None:
    _, later = arms_of("s", _started("resnet18-scratch"), CELLS, {}, (), joint=False)
    [line] = reasons(later, {}, (), started=True, rerun_flags="")
    assert line.endswith("not of this study; --add-arm resnet18-pretrained adds it")


def test_an_arm_that_cannot_be_added_says_why() -> None:
    missing = {"resnet50-pretrained": NotRun("synthetic weights w are not in this home")}
    with pytest.raises(ConfigError, match="but got resnet50-pretrained: synthetic weights w are not in this home"):
        arms_of("s", _started("resnet18-scratch"), CELLS, missing, ("resnet50-pretrained",), joint=False)
