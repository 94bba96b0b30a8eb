"""Finalists and the order of an arm's configurations, from made-up ledgers."""

from dataclasses import replace
from typing import Any

import pytest

from study.config.study import StudyConfig, make_study_config
from study.storage.events import Event, StudyStarted, TrialStarted
from study.storage.ranking import (
    candidates,
    chosen_arm,
    configurations,
    finalists_of,
    fresh_seed,
    missing,
    planned,
    search_ended,
    wanted,
    winners,
)
from study.storage.state import study_state
from tests.fixtures.study import end_event, epoch_event, finalist_event, study_event, trial_event

ARM, OTHER = "resnet18-scratch", "resnet50-scratch"


def searched(scores: list[float | None], trials: int = 0, **settings: Any) -> list[Event]:
    """A study of one arm whose trials ended with these scores; None: it failed."""
    events: list[Event] = [study_event(trials=trials or len(scores), **settings)]
    for number, score in enumerate(scores):
        events.append(trial_event(number, epochs=1))
        events += [epoch_event(number, 1, score)] if score is not None else []
        events.append(end_event(number, "complete" if score is not None else "failed", "" if score else "diverged"))
    return events


def finalist(
    number: int, trial: str, repeat: int, score: float | None, end: str = "complete", baseline: bool = False
) -> list[Event]:
    """A finalist with its only epoch and its end; without a score it has just begun."""
    name = f"f{number:04d}"
    started = replace(finalist_event(number, trial, repeat, epochs=1), baseline=baseline)
    if score is None:
        return [started]
    return [started, epoch_event(name, 1, score), end_event(name, end)]


def config(**settings: Any) -> StudyConfig:
    return make_study_config({}, {"architecture": "resnet18", "pretrained": False, **settings})


def names(events: list[Event], arm: str | None = ARM) -> list[str]:
    return [record.trial for record in winners(study_state(events), arm)]


@pytest.mark.parametrize(
    ("trials", "count"), [(1, 0), (3, 0), (4, 0), (7, 0), (8, 2), (11, 2), (12, 3), (40, 3), (1000, 3)]
)
def test_a_quarter_of_an_arm_s_trials_are_finalists_at_most_three_and_never_one(trials: int, count: int) -> None:
    assert finalists_of(config(), trials) == count


@pytest.mark.parametrize(
    ("asked", "trials", "count"),
    [(0, 40, 0), (1, 40, 0), (5, 40, 5), (5, 3, 3), (2, 4, 2), (5, 1, 0)],
)
def test_a_number_that_is_given_is_taken_as_far_as_there_are_trials(asked: int, trials: int, count: int) -> None:
    assert finalists_of(config(finalists=asked), trials) == count


def test_where_validation_is_the_test_list_there_are_none() -> None:
    lab = config(select_on="test", finalists=5, trials=40)
    assert finalists_of(lab, 40) == planned(lab, 1) == 0
    events = searched([0.1] * 12, select_on="test")
    assert wanted(config(select_on="test", trials=12), study_state(events)) == []


def test_what_is_planned_counts_arms_finalists_and_repeats() -> None:
    assert planned(config(trials=32), 4) == 4 * 2 * 2
    assert planned(config(trials=31), 4) == 0
    assert planned(config(trials=32, repeats=5, finalists=3), 1) == 15


def test_without_finalists_the_order_is_that_of_the_trials_own_scores() -> None:
    assert names(searched([0.1, 0.3, None, 0.2])) == ["0001", "0003", "0000"]
    assert names(searched([0.3, 0.3])) == ["0000", "0001"], "of equals the first"
    assert names(searched([None])) == []


def test_configurations_with_finalists_come_first_by_the_mean_of_their_repeats() -> None:
    events = searched([0.9, 0.8, 0.7, 0.6])
    events += finalist(0, "0002", 0, 0.3) + finalist(1, "0003", 0, 0.5)
    assert names(events) == ["0003", "0002", "0000", "0001"]
    events += finalist(2, "0002", 1, 0.9) + finalist(3, "0003", 1, 0.1)
    assert names(events) == ["0002", "0003", "0000", "0001"]
    found = candidates(study_state(events), ARM)
    assert [(round(one.score, 6), one.repeats) for one in found] == [(0.6, 2), (0.3, 2), (0.9, 0), (0.8, 0)]


def test_a_finalist_that_has_not_ended_or_failed_does_not_count() -> None:
    events = searched([0.9, 0.8]) + finalist(0, "0000", 0, 0.2) + finalist(1, "0001", 0, 0.1)
    for end in ([*finalist(2, "0001", 1, 0.9, end="failed")], finalist(2, "0001", 1, None)):
        [first, second] = candidates(study_state([*events, *end]), ARM)
        assert (first.record.trial, first.repeats, second.score, second.repeats) == ("0000", 1, 0.1, 1)


def _duplicate(event: Event, *numbers: int) -> Event:
    is_one = isinstance(event, TrialStarted) and event.number in numbers
    return replace(event, duplicate_of="0000") if is_one else event  # type: ignore[call-arg]


def test_configurations_that_differ_in_their_seed_alone_are_one() -> None:
    events = searched([0.5, 0.9, 0.4])
    events = [_duplicate(event, 1, 2) for event in events]
    assert [record.trial for record in configurations(study_state(events), ARM)] == ["0001"]
    events = searched([0.5, 0.9, 0.4, 0.3])
    events = [_duplicate(event, 1) for event in events]
    found = wanted(config(trials=4, finalists=2, repeats=1), study_state(events))
    assert [(one.trial.trial, one.rank, one.baseline) for one in found] == [("0001", 1, True), ("0002", 2, False)]


@pytest.mark.parametrize(
    ("others", "order"),
    [((0.6, 0.3), ["0001", "0000"]), ((0.9, 0.1), ["0000", "0001"]), ((0.5, 0.2), ["0000", "0001"])],
)
def test_the_first_trial_gives_way_only_to_what_is_better_beyond_the_noise(
    others: tuple[float, float], order: list[str]
) -> None:
    events = searched([0.1, 0.9])
    for repeat, (first, other) in enumerate(zip((0.5, 0.2), others, strict=True)):
        events += finalist(2 * repeat, "0000", repeat, first, baseline=True)
        events += finalist(2 * repeat + 1, "0001", repeat, other)
    assert names(events) == order
    found = {one.record.trial: one.score for one in candidates(study_state(events), ARM)}
    assert found == {"0000": pytest.approx(0.35), "0001": pytest.approx(sum(others) / 2)}, "the score stays the mean"


def test_the_first_trial_is_a_finalist_whatever_its_score() -> None:
    state = study_state(searched([0.1, 0.4, 0.5, 0.3]))
    found = wanted(config(trials=4, finalists=2, repeats=1), state)
    assert [(one.trial.trial, one.rank, one.baseline) for one in found] == [("0002", 1, False), ("0000", 2, True)]
    failed = study_state(searched([None, 0.4, 0.5, 0.3]))
    found = wanted(config(trials=4, finalists=2, repeats=1), failed)
    assert [(one.trial.trial, one.baseline) for one in found] == [("0002", False), ("0001", False)]


def test_of_configurations_that_differ_in_their_seed_the_one_with_finalists_stands_for_them() -> None:
    events = [_duplicate(event, 2) for event in searched([0.5, 0.9, 0.6])]
    events += finalist(0, "0000", 0, 0.4, baseline=True) + finalist(1, "0001", 0, 0.3)
    assert names(events) == ["0000", "0001"]


def _two_arms(scores: list[float], others: list[float]) -> list[Event]:
    began, *events = searched([*scores, *others])
    assert isinstance(began, StudyStarted)
    for place, event in enumerate(events):
        if isinstance(event, TrialStarted) and event.number >= len(scores):
            config = {**event.config, "architecture": "resnet50"}
            events[place] = replace(event, config=config, number=event.number - len(scores))
    return [replace(began, arms=[ARM, OTHER]), *events]


def test_the_arm_that_validation_chose_is_that_of_the_first_configuration_of_all() -> None:
    assert chosen_arm(study_state(searched([None]))) is None
    events = _two_arms([0.4, 0.5], [0.9, 0.1])
    assert chosen_arm(study_state(events)) == OTHER
    assert names(events, None) == ["0002", "0001", "0000", "0003"]
    events += finalist(0, "0001", 0, 0.3) + finalist(1, "0002", 0, 0.2)
    assert chosen_arm(study_state(events)) == ARM, "the mean of repeats, not the highest trial"


def test_each_arm_s_best_are_wanted_first_repeats_before_second_ones() -> None:
    state = study_state(_two_arms([0.4, 0.5, 0.1], [0.9, 0.2, 0.3]))
    found = wanted(config(trials=6, finalists=2, repeats=2), state)
    assert [(one.trial.trial, one.rank, one.seed_index) for one in found] == [
        ("0001", 1, 0), ("0003", 1, 0), ("0000", 2, 0), ("0005", 2, 0),
        ("0001", 1, 1), ("0003", 1, 1), ("0000", 2, 1), ("0005", 2, 1),
    ]  # fmt: skip


def test_an_arm_with_a_single_configuration_that_has_a_score_has_no_final() -> None:
    state = study_state(searched([0.5, None, None]))
    assert wanted(config(trials=3, finalists=2), state) == []
    assert search_ended(config(trials=3, finalists=2), state)


def test_nothing_is_missing_before_all_trials_have_ended() -> None:
    settings = config(trials=2, finalists=2, repeats=1)
    events = searched([0.5, 0.4], finalists=2, repeats=1)
    for cut in range(1, len(events)):
        state = study_state(events[:cut])
        assert missing(settings, state) == [] and not search_ended(settings, state)
    state = study_state(events)
    assert [one.trial.trial for one in missing(settings, state)] == ["0000", "0001"]
    assert not search_ended(settings, state)
    more = study_state([*events, trial_event(2, epochs=1)])  # a third, though two were asked for
    assert missing(settings, more) == []


def test_a_search_has_ended_once_its_finalists_have() -> None:
    settings = config(trials=2, finalists=2, repeats=1)
    events = searched([0.5, 0.4], finalists=2, repeats=1) + finalist(0, "0000", 0, 0.1)
    assert [one.trial.trial for one in missing(settings, study_state(events))] == ["0001"]
    started = study_state(events + finalist(1, "0001", 0, None))
    assert missing(settings, started) == [] and not search_ended(settings, started)
    for end in ("complete", "failed"):
        assert search_ended(settings, study_state(events + finalist(1, "0001", 0, 0.2, end)))


def test_a_study_that_grew_adds_finalists_and_uses_those_that_are_there() -> None:
    settings = {"finalists": 2, "repeats": 1}
    events = searched([0.5, 0.4], **settings) + finalist(0, "0000", 0, 0.1) + finalist(1, "0001", 0, 0.2)
    grown = config(trials=3, **settings)
    assert not search_ended(grown, study_state(events))
    events += [trial_event(2, epochs=1), epoch_event(2, 1, 0.45), end_event(2)]
    state = study_state(events)
    assert [(one.trial.trial, one.rank) for one in missing(grown, state)] == [("0002", 2)]
    state = study_state(events + finalist(2, "0002", 0, 0.15))
    assert search_ended(grown, state)
    assert [(one.record.trial, one.repeats) for one in candidates(state)] == [("0001", 1), ("0002", 1), ("0000", 1)]


def test_fresh_seeds_hang_on_their_parts_alone() -> None:
    keys = [(0, "confirm", "0001", 0), (0, "confirm", "0001", 1), (0, "finalist", "0001", 0), (1, "confirm", "0001", 0)]
    seeds = {fresh_seed(*key) for key in keys}
    assert len(seeds) == 4 and all(0 <= seed < 2**31 for seed in seeds)
    assert fresh_seed(*keys[0]) == fresh_seed(*keys[0])
