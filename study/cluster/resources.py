"""What of the machines one trial gets."""

from __future__ import annotations

import time
from dataclasses import dataclass

import ray

from study.cluster.head_monitor import Address, answers
from study.cluster.ray_cluster import alive
from study.errors import ConfigError

LATELY = 60.0

NO_ROOM_SECONDS = 120.0

LOOK_SECONDS = 5.0

LEAST_GPU = 0.01  # Ray counts in ten-thousandths; a hundred trials on one GPU are enough


@dataclass(frozen=True)
class Resources:
    """What one trial gets, and how many run at once."""

    cpus: int
    gpus: float
    max_concurrent: int

    @property
    def threads(self) -> int:
        """Threads of one trial's arithmetic."""
        return self.cpus

    def __str__(self) -> str:
        threads = f"{self.threads} CPU thread{'s' * (self.threads != 1)}"
        if not self.gpus:
            return f"{self.max_concurrent} at once, {threads} each, no GPU"
        return f"{self.max_concurrent} at once, {self.gpus:g} GPU and {threads} each"


def resources(gpus_per_trial: float | None, cpus_per_trial: int | None, nodes: list[dict[str, float]]) -> Resources:
    """Divide what each node has: one GPU for each trial where there are GPUs, else all CPUs of a node for one trial.

    nodes: {"CPU": count, "GPU": count} of each; a trial never spans two. Raises ConfigError where none can hold one.
    """
    if not nodes:
        raise ConfigError("a node of the cluster must have CPUs, but none has; start its workers (ray start) first")
    most_gpus = max(node.get("GPU", 0) for node in nodes)
    gpu = (1.0 if most_gpus else 0.0) if gpus_per_trial is None else gpus_per_trial
    if not (gpu == 0 or LEAST_GPU <= gpu <= 1):  # also where it is no number
        raise ConfigError(
            f"`gpus_per_trial` must be 0, or a part of a GPU from {LEAST_GPU} to 1, as a trial runs on one device, "
            f"but got {gpu:g}"
        )
    if gpu > most_gpus:
        raise ConfigError(f"`gpus_per_trial = 0` must hold, as no node has a GPU that Ray knows of, but got {gpu:g}")
    able = [node for node in nodes if node.get("GPU", 0) >= gpu]
    most_cpus = int(max(node["CPU"] for node in able))
    if cpus_per_trial and cpus_per_trial > most_cpus:
        whom = "node with a GPU" if gpu else "node"
        raise ConfigError(f"`cpus_per_trial <= {most_cpus}` must hold, as no {whom} has more, but got {cpus_per_trial}")

    def room(node: dict[str, float]) -> int:
        """Trials that a node's GPUs hold; what is left of one GPU is not joined to what is left of the next."""
        return int(node["GPU"]) * int(1 / gpu + 1e-6)

    def share(node: dict[str, float]) -> int:
        return max(1, int(node["CPU"] // room(node))) if gpu else int(node["CPU"])

    cpu = cpus_per_trial or min(share(node) for node in able)
    max_concurrent = sum(min(room(node) if gpu else most_cpus, int(node["CPU"] // cpu)) for node in able)
    return Resources(cpu, gpu, max(1, max_concurrent))


def placement() -> dict[str, str]:
    """Where a trial runs: Ray's name for the node, and the number of its GPU there ("" for none)."""
    if not ray.is_initialized():
        return {}
    here = ray.get_runtime_context()
    return {"node": here.get_node_id()[:8], "gpu": ",".join(here.get_accelerator_ids()["GPU"])}


def has_room(node: dict[str, float], trial_resources: Resources) -> bool:
    """Whether a node has what one trial gets."""
    return node.get("CPU", 0) >= trial_resources.cpus and node.get("GPU", 0) >= trial_resources.gpus


class Nodes:
    """Which machines have died: what they take along is not a trial's failure.

    Ray says of a process on a node that is gone only that it does not answer, and learns of the node later.
    """

    def __init__(self) -> None:
        self._known: dict[str, Address] = {}
        self._died: dict[str, float] = {}  # time.monotonic() at which it was noticed
        self._looked = self._had_room = time.monotonic()
        self._look()

    def count(self) -> int:
        """How many there were, the dead among them."""
        return len(self._known)

    def without_room(self, trial_resources: Resources) -> bool:
        """Whether for NO_ROOM_SECONDS no node that lives could hold a trial, however empty it was."""
        now = time.monotonic()
        if self.count() < 2 or now < self._looked + LOOK_SECONDS:
            return False
        self._looked = now
        if any(has_room(node["Resources"], trial_resources) for node in alive()):
            self._had_room = now
        return now > self._had_room + NO_ROOM_SECONDS

    def _look(self) -> None:
        for node in alive():
            self._known[node["NodeID"]] = (node["NodeManagerAddress"], int(node["NodeManagerPort"]))

    def died_lately(self) -> bool:
        """Whether a node has died within the last LATELY seconds; its other trials are heard of one by one."""
        for name, address in self._known.items():
            if name not in self._died and not answers(address):
                self._died[name] = time.monotonic()
        self._look()
        return any(time.monotonic() - noticed < LATELY for noticed in self._died.values())
