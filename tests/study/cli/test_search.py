"""What the flags of `search` and `confirm` say reaches those who run them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from study.cli import app, search
from study.planning.inputs import Inputs
from study.storage.home import Home
from study.workflows.running.compute import Compute


@pytest.mark.parametrize(
    ("command", "does"), [("search", "study.workflows.search.search"), ("confirm", "study.workflows.confirm.confirm")]
)
def test_what_a_trial_gets_is_part_of_the_command_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, does: str
) -> None:
    called: list[tuple[Home, Compute]] = []

    def one(name: str, here: Home, what: object, compute: Compute, *_: object, **__: object) -> int:
        called.append((here, compute))
        return 3

    monkeypatch.setattr(does, one)
    for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "ledger.jsonl").touch()  # a confirmation wants a study that is there
    flags = ["--cpus-per-trial", "2", "--gpus-per-trial", "0", "--home", str(tmp_path)]
    assert CliRunner().invoke(app.app, [command, "x", *flags]).exit_code == 3
    [(here, compute)] = called
    assert here.resume_flags == f" --home {tmp_path} --gpus-per-trial 0 --cpus-per-trial 2"
    assert (compute.gpus_per_trial, compute.cpus_per_trial) == (0, 2)


def test_what_the_flags_of_a_search_say_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Inputs] = []
    monkeypatch.setattr(
        "study.workflows.search.search", lambda name, here, inputs, compute, dry: told.append(inputs) or 3
    )
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    flags = ["--data", "d", "--layout", "lab", "--config", "c", "--weights", "resnet18=w", "--add-arm", "a"]
    flags += ["--warm-start", "other", "--enqueue", "t", "--lr", "0.5", "--trials", "3", "--home", str(tmp_path)]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c").write_text("{}")  # the configuration is read before anything else
    (tmp_path / "d").mkdir()
    assert CliRunner().invoke(app.app, ["search", "x", *flags]).exit_code == 3
    overrides = {"lr": 0.5, "trials": 3, "weights": {"resnet18": str(tmp_path / "w")}}
    again = f" --home {tmp_path}"
    wanted = Inputs(
        tmp_path / "d", "lab", tmp_path / "c", overrides, ("a",), "other", tmp_path / "t", rerun_flags=again
    )
    assert told == [wanted]


@pytest.mark.parametrize(("flag", "address"), [(None, "head:1"), ("other:2", "other:2"), ("local", None)])
def test_a_cluster_is_that_of_the_flag_or_of_ray_s_variable(
    monkeypatch: pytest.MonkeyPatch, flag: str | None, address: str | None
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("study.cluster.address.check_address", lambda address, guard: asked.append(address))
    monkeypatch.setenv("RAY_ADDRESS", "head:1")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert search._cluster(flag, False) == (address, "token")
    assert asked == ([address] if address else [])
