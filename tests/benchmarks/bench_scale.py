"""No trial may cost more because others came before: 10,000 with made-up curves, and 500 that train through Ray.

The 10,000 go through sampler, ledger and MLflow without Ray. MLflow takes a good part of a second for each, so only the
first and the last few hundred are sent; between them its database is filled with copies of a run that was.
"""

import itertools
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from analysis import schema
from retina_models.resnet import resnet18, resnet50
from retina_models.weights import save_weights
from study.config.arms import groups_of
from study.config.study import make_study_config
from study.storage.events import Event, TrialFinished, TrialStarted
from study.storage.ledger import Ledger, read_events
from study.storage.state import study_state
from study.tracking.mlflow_tracker import Tracking
from study.training.checkpoints import save_predictions
from study.tuning.ask_tell import Arms
from study.tuning.recorder import Recorder
from study.tuning.sampler_and_pruner import STARTUP_TRIALS
from tests.benchmarks.simulated_cluster import feed
from tests.fixtures.study import predictions, report, small_data

TRIALS, EPOCHS, WINDOW, BEGUN = 10_000, 3, 100, 4
RAY_TRIALS = 500
NODES, GPUS, CLUSTER_EPOCHS = 64, 8, 15
TRIALS_ALONE = ("--early-stopping", "none", "--finalists", "0")
TIMES, START_SECONDS, LIMIT_MB = 2.0, 30.0, 1024


@dataclass(frozen=True)
class Memory:
    """Of a process, in MB. own: without the files of libraries, which it shares with its trials."""

    own: int
    resident: int

    def __str__(self) -> str:
        return f"driver {self.own} MB at most, {self.resident} MB with the libraries' files"


class Home:
    """A home with small data, and `retina search` in it, whose driver's memory is watched."""

    def __init__(self, folder: Path) -> None:
        self.home, self.data = folder / "home", small_data(folder / "data", patients=24)
        self.store = self.home / "mlflow.db"
        self.weights = []
        for name, network in (("resnet18", resnet18), ("resnet50", resnet50)):
            save_weights(folder / f"{name}.safetensors", network(seed=1).state_dict(), {"architecture": name})
            self.weights += ["--weights", f"{name}={folder / f'{name}.safetensors'}"]

    def ledger(self, name: str) -> Path:
        return self.home / name / "ledger.jsonl"

    def search(self, *arguments: str) -> Memory:
        """Search to the end; returns the most memory that the driver had."""
        environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
        environment |= {"RETINA_HOME": str(self.home)}
        log, most = self.home.parent / "log", Memory(0, 0)
        with log.open("w") as output:
            command = [sys.executable, "-m", "study", "search", *arguments]
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
            while process.poll() is None:
                now = _memory(process.pid)
                most = Memory(max(most.own, now.own), max(most.resident, now.resident))
                time.sleep(0.2)
        assert process.returncode == 0, log.read_text()
        return most


def _memory(pid: int) -> Memory:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return Memory(0, 0)
    sizes = {line.split(":")[0]: int(line.split()[1]) // 1024 for line in lines if line.endswith(" kB")}
    return Memory(sizes.get("RssAnon", 0), sizes.get("VmHWM", 0))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("scale"))
    small = ("--epochs", str(EPOCHS), "--image-size", "32", "--trials", str(BEGUN), *TRIALS_ALONE)
    made.search("big", "--data", str(made.data), *small, *made.weights)
    return made


class Driver:
    """What a search has in its process, but for Ray: arms, recorder and ledger, MLflow; `parts` are seconds spent."""

    def __init__(self, home: Home) -> None:
        self.folder = home.home / "big"
        self.ledger = Ledger(home.ledger("big"))
        self.state = study_state(self.ledger.events)
        assert self.state.study
        config = make_study_config(self.state.study.config, {"trials": TRIALS})
        self.arms = Arms(config, groups_of(config, config.arm_specs()), self.state)
        self.tracking = Tracking(f"sqlite:///{home.store}", "big", self.folder, None)
        self.events: list[Event] = []
        self.recorder = Recorder(self.ledger, self.state, self.arms, self.folder / "checkpoints", self.events.append)
        for event in self.ledger.events:
            self.tracking.apply(event)

    def trial(self, index: int, send: bool) -> tuple[float, float]:
        """Run one trial with a made-up curve; returns seconds of sampler and ledger, and of MLflow."""
        self.events.clear()
        started = time.perf_counter()
        trial = self.recorder.start_next().trial
        for epoch in range(1, EPOCHS + 1):
            kappa = (index * 37 % 101) / 101 + epoch / 100
            self.recorder.epoch(trial, report(epoch, kappa))
        self.recorder.end(trial, schema.STATE_COMPLETE)
        recorded = time.perf_counter()
        if send:
            save_predictions(self.folder / "checkpoints" / trial, predictions())
        begun_to_send = time.perf_counter()
        for event in self.events:
            if self.tracking.apply(event) and send:
                self.tracking.send(event)
        return recorded - started, time.perf_counter() - begun_to_send


def _copy_run(store: Path, trial: str, copies: range) -> None:
    """Give MLflow runs like that of a trial, one for each number: rows of its database, and links to its artifacts."""
    with sqlite3.connect(store) as database:
        database.execute("CREATE TEMP TABLE copies (number INTEGER)")
        database.executemany("INSERT INTO copies VALUES (?)", ((number,) for number in copies))
        [run, artifacts] = database.execute(
            "SELECT run_uuid, artifact_uri FROM runs JOIN tags USING (run_uuid) WHERE key = ? AND value = ?",
            (schema.TAG_TRIAL, trial),
        ).fetchone()
        for table in ("runs", "tags", "params", "metrics", "latest_metrics"):
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            values = {name: f'"{name}"' for name in names} | {"run_uuid": "printf('%032x', number)"}
            if table == "runs":
                values["artifact_uri"] = "replace(artifact_uri, run_uuid, printf('%032x', number))"
            if table == "tags":
                is_trial = f"key = '{schema.TAG_TRIAL}'"
                values["value"] = f"CASE WHEN {is_trial} THEN printf('%04d', number) ELSE value END"
            columns = ", ".join(f'"{name}"' for name in names)
            database.execute(
                f"INSERT INTO {table} ({columns}) SELECT {', '.join(values[name] for name in names)} "
                f"FROM {table}, copies WHERE run_uuid = ?",
                (run,),
            )
    database.close()
    folder = urlsplit(artifacts).path
    for number in copies:
        shutil.copytree(folder, folder.replace(run, f"{number:032x}"), copy_function=os.link)


@pytest.mark.timeout(3000)
def test_the_last_hundred_of_ten_thousand_cost_at_most_twice_the_first(home: Home) -> None:
    driver = Driver(home)
    start = BEGUN + STARTUP_TRIALS * len(driver.state.study.arms)
    first, last = range(start, start + WINDOW), range(TRIALS - WINDOW, TRIALS)
    seconds = {}
    for index in range(BEGUN, TRIALS):
        if index == first.stop:
            _copy_run(home.store, f"{index - 1:04d}", range(first.stop, last.start))
        seconds[index] = driver.trial(index, send=index < first.stop or index in last)
    driver.ledger.close()
    medians = {}
    for name, window in (("first", first), ("last", last)):
        ours, theirs = (statistics.median(part) for part in zip(*(seconds[i] for i in window), strict=True))
        whole = statistics.fmean(sum(seconds[i]) for i in window)
        medians[name] = whole
        print(f"\n{name} {WINDOW} of {TRIALS}: {whole * 1e3:.0f} ms each ", end="")
        print(f"(median of sampler and ledger {ours * 1e3:.1f}, of MLflow {theirs * 1e3:.0f})", end="")
    print(f"; ratio {medians['last'] / medians['first']:.2f}")
    assert medians["last"] / medians["first"] <= TIMES


@pytest.mark.timeout(3000)
def test_one_driver_feeds_a_cluster(tmp_path: Path) -> None:
    """64 pretended nodes of 8 GPUs each, 10,000 trials of 15 epochs."""
    fed = feed(tmp_path, trials=TRIALS, epochs=CLUSTER_EPOCHS, slots=NODES * GPUS, sent=20)
    print(f"\n{fed.most_running} slots, {TRIALS} trials of {CLUSTER_EPOCHS} epochs: ", end="")
    print(f"{fed.events_per_second:.0f} events/s; one driver can feed {fed.slots(10):,} slots ", end="")
    print(f"where an epoch takes 10 s, {fed.slots(60):,} where it takes 60 s; ", end="")
    print(f"MLflow takes {fed.sent_seconds:.2f} s of its own thread for a trial; {fed.bytes / 1e6:.0f} MB", end="")
    assert fed.most_running == NODES * GPUS
    assert fed.slots(60) >= NODES * GPUS
    assert fed.bytes <= LIMIT_MB * 2**20


@pytest.mark.timeout(1200)
def test_going_on_with_ten_thousand_trials(home: Home) -> None:
    known = len(study_state(read_events(home.ledger("big"))[0]).trials)
    assert known == TRIALS, "the test before this one makes them"
    started = time.time()
    most = home.search("big", "--trials", str(TRIALS + 1))
    assert "were not whole" not in (home.home.parent / "log").read_text(), "MLflow has what the ledger has"
    events = read_events(home.ledger("big"))[0]
    waited = next(event.time for event in reversed(events) if isinstance(event, TrialStarted)) - started
    size = home.ledger("big").stat().st_size / 1e6
    print(f"\ngoing on with {TRIALS} finished trials: the next begins after {waited:.1f} s ", end="")
    print(f"and all ends after {time.time() - started:.1f} s; ledger {size:.0f} MB; {most}")
    assert len(study_state(events).trials) == TRIALS + 1
    assert waited <= START_SECONDS
    assert most.own <= LIMIT_MB


@pytest.mark.timeout(3000)
def test_the_last_hundred_of_five_hundred_through_ray_cost_at_most_twice_the_first(home: Home) -> None:
    flags = ("--trials", str(RAY_TRIALS), "--epochs", "1", "--image-size", "32", "--cpus-per-trial", "1")
    arm = ("--architecture", "resnet18", "--no-pretrained", *TRIALS_ALONE)
    most = home.search("ray", "--data", str(home.data), *flags, *arm)
    events = read_events(home.ledger("ray"))[0]
    ends = [event.time for event in events if isinstance(event, TrialFinished)]
    assert len(ends) == RAY_TRIALS
    gaps = [later - earlier for earlier, later in itertools.pairwise(ends)]
    first = statistics.fmean(gaps[STARTUP_TRIALS : STARTUP_TRIALS + WINDOW])
    last = statistics.fmean(gaps[-WINDOW:])
    print(f"\n{RAY_TRIALS} trials through Ray in {ends[-1] - ends[0]:.0f} s: one of the first {WINDOW} ", end="")
    print(f"{first:.2f} s, one of the last {last:.2f} s; ratio {last / first:.2f}; {most}")
    assert last / first <= TIMES
    assert most.own <= LIMIT_MB
