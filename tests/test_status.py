import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from study.config import ConfigError
from study.lock import locked
from study.status import print_status, summary
from tests.study_fixture import end_event, epoch_event, study_event, trial_event


def _study(home: Path, name: str, *events: dict[str, object], torn: bool = False) -> Path:
    folder = home / name
    folder.mkdir(parents=True)
    lines = [json.dumps(event) + "\n" for event in events]
    (folder / "ledger.jsonl").write_text("".join(lines) + ('{"event": "ep' if torn else ""))
    return folder


def _printed(home: Path, name: str | None = None, as_json: bool = False) -> str:
    text = io.StringIO()
    print_status(Console(file=text, width=140), home, name, as_json)
    return text.getvalue()


RUNNING = (
    study_event(trials=3),
    trial_event(0),
    epoch_event(0, 1, 0.6),
    epoch_event(0, 2, 0.4),
    end_event(0),
    trial_event(1),
)


def test_a_study_that_was_killed_is_interrupted(tmp_path: Path) -> None:
    told = summary(_study(tmp_path, "killed", *RUNNING, torn=True))
    assert (told["state"], told["trials"], told["ended"]) == ("interrupted", 3, 1)
    assert told["states"] == {"complete": 1, "interrupted": 1}
    assert told["best"] == "kappa 0.600 (trial 0000, n 5)"
    assert (told["best_trial"], told["best_score"], told["best_curve"]) == ("0000", 0.6, [0.6, 0.4])
    assert told["arms"]["resnet18-scratch"]["best_score"] == 0.6
    assert told["not_run"] == {"resnet50-pretrained": "weights are not here"}


def test_a_study_that_someone_is_writing_is_running(tmp_path: Path) -> None:
    folder = _study(tmp_path, "living", *RUNNING)
    with locked(folder):
        told = summary(folder)
    assert told["state"] == "running"
    assert told["states"] == {"complete": 1, "running": 1}


def test_failures_stand_with_their_reasons(tmp_path: Path) -> None:
    _study(tmp_path, "bad", study_event(), trial_event(0), end_event(0, "failed", "the loss is not finite"))
    assert "failed: 0000: the loss is not finite" in _printed(tmp_path, "bad")


def test_all_studies_of_a_home_are_listed(tmp_path: Path) -> None:
    _study(tmp_path, "one", *RUNNING)
    _study(tmp_path, "two")
    text = _printed(tmp_path)
    assert "one" in text
    assert "two" in text
    assert [study["study"] for study in json.loads(_printed(tmp_path, as_json=True))] == ["one", "two"]


def test_an_empty_home_and_a_study_that_is_not_there(tmp_path: Path) -> None:
    assert "no studies in" in _printed(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="study x must exist"):
        _printed(tmp_path, "x")
