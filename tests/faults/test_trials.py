"""What goes wrong within trials, in their files, in what is asked for, and with the clock."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from analysis import records
from study.checkpoints import LAST
from tests.faults.conftest import Row
from tests.faults.fixture import Study
from tests.study_fixture import small_data

pytestmark = pytest.mark.faults

# Loaded by Python in each process of the search: the allocator is asked for a petabyte where label_smoothing is set.
OUT_OF_MEMORY = """
import importlib.machinery, sys
class Finder:
    @staticmethod
    def find_spec(name, path, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == "study.train" else None
        if spec:
            load = spec.loader.exec_module
            def exec_module(module):
                load(module)
                usual = module.train_epoch
                def train_epoch(learner, *rest):
                    if learner.config.label_smoothing:
                        module.torch.empty(10**15, dtype=module.torch.uint8)
                    return usual(learner, *rest)
                module.train_epoch = train_epoch
            spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, Finder)
"""


def _file(folder: Path, space: dict[str, object], **values: object) -> list[str]:
    fixed = {"epochs": 3, "image_size": 32, "architecture": "resnet18", "pretrained": False}
    config = {"sampler": "random", "early_stopping": "none", **values, "fixed": fixed, "space": space}
    (folder / "study-config.yaml").write_text(yaml.safe_dump(config))
    return ["--config", str(folder / "study-config.yaml")]


def _check_failures(study: Study, reason: str, failing: dict[str, object]) -> int:
    failed = 0
    for record in study.state().trials.values():
        fails = all(record.config[name] == value for name, value in failing.items())
        assert record.end and (record.end["state"] == records.STATE_FAILED) == fails
        assert (reason in record.end["reason"]) == fails
        failed += fails
    runs = {run.data.tags.get(records.TAG_TRIAL): run for run in study.runs()}
    for trial, record in study.state().trials.items():
        assert (runs[trial].info.status == "FAILED") == (record.state == records.STATE_FAILED)
        assert (reason in runs[trial].data.tags.get(records.TAG_REASON, "")) == (record.state == records.STATE_FAILED)
    return failed


def test_a_loss_that_is_not_finite(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "NaN loss"
    # With this weight decay a step at lr=10 multiplies the weights by -9.
    space = {"lr": [0.001, 10.0], "weight_decay": [1.0], "schedule": ["constant"], "batch_size": [4]}
    study = Study(tmp_path, data)
    search = study.begin(*_file(tmp_path, space), "--trials", "5", "--epochs", "8", small=False)
    assert search.end() == 0, search.output()
    row.tries = _check_failures(study, "finite", {"lr": 10.0})
    assert 0 < row.tries < 5
    best = json.loads(study.retina("status", "s", "--json").stdout)[0]["best"]
    failed = [trial for trial, record in study.state().trials.items() if record.state == records.STATE_FAILED]
    assert best and not any(f"trial {trial}" in best for trial in failed)
    row.lost, row.doubled = study.missing_and_doubled(5)
    assert (row.lost, row.doubled) == (0, 0)


def test_out_of_memory(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "out of memory (an allocation that must fail)"
    (tmp_path / "sitecustomize.py").write_text(OUT_OF_MEMORY)
    space = {"label_smoothing": [0.0, 0.1]}
    study = Study(tmp_path, data)
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])}
    search = study.begin(*_file(tmp_path, space), "--trials", "6", small=False, environment=environment)
    assert search.end() == 0, search.output()
    row.tries = _check_failures(study, "out of memory: ", {"label_smoothing": 0.1})
    assert 0 < row.tries < 6
    row.lost, row.doubled = study.missing_and_doubled(6)
    assert (row.lost, row.doubled) == (0, 0)


def test_every_trial_fails_the_same_way(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = "every trial fails the same way", 3
    study = Study(tmp_path, data)
    output = study.finish("--trials", "9", "--label-smoothing", "0.1", code=1, environment=_failing(tmp_path))
    assert "the first trials all failed: out of memory" in output
    assert study.count("end") == 3 and study.events()[-1]["state"] == records.STATE_FAILED
    assert "RUNNING" not in {run.info.status for run in study.runs()}


def _failing(folder: Path) -> dict[str, str]:
    (folder / "sitecustomize.py").write_text(OUT_OF_MEMORY)
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}


def test_what_the_study_began_with_changes(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault = "data, split, space, seed changed since the ledger began"
    study = Study(tmp_path, data)
    search = study.begin("--trials", "2")
    search.until_epochs(1)
    search.kill()
    before = study.events()
    other = small_data(tmp_path / "other", patients=25)
    changes = [
        (["--data", str(other)], "data_digest"),
        (["--val-fraction", "0.3"], "val_fraction"),
        (["--lr", "0.1"], "fixed.lr"),
        (["--seed", "1"], "seed"),
    ]
    row.tries = len(changes)
    for flags, field in changes:
        done = study.retina("search", "s", *flags)
        assert done.returncode == 2 and f"`{field}` must stay what study s began with" in done.stderr, done.stderr
        assert study.events() == before
    study.finish("--trials", "3")
    row.lost, row.doubled = study.missing_and_doubled(3)
    assert (row.lost, row.doubled) == (0, 0)


def test_ledger_torn_and_checkpoints_damaged(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = "ledger's last line torn; checkpoint cut short; one bit flipped", 3
    study = Study(tmp_path, data)
    search = study.begin("--trials", "1", "--epochs", "24")
    for damage in ("torn line", "cut short", "bit flipped"):
        search.until_epochs(study.count("epoch") + 3)
        search.kill()
        before = study.state().trials["0000"].epochs
        file = study.home / "s" / "checkpoints" / "0000" / LAST
        if damage == "torn line":
            with study.ledger.open("ab") as ledger:
                ledger.write(study.ledger.read_bytes().splitlines()[-1][:40])
        elif damage == "cut short":
            os.truncate(file, file.stat().st_size // 2)
        else:
            content = bytearray(file.read_bytes())
            content[len(content) // 3] ^= 1
            file.write_bytes(content)
        search = study.begin()
        search.until_epochs(len(before) + 1)
        assert study.state().trials["0000"].epochs[: len(before)] == before
        if damage == "torn line":
            assert "the ledger's last line was torn, never counted, and is dropped" in search.output()
    assert search.end() == 0, search.output()
    row.lost, row.doubled = study.missing_and_doubled(1)
    assert (row.lost, row.doubled) == (0, 0)
    unbroken = Study(tmp_path / "unbroken", data)
    unbroken.finish("--trials", "1", "--epochs", "24")
    for broken, whole in zip(_scores(study), _scores(unbroken), strict=True):
        assert broken == whole  # what was computed again came out the same


def _scores(study: Study) -> list[dict[str, float]]:
    epochs = study.state().trials["0000"].epochs
    return [{k: v for k, v in epoch["scores"].items() if k != "images_per_second"} for epoch in epochs]


# libfaketime 0.9.10 breaks the call that Python's sleep makes for a monotonic clock that is left as it is.
SLEEP = "import select, time; time.sleep = lambda seconds: select.select([], [], [], seconds)[3:]"
LIBFAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


@pytest.mark.skipif(LIBFAKETIME is None, reason="libfaketime is not here: apt-get install faketime")
def test_the_clock_is_a_year_off(tmp_path: Path, data: Path, row: Row) -> None:
    row.fault, row.tries = "clock a year behind, a year ahead", 2
    study = Study(tmp_path, data)
    study.finish("--trials", "1")
    (tmp_path / "sitecustomize.py").write_text(SLEEP)
    clock = {"LD_PRELOAD": str(LIBFAKETIME), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "PYTHONPATH": str(tmp_path)}
    for trials, days in ((2, -365), (3, 365)):
        fake = clock | {"FAKETIME": f"{days:+d}d"}
        before = study.state()
        search = study.begin("--trials", str(trials), "--epochs", "3", environment=fake)
        search.until(lambda t=trials: len(study.state().trials) == t, "the next trial")  # type: ignore[misc]
        search.kill()
        study.finish(environment=fake)
        after = study.state()
        assert all(after.trials[trial] == record for trial, record in before.trials.items()), "a trial ran again"
        assert len(after.trials) == trials
        moved = after.trials[f"{trials - 1:04d}"].started - before.trials["0000"].started
        assert abs(moved - days * 86400) < 86400, "the clock was not wrong"
    row.lost, row.doubled = study.missing_and_doubled(3)
    assert (row.lost, row.doubled) == (0, 0)
