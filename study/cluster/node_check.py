"""Before the first trial on a cluster: each node must see the home, write to it, and run this code.

Asked by a small task on every node, with files whose names nobody has looked up before: a network's file system may
remember for a while that a name was not there.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study.cluster.arithmetic import fast_bf16
from study.cluster.ray_cluster import alive
from study.cluster.resources import Resources, has_room
from study.errors import ConfigError
from study.versions import code_digest, libraries

ANSWER_SECONDS = 60.0


def check_nodes(home: Path, caches: list[Path], stopping: Callable[[], bool] = lambda: False) -> None:
    """Raise ConfigError, naming the nodes, unless each that can hold a trial sees the home and writes to it as this
    process does, sees the caches, and runs the same code.

    Nothing is waited for any more once `stopping()`: then no trial begins either.
    """
    probes = home / f".probe-{uuid.uuid4().hex}"
    probes.mkdir(parents=True)
    try:
        nodes = [node for node in alive() if node["Resources"].get("CPU")]
        with ThreadPoolExecutor(max(1, len(nodes))) as pool:
            found = list(pool.map(lambda node: _check(node, probes, caches, stopping), nodes))
    finally:
        for file in probes.iterdir():
            file.unlink()
        probes.rmdir()
    failures = [
        f"node {node['NodeManagerHostname']} ({node['NodeManagerAddress']}) {failure}"
        for node, failure in zip(nodes, found, strict=True)
        if failure
    ]
    if failures:
        raise ConfigError(f"each node of a cluster must be able to run a trial, but {'; '.join(failures)}")


def _check(node: dict[str, Any], probes: Path, caches: list[Path], stopping: Callable[[], bool]) -> str:
    """What is wrong with a node, in words that its name goes before; empty where nothing is."""
    here, there, word = probes / uuid.uuid4().hex, probes / uuid.uuid4().hex, uuid.uuid4().hex
    here.write_text(word)
    said, failure = _ask(node, stopping, look, str(here), str(there), [*map(str, caches)])
    return explain_answer(said, here, there, word) if said else failure


def all_have_bf16(trial_resources: Resources, side: int) -> bool:
    """Whether each node that can hold a trial trains faster in bf16 (`fast_bf16`). Raises ConfigError where one does
    not say."""
    for node, fast, failure in _ask_each(trial_resources, fast_bf16, side):
        if failure:
            raise ConfigError(
                f"each node must say whether it computes bf16 fast, but {node} {failure}; name it: --precision fp32 or "
                "bf16"
            )
        if not fast:
            return False
    return True


def check_compilers(trial_resources: Resources) -> None:
    """Raise ConfigError, naming the node, unless each that can hold a trial has what `compile: on` needs."""
    from retina_models.compilation import missing_compiler  # with torch, which what is asked of each node needs not

    for node, lacking, failure in _ask_each(trial_resources, missing_compiler):
        if lacking or failure:
            raise ConfigError(f"{node} must compile the networks: {lacking or failure}")


def _ask_each(
    trial_resources: Resources, function: Callable[..., Any], *arguments: Any
) -> Iterator[tuple[str, Any, str]]:
    """(name, `function(whether with a GPU, *arguments)`, why it does not say) of each node that can hold a trial."""
    gpus = trial_resources.gpus
    for node in alive():
        if has_room(node["Resources"], trial_resources):
            name = f"node {node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            yield name, *_ask(node, lambda: False, function, gpus > 0, *arguments, gpus=gpus)


def _ask(
    node: dict[str, Any], stopping: Callable[[], bool], function: Callable[..., Any], *arguments: Any, gpus: float = 0
) -> tuple[Any, str]:
    """(what a function returns on a node, why it does not, in words that the node's name goes before)."""
    pinned = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    task: Any = ray.remote(max_calls=1)(function)  # its process ends with it: no trial gets one that has seen a GPU
    asked = task.options(num_cpus=0, num_gpus=gpus, scheduling_strategy=pinned).remote(*arguments)
    deadline = time.monotonic() + ANSWER_SECONDS
    while not ray.wait([asked], timeout=1.0)[0]:
        if stopping():
            return None, ""
        if time.monotonic() > deadline:
            return None, f"does not answer within {ANSWER_SECONDS:.0f} s"
    try:
        return ray.get(asked), ""
    except RayError as error:
        if "No module named" in str(error):
            return None, "cannot import retina; install it there, in the same version"
        return None, f"cannot run a task ({' '.join(str(error).split())[-200:]})"


def look(here: str, there: str, caches: list[str]) -> dict[str, Any]:
    """On a node: what it reads, whether it writes, and what it runs."""
    said: dict[str, Any] = {"versions": libraries(), "code": code_digest(), "read": "", "wrote": "", "missing": []}
    try:
        said["read"] = Path(here).read_text()
        Path(there).write_text(said["read"])
    except OSError as error:
        said["wrote"] = error.strerror
    said["missing"] = [cache for cache in caches if not (Path(cache) / "manifest.json").exists()]
    return said


def explain_answer(said: dict[str, Any], here: Path, there: Path, word: str) -> str:
    """What a node's answer means. here, there: the files that it was to read and to write."""
    home = here.parent.parent
    share = f"share {home} under this path, or give --home a folder that is shared"
    if said["read"] != word:
        return f"does not see the home {home}; {share}"
    if said["wrote"] or not there.exists() or there.read_text() != word:
        return f"cannot write to the home {home} ({said['wrote'] or 'what it wrote is not there'}); {share}"
    if said["missing"]:
        return f"does not see the data in {said['missing'][0]}; {share}"
    for name, mine in libraries().items():
        theirs = said["versions"].get(name, "none")
        if theirs.partition("+")[0] != mine.partition("+")[0]:  # what follows is for which GPU it was built
            return f"has {name} {theirs}, but this machine has {mine}; install the same there"
    if said["code"] != code_digest():
        return "runs another retina, whose files differ from those here; install the same there"
    return ""
