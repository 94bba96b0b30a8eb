"""The report shows the winner's worst mistakes, which are made once, in its folder."""

import shutil
from pathlib import Path

import pytest

from analysis.figures.drawing import figure_files
from study.inference.worst_errors import EXPLAINED, read_explained, worst
from study.storage.home import Home
from study.tracking.sync import sync
from study.workflows.report import write_study_report
from tests.fixtures.mlflow import store
from tests.fixtures.winner import Made, copy_of, made_study


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return copy_of(made_study(), tmp_path)


@pytest.mark.slow
def test_write_study_report_shows_the_worst_mistakes(
    made: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(figure_files, "DPI", 30)  # nobody looks at these pictures
    renamed = made.home / "mistakes"
    made.folder.rename(renamed)
    ledger = renamed / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace("a" * 32, "7e" * 16))  # no other test's study in the tests' store
    uri, artifacts = store()
    sync(renamed, uri, (artifacts / "mistakes").as_uri())
    caplog.clear()
    here = Home(made.home, uri, artifacts.as_uri())
    folder = write_study_report("mistakes", here)
    explained = read_explained(folder / EXPLAINED / "mistakes")
    wrong = worst(made.predictions, "median")
    assert [(entry["grade"], entry["predicted"]) for _, entry in explained] == list(
        zip(wrong["grade"], wrong["predicted"], strict=True)
    )
    assert explained[0][0].startswith(b"\x89PNG")
    assert len(caplog.messages) == 1
    page = (folder / "report.html").read_text("utf-8")
    assert "The worst mistakes. 1: grade" in page
    assert len(list((artifacts / "mistakes").rglob(f"report/{EXPLAINED}/mistakes/01.png"))) == 1
    shutil.rmtree(made.home / "cache")
    write_study_report("mistakes", here)
    assert "photographs have gone" in caplog.messages[1]
    assert "The worst mistakes. 1: grade" in (folder / "report.html").read_text("utf-8"), "as they were made before"
