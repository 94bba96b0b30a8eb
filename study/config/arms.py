"""Arms of the four-way comparison, and the groups of them that share a sampler."""

from __future__ import annotations

from study.config.study import StudyConfig


def groups_of(config: StudyConfig, arm_specs: list[ArmSpec]) -> dict[str, list[ArmSpec]]:
    """Sampler groups: each arm alone, or all in one."""
    return (
        {"joint": arm_specs} if config.arms == "joint" else {arm_name(arm_spec): [arm_spec] for arm_spec in arm_specs}
    )


ArmSpec = tuple[str, bool]


def arm_name(arm_spec: ArmSpec) -> str:
    """Name of an (architecture, pretrained) cell, equal to TrialConfig.arm."""
    architecture, pretrained = arm_spec
    return f"{architecture}-{'pretrained' if pretrained else 'scratch'}"
