"""Ledger -> MLflow: a projection that can be sent again without doubling.

Runs are found by their trial and confirm tags. An epoch is one batch with the ledger's own time stamps, so sending it
twice leaves one value; the tag `epochs_recorded` says what need not be sent again.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException

from analysis import schema
from analysis.artifact_place import artifact_folder
from retina_data.gate import below
from study.storage.events import (
    ConfirmationStarted,
    EpochFinished,
    Event,
    FinalistStarted,
    StudyClosed,
    StudyStarted,
    TrialFinished,
    TrialStarted,
)  # fmt: skip
from study.storage.ranking import winners
from study.storage.state import StudyState, TrialRecord, study_state
from study.tracking.experiment_note import closing_note, report_note
from study.tracking.experiment_page import log_data, study_json, write_note, write_view
from study.tracking.mlflow_runs import PARENT, create_run, describe_run, end_run, milliseconds, send_epoch
from study.tracking.server import redact_url
from study.tracking.sqlite_store import open_client
from study.tracking.store.artifacts import RunArtifacts
from study.tracking.store.comparison import FINAL, Differences, HeldRuns, compare, epochs_recorded, held_runs
from study.tracking.store.experiment import all_runs, find_experiment
from study.training.checkpoints import BEST

log = logging.getLogger(__name__)


class Tracking:
    """The MLflow side of one study, fed with the ledger's events in order."""

    def __init__(self, uri: str, name: str, folder: Path, artifacts: str | None, study_id: str | None = None) -> None:
        """Find the study's experiment, or make it.

        artifacts: where a new one keeps its files, below the home (None: the server decides). study_id: as
        `find_experiment` has it. Raises RefusedError where another study has the name or the experiment was deleted.
        """
        place = artifact_folder(artifacts, None) if artifacts else None
        root = place.parent if place else None
        self._client, self._name, self._folder = open_client(uri, root), name, folder
        self._applied: StudyState | None = None
        tags = {schema.TAG_STUDY_ID: study_id} if study_id else None
        found = find_experiment(self._client, name, study_id, redact_url(uri))
        key = found.experiment_id if found else self._client.create_experiment(name, artifacts, tags)
        self._experiment, self._study_id = key, study_id or ""
        experiment = self._client.get_experiment(key)
        self._client.check_place(experiment.artifact_location)
        self._artifacts = RunArtifacts(self._client, experiment, root)
        self._parent = ""
        self._runs: dict[str, str] = {}  # trial -> run
        self._sent: dict[str, int] = {}  # trial -> epochs that MLflow has
        self._closed: set[str] = set()  # trials whose run has its final state
        self._forgotten: set[str] = set()
        self._held = HeldRuns()
        self.refresh()

    def refresh(self) -> None:
        """Look up what MLflow has: before the first event, and after an answer was lost."""
        found = all_runs(self._client, self._experiment)
        self._held = held_runs(found, self._study_id, {self._parent, *self._runs.values()})
        self._parent = self._held.parent.info.run_id if self._held.parent else ""
        self._runs = {name: run.info.run_id for name, run in self._held.runs.items()}
        self._sent |= {name: epochs_recorded(run) for name, run in self._held.runs.items()}
        self._closed = {
            name
            for name, run in self._held.runs.items()
            if run.data.tags.get(schema.TAG_STATE) in FINAL and run.info.status != "RUNNING"
        }

    @property
    def known_as(self) -> str:
        """Name of the study, as its own run in MLflow says; "" where it has none."""
        return self._held.parent.data.tags.get(schema.TAG_STUDY, "") if self._held.parent else ""

    def compare(self, state: StudyState, closed: str) -> Differences:
        """What differs from the ledger; each of it is sent or put aside by the events of the ledger that follow."""
        found = compare(self._held, state, closed, self._artifacts.lacks)
        self._held.doubled = found.aside
        gone = {run.info.run_id for run in found.aside}
        self._runs = {name: run for name, run in self._runs.items() if run not in gone}
        self._sent = {name: self._sent[name] for name in self._runs}
        self._closed &= self._runs.keys() - set(found.behind)
        if self._parent in gone:
            self._parent = ""
        self._forgotten = {name for name, record in state.runs().items() if state.is_forgotten(record)}
        return found

    def _put_aside(self) -> None:
        """Delete runs that a server made twice, since it was only slow, and what the ledger does not know or forgot.

        MLflow keeps them as deleted. Called where the study is written, by whoever holds its lock; another study of
        that name is left alone.
        """
        for run in self._held.doubled:
            if run.data.tags.get(schema.TAG_STUDY_ID) == self._state.study.id:
                self._client.set_terminated(run.info.run_id, schema.MLFLOW_STATUS[schema.STATE_INTERRUPTED])
                self._client.delete_run(run.info.run_id)
        self._held.doubled = []

    def apply(self, event: Event) -> bool:
        """Apply an event to the state; False when it repeats what is known, and there is nothing to send."""
        if self._applied is not None:
            return self._applied.apply(event)
        self._applied = study_state([event])
        return True

    @property
    def _state(self) -> StudyState:
        assert self._applied is not None  # nothing is sent before the first event
        return self._applied

    def send(self, event: Event) -> None:
        """Send what an applied event means; it may be sent again, and what MLflow has already costs nothing."""
        match event:
            case StudyStarted():
                self._start_study()
            case StudyClosed():
                self._close_study(event)
            case TrialStarted() | FinalistStarted() | ConfirmationStarted() if self._is_sent(event.name):
                self._start(self._state.record(event.name))
            case EpochFinished() if self._is_sent(event.trial):
                self._send_epoch(event)
            case TrialFinished() if self._is_sent(event.trial):
                self._end(self._state.record(event.trial))

    def _is_sent(self, name: str) -> bool:
        """Whether what comes of a trial, finalist or confirmation is sent: it is not closed, and was not forgotten."""
        return name not in self._closed and name not in self._forgotten

    def close_interrupted(self) -> None:
        """The ledger has no close though nobody is writing it: its writer was killed. Leave no run RUNNING."""
        self._close_study(StudyClosed(state=schema.STATE_INTERRUPTED))

    def _start_study(self) -> None:
        study = self._state.study
        self._study_id = study.id
        self._put_aside()
        self._client.set_experiment_tag(self._experiment, schema.TAG_STUDY_ID, study.id)
        if not self._parent:
            run = self._client.create_run(
                self._experiment,
                start_time=milliseconds(study.time),
                tags={
                    schema.TAG_KIND: schema.KIND_STUDY,
                    schema.TAG_STUDY: self._name,
                    schema.TAG_STUDY_ID: study.id,
                },
                run_name=self._name,
            )
            self._parent = run.info.run_id
            for below in self._runs.values():  # where the study's own run was deleted
                self._client.set_tag(below, PARENT, self._parent)
        config = study.config
        tags = {
            schema.TAG_STATE: schema.STATE_RUNNING,
            schema.TAG_ARMS: ",".join(study.arms),
            schema.TAG_ARMS_NOT_RUN: json.dumps(study.not_run),
            schema.TAG_OBJECTIVE: study.objective,
            schema.TAG_DECISION: config["fixed"]["decision"],
            schema.TAG_SELECT_EPOCH: config["fixed"].get("select_epoch", "last"),
            schema.TAG_SELECTION_SPLIT: config["select_on"],
            schema.TAG_PRIMARY_ENDPOINT: study.primary_endpoint or "",
            schema.TAG_DATA: study.identity["data_digest"],
            schema.TAG_SPLIT: study.identity["split_digest"],
            schema.TAG_VERSIONS: json.dumps(study.versions),
            schema.TAG_COMMIT: study.versions["retina_commit"],
        }
        if fold := config.get("fold"):
            parent_study = self._name.removesuffix(schema.fold_name("", schema.fold_of(fold)[0]))
            tags |= {schema.TAG_FOLD_OF: parent_study, schema.TAG_FOLD: fold}
        self._client.log_batch(self._parent, tags=[RunTag(key, value) for key, value in tags.items()])
        self._client.update_run(self._parent, "RUNNING")
        log_data(self._client, self._parent, study)
        self._artifacts.add_json(self._parent, study_json(self._state), schema.ARTIFACT_STUDY)

    def _start(self, record: TrialRecord) -> None:
        study = self._state.study
        if record.trial not in self._runs:
            run = create_run(self._client, self._experiment, self._parent, self._name, study, record)
            self._runs[record.trial], self._sent[record.trial] = run, 0
        else:
            self._client.set_tag(self._runs[record.trial], schema.TAG_STATE, schema.STATE_RUNNING)
            self._client.update_run(self._runs[record.trial], "RUNNING")
        # Also for a run that is there: its maker may have been killed between making it and this. Sent twice is once.
        describe_run(self._client, self._runs[record.trial], study, record)

    def _send_epoch(self, event: EpochFinished) -> None:
        run = self._run_of(self._state.record(event.trial))
        if event.epoch > self._sent[event.trial]:
            send_epoch(self._client, run, event)
            self._sent[event.trial] = event.epoch

    def _run_of(self, record: TrialRecord) -> str:
        """The run of what has begun; one that was deleted while it ran is made again, with its epochs so far."""
        if record.trial not in self._runs:
            log.warning(f"MLflow has no run of {record.trial} any more: it is made again, with all its epochs")
            self._start(record)
            for event in record.epochs:
                self._send_epoch(event)
        return self._runs[record.trial]

    def _end(self, record: TrialRecord) -> None:
        folder = below(self._folder, "checkpoints", record.trial)
        run = self._run_of(record)
        end_run(self._client, self._artifacts, run, self._state.study, record, folder)
        self._closed.add(record.trial)
        if record.confirm:
            self._client.set_tag(self._parent, schema.TAG_TEST_EVALUATIONS, str(len(self._state.test_evaluations)))

    def _close_study(self, event: StudyClosed) -> None:
        stamp = milliseconds(event.time) if event.time else None
        for trial, record in self._state.runs().items():
            if not record.end and trial in self._runs:
                self._client.set_tag(self._runs[trial], schema.TAG_STATE, schema.STATE_INTERRUPTED)
                self._client.set_terminated(self._runs[trial], schema.MLFLOW_STATUS[schema.STATE_INTERRUPTED], stamp)
        if not self._parent:
            return
        self._put_aside()
        self._send_best_weights()
        self._artifacts.add_json(self._parent, study_json(self._state), schema.ARTIFACT_STUDY)
        write_note(self._client, self._experiment, self._parent, closing_note(self._state))
        write_view(self._client, self._client.get_experiment(self._experiment))
        self._client.set_tag(self._parent, schema.TAG_STATE, event.state)
        self._client.set_terminated(self._parent, schema.MLFLOW_STATUS[event.state], stamp)

    def _send_best_weights(self) -> None:
        """The weights of each arm's best trial go along; of the others the digest must do."""
        for arm in {record.arm for record in self._state.trials.values()}:
            best = next(iter(winners(self._state, arm)), None)
            file = below(self._folder, "checkpoints", best.trial, BEST) if best else None
            if best and file and file.exists() and best.trial in self._runs:
                self._artifacts.add_files(self._runs[best.trial], file, "weights")

    def send_report(self, folder: Path, answer: str) -> None:
        """Put a report's files beside the study's parent run, and its first sentences into the note."""
        self._artifacts.add_files(self._parent, folder, schema.ARTIFACT_REPORT)
        self.send_answer(answer)

    def send_answer(self, answer: str, parent_study: str = "") -> None:
        """Let the note begin with a report's first sentences; `parent_study`: the study whose fold this one is."""
        write_note(self._client, self._experiment, self._parent, report_note(answer, parent_study))


def trial_of_run(uri: str, run_id: str) -> tuple[str, str, str] | None:
    """(study, trial, the study's id) of a trial's run; None where there is no such run."""
    try:
        tags = open_client(uri).get_run(run_id).data.tags
    except MlflowException:
        return None
    if tags.get(schema.TAG_KIND) != schema.KIND_TRIAL:
        return None
    return tags[schema.TAG_STUDY], tags[schema.TAG_TRIAL], tags.get(schema.TAG_STUDY_ID, "")
