"""A driver that feeds a pretended cluster: sampler, recorder, ledger and MLflow are real, trials are made-up curves.

What it costs to answer each event decides how many trials a driver can keep running, however many GPUs there are.
"""

from __future__ import annotations

import heapq
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

from analysis import schema
from study.config.arms import groups_of
from study.config.study import make_study_config
from study.storage.events import Event
from study.storage.ledger import Ledger
from study.storage.state import study_state
from study.tracking.mlflow_tracker import Tracking
from study.training.checkpoints import save_predictions
from study.tuning.ask_tell import Arms
from study.tuning.recorder import Recorder
from tests.fixtures.study import predictions, report, study_event


@dataclass(frozen=True)
class Fed:
    """What feeding cost. events: of the ledger; seconds: of all of them; sent_seconds: of MLflow for one trial.

    bytes: of this process's own memory at the end, beyond what it had before. most_running: trials at once.
    """

    trials: int
    epochs: int
    events: int
    seconds: float
    sent_seconds: float
    bytes: int
    most_running: int

    @property
    def events_per_second(self) -> float:
        """That the driver can take in."""
        return self.events / self.seconds

    def slots(self, epoch_seconds: float) -> int:
        """Trials at once that the driver keeps busy, where an epoch takes so long."""
        return int(self.trials * self.epochs * epoch_seconds / self.seconds)


def feed(folder: Path, *, trials: int, epochs: int, slots: int, sent: int) -> Fed:
    """Run a study of four arms to its end on `slots` pretended GPUs.

    Epochs last from half to one and a half of the mean. The first `sent` trials go to MLflow too, in a database of
    their own below the folder.
    """
    before, events, clock = own_bytes(), list[Event](), random.Random(0)
    ledger = Ledger(folder / "ledger.jsonl")
    four_arms = make_study_config({}, {"trials": trials, "epochs": epochs, "early_stopping": "none"})
    ledger.append(replace(study_event(), config=four_arms.model_dump(mode="json")))
    state = study_state(ledger.events)
    config = make_study_config(state.study.config, {})
    arms = Arms(config, groups_of(config, config.arm_specs()), state)
    recorder = Recorder(ledger, state, arms, folder / "checkpoints", events.append)
    tracking = Tracking(f"sqlite:///{folder / 'mlflow.db'}", "simulated", folder, (folder / "mlartifacts").as_uri())
    tracking.apply(ledger.events[0])
    tracking.send(ledger.events[0])
    running: list[tuple[float, str, int]] = []  # when its epoch ends, on the pretended clock
    seconds, sent_seconds, most = 0.0, 0.0, 0
    now = 0.0
    while recorder.left():
        started = time.perf_counter()
        events.clear()
        if len(running) < slots and recorder.n_remaining():
            heapq.heappush(running, (now + clock.uniform(0.5, 1.5), recorder.start_next().trial, 1))
            most = max(most, len(running))
        else:
            now, trial, epoch = heapq.heappop(running)
            recorder.epoch(trial, report(epoch, (int(trial) * 37 % 101) / 101 + epoch / 100))
            if epoch < epochs:
                heapq.heappush(running, (now + clock.uniform(0.5, 1.5), trial, epoch + 1))
            else:
                recorder.end(trial, schema.STATE_COMPLETE)
        seconds += time.perf_counter() - started
        for event in events:
            name = str(getattr(event, "trial", ""))
            if int(name) < sent:
                save_predictions(folder / "checkpoints" / name, predictions())
                started = time.perf_counter()
                if tracking.apply(event):
                    tracking.send(event)
                sent_seconds += time.perf_counter() - started
    count = len(ledger.events)
    ledger.close()
    return Fed(trials, epochs, count, seconds, sent_seconds / max(1, sent), own_bytes() - before, most)


def own_bytes() -> int:
    """Memory of this process that is not a file's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
