"""What a search costs beside its trials, against a bare loop and against the stock stack, in one run.

The stock stack is written as its documentation shows it: a function trainable, OptunaSearch, ASHAScheduler and
MLflowLoggerCallback. All train alike on the same data, two at once, one thread each; the bare loop has the search's
configurations.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from study.storage.events import Event, TrialFinished, TrialStarted
from study.storage.ledger import read_events
from study.storage.state import StudyState, study_state
from tests.fixtures.study import small_data

TRIALS, SLOTS = 32, 2
OVERHEAD_SECONDS = 0.7
TIMES_LESS = 3

BARE = """
import json, sys, time, torch
from pathlib import Path
from study.config.study import TrialConfig
from study.training.data import open_data
from study.training.train import train
torch.set_num_threads(1)
job = json.loads(sys.argv[1])
data = open_data(Path(job["cache"]), **job["split"]).train_data()
begun = time.monotonic()
for config in job["configs"]:
    for epoch in train(TrialConfig(**config), data, torch.device("cpu")):
        pass
print("SECONDS", time.monotonic() - begun)
"""

STOCK = """
import json, os, sys, time, torch
from pathlib import Path
import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
job = json.loads(sys.argv[1])

def trainable(config):
    from study.config.study import TrialConfig
    from study.training.data import open_data
    from study.training.train import train
    torch.set_num_threads(1)
    data = open_data(Path(job["cache"]), **job["split"]).train_data()
    for epoch in train(TrialConfig(**{**job["configs"][0], **config}), data, torch.device("cpu")):
        tune.report({name.replace("/", "_"): value for name, value in epoch.scores.items()})

if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    begun = time.monotonic()
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"lr": tune.loguniform(1e-4, 1e-1), "batch_size": tune.choice([16, 32])},
        tune_config=tune.TuneConfig(
            metric="val_kappa", mode="max", num_samples=job["trials"], search_alg=OptunaSearch(),
            scheduler=ASHAScheduler(), max_concurrent_trials=2,
        ),
        run_config=tune.RunConfig(
            storage_path=job["folder"], name="stock", verbose=0,
            callbacks=[MLflowLoggerCallback(tracking_uri=job["uri"], experiment_name="stock", save_artifact=True)],
        ),
    )
    tuner.fit()
    print("SECONDS", time.monotonic() - begun)
"""


def _seconds(folder: Path, name: str, code: str, *jobs: dict[str, object]) -> float:
    """Run a script at once for each job; returns the seconds that the slowest took after its imports."""
    script = folder / f"{name}.py"
    script.write_text(code)
    command = [sys.executable, "-W", "ignore", str(script)]
    running = [
        subprocess.Popen(
            [*command, json.dumps(job)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
        )
        for job in jobs
    ]
    outputs = [process.communicate(timeout=900) for process in running]
    assert not any(process.returncode for process in running), outputs[0][1][-3000:]
    lines = [line for output, _ in outputs for line in output.splitlines()]
    return max(float(line.split()[1]) for line in lines if line.startswith("SECONDS"))


def _told(state: StudyState, events: list[Event]) -> str:
    """Where the time of a search went, as its ledger tells."""
    started = {event.trial: event.time for event in events if isinstance(event, TrialStarted)}
    ended = {event.trial: event.time for event in events if isinstance(event, TrialFinished)}
    computed = {trial: sum(epoch.seconds for epoch in record.epochs) for trial, record in state.trials.items()}
    beside = [ended[trial] - started[trial] - computed[trial] for trial in started]
    start, later = statistics.median(beside[:SLOTS]), statistics.median(beside[SLOTS:])
    return (
        f"a trial computes {statistics.median(computed.values()):.2f} s; beside that the first {SLOTS} took "
        f"{start:.1f} s each (their process starts), the others {later:.2f} s"
    )


@pytest.mark.timeout(1800)
def test_a_search_costs_little_beside_its_trials(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", patients=24)
    environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")}
    environment |= {"RETINA_HOME": str(tmp_path / "home")}
    flags = ["--trials", str(TRIALS), "--epochs", "1", "--image-size", "32", "--architecture", "resnet18"]
    only = ["--no-pretrained", "--cpus-per-trial", "1", "--early-stopping", "none"]
    command = [sys.executable, "-m", "study", "search", "short", "--data", str(data), *flags, *only]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)
    whole = time.monotonic() - started
    assert done.returncode == 0, done.stdout + done.stderr
    events = read_events(tmp_path / "home" / "short" / "ledger.jsonl")[0]
    state = study_state(events)
    assert len(state.trials) == TRIALS
    searched = events[-1].time - next(event.time for event in events if isinstance(event, TrialStarted))
    cache = next((tmp_path / "home" / "cache").glob("[!.]*/manifest.json")).parent
    job: dict[str, object] = {
        "cache": str(cache),
        "split": {"val_fraction": 0.2, "seed": 0, "select_on": "validation"},
        "configs": [next(iter(state.trials.values())).config],
        "trials": TRIALS,
        "folder": str(tmp_path / "ray"),
        "uri": f"sqlite:///{tmp_path / 'stock.db'}",
    }
    configs = [record.config for record in state.trials.values()]
    bare = _seconds(tmp_path, "bare", BARE, *({**job, "configs": configs[slot::SLOTS]} for slot in range(SLOTS)))
    stock = _seconds(tmp_path, "stock", STOCK, job)
    ours, theirs = (searched - bare) / TRIALS, (stock - bare) / TRIALS
    print(f"\n{TRIALS} trials of one epoch, {SLOTS} at once: bare loop {bare:.1f} s, search {searched:.1f} s ", end="")
    print(f"({whole:.1f} s with start and end), stock stack {stock:.1f} s")
    print(_told(state, events))
    print(f"overhead of a trial: {ours:.2f} s; of the stock stack's {theirs:.2f} s; ratio {theirs / ours:.1f}")
    assert ours <= OVERHEAD_SECONDS
    assert theirs / ours >= TIMES_LESS
