import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import ray

from study.cluster.ray_cluster import PREFIX, YOUNG, cluster, own_folder
from study.cluster.resources import resources
from study.environment import KEEP_MEMORY
from study.errors import ConfigError, StudyError

GPU_NODE, CPU_NODE = {"CPU": 4, "GPU": 4}, {"CPU": 32}


@pytest.mark.slow
def test_processes_that_are_started_here_have_this_one_s_niceness_and_no_password_of_mlflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    monkeypatch.setenv("RETINA_SEEN", "yes")
    monkeypatch.setenv("GLIBC_TUNABLES", "")  # put back afterwards, whatever the command makes of it
    monkeypatch.delenv("GLIBC_TUNABLES")

    def environment() -> tuple[dict[str, str], int]:
        return dict(os.environ), os.nice(0)

    with cluster(None) as nodes:
        assert len(nodes) == 1
        seen, niceness = ray.get(ray.remote(environment).remote())
    assert niceness == os.nice(0)
    assert seen["RETINA_SEEN"] == "yes"
    assert seen["GLIBC_TUNABLES"] == KEEP_MEMORY, "a trial's process keeps its memory between two steps"
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


def test_a_ray_that_does_not_start_here_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise OSError("no space\nleft")

    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(StudyError, match=r"Ray must start .* \(no space left\); make room in /tmp"), cluster(None):
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


def test_a_cluster_without_a_cpu_is_told_in_a_line() -> None:
    with pytest.raises(ConfigError, match="a node of the cluster must have CPUs, but none has; start its workers"):
        resources(None, None, [])


KILLED = """
import os, signal, sys
from pathlib import Path
from study.cluster.ray_cluster import own_folder
with own_folder(Path(sys.argv[1])) as folder:
    (folder / "log").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    [left] = tmp_path.iterdir()
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "lock").touch()
    link = tmp_path / f"{PREFIX}link"
    link.symlink_to(tmp_path / "study")
    with own_folder(tmp_path) as first:
        assert left.exists(), "it is young"
        assert stat.S_IMODE(first.stat().st_mode) == 0o700
        for old in (left, first, tmp_path / "study"):
            os.utime(old, (0, os.stat(old).st_mtime - 2 * YOUNG))
        with own_folder(tmp_path) as second:
            assert not left.exists() and first.exists() and second.exists()
    assert sorted(tmp_path.iterdir()) == [link, tmp_path / "study"]
    assert (tmp_path / "study" / "lock").exists()
