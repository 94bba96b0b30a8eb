"""What hangs on the machines of a study, asked before its first event: `precision: auto`, and a compiler."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from retina_models.compilation import missing_compiler
from study.cluster.arithmetic import fast_bf16
from study.config.study import StudyConfig, open_precision
from study.errors import ConfigError
from study.planning.plan import Plan
from study.storage.state import StudyState

if TYPE_CHECKING:
    from study.cluster.resources import Resources

log = logging.getLogger(__name__)

PRECISION = "precision"


def as_recorded(config: StudyConfig, before: StudyState) -> StudyConfig:
    """The configuration with the precision that its study began with, where it names none and the ledger does."""
    recorded = before.study.identity.get(f"fixed.{PRECISION}")
    return _fixed(config, recorded) if recorded and open_precision(config) else config


def settled(plan: Plan, trial_resources: Resources, on_cluster: bool) -> Plan:
    """The plan in the precision that all nodes of its trials compute fast: bf16, or fp32 where one of them does not.

    on_cluster: its nodes are those of the Ray cluster that this process is in, else they are this machine alone. One
    that has begun, and whose ledger names no precision, stays in the default of a trial. Raises ConfigError where a
    machine lacks the compiler of `compile: on`.
    """
    if "on" in plan.config.values("compile"):
        if on_cluster:
            from study.cluster.node_check import check_compilers

            check_compilers(trial_resources)
        else:
            check_compiler(trial_resources.gpus > 0)
    if plan.is_started or not open_precision(plan.config):
        return plan
    gpu, side = trial_resources.gpus > 0, int(plan.config.values("image_size")[0])
    if on_cluster:
        from study.cluster.node_check import all_have_bf16

        fast = all_have_bf16(trial_resources, side)
    else:
        fast = fast_bf16(gpu, side)
    precision = "bf16" if fast else "fp32"
    log.info(f"precision: {precision}, by the hardware of {'its nodes' if on_cluster else 'this machine'}")
    return replace(plan, config=_fixed(plan.config, precision))


def check_compiler(gpu: bool) -> None:
    """Raise ConfigError where this machine lacks what `compile: on` needs."""
    if lacking := missing_compiler(gpu):
        raise ConfigError(lacking)


def _fixed(config: StudyConfig, precision: str) -> StudyConfig:
    return config.model_copy(update={"fixed": {**config.fixed, PRECISION: precision}})
