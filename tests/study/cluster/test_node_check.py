import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from subprocess import DEVNULL

import pytest
from ray.cluster_utils import Cluster

from retina_models.compilation import missing_compiler
from study.cluster import node_check
from study.cluster.arithmetic import fast_bf16
from study.cluster.node_check import all_have_bf16, check_compilers, check_nodes, explain_answer, look
from study.cluster.ray_cluster import alive, cluster
from study.cluster.resources import Resources
from study.errors import ConfigError
from study.versions import libraries


@pytest.fixture
def probes(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / ".probe-1"
    folder.mkdir(parents=True)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "manifest.json").touch()
    return folder


def _answer(probes: Path) -> tuple[dict[str, object], Path, Path]:
    here, there = probes / "here", probes / "there"
    here.write_text("word")
    return look(str(here), str(there), [str(probes.parents[1] / "cache")]), here, there


def test_a_node_that_sees_all_is_right(probes: Path) -> None:
    said, here, there = _answer(probes)
    assert explain_answer(said, here, there, "word") == ""


def test_a_node_that_does_not_share_the_home_is_told(probes: Path) -> None:
    said, here, there = _answer(probes)
    assert "does not see the home" in explain_answer(said | {"read": ""}, here, there, "word")
    assert f"share {probes.parent} under this path" in explain_answer(said | {"read": "older"}, here, there, "word")
    there.unlink()  # written, but to another disk
    assert "cannot write to the home" in explain_answer(said, here, there, "word")
    said = look(str(probes / "not" / "here"), str(there), [])
    assert "does not see the home" in explain_answer(said, here, there, "word")


def test_a_node_that_may_only_read_is_told_with_its_reason(probes: Path) -> None:
    here = probes / "here"
    here.write_text("word")
    (probes / "folder").mkdir()
    said = look(str(here), str(probes / "folder"), [])
    assert "cannot write to the home" in explain_answer(said, here, probes / "folder", "word")
    assert "(Is a directory)" in explain_answer(said, here, probes / "folder", "word")


def test_a_node_without_the_data_is_told(probes: Path) -> None:
    shutil.rmtree(probes.parents[1] / "cache")
    said, here, there = _answer(probes)
    assert f"does not see the data in {probes.parents[1] / 'cache'}" in explain_answer(said, here, there, "word")


def test_a_node_with_other_software_is_told_what_differs(probes: Path) -> None:
    said, here, there = _answer(probes)
    other = said | {"versions": libraries() | {"torch": "1.0"}}
    assert f"has torch 1.0, but this machine has {libraries()['torch']}" in explain_answer(other, here, there, "word")
    built = said | {"versions": libraries() | {"torch": libraries()["torch"].partition("+")[0] + "+cu999"}}
    assert explain_answer(built, here, there, "word") == ""
    assert "runs another retina" in explain_answer(said | {"code": "0" * 64}, here, there, "word")


@pytest.mark.slow
def test_all_nodes_of_a_cluster_are_asked_and_the_wrong_ones_named(tmp_path: Path) -> None:
    home, cache = tmp_path / "home", tmp_path / "cache"
    cache.mkdir()
    (cache / "manifest.json").touch()
    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        machines.add_node(num_cpus=1)
        machines.wait_for_nodes()
        with cluster(machines.address):
            check_nodes(home, [cache])
            assert not list(home.iterdir()), "nothing stays behind"
            trial_resources = Resources(1, 0.0, 2)
            assert all_have_bf16(trial_resources, 64) is fast_bf16(False, 64)
            assert not all_have_bf16(trial_resources, 32), "no CPU is faster so on images that small"
            (cache / "manifest.json").unlink()
            with pytest.raises(ConfigError, match="does not see the data") as caught:
                check_nodes(home, [cache])
            assert str(caught.value).count("node ") == 2 + 1  # each of two, after `each node of a cluster`
    finally:
        machines.shutdown()


@pytest.mark.parametrize(
    "answers, expected",
    [
        ([True, True], True),
        ([True, False], False),
        ([None, True], "node b (10.0.0.2) does not answer; name it: --prec"),
    ],
)
def test_mixed_nodes_have_no_fast_bf16(
    monkeypatch: pytest.MonkeyPatch, answers: list[bool | None], expected: bool | str
) -> None:
    """Only those that can hold a trial are asked, each with a trial's part of a GPU."""
    resources = [{"CPU": 4.0}, {"CPU": 4.0, "GPU": 1.0}, {"CPU": 4.0, "GPU": 2.0}]
    nodes = [
        {"NodeManagerHostname": name, "NodeManagerAddress": f"10.0.0.{number}", "Resources": has}
        for number, (name, has) in enumerate(zip("abc", resources, strict=True), start=1)
    ]
    told = dict(zip("bc", answers, strict=True))

    def ask(node: dict[str, object], *_: object, gpus: float) -> tuple[bool | None, str]:
        assert gpus == 0.5
        answer = told[str(node["NodeManagerHostname"])]
        return answer, "" if answer is not None else "does not answer"

    monkeypatch.setattr(node_check, "alive", lambda: nodes)
    monkeypatch.setattr(node_check, "_ask", ask)
    if isinstance(expected, bool):
        assert all_have_bf16(Resources(2, 0.5, 4), 256) is expected
    else:
        with pytest.raises(ConfigError) as caught:
            all_have_bf16(Resources(2, 0.5, 4), 256)
        assert expected in str(caught.value)


def test_it_is_asked_without_anything_heavy() -> None:
    """What a node imports for it."""
    code = "import sys, study.cluster.node_check; print({'torch', 'optuna', 'mlflow', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


WITHOUT_HOME = """
mount --make-rprivate / && mount -t tmpfs none {home} &&
exec {ray} start --address={address} --num-cpus=1 --block
"""


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a process another view of the disks")
def test_a_node_that_sees_another_home_is_refused_for_real(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    ray = Path(sys.executable).parent / "ray"
    command = WITHOUT_HOME.format(home=home, ray=ray, address=machines.address)
    second = subprocess.Popen(["unshare", "-m", "sh", "-c", command], stdout=DEVNULL, stderr=DEVNULL)
    try:
        with cluster(machines.address):
            deadline = time.monotonic() + 60
            while len(alive()) < 2:
                assert second.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.2)
            with pytest.raises(ConfigError, match=f"does not see the home {home}; share {home} under this path"):
                check_nodes(home, [])
            assert not list(home.iterdir())
    finally:
        second.terminate()
        second.wait(60)
        machines.shutdown()


@pytest.mark.parametrize(("lacking", "failure"), [("", ""), ("g++ is not there", ""), (None, "does not answer")])
def test_each_node_that_can_hold_a_trial_needs_a_compiler(
    monkeypatch: pytest.MonkeyPatch, lacking: str | None, failure: str
) -> None:
    nodes = [
        {"NodeManagerHostname": name, "NodeManagerAddress": "10.0.0.1", "Resources": {"CPU": cpus}}
        for name, cpus in (("small", 1.0), ("large", 4.0))
    ]
    names: list[str] = []

    def ask(node: dict[str, object], stopping: object, function: object, gpu: bool, gpus: float) -> object:
        names.append(str(node["NodeManagerHostname"]))
        assert function is missing_compiler and not gpu and not gpus
        return lacking, failure

    monkeypatch.setattr(node_check, "alive", lambda: nodes)
    monkeypatch.setattr(node_check, "_ask", ask)
    if lacking == "":
        check_compilers(Resources(2, 0.0, 1))
    else:
        with pytest.raises(
            ConfigError, match=f"node large .* must compile the networks: {re.escape(lacking or failure)}"
        ):
            check_compilers(Resources(2, 0.0, 1))
    assert names == ["large"]
