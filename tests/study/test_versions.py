import re
from pathlib import Path

import pytest

from study import versions as module
from study.versions import code_digest, libraries, versions


def test_they_name_what_computed_the_numbers() -> None:
    assert {"python", "torch", "ray", "optuna", "retina_commit"} <= versions().keys()
    assert re.match(r"\d+\.\d+", libraries()["torch"])


def test_the_digest_is_of_names_and_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLACE", tmp_path)
    (tmp_path / "study").mkdir()
    file = tmp_path / "study" / "a.py"
    file.write_text("1")
    first = code_digest()
    assert code_digest() == first
    file.write_text("2")
    second = code_digest()
    file.rename(file.with_name("b.py"))
    assert len({first, second, code_digest()}) == 3


def test_code_that_is_in_no_repository_of_its_own_has_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLACE", tmp_path)
    assert versions()["retina_commit"] == module.importlib.metadata.version(module.DISTRIBUTION)
