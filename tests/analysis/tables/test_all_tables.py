"""All tables of a study, made once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.results.mlflow_reader import read_study
from tests.analysis.report.test_paper_tables import NAMES, written
from tests.fixtures import mlflow as fixture


def test_files_have_their_header_even_when_nothing_is_in_them(tmp_path: Path) -> None:
    paths = written(read_study(fixture.write_study("no trial", []), "no trial"), tmp_path / "report")
    assert sorted(path.name for path in (tmp_path / "report").glob("*.csv")) == [f"{name}.csv" for name in NAMES]
    header = paths["best"].read_text().splitlines()
    assert len(header) == 1
    assert header[0].startswith('"criterion","measured_on","seeds","configurations","rank","trial","arm"')
    assert pd.read_csv(paths["four_way"])["status"].tolist() == ["not run"] * 4
    assert len(pd.read_csv(paths["pairs"])) == 6
    for name in ("four_way", "pairs", "leaderboard", "best", "seeds", "failures"):
        assert (tmp_path / "report" / "tables" / f"{name}.tex").read_text().startswith(r"\begin{table}")
        assert "no trial" in (tmp_path / "report" / "tables" / f"{name}.md").read_text()
