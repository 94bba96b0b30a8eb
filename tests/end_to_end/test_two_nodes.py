"""Two nodes with two pretended GPUs each: four trials at once, one for each GPU or two on one; each sees its own alone.

The GPUs are pretended, so that trials compute on the CPU; everything else is the command as it is.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.faults.fixture import PATIENCE, SMALL, Study
from tests.fixtures.placement import at_once, place_of, shared_gpus
from tests.fixtures.study import small_data

pytestmark = pytest.mark.slow

CLUSTER = """
import sys
from ray.cluster_utils import Cluster
node = {"num_cpus": 2, "num_gpus": 2}
cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
cluster.add_node(**node)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""

RETINA_ON_CPU = """
from study.cli import app
from study.tuning import ray_tune

class OnCpu(ray_tune.TrialActor):
    def _take(self, job):
        import json, os
        from pathlib import Path
        super()._take({**job, "device": "cpu"})
        self._folder.mkdir(parents=True, exist_ok=True)
        seen = {"device": job["device"], "gpus": job["gpus"], "visible": os.environ.get("CUDA_VISIBLE_DEVICES")}
        (self._folder / "seen.json").write_text(json.dumps(seen))

ray_tune.TrialActor = OnCpu
app.main()
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    machines = subprocess.Popen([sys.executable, "-c", CLUSTER], stdin=PIPE, stdout=PIPE, text=True)
    assert machines.stdin and machines.stdout
    yield machines.stdout.readline().strip()
    machines.stdin.close()
    machines.wait(60)
    machines.stdout.close()


def _search_until(study: Study, flags: list[str], holds: Callable[[], bool]) -> str:
    """Search until something holds, then end it by SIGINT; returns the output."""
    command = [sys.executable, "-c", RETINA_ON_CPU, "search", study.name, "--data", str(study.data), *SMALL, *flags]
    log = study.folder / "log"
    with log.open("w") as file:
        search = subprocess.Popen(command, env=study.environment, stdout=file, stderr=file)
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert search.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    search.send_signal(signal.SIGINT)
    assert search.wait(60) == 130, log.read_text()
    return log.read_text()


def _each_has(study: Study, trials: int, epochs: int) -> bool:
    """Whether so many trials have had so many epochs since the last of them began."""
    records = [record for record in study.state().trials.values() if record.epochs]
    if len(records) < trials:
        return False
    last = max(record.epochs[0].time for record in records)
    return all(sum(1 for epoch in record.epochs if epoch.time > last) >= epochs for record in records)


@pytest.mark.parametrize("share", ["1", "0.5"])
def test_each_trial_sees_its_gpu_alone_and_shares_it_only_where_it_is_told_to(
    address: str, tmp_path: Path, share: str
) -> None:
    study = Study(tmp_path, small_data(tmp_path / "data", patients=24))
    flags = ["--address", address, "--gpus-per-trial", share, "--trials", "6", "--epochs", "2000"]
    said = _search_until(study, [*flags, "--early-stopping", "none"], lambda: _each_has(study, 4, 2))
    assert f"4 at once, {share} GPU and 1 CPU thread each" in said
    state = study.state()
    assert len(state.trials) == 4, "no trial begins before there is room for it"
    assert at_once(state) == 4
    places = {trial: place_of(record) for trial, record in state.trials.items()}
    nodes = sorted({node for node, _ in places.values()})
    assert len(nodes) == 2
    if share == "1":
        assert shared_gpus(state) == []
        assert sorted(places.values()) == [(node, gpu) for node in nodes for gpu in "01"]
    else:  # each node has processors for two trials, and Ray fills one GPU before it takes the next
        assert len(shared_gpus(state)) == 2
    for trial, (_, gpu) in places.items():
        seen = json.loads((study.home / study.name / "checkpoints" / trial / "seen.json").read_text())
        assert seen == {"device": "cuda", "gpus": float(share), "visible": gpu}
