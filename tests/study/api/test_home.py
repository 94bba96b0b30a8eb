"""Where the API's home is."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.api.home import home_folder


def test_home_folder_argument_before_environment_before_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RETINA_HOME", raising=False)
    assert home_folder(None) == tmp_path / "runs"
    monkeypatch.setenv("RETINA_HOME", str(tmp_path / "other"))
    assert home_folder(None) == tmp_path / "other"
    assert home_folder("mine") == tmp_path / "mine"
