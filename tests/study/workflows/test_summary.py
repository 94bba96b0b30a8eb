from dataclasses import replace
from pathlib import Path

from study.storage.events import Event
from study.storage.lock import locked
from study.workflows.summary import summary
from tests.fixtures.study import (
    end_event,
    epoch_event,
    finalist_event,
    study_event,
    trial_event,
)  # fmt: skip
from tests.study.workflows.test_status import RUNNING, _printed, _study


def test_a_study_that_was_killed_is_interrupted(tmp_path: Path) -> None:
    told = summary(_study(tmp_path, "killed", *RUNNING, truncated=True))
    assert (told["state"], told["trials"], told["ended"]) == ("interrupted", 3, 1)
    assert told["states"] == {"complete": 1, "interrupted": 1}
    assert told["best"] == "kappa 0.400 (trial 0000, n 5)"
    assert (told["best_trial"], told["best_score"], told["best_curve"]) == ("0000", 0.4, [0.6, 0.4])
    assert told["best_repeats"] == 0
    assert told["arms"]["resnet18-scratch"]["best_score"] == 0.4
    assert told["not_run"] == {"resnet50-pretrained": "weights are not here"}


def test_summary_of_a_study_that_has_not_begun_has_all_that_others_have(tmp_path: Path) -> None:
    folder = _study(tmp_path, "none", truncated=True)
    told = summary(folder)
    assert (told["state"], told["trials"], told["best"]) == ("interrupted", 0, None)
    assert told.keys() == summary(_study(tmp_path, "one", *RUNNING)).keys()
    assert told["confirmations"].keys() == summary(tmp_path / "one")["confirmations"].keys()
    with locked(folder):
        assert summary(folder)["state"] == "running"
    assert "0/0" in _printed(tmp_path, "none")


def test_a_study_that_someone_is_writing_is_running(tmp_path: Path) -> None:
    folder = _study(tmp_path, "living", *RUNNING)
    with locked(folder):
        told = summary(folder)
    assert told["state"] == "running"
    assert told["states"] == {"complete": 1, "running": 1}


def _finalist(number: int, trial: int, repeat: int, kappa: float | None) -> list[Event]:
    """A finalist; without a score it has not ended."""
    name = f"f{number:04d}"
    started = finalist_event(number, f"{trial:04d}", repeat, epochs=1)
    return [started] if kappa is None else [started, epoch_event(name, 1, kappa), end_event(name)]


def test_finalists_are_counted_decide_and_come_before_a_confirmation(tmp_path: Path) -> None:
    commands = ["retina search s", "retina confirm s", "retina report s"]
    events: list[Event] = [replace(study_event(trials=2, finalists=2, repeats=1), commands=commands)]
    assert summary(_study(tmp_path, "a", *events))["finalists"] == {"ended": 0, "of": 2}
    for number, kappa in enumerate((0.6, 0.5)):
        events += [trial_event(number, epochs=1), epoch_event(number, 1, kappa), end_event(number)]
    told = summary(_study(tmp_path, "b", *events))
    assert (told["best_trial"], told["next"]) == ("0000", "retina search s")
    events += _finalist(0, 0, 0, 0.2)
    told = summary(_study(tmp_path, "c", *events, *_finalist(1, 1, 0, None)))
    assert (told["finalists"], told["best"]) == ({"ended": 1, "of": 2}, "kappa 0.200 (trial 0000, mean of 1 finalist)")
    assert "1 of 2 finalists ended" in _printed(tmp_path, "c")
    told = summary(_study(tmp_path, "d", *events, *_finalist(1, 1, 0, 0.3)))
    assert (told["best_trial"], told["best_score"], told["best_repeats"]) == ("0001", 0.3, 1)
    assert told["arms"]["resnet18-scratch"]["best_score"] == 0.3
    assert (told["ended"], told["states"]) == (2, {"complete": 2}), "finalists are no trials"
    assert told["next"] == "retina confirm s"


def test_a_study_whose_trials_failed_has_no_finalists_to_come(tmp_path: Path) -> None:
    events = [study_event(trials=2, finalists=2)]
    for number in range(2):
        events += [trial_event(number), end_event(number, "failed", "diverged")]
    assert summary(_study(tmp_path, "s", *events))["finalists"] == {"ended": 0, "of": 0}
