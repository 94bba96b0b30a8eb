"""A trial of a study, trained again without Ray and compared with its record."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from analysis.schema import whole_name
from retina_data.gate import below
from retina_data.layouts.dataset import read_index
from retina_models.weights import Weights, read_weights
from study.config.study import StudyConfig, read_options
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.planning.precision import check_compiler
from study.planning.pretrained_weights import kept_file
from study.storage.events import StudyStarted
from study.storage.home import study_id, study_name
from study.storage.ledger import read_events
from study.storage.state import TrialRecord, read_state, study_state
from study.storage.study_file import STUDY_FILE, read_study_file
from study.training.data import prepare_data, reading_record, split_of
from study.training.leakage import read_provenance
from study.training.train import Epoch
from study.workflows.single.train import TIMING, Job, check_new, run

log = logging.getLogger(__name__)


def reproduce(name: str, home: Path, tracking_uri: str, folder: Path, rerun_flags: str = "") -> bool:
    """Run a study's trial again and compare epoch by epoch; whether every number was equal to the last digit.

    rerun_flags: Home.rerun_flags.
    """
    study, record, threads = _find(name, home, tracking_uri)
    check_new(folder)
    settings = read_study_file(below(home, study, STUDY_FILE))
    config = StudyConfig.model_validate(settings["config"])
    trial = TrialConfig.model_validate(record.config)
    if trial.compile == "on":
        check_compiler(torch.cuda.is_available())
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
