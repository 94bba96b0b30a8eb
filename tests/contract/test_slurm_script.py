"""The batch script of docs/gpus-and-clusters.md, run as it stands there; only Slurm itself is pretended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.fixture import PATIENCE, SMALL, Study
from tests.fixtures.study import small_data

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpus-and-clusters.md"

SRUN = """#!/bin/bash
echo "$@" >> "$(dirname "$0")/called"
while [[ $1 == -* ]]; do shift 2; done
exec "$@"
"""


def _script() -> str:
    [script] = re.findall(r"```bash\n(#!/bin/bash\n.*?)```", PAGE.read_text(), flags=re.DOTALL)
    return str(script)


def test_the_batch_script_is_one_that_bash_takes() -> None:
    done = subprocess.run(["bash", "-n"], input=_script(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_batch_script_starts_a_cluster_and_searches_on_it(tmp_path: Path) -> None:
    study = Study(tmp_path, small_data(tmp_path / "data", patients=24), name="NAME")
    stub = tmp_path / "bin" / "srun"
    stub.parent.mkdir()
    stub.write_text(SRUN)
    stub.chmod(0o755)
    wanted = " ".join(["--trials", "2", *SMALL, "--cpus-per-trial", "1", f"--data {study.data} --home {study.home}"])
    script = _script().replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    script = script.replace("--data DATA --home /shared/runs", wanted)
    sockets = Path(f"/tmp/ray-{os.getpid()}")  # as the script names it after the job; tmp_path is too long for sockets
    given = {"SLURMD_NODENAME": "127.0.0.1", "SLURM_NNODES": "2", "SLURM_JOB_ID": str(os.getpid())}
    given |= {"SLURM_CPUS_PER_TASK": "1", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
    given |= {"PATH": f"{stub.parent}:{os.environ['PATH']}", "RAY_USAGE_STATS_ENABLED": "0"}
    log = tmp_path / "log"
    with log.open("w") as file:
        job = subprocess.Popen(
            ["bash", "-c", script], env=study.environment | given, stdout=file, stderr=file, start_new_session=True
        )
    try:
        assert job.wait(PATIENCE) == 0, log.read_text()
        assert "2 at once, 1 CPU thread each, no GPU" in log.read_text()
        assert len({epoch.node for record in study.state().trials.values() for epoch in record.epochs}) == 2
        calls = (stub.parent / "called").read_text().splitlines()
        assert [call.split(" --")[0].split("/")[0] for call in calls] == [
            "-N 1 -n 1 -w 127.0.0.1 ",
            "-N 1 -n 1 -x 127.0.0.1 ",
        ]
    finally:  # what Slurm does at a job's end
        _end(job.pid)
        shutil.rmtree(sockets, ignore_errors=True)


def _end(group: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 20
        try:
            os.killpg(group, number)
            while time.monotonic() < deadline:
                os.killpg(group, 0)
                time.sleep(0.2)
        except ProcessLookupError:
            return
