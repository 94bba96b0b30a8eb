"""What of the machines one trial gets."""

import pytest
import ray

from study.cluster.resources import Nodes, Resources, resources
from study.errors import ConfigError
from tests.study.cluster.test_ray_cluster import CPU_NODE, GPU_NODE


@pytest.mark.parametrize(
    ("gpus", "cpus", "nodes", "wanted"),
    [
        (None, None, [{"CPU": 2}], Resources(cpus=2, gpus=0, max_concurrent=1)),
        (None, 1, [{"CPU": 2}], Resources(cpus=1, gpus=0, max_concurrent=2)),
        (None, None, [{"CPU": 16, "GPU": 4}], Resources(cpus=4, gpus=1, max_concurrent=4)),
        (0.5, None, [{"CPU": 16, "GPU": 1}], Resources(cpus=8, gpus=0.5, max_concurrent=2)),
        (0.25, 1, [{"CPU": 2, "GPU": 1}], Resources(cpus=1, gpus=0.25, max_concurrent=2)),
        (0, 3, [{"CPU": 8, "GPU": 1}], Resources(cpus=3, gpus=0, max_concurrent=2)),
        (
            0.3,
            None,
            [{"CPU": 24, "GPU": 4}],
            Resources(cpus=2, gpus=0.3, max_concurrent=12),
        ),  # three on each GPU, not 13
        (0.1, 1, [{"CPU": 24, "GPU": 2}], Resources(cpus=1, gpus=0.1, max_concurrent=20)),
        (None, None, [{"CPU": 1, "GPU": 4}], Resources(cpus=1, gpus=1, max_concurrent=1)),
        (None, None, [CPU_NODE, GPU_NODE], Resources(cpus=1, gpus=1, max_concurrent=4)),  # the head has no GPU
        (0, None, [CPU_NODE, GPU_NODE], Resources(cpus=4, gpus=0, max_concurrent=9)),
        (None, None, [{"CPU": 8}, {"CPU": 8}], Resources(cpus=8, gpus=0, max_concurrent=2)),
    ],
)
def test_what_each_node_has_is_divided_among_trials(
    gpus: float | None, cpus: int | None, nodes: list[dict[str, float]], wanted: Resources
) -> None:
    assert resources(gpus, cpus, nodes) == wanted
    assert any(node["CPU"] >= wanted.cpus and node.get("GPU", 0) >= wanted.gpus for node in nodes)
    assert wanted.max_concurrent * wanted.cpus <= sum(node["CPU"] for node in nodes)


def test_what_no_node_can_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match="`gpus_per_trial = 0` must hold, as no node has a GPU .*, but got 1"):
        resources(1, None, [{"CPU": 2}])
    with pytest.raises(ConfigError, match="`cpus_per_trial <= 2` must hold, as no node has more, but got 3"):
        resources(None, 3, [{"CPU": 2}, {"CPU": 2}])
    with pytest.raises(ConfigError, match="`cpus_per_trial <= 4` must hold, as no node with a GPU has more, but got 8"):
        resources(None, 8, [CPU_NODE, GPU_NODE])
    for gpus in (-0.5, 0.001, 1.5, 2, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="`gpus_per_trial` must be 0, or a part of a GPU from 0.01 to 1"):
            resources(gpus, None, [{"CPU": 2, "GPU": 2}])


def test_what_a_trial_gets_is_said_in_a_line() -> None:
    assert str(Resources(cpus=1, gpus=0, max_concurrent=2)) == "2 at once, 1 CPU thread each, no GPU"
    assert str(Resources(cpus=4, gpus=0.5, max_concurrent=8)) == "8 at once, 0.5 GPU and 4 CPU threads each"


def test_nodes_that_can_hold_no_trial_are_waited_for_a_while_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head without a GPU, whose one node with GPUs has died: Ray itself would wait for ever."""

    def node(name: str, gpus: float) -> dict[str, object]:
        place = {"NodeManagerAddress": "127.0.0.1", "NodeManagerPort": 1}
        return {"NodeID": name, "Alive": True, **place, "Resources": {"CPU": 4.0, "GPU": gpus}}

    there, clock = [node("head", 0), node("gpus", 2)], [1000.0]
    monkeypatch.setattr(ray, "nodes", lambda: there)
    monkeypatch.setattr("study.cluster.resources.time.monotonic", lambda: clock[0])
    nodes, trial_resources = Nodes(), Resources(cpus=2, gpus=1, max_concurrent=2)
    assert nodes.count() == 2

    def without_room(seconds: float) -> bool:
        clock[0] += seconds
        return nodes.without_room(trial_resources)

    assert not without_room(300)
    del there[1]
    assert not without_room(60)
    there.append(node("back", 1))
    assert not without_room(100)
    del there[1]
    assert not without_room(100)
    assert without_room(100)
