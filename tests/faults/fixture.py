"""A study in a home of its own, its processes, and what is lost or doubled in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from analysis import schema
from study.config.study import StudyConfig
from study.storage.events import Event, StudyClosed
from study.storage.ledger import read_events
from study.storage.ranking import missing
from study.storage.state import StudyState, study_state
from study.training.checkpoints import load_last
from tests.fixtures import command
from tests.fixtures.study import study_event

SMALL = ("--epochs", "3", "--image-size", "32", "--architecture", "resnet18", "--no-pretrained")
TRIAL = ("ray::TrialActor", "ray::ResourceTrainable")  # Ray's title for a trial's process, idle and at work
PATIENCE = 180
"""Seconds that a step of a test may take on a machine that others use too; what is promised is asserted by itself."""


class Search:
    """One running `retina search`; its output is kept in a file."""

    def __init__(self, study: Study, arguments: list[str], environment: dict[str, str]) -> None:
        self.study, self.log = study, study.folder / f"log{len(list(study.folder.glob('log*')))}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "study", *arguments], env=environment, stdout=log, stderr=log
            )
        self.started = time.monotonic()

    def output(self) -> str:
        return self.log.read_text()

    def until(self, holds: Callable[[], Any], what: str = "it") -> Any:
        """Wait until something holds, while the search lives; returns it."""
        deadline = time.monotonic() + PATIENCE
        while not (value := holds()):
            assert self.process.poll() is None, f"ended ({self.process.returncode}) before {what}: {self.output()}"
            assert time.monotonic() < deadline, f"{what} did not come: {self.output()}"
            time.sleep(0.02)
        return value

    def until_epochs(self, count: int) -> None:
        self.until(lambda: self.study.count("epoch") >= count, f"{count} epochs")

    def until_closed(self, seconds: float) -> None:
        """Wait until the ledger is closed, whether the process lives or not."""
        deadline = time.monotonic() + seconds
        while not isinstance(self.study.events()[-1], StudyClosed):
            assert time.monotonic() < deadline, f"not closed after {seconds:.0f} s: {self.output()}"
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def kill_and_wait_for_trials(self) -> None:
        """Kill the driver, and return once no trial's process can write any more: they outlive it by a moment."""
        trials = self.children(*TRIAL)
        self.kill()
        wait_until_gone(trials)

    def end(self, seconds: float = PATIENCE) -> int:
        """Wait for the end; returns the exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end after {seconds:.0f} s: {self.output()}") from None

    def children(self, *names: str) -> list[int]:
        """Processes below this one whose command line holds one of the names, eldest first."""
        return [pid for pid in descendants(self.process.pid) if any(name in command_line(pid) for name in names)]


class Study:
    """A home with one study; `uri` is where MLflow is."""

    def __init__(self, folder: Path, data: Path, name: str = "s", uri: str = "") -> None:
        self.folder, self.data, self.name = folder, data, name
        folder.mkdir(parents=True, exist_ok=True)
        self.home = folder / "home"
        self._events: list[Event] = []
        self._size = 0
        self.uri = uri or f"sqlite:///{self.home / 'mlflow.db'}"
        self.environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
        self.environment |= {"RETINA_HOME": str(self.home), "COLUMNS": "200"}
        if uri:
            self.environment["MLFLOW_TRACKING_URI"] = uri

    @property
    def ledger(self) -> Path:
        return self.home / self.name / "ledger.jsonl"

    def begin(self, *flags: str, small: bool = True, environment: dict[str, str] | None = None) -> Search:
        """Begin the study or go on with it."""
        new = ["--data", str(self.data), *(SMALL if small else ())] if not self.events() else []
        return Search(self, ["search", self.name, *new, *flags], self.environment | (environment or {}))

    def finish(self, *flags: str, code: int = 0, environment: dict[str, str] | None = None) -> str:
        """Go on until the end; returns the output."""
        search = self.begin(*flags, environment=environment)
        assert search.end() == code, search.output()
        return search.output()

    def retina(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return command.run(self.environment, *arguments, timeout=PATIENCE)

    def events(self) -> list[Event]:
        """The ledger, read again where it has grown: it is asked many times a second."""
        size = self.ledger.stat().st_size if self.ledger.exists() else 0
        if size != self._size:
            self._events, self._size = read_events(self.ledger)[0], size
        return self._events

    def count(self, kind: str) -> int:
        assert kind in {one.kind for one in Event.__subclasses__()}, f"no event is a {kind}"
        return sum(1 for event in self.events() if event.kind == kind)

    def state_closed(self) -> str:
        """The state in which the ledger was closed; "" where its last event is no close."""
        last = self.events()[-1]
        return last.state if isinstance(last, StudyClosed) else ""

    def state(self) -> StudyState:
        """The state; a study without trials where none has begun."""
        return study_state(self.events() or [study_event()])

    def has(self, trial: str, epoch: int) -> bool:
        """Whether a trial has come as far as an epoch."""
        record = self.state().trials.get(trial)
        return record is not None and len(record.epochs) >= epoch

    def runs(self) -> list[Run]:
        """The study's runs; none before its store is there: MLflow makes one where it is asked, beside the search."""
        store = self.uri.removeprefix("sqlite:///")
        if store != self.uri and not Path(store).exists():
            return []
        client = MlflowClient(self.uri)
        experiment = client.get_experiment_by_name(self.name)
        return list(client.search_runs([experiment.experiment_id], max_results=1000)) if experiment else []

    def missing_and_doubled(self, trials: int) -> tuple[int, int]:
        """What is lost (trials, ends, runs, values) and doubled (runs, values, trials or epochs begun twice).

        Compares ledger and MLflow value by value, of trials and of the finalists after them; also asserts that no run
        is RUNNING.
        """
        state, runs, client = self.state(), self.runs(), MlflowClient(self.uri)
        names = ("finalist", "trial", "epoch")
        raw = [(e.kind, *(getattr(e, name, None) for name in names)) for e in self.events() if hasattr(e, "trial")]
        of_trials = [run for run in runs if run.data.tags[schema.TAG_KIND] in NAMED_BY]
        found = Counter(name_of(run) for run in of_trials)
        lost = trials - sum(1 for record in state.trials.values() if record.end)
        lost += len(missing(StudyConfig.model_validate(state.study.config), state))
        lost += sum(1 for record in state.finalists.values() if not record.end)
        lost += sum(1 for name in state.runs() if name not in found)
        doubled = len(raw) - len(set(raw)) + found.total() - len(found)
        repeats = Counter((r.finalist.trial, r.finalist.seed_index) for r in state.finalists.values() if r.finalist)
        doubled += repeats.total() - len(repeats)
        for run in of_trials:
            epochs = state.record(name_of(run)).epochs
            for name in {name for epoch in epochs for name in epoch.scores}:
                sent = Counter((m.step, m.value) for m in client.get_metric_history(run.info.run_id, name))
                told = Counter((e.epoch, e.scores[name]) for e in epochs if name in e.scores)
                lost, doubled = lost + (told - sent).total(), doubled + (sent - told).total()
        kinds = Counter(run.data.tags[schema.TAG_KIND] for run in runs)
        assert set(kinds) <= {schema.KIND_STUDY, *NAMED_BY} and kinds[schema.KIND_STUDY] == 1
        assert "RUNNING" not in {run.info.status for run in runs}
        assert {found.name for found in client.search_experiments()} == {"Default", self.name}, "a stray experiment"
        return lost, doubled


NAMED_BY = {schema.KIND_TRIAL: schema.TAG_TRIAL, schema.KIND_FINALIST: schema.TAG_FINALIST}


def name_of(run: Run) -> str:
    """The trial or finalist that a run of MLflow is."""
    return str(run.data.tags[NAMED_BY[run.data.tags[schema.TAG_KIND]]])


def kill_at_random(study: Study, kills: int, trials: int, random: Random, *flags: str) -> int:
    """Kill the driver up to `kills` times, at moments of all its phases, then go on to the end; returns how often.

    flags: of the study's beginning. After each kill: no trial that had ended has changed, and no epoch that was
    reported is computed again; of a trial in flight at most one is.
    """
    done, watch = 0, Watch(study)
    for _ in range(kills):
        before, events = study.state(), len(study.events())
        search = study.begin(*([] if events else ["--trials", str(trials), *flags]))
        if random.random() < 0.25:
            wait = random.uniform(0.5, 8.0)  # while it starts
        else:
            more, wait = random.randint(2, 5), random.uniform(0.0, 0.4)  # the first is the study's own
            search.until(lambda e=events, m=more: len(study.events()) >= e + m, f"{more} events")  # type: ignore[misc]
        time.sleep(wait)
        if search.process.poll() is not None:
            assert search.process.returncode == 0, search.output()
            break
        search.kill()
        done += 1
        watch.check(before)
        after = study.state()
        for name, record in before.runs().items():
            assert not record.end or after.record(name) == record
        for record in after.runs().values():
            saved = load_last(study.home / study.name / "checkpoints" / record.trial)
            assert record.end or not record.epochs or (saved and saved[1]["epoch"] >= len(record.epochs))
    before = study.state()
    study.finish()
    watch.check(before)
    reported = {(r.config["seed"], n + 1) for r in study.state().runs().values() for n in range(len(r.epochs))}
    assert reported <= watch.computed(), "what was computed is not watched"
    return done


class Watch:
    """What the processes of a study's trials really compute, epoch by epoch.

    A trial's process lives for up to two seconds longer than a driver that is killed, and may begin one more epoch:
    what one search computed is told apart from what the next did by Ray's node manager, whose child each process is.
    """

    def __init__(self, study: Study) -> None:
        study.environment |= out_of_memory(study.folder)
        self._file = study.folder / "tried.epochs"
        self._checked = 0

    def _lines(self) -> list[tuple[int, int, int]]:
        """(node manager, seed, epoch) of all epochs that were begun."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [(int(search), int(seed), int(epoch)) for search, seed, epoch in map(str.split, lines)]

    def computed(self) -> set[tuple[int, int]]:
        """(seed, epoch) of all epochs that were begun."""
        return {(seed, epoch) for _, seed, epoch in self._lines()}

    def check(self, before: StudyState) -> None:
        """Of what was computed since the last call nothing was of an ended trial or a reported epoch of `before`."""
        every = self._lines()
        assert len(every) == len(set(every)), "an epoch was computed twice without a kill"
        new, self._checked = every[self._checked :], len(every)
        of_seed = {record.config["seed"]: record for record in before.runs().values()}
        for search, seed in {(search, seed) for search, seed, _ in new}:
            record, epochs = of_seed.get(seed), {epoch for *one, epoch in new if one == [search, seed]}
            assert record is None or not record.end, f"the run with seed {seed} had ended and was run again"
            assert record is None or min(epochs) > len(record.epochs), f"seed {seed} repeated a reported epoch"
            others = {epoch for other, one, epoch in every if one == seed and other != search}
            assert len(epochs & others) <= 1, f"seed {seed} repeated more than one epoch"


def descendants(pid: int) -> list[int]:
    """All processes below one, by /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = sorted(parents.get(waiting.pop(0), []))
        found += below
        waiting += below
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be taken note of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    """Wait until processes that a search started have ended: they may outlive it by a moment."""
    deadline = time.monotonic() + 30
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < deadline, [command_line(pid) for pid in left]
        time.sleep(0.02)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def suggested(state: StudyState) -> list[tuple[Any, ...]]:
    """Suggestions, scores and prune decisions of a study, finalists among them, without what clocks tell."""
    return [
        (
            record.trial,
            record.params,
            record.config,
            [({k: v for k, v in e.scores.items() if k != "images_per_second"}, e.stop, e.pruner_state)
             for e in record.epochs],
            record.end.state if record.end else "",
        )
        for record in state.runs().values()
    ]  # fmt: skip


# Loaded by Python in each process of the search: the allocator is asked for a petabyte where label_smoothing is set.
# Each epoch that is tried leaves its trial's seed in a file; with its number and the process's parent in another.
OUT_OF_MEMORY = """
import importlib.machinery, os, sys
parent = os.getppid()
class Finder:
    @staticmethod
    def find_spec(name, path, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == "study.training.train" else None
        if spec:
            load = spec.loader.exec_module
            def exec_module(module):
                load(module)
                usual = module.train_epoch
                def train_epoch(learner, *rest):
                    with open(os.environ["TRIED"], "a") as tried:
                        tried.write(f"{learner.config.seed}\\n")
                    with open(os.environ["TRIED"] + ".epochs", "a") as tried:
                        tried.write(f"{parent} {learner.config.seed} {learner.epoch + 1}\\n")
                    if learner.config.label_smoothing:
                        module.torch.empty(10**15, dtype=module.torch.uint8)
                    return usual(learner, *rest)
                module.train_epoch = train_epoch
            spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, Finder)
"""


def out_of_memory(folder: Path) -> dict[str, str]:
    """Environment in which trials with label_smoothing run out of memory; FOLDER/tried holds the seeds that were."""
    (folder / "sitecustomize.py").write_text(OUT_OF_MEMORY)
    paths = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": paths, "TRIED": str(folder / "tried")}
