"""Whole calls of `retina search` beside the one of test_contract.py: the lab's configuration, and a signal."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis import schema
from retina_models.resnet import resnet18, resnet50
from retina_models.weights import save_weights
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan
from study.storage.home import Home
from study.storage.ledger import Ledger, read_events
from study.storage.state import study_state
from study.workflows import search
from study.workflows.running.compute import Compute
from study.workflows.running.run import _closing
from study.workflows.search import Search
from tests.fixtures.study import end_event, small_data, study_event, trial_event

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("session")
    small_data(made / "data", patients=24)
    for name, network in (("resnet18", resnet18), ("resnet50", resnet50)):
        save_weights(made / f"{name}.safetensors", network(seed=1).state_dict(), {})
    return made


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
    environment |= {"RETINA_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "study", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _retina(folder: Path, *arguments: str) -> tuple[int, str]:
    process = _start(folder, *arguments)
    output, _ = process.communicate(timeout=400)
    return process.returncode, output


@pytest.mark.slow
def test_the_lab_s_configuration_runs_its_four_cells(folder: Path) -> None:
    weights = [f"--weights={name}={folder / name}.safetensors" for name in ("resnet18", "resnet50")]
    config = ["--config", str(ROOT / "configs" / "lab.yaml"), "--data", str(folder / "data")]
    code, output = _retina(folder, "search", "lab", *config, "--epochs", "2", "--image-size", "32", *weights)
    assert code == 0, output
    assert "epochs and trials are chosen on the test split: scores are optimistic" in output
    events = read_events(folder / "home" / "lab" / "ledger.jsonl")[0]
    state = study_state(events)
    assert {record.arm for record in state.trials.values()} == set(schema.ARM_LABELS)
    assert all(record.state == schema.STATE_COMPLETE and len(record.epochs) == 2 for record in state.trials.values())
    assert all(record.config["imbalance"] == "flip_minority" for record in state.trials.values())
    assert state.study.splits["val"] == state.study.audit["images"]["test"]
    assert _retina(folder, "report", "lab")[0] == 0
    cells = pd.read_csv(folder / "home" / "lab" / "report" / "four_way.csv")
    assert list(cells["status"]) == ["run"] * 4
    assert cells["split"].str.contains("chosen on").all()


def test_a_study_whose_trials_all_failed_is_not_told_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = {"image_size": 32, "architecture": "resnet18", "pretrained": False, "trials": 2}
    inputs = Inputs(data=small_data(tmp_path / "data"), overrides=overrides)
    here = Home(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", None, " --home X", " --home X --cpus-per-trial 1")

    def said(name: str, *states: str) -> str:
        """Of a search whose trials end in these states."""

        def run(plan: Plan, spec_of: type[Search], ledger: Ledger, *_: object) -> int:
            for number, state in enumerate(states):
                ledger.append(trial_event(number))
                ledger.append(end_event(number, state))
            _closing(plan, spec_of(plan), study_state(ledger.events), schema.STATE_FAILED, "", here)
            return 1

        monkeypatch.setattr(search, "run", run)
        plan = make_plan(name, tmp_path, None, inputs)
        caplog.clear()
        plan.folder.mkdir()
        ledger = Ledger(plan.folder / "ledger.jsonl")
        ledger.append(study_event(2))
        assert search._search(plan, ledger, here, Compute()) == 1
        ledger.close()
        return "\n".join(caplog.messages)

    failed = schema.STATE_FAILED
    text = said("all", failed, failed)
    assert "go on with" not in text
    assert "`retina status all --home X` names the failures; mend their cause and search under another name" in text
    for name, states in (("some", (failed, schema.STATE_COMPLETE)), ("left", (failed,))):
        text = said(name, *states)
        assert f"go on with: retina search {name} --home X" in text and "names the failures" not in text
