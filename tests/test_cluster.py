import pytest

from study.cluster import Resources, resources
from study.config import ConfigError

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
        (2, None, [{"CPU": 8, "GPU": 4}], Resources(cpus=4, gpus=2, slots=2)),
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
    with pytest.raises(ConfigError, match="`gpus_per_trial <= 0` must hold, as no node has more GPUs, but got 1"):
        resources(1, None, [{"CPU": 2}])
    with pytest.raises(ConfigError, match="`cpus_per_trial <= 2` must hold"):
        resources(None, 3, [{"CPU": 2}, {"CPU": 2}])
    for gpus in (-0.5, 1.5, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="gpus_per_trial"):
            resources(gpus, None, [{"CPU": 2, "GPU": 2}])
