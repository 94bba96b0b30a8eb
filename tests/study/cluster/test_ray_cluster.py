import os

import pytest
import ray

from study.cluster.ray_cluster import cluster
from study.cluster.resources import Nodes, Resources, resources
from study.errors import ConfigError

GPU_NODE, CPU_NODE = {"CPU": 4, "GPU": 4}, {"CPU": 32}


@pytest.mark.parametrize(
    ("gpus", "cpus", "nodes", "wanted"),
    [
        (None, None, [{"CPU": 2}], Resources(cpus=2, gpus=0, slots=1)),
        (None, 1, [{"CPU": 2}], Resources(cpus=1, gpus=0, slots=2)),
        (None, None, [{"CPU": 16, "GPU": 4}], Resources(cpus=4, gpus=1, slots=4)),
        (0.5, None, [{"CPU": 16, "GPU": 1}], Resources(cpus=8, gpus=0.5, slots=2)),
        (0.25, 1, [{"CPU": 2, "GPU": 1}], Resources(cpus=1, gpus=0.25, slots=2)),
        (0, 3, [{"CPU": 8, "GPU": 1}], Resources(cpus=3, gpus=0, slots=2)),
        (0.3, None, [{"CPU": 24, "GPU": 4}], Resources(cpus=2, gpus=0.3, slots=12)),  # three on each GPU, not 13
        (0.1, 1, [{"CPU": 24, "GPU": 2}], Resources(cpus=1, gpus=0.1, slots=20)),
        (None, None, [{"CPU": 1, "GPU": 4}], Resources(cpus=1, gpus=1, slots=1)),
        (None, None, [CPU_NODE, GPU_NODE], Resources(cpus=1, gpus=1, slots=4)),  # the head has no GPU
        (0, None, [CPU_NODE, GPU_NODE], Resources(cpus=4, gpus=0, slots=9)),
        (None, None, [{"CPU": 8}, {"CPU": 8}], Resources(cpus=8, gpus=0, slots=2)),
    ],
)
def test_what_each_node_has_is_divided_among_trials(
    gpus: float | None, cpus: int | None, nodes: list[dict[str, float]], wanted: Resources
) -> None:
    assert resources(gpus, cpus, nodes) == wanted
    assert any(node["CPU"] >= wanted.cpus and node.get("GPU", 0) >= wanted.gpus for node in nodes)
    assert wanted.slots * wanted.cpus <= sum(node["CPU"] for node in nodes)


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
    assert str(Resources(cpus=1, gpus=0, slots=2)) == "2 at once, 1 CPU thread each, no GPU"
    assert str(Resources(cpus=4, gpus=0.5, slots=8)) == "8 at once, 0.5 GPU and 4 CPU threads each"


@pytest.mark.slow
def test_processes_that_are_started_here_have_this_one_s_niceness_and_no_password_of_mlflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    monkeypatch.setenv("RETINA_SEEN", "yes")

    def environment() -> tuple[dict[str, str], int]:
        return dict(os.environ), os.nice(0)

    with cluster(None) as nodes:
        assert len(nodes) == 1
        seen, niceness = ray.get(ray.remote(environment).remote())
    assert niceness == os.nice(0)
    assert seen["RETINA_SEEN"] == "yes"
    assert not [name for name in seen if name.startswith("MLFLOW_")]
    assert "secret" not in seen.values()
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "secret", "this process needs it"


def test_a_cluster_that_does_not_take_this_process_in_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise RuntimeError("Version mismatch:\n  ours is another")

    monkeypatch.setattr(ray, "init", refused)
    with (
        pytest.raises(
            ConfigError, match=r"Ray at head:6379 must .* \(Version mismatch: ours is another\); call retina"
        ),
        cluster("head:6379"),
    ):
        pass


def test_a_cluster_with_a_node_elsewhere_is_left_unless_it_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` and an address of this machine say nothing of where the other nodes are."""
    elsewhere = {"Alive": True, "NodeManagerAddress": "203.0.113.7", "Resources": {"CPU": 2.0}}
    left = []
    monkeypatch.setattr(ray, "init", lambda **_: None)
    monkeypatch.setattr(ray, "nodes", lambda: [elsewhere, {**elsewhere, "Alive": False}])
    monkeypatch.setattr(ray, "shutdown", lambda: left.append(True))
    with (
        pytest.raises(ConfigError, match=r"RAY_AUTH_MODE=token must be set .*\(203\.0\.113\.7\)"),
        cluster("auto"),
    ):
        pass
    assert left == [True]
    with cluster("auto", "waived") as nodes:
        assert nodes == [{"CPU": 2.0}]


def test_nodes_that_can_hold_no_trial_are_waited_for_a_while_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head without a GPU, whose one node with GPUs has died: Ray itself would wait for ever."""

    def node(name: str, gpus: float) -> dict[str, object]:
        place = {"NodeManagerAddress": "127.0.0.1", "NodeManagerPort": 1}
        return {"NodeID": name, "Alive": True, **place, "Resources": {"CPU": 4.0, "GPU": gpus}}

    there, clock = [node("head", 0), node("gpus", 2)], [1000.0]
    monkeypatch.setattr(ray, "nodes", lambda: there)
    monkeypatch.setattr("study.cluster.ray_cluster.time.monotonic", lambda: clock[0])
    nodes, limits = Nodes(), Resources(cpus=2, gpus=1, slots=2)
    assert nodes.count() == 2

    def without_room(seconds: float) -> bool:
        clock[0] += seconds
        return nodes.without_room(limits)

    assert not without_room(300)
    del there[1]
    assert not without_room(60)
    there.append(node("back", 1))
    assert not without_room(100)
    del there[1]
    assert not without_room(100)
    assert without_room(100)


def test_a_cluster_without_a_cpu_is_told_in_a_line() -> None:
    with pytest.raises(ConfigError, match="a node of the cluster must have CPUs, but none has; start its workers"):
        resources(None, None, [])
