"""Arms of the four-way comparison, and the groups of them that share a sampler."""

from __future__ import annotations

from study.config.study import StudyConfig


def groups_of(config: StudyConfig, cells: list[ArmSpec]) -> dict[str, list[ArmSpec]]:
    """Groups of cells that share a search: each cell alone, or all in one."""
    return {"joint": cells} if config.arms == "joint" else {arm_name(cell): [cell] for cell in cells}


ArmSpec = tuple[str, bool]


def arm_name(cell: ArmSpec) -> str:
    """Name of an (architecture, pretrained) cell, equal to TrialConfig.arm."""
    architecture, pretrained = cell
    return f"{architecture}-{'pretrained' if pretrained else 'scratch'}"
