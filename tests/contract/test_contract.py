"""What study writes, analysis reads: one real, tiny search, killed in its middle, gone on with and confirmed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from analysis import schema
from analysis.report.html import write_report
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables.arm_comparison import leaderboard
from retina_models.resnet import resnet18
from retina_models.weights import save_weights
from study.storage.events import EpochFinished, Event, StudyClosed, TrialStarted
from study.storage.ledger import read_events
from study.storage.ranking import winners
from study.storage.state import StudyState, study_state
from study.tuning import confirmation
from study.workflows.summary import summary
from tests.fixtures import command
from tests.fixtures.study import small_data

pytestmark = pytest.mark.slow

TRIALS, EPOCHS = 4, 3
NAME = "tiny"


class Home:
    """A home in which one study was killed by SIGKILL during its second trial, gone on with, and confirmed."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.data = small_data(folder / "data", patients=40)
        self.weights = folder / "weights.safetensors"
        self.weights_digest = save_weights(self.weights, resnet18(seed=7).state_dict(), {"architecture": "resnet18"})
        self.environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
        self.environment |= {"RETINA_HOME": str(self.home)}
        self.kill_in_second_trial()
        self.after_kill = study_state(self.events())
        self.status_after_kill = self.run("status", NAME, "--json")
        self.open_after_kill = [run.info.status for run in self.mlflow_runs() if run.info.status == "RUNNING"]
        self.going_on = self.run("search", NAME)
        self.confirming = self.run("confirm", NAME, "--seeds", "1")

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.home / 'mlflow.db'}"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "study", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return command.run(self.environment, *arguments, timeout=300)

    def events(self) -> list[Event]:
        return read_events(self.home / NAME / "ledger.jsonl")[0]

    def mlflow_runs(self) -> list[object]:
        client = MlflowClient(self.uri)
        return list(client.search_runs([client.get_experiment_by_name(NAME).experiment_id]))

    def kill_in_second_trial(self) -> None:
        flags = ["--trials", str(TRIALS), "--epochs", str(EPOCHS), "--image-size", "32", "--architecture", "resnet18"]
        flags += ["--finalists", "2", "--repeats", "1"]
        search = self.command("search", NAME, "--data", str(self.data), "--weights", f"resnet18={self.weights}", *flags)
        with (self.home.parent / "log").open("w") as log:
            process = subprocess.Popen(search, env=self.environment, stdout=log, stderr=log)
            deadline = time.monotonic() + 240
            while not any(isinstance(e, EpochFinished) and e.trial == "0001" for e in self.events()):
                assert process.poll() is None, (self.home.parent / "log").read_text()
                assert time.monotonic() < deadline, (self.home.parent / "log").read_text()
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("contract"))


@pytest.fixture(scope="module")
def study(home: Home) -> StudyRuns:
    return read_study(home.uri, NAME)


def test_the_kill_came_in_the_middle(home: Home) -> None:
    ended = [record for record in home.after_kill.trials.values() if record.end]
    assert len(ended) < TRIALS
    assert isinstance(home.events()[-1], StudyClosed)


def test_status_after_a_kill_leaves_nothing_running(home: Home) -> None:
    assert home.status_after_kill.returncode == 0, home.status_after_kill.stderr
    told = json.loads(home.status_after_kill.stdout)[0]
    assert told["state"] == schema.STATE_INTERRUPTED
    assert told["trials"] == TRIALS
    assert home.open_after_kill == []


def test_every_trial_is_there_once_in_ledger_and_mlflow(home: Home) -> None:
    assert home.going_on.returncode == 0, home.going_on.stderr
    state = study_state(home.events())
    assert sorted(state.trials) == [f"{number:04d}" for number in range(TRIALS)]
    assert all(record.end and record.end.state in ("complete", "pruned") for record in state.trials.values())
    runs = home.mlflow_runs()
    trials = sorted(run.data.tags[schema.TAG_TRIAL] for run in runs if run.data.tags["kind"] == "trial")  # type: ignore[attr-defined]
    assert trials == sorted(state.trials)
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}  # type: ignore[attr-defined]
    assert summary(home.home / NAME)["state"] == schema.STATE_COMPLETE


def test_what_was_done_before_the_kill_is_as_it_was(home: Home) -> None:
    before: StudyState = home.after_kill
    after = study_state(home.events())
    for trial, record in before.trials.items():
        assert after.trials[trial].epochs[: len(record.epochs)] == record.epochs
    started = [event.trial for event in home.events() if isinstance(event, TrialStarted)]
    assert len(started) == len(set(started))


def test_analysis_reads_what_study_wrote(home: Home, study: StudyRuns) -> None:
    state = study_state(home.events())
    assert sorted(study.trials["trial"]) == sorted(state.trials)
    for trial, record in state.trials.items():
        best = record.best()
        assert best is not None
        row = study.trials.set_index("trial").loc[trial]
        assert row["best_val_kappa"] == best.scores["val/kappa"]
        assert row["best_epoch"] == best.epoch
        epochs = study.epochs[study.epochs["trial"] == trial]
        assert epochs["val/accuracy"].tolist() == [epoch.scores["val/accuracy"] for epoch in record.epochs]
        assert study.confusions[trial].tolist() == best.confusion
        assert len(study.predictions[trial]) == state.study.splits["val"]


def test_the_names_are_those_of_records_and_no_others(home: Home) -> None:
    hyperparameters = {"lr", "log10_lr"}
    own = {
        schema.KIND_TRIAL: (*schema.BEST_METRICS, schema.BEST_EPOCH),
        schema.KIND_FINALIST: (*schema.BEST_METRICS, schema.BEST_EPOCH),
        schema.KIND_CONFIRM: (*schema.TEST_METRICS, *schema.NEW_PATIENTS_METRICS),
    }
    budget = (schema.IMAGES_SEEN, schema.SECONDS, *schema.USE_METRICS)
    for run in home.mlflow_runs():
        kind = run.data.tags["kind"]  # type: ignore[attr-defined]
        if kind == schema.KIND_STUDY:
            continue
        for name in run.data.metrics:  # type: ignore[attr-defined]
            if name.startswith("hparam/"):
                hyperparameters.discard(name.removeprefix("hparam/"))
                continue
            assert name in (*schema.EPOCH_METRICS, *own[kind], *budget)
        assert {*budget} - {schema.PEAK_MEMORY, schema.UTILISATION} <= set(run.data.metrics)  # type: ignore[attr-defined]
        for tag in (schema.TAG_THREADS, schema.TAG_DEVICE, schema.TAG_DATA, schema.TAG_SPLIT, schema.TAG_SEED):
            assert run.data.tags[tag]  # type: ignore[attr-defined]
        if run.data.tags[schema.TAG_ARM] == "resnet18-pretrained":  # type: ignore[attr-defined]
            assert run.data.tags[schema.TAG_WEIGHTS] == home.weights_digest  # type: ignore[attr-defined]
    assert not hyperparameters


def test_analysis_reads_the_finalists_and_orders_by_them(home: Home, study: StudyRuns) -> None:
    state = study_state(home.events())
    assert list(study.finalists["finalist"]) == sorted(state.finalists) == [f"f{number:04d}" for number in range(4)]
    for row in study.finalists.to_dict("records"):
        record = state.finalists[row["finalist"]]
        best = record.best()
        assert best is not None and record.finalist is not None
        assert (row["trial"], row["seed_index"]) == (record.finalist.trial, record.finalist.seed_index)
        assert row["split_seed"] == str(record.finalist.split_seed)
        assert row["baseline"] == record.finalist.baseline
        assert row["best_val_kappa"] == best.scores["val/kappa"]
        assert row["state"] == schema.STATE_COMPLETE
    board = leaderboard(study)
    for arm in ("resnet18-scratch", "resnet18-pretrained"):
        own = board[board["arm"] == arm]["trial"].tolist()
        assert own == [record.trial for record in winners(state, arm)]
    assert study.decision == "median"
    assert study.selects_last


def test_analysis_reads_the_confirmations_and_keeps_them_apart(home: Home, study: StudyRuns) -> None:
    assert home.confirming.returncode == 0, home.confirming.stdout + home.confirming.stderr
    state = study_state(home.events())
    assert list(study.confirmations["confirm"]) == sorted(state.confirmations)
    wanted = confirmation.wanted(state, confirmation.ConfirmationConfig(seeds=1))
    assert len(state.confirmations) == len(wanted)
    assert sorted(study.confirmations["baseline"]) == sorted(one.baseline for one in wanted)
    for row in study.confirmations.to_dict("records"):
        record = state.confirmations[row["confirm"]]
        assert record.test is not None
        first = min(trial for trial, one in state.trials.items() if one.arm == row["arm"])
        assert row["trial"] == (first if row["baseline"] else winners(state, row["arm"])[0].trial)
        assert row["test_kappa"] == record.test.scores["test/kappa"]
        assert study.test_confusions[row["confirm"]].tolist() == record.test.confusion
        assert len(study.test_predictions[row["confirm"]]) == state.study.splits["test"]
    assert study.tags[schema.TAG_TEST_EVALUATIONS] == str(len(wanted))
    assert study.study["test"]["reads"] == len(wanted)
    assert study.study["test"]["ensemble"] is False  # one seed


def test_the_report_has_four_rows_and_says_what_did_not_run(home: Home, study: StudyRuns, tmp_path: Path) -> None:
    page = write_report(study, tmp_path)
    text = page.read_text()
    four_way = (tmp_path / "four_way.csv").read_text().splitlines()
    assert len(four_way) == 5
    assert sum("not run" in line for line in four_way) == 2
    assert "ResNet50" in text


def test_a_trial_that_is_run_again_gives_its_numbers_to_the_last_digit(home: Home, tmp_path: Path) -> None:
    for trial in ("0001", "0002"):  # one that was killed and gone on with, one that was not
        done = home.run("train", "--reproduce", f"{NAME}/{trial}", "--out", str(tmp_path / trial))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "equal to the last digit" in done.stdout


def test_a_run_is_found_by_its_id(home: Home, tmp_path: Path) -> None:
    run = next(run for run in home.mlflow_runs() if run.data.tags.get(schema.TAG_TRIAL) == "0000")  # type: ignore[attr-defined]
    done = home.run("train", "--reproduce", run.info.run_id, "--out", str(tmp_path / "again"))  # type: ignore[attr-defined]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "compared with trial 0000: equal to the last digit" in done.stdout


def test_another_seed_is_refused_and_the_field_named(home: Home) -> None:
    before = home.events()
    for flags, field in (
        (["--seed", "1"], "seed"),
        (["--val-fraction", "0.3"], "val_fraction"),
        (["--lr", "0.1"], "fixed.lr"),
    ):
        done = home.run("search", NAME, *flags)
        assert done.returncode == 2, done.stdout
        assert f"`{field}` must stay what study {NAME} began with" in done.stderr
    fewer = home.run("search", NAME, "--trials", "2").stderr
    assert f"`trials >= {TRIALS}` must hold for study {NAME}, but got trials=2; so many have begun" in fewer
    assert home.events() == before


def test_a_study_grows_by_a_larger_number_of_trials(home: Home) -> None:
    def sent() -> dict[str, tuple[object, ...]]:
        trials = [run for run in home.mlflow_runs() if run.data.tags["kind"] == schema.KIND_TRIAL]  # type: ignore[attr-defined]
        return {run.info.run_id: (run.info.end_time, run.data.metrics, run.data.params) for run in trials}  # type: ignore[attr-defined]

    before, runs = study_state(home.events()), sent()
    done = home.run("search", NAME, "--trials", str(TRIALS + 1))
    assert done.returncode == 0, done.stderr
    after = study_state(home.events())
    assert len(after.trials) == TRIALS + 1
    assert all(after.trials[trial] == record for trial, record in before.trials.items())
    assert len(sent()) == TRIALS + 1
    assert sent().items() >= runs.items()
