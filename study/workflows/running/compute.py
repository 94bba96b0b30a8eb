"""What one call may use, and what of it each trial gets."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.planning.plan import Plan
from study.planning.precision import settled

if TYPE_CHECKING:
    from study.cluster.address import Guard
    from study.cluster.resources import Resources


@dataclass(frozen=True)
class Compute:
    """What one call may use; None for the defaults.

    address: of a Ray cluster to join; guard: of one that reaches beyond this machine. time_budget: seconds from now on,
    planning and Ray's start among them. deadline: its end on time.monotonic()'s clock; a copy keeps that of the call.
    """

    gpus_per_trial: float | None = None
    cpus_per_trial: int | None = None
    address: str | None = None
    guard: Guard = "none"
    time_budget: float | None = None
    deadline: float | None = None

    def __post_init__(self) -> None:
        if self.time_budget is not None and self.deadline is None:
            object.__setattr__(self, "deadline", time.monotonic() + self.time_budget)


def settled_here(plan: Plan, compute: Compute) -> tuple[Plan, Resources]:
    """The plan as its trials would compute it, and what each would get, here or on the cluster, whose nodes are
    checked."""
    if compute.address is None:
        trial_resources = resources_here(compute)
        return settled(plan, trial_resources, on_cluster=False), trial_resources
    from study.cluster.node_check import check_nodes
    from study.cluster.ray_cluster import cluster
    from study.cluster.resources import resources

    with cluster(compute.address, compute.guard) as available:
        check_nodes(plan.home, list(plan.caches.values()))
        trial_resources = resources(compute.gpus_per_trial, compute.cpus_per_trial, available)
        return settled(plan, trial_resources, on_cluster=True), trial_resources


def resources_here(compute: Compute) -> Resources:
    """What a trial would get on this machine alone. Raises ConfigError for shares that it cannot give."""
    from study.cluster.resources import resources
    from study.workflows.running.dry_run import here_available

    return resources(compute.gpus_per_trial, compute.cpus_per_trial, [here_available()])
