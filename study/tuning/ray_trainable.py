"""The Ray trainable around `train`: an actor that is used for one trial after the other, with checkpoints of our own.

A Python exception in here would be retried by Ray in the same place, so what a configuration causes (a loss that is not
finite, memory that does not suffice) is returned as a failure with its reason. Only a dead process raises.
"""

from __future__ import annotations

import json
import math
import os
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch
from ray import tune

from analysis.redact import without_folders
from retina_data.errors import DataError
from retina_data.files import write_whole
from retina_models.errors import WeightsError
from retina_models.weights import read_weights, save_weights
from study.cluster.resources import placement
from study.config.trial import TrialConfig
from study.disk_space import disk_error_text
from study.errors import StudyError
from study.training.checkpoints import (
    BEST,
    CALIBRATION,
    TEST_PREDICTIONS,
    drop_parts,
    load_last,
    save_last,
    save_predictions,
    weights_metadata,
)
from study.training.data import open_data
from study.training.device_memory import DeviceError, claim, record_usage, release
from study.training.leakage import provenance_text, read_provenance
from study.training.test_evaluation import read_calibration, read_test, reading
from study.training.train import Epoch, TrainingError, train
from study.training.train_state import of_this_kind

# Of torch on a CPU, which has no class for it, and of a GPU's libraries.
NO_MEMORY = ("not enough memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


class UnusableError(StudyError):
    """Data or weights cannot be read where a trial runs, whatever its configuration."""


@dataclass(frozen=True)
class Computed:
    """An epoch, what a run goes on from after it, and what it took (`record_usage`)."""

    epoch: Epoch
    state: dict[str, Any]
    used: dict[str, float]


def computed(epochs: Iterator[Epoch], device: torch.device, threads: int, *, ahead: int) -> Iterator[Computed]:
    """Compute epochs; where `ahead` is not 0, up to that number, each in a thread while the one before is dealt with.

    The thread is a daemon, so that a process that is told to end does not wait for an epoch.
    """
    asked, done = SimpleQueue[bool](), SimpleQueue[Computed | BaseException]()

    def compute() -> Computed:
        torch.set_num_threads(threads)  # of this thread
        with record_usage(device, threads) as used:
            epoch = next(epochs)
        return Computed(epoch, epoch.state(), used)

    def work() -> None:
        while asked.get():
            try:
                done.put(compute())
            except BaseException as error:
                done.put(error)

    if not ahead:
        while True:
            yield compute()
    thread = Thread(target=work, name="train", daemon=True)
    thread.start()
    asked.put(True)
    try:
        while True:
            answer = done.get()
            if isinstance(answer, BaseException):
                try:
                    raise answer
                finally:
                    del answer  # it holds this frame, and all below it the model
            last = answer.epoch.number >= ahead
            if not last:
                asked.put(True)
            yield answer
            del answer  # its state is 283 MB of a ResNet50
            if last:
                return
    except GeneratorExit:
        asked.put(False)
        thread.join()  # what comes next needs the memory
        raise
    finally:
        asked.put(False)


class TrialActor(tune.Trainable):
    """Runs trials; its config is the plain dictionary that `search` makes.

    Each step is one epoch and returns {"report": JSON of the epoch's event}, {"failure": reason}, or {"halt": reason}
    where no other trial would fare better: data, weights, disk or GPU do not let themselves be used. What an
    epoch left on the disk before its report was lost is reported again, not computed again. A confirmation is a trial
    that ends after its `last_epoch`, selects nothing, and then reads the test split: its last report holds the reading.
    "notes", where there are any, are lines that a person is to see.

    A report leaves once its checkpoint is on the disk. Where nothing stops the trial before its last epoch (`ahead`),
    the next epoch is computed meanwhile; elsewhere it waits for the driver's answer.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Begin a trial, or go on with it from its checkpoint, in the first step."""
        self._take(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take over another trial without a new process."""
        self._take(new_config)
        return True

    def _take(self, job: dict[str, Any]) -> None:
        # Nothing that can fail: Ray takes an exception here for a process that died, and its reason is lost.
        self._job = job
        self._folder = Path(job["folder"])  # HOME/STUDY/checkpoints/TRIAL
        self._home = self._folder.parents[2]
        self._notes: list[str] = []
        self._epochs: Iterator[Computed] | None = None  # and with it go the last trial's model and its optimizer

    def _open(self) -> dict[str, Any] | None:
        """Begin, or go on from the checkpoint; returns its report, which may not have reached the driver."""
        release()
        self._config = TrialConfig(**self._job["config"])
        torch.set_num_threads(self._job["threads"])
        self._device = torch.device(self._job["device"])
        drop_parts(self._folder)
        state, unsent = load_last(self._folder, self._notes.append) or (None, None)
        self._best: float | None = unsent["best"] if unsent else None
        ahead = self._job["last_epoch"] if self._job["ahead"] else 0
        self._epochs = computed(self._train(state), self._device, self._job["threads"], ahead=ahead)
        return unsent

    def _train(self, state: dict[str, Any] | None) -> Iterator[Epoch]:
        # A generator, so that reading data and weights falls into the first step, where failures are told apart.
        job = self._job
        claim(self._device, job["gpus"])
        try:
            prepared = open_data(Path(job["cache"]), **job["split"])
            weights = read_weights(job["weights"], self._config.architecture) if job["weights"] else None
        except (DataError, WeightsError) as error:  # the driver has read both: here they cannot be
            raise UnusableError(without_folders(str(error), self._home)) from error
        if weights and weights.digest != job["weights_digest"]:
            raise UnusableError(
                f"weights of this study must have the digest {job['weights_digest'][:12]}, but {weights.source} has "
                f"{weights.digest[:12]}; it was changed since: put the first file back"
            )
        if state and not of_this_kind(state, torch.Generator(self._device)):
            self._notes.append(
                f"trial {self._folder.name} goes on on another kind of device ({self._device.type}) than it began on: "
                "its images are varied anew from its seed and epoch, and its numbers are not those of one device"
            )
        self._seen = provenance_text(prepared, read_provenance(Path(job["weights"])) if job["weights"] else "")
        yield from train(self._config, prepared.train_data(), self._device, weights=weights, resume=state)

    def step(self) -> dict[str, Any]:
        """One epoch."""
        result = self._result()
        if self._notes:
            result["notes"], self._notes = "\n".join(self._notes), []
        return result

    def _result(self) -> dict[str, Any]:
        try:
            report = self._report()
        except torch.AcceleratorError:
            # The device's context is broken for every later trial of this process: a fresh one takes over.
            self._keep(traceback.format_exc())
            os._exit(1)
        except (OSError, DeviceError, UnusableError) as error:
            where = f" (on Ray's node {placement()['node']})" if self._job["nodes"] > 1 else ""
            return {"halt": disk_error_text(error) + where, "done": True}
        except Exception as error:  # whatever it is, the next try would meet it again
            self._keep(traceback.format_exc())
            return {"failure": _reason(error, self._home), "done": True}
        # As text: Ray would flatten a nested result and rename its parts.
        return {"report": json.dumps(report), "done": report["epoch"] >= self._job["last_epoch"]}

    def _report(self) -> dict[str, Any]:
        # The driver may have died, or this process, between the checkpoint and its report: it is told again, and the
        # ledger counts an epoch once.
        if self._epochs is None and (unsent := self._open()):
            return unsent
        assert self._epochs is not None
        return self._save(next(self._epochs))

    def _keep(self, text: str) -> None:
        with suppress(OSError):  # it explains a failure, and must not become one
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / "error.txt", text.encode())

    def _save(self, one: Computed) -> dict[str, Any]:
        """Write what the epoch leaves, then return its report: first the best's files, then the checkpoint."""
        epoch, state = one.epoch, one.state
        report: dict[str, Any] = {
            "epoch": epoch.number,
            "scores": {name: value for name, value in epoch.scores.items() if math.isfinite(value)},
            "confusion": epoch.confusion.tolist(),
            "images_seen": epoch.images_seen,
            "seconds": round(epoch.seconds, 4),
            "device": torch.cuda.get_device_name() if self._device.type == "cuda" else "cpu",
            "threads": torch.get_num_threads(),
            **placement(),
            **one.used,
        }
        value = epoch.scores.get(f"val/{self._config.objective}")
        last, confirming = epoch.number >= self._job["last_epoch"], self._job["confirming"]
        if confirming or self._config.select_epoch == "last":
            self._best, selected = value, last
        else:
            selected = value is not None and (self._best is None or value > self._best)
            self._best = value if selected else self._best
        if selected:
            save_predictions(self._folder, epoch.predictions)
            report["weights_digest"] = save_weights(
                self._folder / BEST, state["model"], weights_metadata(self._config, epoch.number, self._seen)
            )
        report["best"] = self._best
        if last and confirming:
            prepared = open_data(Path(self._job["cache"]), **self._job["split"])
            validation = read_calibration(state["model"], self._config, prepared, self._device)
            save_predictions(self._folder, validation, CALIBRATION)
            table = read_test(state["model"], self._config, prepared, self._device)
            save_predictions(self._folder, table, TEST_PREDICTIONS)
            report["test"] = reading(table, self._config.decision)
        # Nothing goes on from a trial's last epoch, but its report may be lost: that alone is kept, not the weights.
        save_last(self._folder, {} if last else state, report)
        return report


def _reason(error: Exception, home: Path) -> str:
    """One line that a table can hold; what a user can act on comes as it is, a mistake of ours with its class."""
    text = without_folders(" ".join(str(error).split()), home)[:300]  # cleaned first: a torn path is not known for one
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(words in text for words in NO_MEMORY):
        return f"out of memory: {text}"
    return text if isinstance(error, TrainingError | ValueError) else f"{type(error).__name__}: {text}"
