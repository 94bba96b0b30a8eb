"""Arms by name, and the groups of them that share a sampler."""

from study.config.arms import arm_name, groups_of
from study.config.study import StudyConfig

CELLS = [("resnet18", False), ("resnet18", True)]


def test_arm_name_says_architecture_and_pretraining() -> None:
    assert [arm_name(cell) for cell in CELLS] == ["resnet18-scratch", "resnet18-pretrained"]


def test_groups_of_cells_are_one_each_or_all_together() -> None:
    assert groups_of(StudyConfig(), CELLS) == {"resnet18-scratch": CELLS[:1], "resnet18-pretrained": CELLS[1:]}
    assert groups_of(StudyConfig(arms="joint"), CELLS) == {"joint": CELLS}
