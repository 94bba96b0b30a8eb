"""Where everything is."""

from pathlib import Path

import pytest

from study.terminal import place


def test_every_path_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RETINA_HOME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert place(None).home == tmp_path / "runs"
    assert place(None).tracking_uri == f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    monkeypatch.setenv("RETINA_HOME", "elsewhere")
    assert place(None).home == tmp_path / "elsewhere"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert (place(None).tracking_uri, place(None).artifacts) == ("http://127.0.0.1:5000", None)
