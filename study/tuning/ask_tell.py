"""One Optuna sampler and pruner for each arm, made again from the ledger; equal budgets.

Optuna's studies live in memory only. What they suggest and whom they stop depends on the ledger and the seed alone, so
a search that was killed goes on with the suggestions and decisions of one that was not.
"""

from __future__ import annotations

import json
from typing import Any

import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import TrialState

from analysis import schema
from retina_data.gate import plain
from study.config.arms import ArmSpec
from study.config.early_stopping import COMPARED
from study.config.optuna_adapter import pruner_state, resume_trial
from study.config.search_space import known_good, suggest
from study.config.study import StudyConfig
from study.config.trial import make_trial_config
from study.storage.events import TrialStarted
from study.storage.ledger import LedgerError
from study.storage.state import StudyState, TrialRecord
from study.tuning.sampler_and_pruner import pruner_of, sampler_of, seed_of

_STATES = {
    schema.STATE_COMPLETE: TrialState.COMPLETE,
    schema.STATE_PRUNED: TrialState.PRUNED,
    schema.STATE_FAILED: TrialState.FAIL,
    schema.STATE_INTERRUPTED: TrialState.RUNNING,
}


class Arms:
    """Asks for configurations round robin over the groups, and tells what became of them.

    `groups` maps a group's name to its arms: one each, or one group with all (arms=joint).
    """

    def __init__(self, config: StudyConfig, groups: dict[str, list[ArmSpec]], state: StudyState) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # a line for each trial is the display's business
        self._config, self._groups, self._state = config, groups, state
        self._live: dict[str, optuna.Trial] = {}
        self._known = {_but_seed(record.config): record.trial for record in reversed(list(state.trials.values()))}
        self._counts = {name: sum(1 for r in state.trials.values() if r.group == name) for name in groups}
        known = state.warm_start.trials if state.warm_start else []
        self._warm_start = {name: [trial for trial in known if trial["group"] == name] for name in groups}
        self._studies = {name: self._rebuild(name) for name in groups}

    def _rebuild(self, group: str) -> optuna.Study:
        # Hyperband's brackets hang on the study's name and the trial's number, so both are kept.
        study = optuna.create_study(
            study_name=group,
            direction="maximize",
            pruner=pruner_of(self._config),
            sampler=optuna.samplers.RandomSampler(0),
        )
        known = sorted((r for r in self._state.trials.values() if r.group == group), key=lambda r: r.number)
        earlier = [_complete(trial) for trial in self._warm_start[group]]
        study.add_trials([*earlier, *(_frozen(record) for record in known)])
        for record, frozen in zip(known, study.get_trials(deepcopy=False)[len(earlier) :], strict=True):
            if not record.end:
                self._live[record.trial] = resume_trial(study, frozen)
        return study

    def _enqueued(self, group: str) -> list[dict[str, Any]]:
        """Configurations that come first: the known-good one, then those that the user enqueued."""
        warm_start = self._state.warm_start
        enqueued = [one["params"] for one in warm_start.enqueued if one["group"] == group] if warm_start else []
        return [known_good(self._config, self._groups[group]), *enqueued]

    @property
    def records(self) -> dict[str, TrialRecord]:
        """The trials of the study so far."""
        return self._state.trials

    def n_remaining(self) -> int:
        """Trials that have not begun."""
        return self._config.trials - len(self.records)

    def suggest(self) -> TrialStarted:
        """The event that starts the next trial."""
        return self.ask(len(self.records))

    def ask(self, index: int) -> TrialStarted:
        """Configuration of the study's trial number `index` (from 0); asked once for each index, in order.

        The group with the fewest trials is next: round robin, and an arm that was added later catches up first.
        """
        group = min(self._counts, key=lambda name: self._counts[name])
        study, number = self._studies[group], self._counts[group]
        self._counts[group] += 1
        # A sampler with one fixed seed would repeat its first suggestions after a restart: each ask has its own.
        study.sampler = sampler_of(self._config, seed_of(self._config.seed, group, number))
        enqueued = self._enqueued(group)
        if number < len(enqueued):
            study.enqueue_trial(enqueued[number])
        trial = study.ask()
        values = suggest(trial, self._config, self._groups[group])
        seed = (self._config.seed + index) % 2**31
        config = make_trial_config({**values, "seed": seed}).model_dump(mode="json")
        name = f"{index:04d}"
        self._live[name] = trial
        return TrialStarted(
            trial=name,
            group=group,
            number=number,
            config=config,
            params=dict(trial.params),
            distributions={key: distribution_to_json(value) for key, value in trial.distributions.items()},
            duplicate_of=self._duplicate_of(name, config),
        )

    def _duplicate_of(self, name: str, config: dict[str, Any]) -> str:
        first = self._known.setdefault(_but_seed(config), name)
        return "" if first == name else first

    def on_trial_result(self, record: TrialRecord, epoch: int, value: float | None) -> tuple[bool, dict[str, float]]:
        """Tell the score after an epoch; returns (stop now, the pruner's memory of this trial).

        value: the epoch's own score, or the highest so far where select_epoch is best. The memory belongs into the
        ledger with the epoch: without it the rungs are lost at a restart. A trial's last epoch is never a reason to
        stop it.
        """
        if value is None or epoch >= record.config["epochs"]:
            return False, {}
        trial = self._live[record.trial]
        trial.report(value, epoch)
        weak = trial.should_prune()
        enough = self._counts[record.group] >= COMPARED
        return weak and enough, pruner_state(trial)

    def on_trial_complete(self, record: TrialRecord) -> None:
        """Tell how a trial ended: the score of the epoch that is selected."""
        assert record.end is not None
        trial, study = self._live.pop(record.trial), self._studies[record.group]
        best, state = record.best_score(), _STATES[record.end.state]
        if state == TrialState.COMPLETE and best is not None:
            study.tell(trial, best)
        else:
            study.tell(trial, state=TrialState.PRUNED if state == TrialState.PRUNED else TrialState.FAIL)


def _frozen(record: TrialRecord) -> optuna.trial.FrozenTrial:
    state = _STATES[record.state]
    best = record.best_score()
    if state == TrialState.COMPLETE and best is None:
        state = TrialState.FAIL
    reported: dict[int, float] = {}
    attributes: dict[str, float] = {}
    for event in record.epochs:
        value = event.scores.get(record.score_name)
        # The last epoch is not reported while a search runs, so it is not here either.
        if value is not None and event.epoch < record.config["epochs"]:
            before = reported.values() if record.config["select_epoch"] == "best" else ()
            reported[event.epoch] = max([value, *before])
        attributes |= event.pruner_state
    return _created(
        record.distributions,
        state=state,
        value=best if state == TrialState.COMPLETE else None,
        params=record.params,
        intermediate_values=reported,
        system_attrs=attributes,
    )


def _complete(trial: dict[str, Any]) -> optuna.trial.FrozenTrial:
    """A trial of another study."""
    return _created(trial["distributions"], value=trial["value"], params=trial["params"])


def _created(distributions: dict[str, str], **values: Any) -> optuna.trial.FrozenTrial:
    """A trial as Optuna knows it; raises LedgerError for one that it cannot have suggested."""
    try:
        typed = {key: json_to_distribution(text) for key, text in distributions.items()}
        return optuna.trial.create_trial(distributions=typed, **values)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerError(
            f"a trial of a ledger must be one that Optuna suggested, but one is not ({plain(str(error))[:200]}); "
            "restore the file from a copy, or search under another name"
        ) from None


def _but_seed(config: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in config.items() if key != "seed"}, sort_keys=True)
