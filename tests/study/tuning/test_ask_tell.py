import random
from dataclasses import replace

import optuna
import pytest

from study.config.arms import groups_of
from study.config.study import StudyConfig, make_study_config
from study.storage.events import Event, TrialFinished, TrialStarted
from study.storage.ledger import LedgerError
from study.storage.state import StudyState, study_state
from study.tuning.ask_tell import Arms
from tests.fixtures.study import end_event, epoch_event, study_event


class Search:
    """A serial search over made-up curves; `restarts` rebuilds everything from the events before each step."""

    def __init__(self, config: StudyConfig, restarts: bool) -> None:
        self.config, self.restarts = config, restarts
        self.groups = groups_of(config, config.arm_specs())
        self.events: list[Event] = []
        self._rebuild()

    def _rebuild(self) -> None:
        self.state: StudyState = study_state([study_event(), *self.events])
        self.arms = Arms(self.config, self.groups, self.state)

    def write(self, event: Event) -> None:
        self.events.append(event)
        self.state.apply(event)

    def _moment(self) -> None:
        if self.restarts:
            self._rebuild()

    def run(self, trials: int) -> list[Event]:
        for index in range(trials):
            self._moment()
            started = self.arms.ask(index)
            self.write(started)
            self._train(started.trial)
        return self.events

    def _train(self, trial: str) -> None:
        curve = random.Random(str(self.state.trials[trial].params))
        level, stop = curve.random(), False
        for epoch in range(1, self.state.trials[trial].config["epochs"] + 1):
            self._moment()
            record = self.state.trials[trial]
            kappa = level * (1 - 0.5**epoch) + 0.1 * curve.random()
            is_best = record.config["select_epoch"] == "best"
            before = [event.scores["val/kappa"] for event in record.epochs] if is_best else []
            stop, pruner_state = self.arms.on_trial_result(record, epoch, max([kappa, *before]))
            self.write(replace(epoch_event(trial, epoch, kappa), stop=stop, pruner_state=pruner_state))
            if stop:
                break
        self._moment()
        self.write(end_event(trial, "pruned" if stop else "complete"))
        self.arms.on_trial_complete(self.state.trials[trial])


def _trials(events: list[Event]) -> list[TrialStarted]:
    return [event for event in events if isinstance(event, TrialStarted)]


@pytest.mark.parametrize("early_stopping", ["halving", "hyperband"])
@pytest.mark.parametrize(
    ("sampler", "trials", "select_epoch"),
    [("tpe", 40, "last"), ("tpe", 40, "best"), ("random", 40, "last"), ("gp", 28, "last")],
)
def test_a_search_that_is_killed_at_every_step_does_what_an_unbroken_one_does(
    sampler: str, trials: int, select_epoch: str, early_stopping: str
) -> None:
    flags = {"epochs": 9, "sampler": sampler, "early_stopping": early_stopping, "select_epoch": select_epoch, "seed": 3}
    config = make_study_config({}, flags)
    unbroken, killed = Search(config, restarts=False).run(trials), Search(config, restarts=True).run(trials)
    assert unbroken == killed
    assert any(isinstance(event, TrialFinished) and event.state == "pruned" for event in unbroken)
    parameters = [f"{event.group} {event.params}" for event in _trials(unbroken)]
    if sampler != "gp":  # which comes to the edges of the space in more than one arm
        assert len(set(parameters)) == trials  # no suggestion is repeated after a restart


def test_trials_are_dealt_evenly_over_the_arms() -> None:
    events = Search(make_study_config({}, {"epochs": 2, "early_stopping": "none"}), restarts=False).run(12)
    arms = [event.group for event in _trials(events)]
    assert {arms.count(arm) for arm in arms} == {3}
    seeds = [event.config["seed"] for event in _trials(events)]
    assert seeds == list(range(12))


def test_joint_is_one_study_in_which_the_cell_is_an_axis() -> None:
    config = make_study_config({}, {"epochs": 2, "arms": "joint"})
    events = Search(config, restarts=False).run(12)
    assert {event.group for event in _trials(events)} == {"joint"}
    assert len({event.params["arm"] for event in _trials(events)}) > 1


@pytest.mark.parametrize(
    ("select_epoch", "value", "reported"), [("last", 0.3, [0.1, 0.6, 0.2]), ("best", 0.6, [0.1, 0.6, 0.6])]
)
def test_what_optuna_is_told_is_the_epoch_that_is_selected(
    select_epoch: str, value: float, reported: list[float]
) -> None:
    flags = {"epochs": 4, "early_stopping": "none", "select_epoch": select_epoch}
    search = Search(make_study_config({}, flags), restarts=False)
    asked = search.arms.ask(0)
    search.write(asked)
    best = -1.0
    for epoch, kappa in enumerate([0.1, 0.6, 0.2, 0.3], 1):
        best = max(best, kappa)
        told_now = kappa if select_epoch == "last" else best
        search.arms.on_trial_result(search.state.trials["0000"], epoch, told_now)
        search.write(epoch_event(0, epoch, kappa))
    search.write(end_event(0))
    search.arms.on_trial_complete(search.state.trials["0000"])
    told = search.arms._studies[asked.group].trials[0]
    rebuilt = (
        Arms(search.config, search.groups, study_state([study_event(), *search.events]))._studies[asked.group].trials[0]
    )
    for trial in (told, rebuilt):
        assert trial.value == value
        assert list(trial.intermediate_values.values()) == reported
        assert trial.state == optuna.trial.TrialState.COMPLETE


def test_a_failed_trial_has_no_value() -> None:
    search = Search(make_study_config({}, {"epochs": 2}), restarts=False)
    asked = search.arms.ask(0)
    search.write(asked)
    search.write(epoch_event(0, 1, 0.9))
    search.write(end_event(0, "failed", "loss is not finite"))
    search.arms.on_trial_complete(search.state.trials["0000"])
    told = search.arms._studies[asked.group].trials[0]
    assert (told.state, told.value) == (optuna.trial.TrialState.FAIL, None)


def test_fewer_than_three_trials_of_an_arm_are_never_stopped() -> None:
    events = Search(make_study_config({}, {"epochs": 9, "seed": 1}), restarts=False).run(8)
    assert all(event.state == "complete" for event in events if isinstance(event, TrialFinished))


@pytest.mark.parametrize(
    "text", ["{}", "[", "7", '{"name": "FloatDistribution", "attributes": {"low": 2}}', "[" * 9_000]
)
def test_a_distribution_that_optuna_has_not_written_is_one_line(text: str) -> None:
    config = make_study_config({}, {"architecture": "resnet18", "pretrained": False})
    asked = replace(Search(config, restarts=False).arms.ask(0), distributions={"lr": text})
    groups = groups_of(config, config.arm_specs())
    with pytest.raises(LedgerError, match="must be one that Optuna suggested"):
        Arms(config, groups, study_state([study_event(), asked, epoch_event(0, 1, 0.5), end_event(0)]))
