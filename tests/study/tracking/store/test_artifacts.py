"""Artifacts are written below the home of today, also where MLflow believes them to be elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retina_data.errors import DataError
from study.tracking.store.artifacts import RunArtifacts
from tests.fixtures.mlflow import client


def test_artifacts_of_a_home_that_moved_go_where_it_is_now(tmp_path: Path) -> None:
    then, now = tmp_path / "then" / "mlartifacts", tmp_path / "now" / "mlartifacts"
    key = client().create_experiment("moved-artifacts", (then / "s").as_uri())
    run = client().create_run(key).info.run_id
    artifacts = RunArtifacts(client(), client().get_experiment(key), now)
    assert artifacts.lacks(run, "study.json")
    artifacts.add_json(run, {"a": 1}, "study.json")
    artifacts.add_json(run, {"b": 2}, "confusion/val.json")
    report = tmp_path / "report"
    (report / "tables").mkdir(parents=True)
    (report / "tables" / "best.csv").write_text("x")
    artifacts.add_files(run, report, "report")
    artifacts.add_files(run, report / "tables" / "best.csv", "weights")
    folder = now / "s" / run / "artifacts"
    assert json.loads((folder / "study.json").read_text()) == {"a": 1}
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == ["confusion/val.json", "report/tables/best.csv", "study.json", "weights/best.csv"]
    assert not artifacts.lacks(run, "study.json") and not then.exists()


def test_artifacts_of_a_server_are_handed_to_it(tmp_path: Path) -> None:
    key = client().create_experiment("servers-artifacts", (tmp_path / "server").as_uri())
    run = client().create_run(key).info.run_id
    artifacts = RunArtifacts(client(), client().get_experiment(key), None)
    artifacts.add_json(run, {"a": 1}, "confusion/val.json")
    assert json.loads((tmp_path / "server" / run / "artifacts" / "confusion" / "val.json").read_text()) == {"a": 1}
    assert artifacts.folder(run) is None and not artifacts.lacks(run, "anything"), "it is not looked for there"


@pytest.mark.parametrize("run", ["..", "../x", "/etc", "a/b", "", "link"])
def test_a_run_s_id_leads_nowhere(tmp_path: Path, run: str) -> None:
    root, key = (
        tmp_path / "mlartifacts",
        client().create_experiment(f"led-{run}", (tmp_path / "mlartifacts/s").as_uri()),
    )
    (root / "s").mkdir(parents=True)
    (root / "s" / "link").symlink_to(tmp_path)
    artifacts = RunArtifacts(client(), client().get_experiment(key), root)
    with pytest.raises(DataError, match="must be that of one file or folder|is a link that leads"):
        artifacts.add_json(run, {"a": 1}, "a.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlartifacts"]
