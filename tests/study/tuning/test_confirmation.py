from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.config.study import StudyConfig
from study.errors import ConfigError
from study.storage.events import ConfirmationStarted, EpochFinished, Event, TrialFinished, TrialStarted
from study.storage.ledger import Ledger, read_events
from study.storage.ranking import fresh_seed, missing, winners
from study.storage.state import StudyState, study_state
from study.training.checkpoints import BEST
from study.tuning.confirmation import (
    ConfirmationConfig,
    Confirmations,
    arms_without_winner,
    check_confirmable,
    wanted,
)
from study.tuning.recorder import Recorder
from tests.fixtures.study import (
    close_event,
    end_event,
    epoch_event,
    evaluation_event,
    finalist_event,
    report,
    study_event,
    trial_event,
    write_ledger,
)  # fmt: skip

ARM = "resnet18-scratch"


def _searched(kappas: list[list[float]], fields: dict[str, Any] | None = None, **study: Any) -> list[Event]:
    """A search whose trials had these scores, epoch by epoch; fields: of their TrialConfig."""
    events: list[Event] = [replace(study_event(trials=len(kappas)), **study)]
    for number, scores in enumerate(kappas):
        events.append(trial_event(number, epochs=len(scores), **(fields or {})))
        events += [epoch_event(number, epoch, kappa) for epoch, kappa in enumerate(scores, 1)]
        events.append(end_event(number))
    return [*events, close_event()]


def start(state: StudyState, wish: ConfirmationConfig) -> ConfirmationStarted:
    """The next confirmation was started."""
    event = Confirmations(state, wish).suggest()
    assert state.apply(event)
    return event


def finish(state: StudyState, name: str) -> None:
    """All epochs of a confirmation, its evaluation of the test split, and its end."""
    record = state.confirmations[name]
    for epoch in range(len(record.epochs) + 1, record.last_epoch + 1):
        state.apply(epoch_event(name, epoch, 0.5))
    state.apply(evaluation_event(name, 4))
    state.apply(end_event(name))


@pytest.mark.parametrize(
    ("select_epoch", "schedule", "epochs"),
    [("last", "one_cycle", 3), ("last", "constant", 3), ("best", "one_cycle", 3), ("best", "constant", 2)],
)
def test_a_winner_is_trained_over_the_whole_schedule_unless_a_constant_one_s_epoch_was_chosen(
    select_epoch: str, schedule: str, epochs: int
) -> None:
    fields = {"select_epoch": select_epoch, "schedule": schedule}
    state = study_state(_searched([[0.1, 0.2, 0.1], [0.3, 0.5, 0.4]], fields))
    event = start(state, ConfirmationConfig())
    assert (event.confirm, event.trial, event.rank, event.seed_index) == ("c0000", "0001", 1, 0)
    assert event.epochs == epochs
    assert event.config["epochs"] == 3
    assert event.baseline is False
    assert {k: v for k, v in event.config.items() if k != "seed"} == {
        k: v for k, v in state.trials["0001"].config.items() if k != "seed"
    }
    assert event.config["seed"] not in [record.config["seed"] for record in state.trials.values()]


def test_seeds_are_fresh_and_hang_on_study_winner_and_repeat_alone() -> None:
    seeds = {fresh_seed(*key) for key in [(0, "0001", 0), (0, "0001", 1), (0, "0002", 0), (1, "0001", 0)]}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert fresh_seed(0, "0001", 0) == fresh_seed(0, "0001", 0)


def test_a_trial_that_only_repeats_a_better_one_is_no_second_winner() -> None:
    events = _searched([[0.5], [0.4], [0.3]])
    events[4] = replace(trial_event(1, epochs=1), duplicate_of="0000")
    state = study_state(events)
    assert [record.trial for record in winners(state, ARM)] == ["0000", "0002"]
    found = wanted(state, ConfirmationConfig(top=2, seeds=2))
    assert [(one.winner.trial, one.rank, one.seed_index) for one in found] == [
        ("0000", 1, 0), ("0002", 2, 0), ("0000", 1, 1), ("0002", 2, 1)
    ]  # fmt: skip


def test_the_first_trial_of_the_chosen_arm_is_confirmed_beside_its_winner() -> None:
    state = study_state(_searched([[0.3], [0.5], [0.4]]))
    found = wanted(state, ConfirmationConfig(seeds=2))
    assert [(one.winner.trial, one.rank, one.seed_index, one.baseline) for one in found] == [
        ("0001", 1, 0, False), ("0000", 2, 0, True), ("0001", 1, 1, False), ("0000", 2, 1, True)
    ]  # fmt: skip
    assert [one.winner.trial for one in wanted(state, ConfirmationConfig(top=3, seeds=1))] == ["0001", "0002", "0000"]
    assert not any(one.baseline for one in wanted(state, ConfirmationConfig(top=3, seeds=1))), (
        "it is among the winners by itself"
    )


def test_a_first_trial_that_was_stopped_is_the_baseline_and_one_that_failed_is_none() -> None:
    events = _searched([[0.3, 0.3], [0.5, 0.4]])
    stopped = [e for e in events if not (isinstance(e, EpochFinished) and (e.trial, e.epoch) == ("0000", 2))]
    for state, baselines in (("pruned", ["0000"]), ("failed", [])):
        ended = [end_event(0, state) if isinstance(e, TrialFinished) and e.trial == "0000" else e for e in stopped]
        found = wanted(study_state(ended), ConfirmationConfig(seeds=1))
        assert [one.winner.trial for one in found if one.baseline] == baselines
        assert [one.winner.trial for one in found if not one.baseline] == ["0001"]


def test_only_the_arm_that_validation_chose_has_a_baseline() -> None:
    events = _searched([[0.3], [0.5], [0.2], [0.1]])
    events[0] = replace(study_event(4), arms=[ARM, "resnet50-scratch"])
    for place, event in enumerate(events):
        if isinstance(event, TrialStarted) and event.number >= 2:
            config = {**event.config, "architecture": "resnet50"}
            events[place] = replace(event, config=config, group="resnet50-scratch", number=event.number - 2)
    found = wanted(study_state(events), ConfirmationConfig(seeds=1))
    assert [(one.winner.trial, one.baseline) for one in found] == [("0001", False), ("0002", False), ("0000", True)]


def test_a_winner_that_repeats_the_first_trial_needs_no_baseline() -> None:
    events = _searched([[0.3], [0.5]])
    events[4] = replace(trial_event(1, epochs=1), duplicate_of="0000")
    assert [(one.winner.trial, one.baseline) for one in wanted(study_state(events), ConfirmationConfig(seeds=1))] == [
        ("0001", False)
    ]


def test_winners_have_the_same_seeds_in_whatever_company_they_are_confirmed() -> None:
    state = study_state(_searched([[0.3], [0.5], [0.4]]))
    alone = [Confirmations(state, ConfirmationConfig(seeds=1)).suggest().config["seed"]]
    names = []
    for _ in range(2):
        names.append(start(state, ConfirmationConfig(top=2, seeds=1)))
    assert names[0].config["seed"] == alone[0] != names[1].config["seed"]


def _finalists(*scores: float | None) -> list[Event]:
    """Two trials, of which the first was better, and a finalist of each; without a score it has not ended."""
    search = _searched([[0.6], [0.5]])
    search[0] = study_event(trials=2, finalists=2, repeats=1)
    state = study_state(search)
    events = list(search[:-1])
    for number, (one, kappa) in enumerate(zip(missing(_config(state), state), scores, strict=False)):
        name, trial = f"f{number:04d}", one.trial.trial
        events.append(replace(finalist_event(number, trial), rank=one.rank, config=one.trial.config))
        if kappa is not None:
            events += [epoch_event(name, 1, kappa), end_event(name)]
    return events


def _config(state: StudyState) -> StudyConfig:
    return StudyConfig.model_validate(state.study.config)


def test_finalists_must_have_ended_and_choose_the_winner() -> None:
    for scores in ((), (0.2,), (0.2, None)):
        with pytest.raises(ConfigError, match="finalists must have ended .* those of s have not; .* retina search s$"):
            check_confirmable("s", study_state(_finalists(*scores)), ConfirmationConfig())
    state = study_state(_finalists(0.2, 0.3))
    check_confirmable("s", state, ConfirmationConfig())
    found = [(one.winner.trial, one.baseline) for one in wanted(state, ConfirmationConfig(seeds=1))]
    assert found == [("0001", False), ("0000", True)]


def test_more_seeds_add_to_those_that_are_there() -> None:
    state = study_state(_searched([[0.5]]))
    for _ in range(2):
        start(state, ConfirmationConfig(seeds=2))
    assert Confirmations(state, ConfirmationConfig(seeds=2)).n_remaining() == 0
    more = Confirmations(state, ConfirmationConfig(seeds=3))
    assert more.n_remaining() == 1
    assert more.suggest().confirm == "c0002"
    assert more.suggest().seed_index == 2


def test_confirmations_are_no_trials_and_nothing_of_them_is_selected() -> None:
    state = study_state(_searched([[0.2, 0.1], [0.1, 0.3]]))
    start(state, ConfirmationConfig())
    finish(state, "c0000")
    assert sorted(state.trials) == ["0000", "0001"]
    record = state.confirmations["c0000"]
    best = record.best()
    assert best is not None
    assert best.epoch == record.last_epoch == 2
    assert [one.trial for one in winners(state, ARM)] == ["0001", "0000"]


def test_a_confirmation_is_finished_once_its_test_part_was_read_and_not_before() -> None:
    state = study_state(_searched([[0.2, 0.3]]))
    start(state, ConfirmationConfig())
    for epoch in (1, 2):
        state.apply(epoch_event("c0000", epoch, 0.5))
    assert state.confirmations["c0000"].finishing is None
    state.apply(evaluation_event("c0000", 4))
    assert state.confirmations["c0000"].finishing == "complete"


def test_the_test_part_is_read_once_however_often_it_is_told() -> None:
    state = study_state(_searched([[0.2]]))
    start(state, ConfirmationConfig())
    finish(state, "c0000")
    assert state.apply(evaluation_event("c0000", 9)) is False
    assert [read.n for read in state.test_evaluations] == [4]


def test_what_may_not_be_confirmed_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="no study s"):
        check_confirmable("s", None, ConfirmationConfig())
    lab = _searched([[0.2]])
    lab[0] = study_event(1, select_on="test")
    with pytest.raises(ConfigError, match=r"select_on=test.*under another name"):
        check_confirmable("s", study_state(lab), ConfirmationConfig())
    with pytest.raises(ConfigError, match="1 of the 1 trials of s have not; finish it with: retina search s"):
        check_confirmable("s", study_state(_searched([[0.2]])[:3]), ConfirmationConfig())
    with pytest.raises(ConfigError, match="retina search s --home there$"):
        check_confirmable("s", study_state(_searched([[0.2]])[:3]), ConfirmationConfig(), " --home there")
    failed = _searched([[0.2]])
    failed[-2] = end_event(0, "failed", "diverged")
    with pytest.raises(ConfigError, match="must have a trial with a score"):
        check_confirmable("s", study_state(failed), ConfirmationConfig())
    assert arms_without_winner(study_state(failed)) == [ARM]
    check_confirmable("s", study_state(_searched([[0.2]])), ConfirmationConfig())


def test_confirmations_with_and_without_fellows_are_not_mixed() -> None:
    state = study_state(_searched([[0.2]]))
    start(state, ConfirmationConfig(exclude_test_patients=True))
    with pytest.raises(ConfigError, match=r"were with --exclude-test-patients \(c0000\); add --exclude-test-patients"):
        check_confirmable("s", state, ConfirmationConfig())
    check_confirmable("s", state, ConfirmationConfig(exclude_test_patients=True))


def test_the_time_left_counts_the_epochs_of_all_that_are_to_come() -> None:
    state = study_state(_searched([[0.2, 0.3, 0.1]]))
    assert Confirmations(state, ConfirmationConfig(seeds=3)).seconds_left(1) == 3 * 3 * 0.5
    start(state, ConfirmationConfig())
    state.apply(epoch_event("c0000", 1, 0.5))
    assert Confirmations(state, ConfirmationConfig(seeds=3)).seconds_left(2) == (2 + 2 * 3) * 0.5 / 2


class Driver:
    """A recorder of one confirmation with two epochs, on the ledger of a search; made again, it goes on."""

    def __init__(self, folder: Path) -> None:
        path = folder / "ledger.jsonl"
        if not path.exists():
            write_ledger(folder, *_searched([[0.2, 0.3]]))
        self.ledger = Ledger(path)
        state = study_state(self.ledger.events)
        policy = Confirmations(state, ConfirmationConfig(seeds=1))
        self.recorder = Recorder(self.ledger, state, policy, folder / "checkpoints", lambda event: None)

    def run(self, kill_after: int) -> None:
        """All that actor and Ray would tell, until so many lines more stand in the ledger."""
        before = len(self.ledger.events)
        recorder = self.recorder
        recorder.end_finished()
        if recorder.n_remaining():
            recorder.start_next()
        for epoch in (1, 2):
            test = {"test": {"n": 4, "n_new_patients": 4, "scores": {"test/kappa": 0.1}}} if epoch == 2 else {}
            if len(self.ledger.events) - before < kill_after:
                recorder.epoch("c0000", {**report(epoch, 0.1), **test})
        if len(self.ledger.events) - before < kill_after:
            recorder.end_finished()
        self.ledger.close()


@pytest.mark.parametrize("kill_after", range(1, 6))
def test_a_confirmation_has_each_event_once_whenever_its_driver_was_killed(tmp_path: Path, kill_after: int) -> None:
    (tmp_path / "checkpoints" / "c0000").mkdir(parents=True)
    (tmp_path / "checkpoints" / "c0000" / BEST).write_bytes(b"weights")
    Driver(tmp_path).run(kill_after)
    Driver(tmp_path).run(99)
    events, _ = read_events(tmp_path / "ledger.jsonl")
    kinds = [event.kind for event in events if "c0000" in (getattr(event, "confirm", ""), getattr(event, "trial", ""))]
    assert kinds == ["confirmation_started", "epoch", "epoch", "test_evaluation", "trial_finished"]
    assert (tmp_path / "checkpoints" / "c0000" / BEST).exists()
    assert study_state(events).test_evaluations[0].earlier == 0


def test_a_driver_killed_between_epoch_and_reading_is_told_the_reading_again(tmp_path: Path) -> None:
    first = Driver(tmp_path)
    first.run(3)
    lines = (tmp_path / "ledger.jsonl").read_text().splitlines(keepends=True)
    assert '"test_evaluation"' in lines[-1]
    (tmp_path / "ledger.jsonl").write_text("".join(lines[:-1]))
    second = Driver(tmp_path)
    assert second.recorder.left()
    second.run(99)
    assert study_state(second.ledger.events).confirmations["c0000"].state == "complete"
    assert len(study_state(second.ledger.events).test_evaluations) == 1
