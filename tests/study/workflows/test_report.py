"""The report shows the winner's worst mistakes, made from the study and read from MLflow."""

import shutil
from pathlib import Path

import pytest

from analysis.figures.drawing import figure_files
from analysis.results.mlflow_reader import read_study
from study.inference.worst_errors import worst
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
    uri, artifacts = store()
    sync(renamed, uri, (artifacts / "mistakes").as_uri())
    here = Home(made.home, uri, artifacts.as_uri())
    folder = write_study_report("mistakes", here)
    explained = read_study(uri, "mistakes").explained
    wrong = worst(made.predictions, "median")
    assert [(entry["grade"], entry["predicted"]) for _, entry in explained] == list(
        zip(wrong["grade"], wrong["predicted"], strict=True)
    )
    assert explained[0][0].startswith(b"\x89PNG")
    assert len(caplog.messages) == 1
    assert "The worst mistakes" in (folder / "report.html").read_text("utf-8")
    shutil.rmtree(made.home / "cache")
    write_study_report("mistakes", here)
    assert "photographs have gone" in caplog.messages[1]
