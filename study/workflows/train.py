"""One configuration without Ray: a new one, or a trial of a study run again."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from analysis.schema import whole_name
from retina_data.files import check_writable, write_whole
from retina_data.gate import below
from retina_data.layouts.dataset import ReadOptions, read_index
from retina_models.compilation import WAIT, missing_compiler
from retina_models.weights import Weights, read_weights, save_weights
from study.cluster.arithmetic import fast_bf16
from study.config.study import StudyConfig, read_options
from study.config.trial import AUTO, TrialConfig, make_trial_config
from study.errors import ConfigError
from study.planning.pretrained_weights import check_fit, kept_file, read_source
from study.storage.events import StudyStarted
from study.storage.home import study_id, study_name
from study.storage.ledger import read_events
from study.storage.state import TrialRecord, read_state, study_state
from study.storage.study_file import STUDY_FILE, read_study_file
from study.training.checkpoints import BEST, save_predictions, weights_metadata
from study.training.data import SplitDataset, prepare_data, reading_record, split_of, warn_of
from study.training.leakage import check_no_leakage, provenance_text, read_provenance
from study.training.train import Epoch, TrainingError, too_large, train

log = logging.getLogger(__name__)


WRITTEN_FIRST = "config.yaml", "data.yaml"

TIMING = "images_per_second"  # the one score that is not computed from the data


@dataclass(frozen=True)
class Job:
    """All that one training run needs."""

    config: TrialConfig
    prepared: SplitDataset
    weights: Weights | None
    threads: int | None
    epochs: int
    provenance: str = ""  # what the weights were trained on
    reading: dict[str, Any] = field(default_factory=dict)  # how the data was read


def train_new(
    data: Path,
    options: ReadOptions,
    home: Path,
    values: dict[str, Any],
    files: dict[str, str],
    threads: int | None,
    folder: Path,
    rerun_flags: str = "",
) -> None:
    """Train a configuration on a data set and leave weights, predictions and epochs in `folder`.

    rerun_flags: flags that each further command needs too, for a message.
    """
    config = make_trial_config(with_precision(values))
    _check_compiler(config)
    weights, provenance = None, ""
    if config.pretrained:
        source = files.get(config.architecture, "imagenet")
        weights, file = read_source(source, config.architecture, home, download=True, rerun_flags=rerun_flags)
        provenance = read_provenance(file)
        log.info(f"weights {weights.source}: {check_fit(weights, config.head)}")
    elif files:
        raise ConfigError("--weights needs --pretrained; add it, or drop --weights")
    dataset = read_index(data, options)
    for line in dataset.notes:
        log.info(f"note: {line}")
    warn_of(dataset.signs, dataset.warnings)
    _check_new(folder)
    defaults = StudyConfig.model_fields
    prepared = prepare_data(
        dataset,
        home,
        image_size=config.image_size,
        crop=config.crop,
        colour=config.colour,
        val_fraction=defaults["val_fraction"].default,
        # The split of a study with default settings: another seed must not move patients between the parts.
        seed=defaults["seed"].default,
        select_on=defaults["select_on"].default,
    )
    if prepared.skipped_line:
        log.info(f"note: {prepared.skipped_line}")
    warn_of(prepared.placeholders())
    if weights:
        check_no_leakage(config.architecture, weights.source, provenance, prepared)
    run(Job(config, prepared, weights, threads, config.epochs, provenance, reading_record(dataset, prepared)), folder)


def with_precision(values: dict[str, Any]) -> dict[str, Any]:
    """The values with the precision that this machine computes fast, where they leave it open."""
    if values.get("precision", AUTO) != AUTO:
        return values
    side = make_trial_config({**values, "precision": "fp32"}).image_size
    return {**values, "precision": "bf16" if fast_bf16(torch.cuda.is_available(), side) else "fp32"}


def _check_compiler(config: TrialConfig) -> None:
    """Raise ConfigError where this machine lacks the compiler that the configuration needs."""
    if config.compile == "on" and (lacking := missing_compiler(torch.cuda.is_available())):
        raise ConfigError(lacking)


def _check_new(folder: Path) -> None:
    """Refuse a folder that holds files or cannot be written, before any photograph is decoded."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"--out must be a new or empty folder, but {folder} holds files; name another")
    check_writable(folder)


def run(job: Job, folder: Path) -> list[Epoch]:
    """Train, print a line for each epoch, and write weights and predictions of the one that is selected.

    At most `job.epochs` epochs; an earlier model in `folder` is never overwritten: ConfigError.
    """
    _check_new(folder)
    for name, values in zip(WRITTEN_FIRST, (job.config.model_dump(mode="json"), job.reading), strict=True):
        write_whole(folder / name, yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode())
    best, epochs, provenance = None, [], provenance_text(job.prepared, job.provenance)
    objective = f"val/{job.config.objective}"
    log.info(_opening(job))
    if job.config.compile == "on":
        log.info(f"note: {WAIT}")
    if decision := job.prepared.cache.field_of_view_note:
        log.info(f"note: {decision}")
    for epoch in _cleaned(_epochs(job), folder):
        epochs.append(epoch)
        value = epoch.scores.get(objective)
        better = value is not None and (best is None or value > best)
        best = value if better else best
        if epoch.number == job.epochs if job.config.select_epoch == "last" else better:
            save_weights(folder / BEST, epoch.state()["model"], weights_metadata(job.config, epoch.number, provenance))
            save_predictions(folder, epoch.predictions)
        lines = [{"epoch": e.number, **e.scores, "confusion": e.confusion.tolist()} for e in epochs]
        write_whole(folder / "epochs.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
        log.info(_line(epoch, job.config.epochs))
    log.info(f"weights, predictions and epochs are in {folder}")
    return epochs


def _cleaned(epochs: Iterator[Epoch], folder: Path) -> Iterator[Epoch]:
    """The epochs; where there is not even a first one, the folder is left empty, so that it can be named again."""
    try:
        first = next(epochs)
    except BaseException:
        for name in WRITTEN_FIRST:
            (folder / name).unlink(missing_ok=True)
        raise
    yield first
    yield from epochs


def _epochs(job: Job) -> Iterator[Epoch]:
    if job.threads:
        torch.set_num_threads(job.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        steps = train(job.config, job.prepared.train_data(), device, weights=job.weights)
        yield from itertools.islice(steps, job.epochs)
    except TrainingError as error:
        raise ConfigError(f"training stopped: {error}") from error
    except (torch.OutOfMemoryError, MemoryError) as error:
        give = "a smaller --batch-size or --image-size, or --micro-batch"
        raise too_large(error, job.config, give) from error


def _opening(job: Job) -> str:
    counts = ", ".join(f"{job.prepared.count(split)} {split}" for split in ("train", "val", "test"))
    start = f"weights {job.weights.source} ({job.weights.digest[:12]})" if job.weights else "from scratch"
    computed = job.config.precision + ", compiled" * (job.config.compile == "on")
    return f"{job.config.architecture}, {start}, {computed}; images: {counts} (the test split is not looked at)"


def _line(epoch: Epoch, of: int) -> str:
    names = ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/kappa", TIMING)
    scores = "  ".join(f"{name} {epoch.scores[name]:.4g}" for name in names if name in epoch.scores)
    counts = epoch.confusion.sum(axis=1)
    return f"epoch {epoch.number}/{of}  {scores}  (n {counts.sum()}, majority class {counts.max() / counts.sum():.4g})"


def reproduce(name: str, home: Path, tracking_uri: str, folder: Path, rerun_flags: str = "") -> bool:
    """Run a study's trial again and compare epoch by epoch; whether every number was equal to the last digit.

    rerun_flags: Home.rerun_flags.
    """
    study, record, threads = _find(name, home, tracking_uri)
    _check_new(folder)
    settings = read_study_file(below(home, study, STUDY_FILE))
    config = StudyConfig.model_validate(settings["config"])
    trial = TrialConfig.model_validate(record.config)
    _check_compiler(trial)
    began, data = study_state(read_events(home / study / "ledger.jsonl")[0]).study, Path(settings["data"])
    weights, provenance = _weights_of(home / study, began, trial.architecture) if trial.pretrained else (None, "")
    if not data.exists():
        raise ConfigError(
            f"study {study} was begun with the data in {data}, which is not there now; put it back, or go on with the "
            f"study where it is now (retina search {whole_name(study, config.fold)} --data FOLDER{rerun_flags}) and "
            "type this command again"
        )
    dataset = read_index(data, read_options(config, settings["layout"]))
    prepared = prepare_data(
        dataset,
        home,
        image_size=trial.image_size,
        crop=trial.crop,
        colour=trial.colour,
        **split_of(config),
    )
    if prepared.cache.digest != began.identity["data_digest"]:
        raise ConfigError(
            f"the data must be that of study {study}, but its digest was {began.identity['data_digest'][:12]} and is "
            f"now {prepared.cache.digest[:12]}; put back what was changed in {data}"
        )
    reading = reading_record(dataset, prepared)
    epochs = run(Job(trial, prepared, weights, threads, len(record.epochs), provenance, reading), folder)
    return _compare(epochs, record)


def _weights_of(folder: Path, began: StudyStarted, architecture: str) -> tuple[Weights, str]:
    """The study's own copy of its weights, and what they were trained on."""
    recorded = began.weights[architecture]
    file = kept_file(folder, {"name": recorded["source"], **recorded})
    if not file.exists():
        raise ConfigError(
            f"the study's copy of its {architecture} weights must be there, but {file.name} has gone; put "
            f"{recorded['source']} there under that name: its digest is {recorded['digest'][:12]}"
        )
    weights = read_weights(file, architecture)
    if weights.digest != recorded["digest"]:
        raise ConfigError(
            f"weights of study {folder.name} must have the digest {recorded['digest'][:12]}, but {file.name} has "
            f"{weights.digest[:12]}; it was changed since: put the first file back"
        )
    return weights, read_provenance(file)


def _compare(epochs: list[Epoch], record: TrialRecord) -> bool:
    differ = 0
    for epoch, known in zip(epochs, record.epochs, strict=False):
        mine = {name: value for name, value in epoch.scores.items() if name != TIMING}
        theirs = {name: value for name, value in known.scores.items() if name != TIMING}
        for score in sorted(mine.keys() | theirs.keys()):
            if mine.get(score) != theirs.get(score):
                differ += 1
                log.info(f"epoch {epoch.number} {score}: recorded {theirs.get(score)}, now {mine.get(score)}")
        differ += epoch.confusion.tolist() != known.confusion
    compared = min(len(epochs), len(record.epochs))
    verdict = "equal to the last digit" if not differ else f"{differ} numbers differ (another machine or version?)"
    log.info(f"{compared} epochs compared with trial {record.trial}: {verdict}")
    return differ == 0


def _find(name: str, home: Path, tracking_uri: str) -> tuple[str, TrialRecord, int]:
    study, slash, trial = name.partition("/")
    study = study_name(study) if slash else study
    if not slash:
        from study.tracking.mlflow_tracker import trial_of_run

        found = trial_of_run(tracking_uri, name)
        if found is None:
            raise ConfigError(f"--reproduce must be STUDY/TRIAL or the id of a trial's MLflow run, but got {name!r}")
        study, trial, its_id = study_name(found[0]), found[1], found[2]
        own = study_id(home / study)
        if own and its_id not in ("", own):
            raise ConfigError(
                f"run {name} is of another study {study} (its id is {its_id[:8]}, here it is {own[:8]}); give --home "
                "FOLDER, the home that has it"
            )
    state = read_state(home / study)
    if state and trial in state.finalists:
        raise ConfigError(
            f"--reproduce repeats a trial of the search, but {trial} is a finalist; name the trial that it repeats"
        )
    if state and trial in state.confirmations:
        raise ConfigError(
            f"--reproduce repeats a trial of the search, but {trial} is a confirmation; `retina confirm {study}` with "
            "more --seeds trains another one"
        )
    if state is None:
        raise ConfigError(
            f"--reproduce must name a study of this home, but study {study} is not there; `retina status` lists those "
            "that are, --home names another home"
        )
    if trial not in state.trials:
        known = ", ".join(sorted(state.trials)) or "none"
        raise ConfigError(f"study {study} must have a trial {trial!r}, but it has: {known}")
    record = state.trials[trial]
    if not record.epochs:
        raise ConfigError(f"trial {trial} of study {study} has no epoch to compare with; choose another")
    return study, record, record.epochs[0].threads
