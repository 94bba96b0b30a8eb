"""All tables of a study as files, for studies of every state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.report import paper_tables
from analysis.results import columns
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import all_tables
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import TrialSpec

NAMES = [
    *(
        "best",
        "best_by_accuracy",
        "drop",
        "endpoint",
        "ensembles",
        "failures",
        "finalists",
        "four_way",
        "gain",
        "leaderboard",
    ),
    *("pairs", "seeds"),
]


def written(study: StudyRuns, folder: Path) -> dict[str, Path]:
    return paper_tables.write_tables(study, all_tables.make_tables(study), folder)


def test_written_tables_come_back_the_same(tmp_path: Path) -> None:
    study = read_study(fixture.confirmed(), "confirmed")
    made = all_tables.make_tables(study)
    paths = paper_tables.write_tables(study, made, tmp_path)
    found = pd.read_csv(paths["leaderboard"], dtype={"trial": str})
    assert list(found["trial"]) == list(made.board["trial"])
    np.testing.assert_allclose(found["kappa_low"], made.board["kappa_low"])
    cells = pd.read_csv(paths["four_way"])
    assert list(cells.columns) == list(columns.FOUR_WAY)
    np.testing.assert_allclose(
        cells["test_new_patients_auc_high"], made.four_way["test_new_patients_auc_high"].astype(float)
    )


@pytest.mark.parametrize("name", ["four", "confirmed", "folded"])
def test_the_page_shows_the_judged_numbers_label_by_cell(name: str) -> None:
    study = read_study(
        {"four": fixture.four_arms, "confirmed": fixture.confirmed, "folded": fixture.folded}[name](), name
    )
    made = all_tables.make_tables(study)
    table, caption = paper_tables.tables_with_captions(study, made)["four_way"]
    judged = columns.primary_endpoint(made.four_way)
    assert list(table.columns) == ["", *schema.ARM_LABELS.values()]
    rows = table.set_index("")
    for cell in judged[judged["status"] == "run"].to_dict("records"):
        own = rows[cell["label"]]
        assert own["Measured on"] == cell["split"]
        assert own["Accuracy"].startswith(f"{cell['accuracy']:.3f} (")
        assert own["Majority class"] == f"{cell['majority']:.3f}"
        assert own["Constant predictor"] == "no"
        assert own["Fellow-eye copy"].startswith("0.84728")
    assert ("Accuracy, corrected for the choice" in rows.index) == (name == "four")
    assert ("Accuracy, sd over seeds" in rows.index) == (name != "four")
    assert ("Accuracy, all test images" in rows.index) == (name == "confirmed")
    assert name in caption


def test_hostile_texts_stay_texts_in_every_file(tmp_path: Path) -> None:
    reason = "=cmd|'/c calc'!A1 | <b>50%</b> _x_ /home/anna/secret.log"
    trials = [
        TrialSpec(0, "resnet18-scratch", epochs=1, params={"imbalance": "@none|x"}),
        TrialSpec(1, "resnet18-scratch", epochs=1),
        TrialSpec(2, "resnet18-scratch", state=schema.STATE_FAILED, best=False, epochs=0, reason=reason),
    ]
    paths = written(read_study(fixture.write_study("=1+1 & <hostile>", trials), "=1+1 & <hostile>"), tmp_path)
    assert "'=cmd" in paths["failures"].read_text()
    assert "anna" not in paths["failures"].read_text()
    assert "'@none" in paths["leaderboard"].read_text()
    page, paper = ((tmp_path / "tables" / f"failures.{kind}").read_text() for kind in ("md", "tex"))
    assert "<b>" not in page
    assert r"=cmd\|'" in page
    assert r"\textless{}b\textgreater{}50\%" in paper
    assert r"1+1 \& \textless{}hostile" in paper
