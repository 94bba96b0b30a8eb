"""The Python blocks of docs/python.md, run in their order as a notebook runs its cells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import study
from tests.fixtures.model import untrained_model
from tests.fixtures.study import small_data

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
ON_RAY = ("run_search", "load_study")


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `photographs` and `model`, in which the blocks are run."""
    small_data(tmp_path / "photographs", patients=40)
    untrained_model(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(sections: list[str]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name in sections:
        for block in re.findall(r"```python\n(.*?)```", SECTIONS[name], flags=re.DOTALL):
            exec(compile(block, f"docs/python.md, {name}", "exec"), cells)
    return cells


def test_python_page_has_an_example_of_each_name() -> None:
    assert set(SECTIONS) == set(study.__all__)
    for name, text in SECTIONS.items():
        [block, *_] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
        assert re.search(rf"^from study import {name}$", block, flags=re.MULTILINE)


def test_python_page_runs_without_ray(notebook: Path) -> None:
    cells = _run([name for name in SECTIONS if name not in ON_RAY])
    assert list(cells["curves"].index) == [1, 2]
    assert cells["weights"]["fc.weight"].shape[0] == 5


@pytest.mark.slow
def test_python_page_runs(notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = _run(list(SECTIONS))
    table = cells["table"]
    assert list(table["number"]) == [0, 1, 2]
    assert set(table["state"]) <= {"COMPLETE", "PRUNED"} and (table["state"] == "COMPLETE").any()
    assert cells["study"].state == "complete"
    assert cells["longer"].epochs == 4 and cells["best"].lr in set(table["params_lr"])
    assert "first" in capsys.readouterr().out
