"""Ledger -> MLflow: a projection that can be sent again without doubling.

Runs are found by their trial and confirm tags. An epoch is one batch with the ledger's own time stamps, so sending it
twice leaves one value; the tag `epochs_sent` says what need not be sent again.
"""

from __future__ import annotations

import json
from pathlib import Path

from mlflow.entities import Run, RunTag
from mlflow.exceptions import MlflowException

from analysis import schema
from analysis.results.artifact_places import folder_of
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
from study.tracking.mlflow_runs import create_run, describe_run, end_run, milliseconds, send_epoch
from study.tracking.sqlite_store import open_client
from study.training.checkpoints import BEST

_FINAL = (schema.STATE_COMPLETE, schema.STATE_PRUNED, schema.STATE_FAILED)

_NAMED_BY = {
    schema.KIND_TRIAL: schema.TAG_TRIAL,
    schema.KIND_FINALIST: schema.TAG_FINALIST,
    schema.KIND_CONFIRM: schema.TAG_CONFIRM,
}
"""Kind of a run -> tag that holds its name."""


class Tracking:
    """The MLflow side of one study, fed with the ledger's events in order."""

    def __init__(self, uri: str, name: str, folder: Path, artifacts: str | None) -> None:
        """Find or make the experiment; `artifacts` is where a new one keeps its files (None: the server decides)."""
        self._client = open_client(uri, folder_of(artifacts).parent if artifacts else None)
        self._name, self._folder = name, folder
        self._applied: StudyState | None = None
        experiment = self._client.get_experiment_by_name(name)
        self._experiment = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(name, artifact_location=artifacts)
        )
        self._client.check_place(self._client.get_experiment(self._experiment).artifact_location)
        self._parent = self.study_id = ""  # id of the study that MLflow has under this name
        self._runs: dict[str, str] = {}  # trial -> run
        self._sent: dict[str, int] = {}  # trial -> epochs that MLflow has
        self._closed: set[str] = set()  # trials whose run has its final state
        self._doubled: list[Run] = []
        self.refresh()

    def refresh(self) -> None:
        """Look up what MLflow has: before the first event, and after an answer was lost."""
        found: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs([self._experiment], max_results=1000, page_token=token)
            found += page
            token = page.token
            if not token:
                break
        held = {self._parent, *self._runs.values()}
        self._parent, self._runs, self._closed, self._doubled = "", {}, set(), []
        for run in sorted(found, key=lambda one: _worth(one, held), reverse=True):
            self._know(run)

    def _know(self, run: Run) -> None:
        tags = run.data.tags
        if tags.get(schema.TAG_KIND) == schema.KIND_STUDY:
            if self._parent:
                self._doubled.append(run)
            else:
                self._parent, self.study_id = run.info.run_id, tags.get(schema.TAG_STUDY_ID, "")
        elif tags.get(schema.TAG_KIND) in _NAMED_BY:
            trial = tags[_NAMED_BY[tags[schema.TAG_KIND]]]
            if trial in self._runs:
                self._doubled.append(run)
                return
            self._runs[trial] = run.info.run_id
            self._sent[trial] = int(tags.get(schema.TAG_EPOCHS_SENT, "0"))
            if tags.get(schema.TAG_STATE) in _FINAL and run.info.status != "RUNNING":
                self._closed.add(trial)

    def _delete_doubled(self) -> None:
        """Runs of this study that a server made twice, since it was only slow when it was asked again.

        Called where the study is written, by whoever holds its lock; another study of that name is left alone.
        """
        for run in self._doubled:
            if run.data.tags.get(schema.TAG_STUDY_ID) == self._state.study.id:
                self._client.set_terminated(run.info.run_id, schema.MLFLOW_STATUS[schema.STATE_INTERRUPTED])
                self._client.delete_run(run.info.run_id)
        self._doubled = []

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
            case TrialStarted() | FinalistStarted() | ConfirmationStarted() if event.name not in self._closed:
                self._start(self._state.record(event.name))
            case EpochFinished() if event.trial not in self._closed:
                self._send_epoch(event)
            case TrialFinished() if event.trial not in self._closed:
                self._end(self._state.record(event.trial))

    def close_interrupted(self) -> None:
        """The ledger has no close though nobody is writing it: its writer was killed. Leave no run RUNNING."""
        self._close_study(StudyClosed(state=schema.STATE_INTERRUPTED))

    def _start_study(self) -> None:
        study = self._state.study
        self._delete_doubled()
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
        config = study.config
        tags = {
            schema.TAG_STATE: schema.STATE_RUNNING,
            schema.TAG_ARMS: ",".join(study.arms),
            schema.TAG_ARMS_NOT_RUN: json.dumps(study.not_run),
            schema.TAG_OBJECTIVE: study.objective,
            schema.TAG_DECISION: config["fixed"]["decision"],
            schema.TAG_SELECT_EPOCH: config["fixed"].get("select_epoch", "last"),
            schema.TAG_SELECTION_SPLIT: config["select_on"],
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
        self._client.log_dict(self._parent, study_json(self._state), schema.ARTIFACT_STUDY)

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
        if event.epoch > self._sent[event.trial]:
            send_epoch(self._client, self._runs[event.trial], event)
            self._sent[event.trial] = event.epoch

    def _end(self, record: TrialRecord) -> None:
        folder = below(self._folder, "checkpoints", record.trial)
        end_run(self._client, self._runs[record.trial], self._state.study, record, folder)
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
        self._delete_doubled()
        self._send_best_weights()
        self._client.log_dict(self._parent, study_json(self._state), schema.ARTIFACT_STUDY)
        write_note(self._client, self._experiment, self._parent, closing_note(self._state))
        write_view(self._client, self._client.get_experiment(self._experiment))
        self._client.set_tag(self._parent, schema.TAG_STATE, event.state)
        self._client.set_terminated(self._parent, schema.MLFLOW_STATUS[event.state], stamp)

    def _send_best_weights(self) -> None:
        """The weights of each arm's best trial go along; of the others the digest must do."""
        for arm in {record.arm for record in self._state.trials.values()}:
            best = next(iter(winners(self._state, arm)), None)
            file = below(self._folder, "checkpoints", best.trial, BEST) if best else None
            if best and file and file.exists():
                self._client.log_artifact(self._runs[best.trial], str(file), "weights")

    def send_report(self, folder: Path, answer: str) -> None:
        """Put a report's files beside the study's parent run, and its first sentences into the note."""
        self._client.log_artifacts(self._parent, str(folder), schema.ARTIFACT_REPORT)
        self.send_answer(answer)

    def send_answer(self, answer: str, parent_study: str = "") -> None:
        """Let the note begin with a report's first sentences; `parent_study`: the study whose fold this one is."""
        write_note(self._client, self._experiment, self._parent, report_note(answer, parent_study))


def _worth(run: Run, held: set[str]) -> tuple[bool, int, int]:
    """Which of two runs of one trial stays: the one that is written to, else the one that has more."""
    tags = run.data.tags
    return run.info.run_id in held, int(tags.get(schema.TAG_EPOCHS_SENT, "0")), len(tags) + len(run.data.params)


def trial_of_run(uri: str, run_id: str) -> tuple[str, str] | None:
    """(study, trial) of a trial's run; None where there is no such run."""
    try:
        tags = open_client(uri).get_run(run_id).data.tags
    except MlflowException:
        return None
    if tags.get(schema.TAG_KIND) != schema.KIND_TRIAL:
        return None
    return tags[schema.TAG_STUDY], tags[schema.TAG_TRIAL]
