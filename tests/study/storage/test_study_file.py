"""study.yaml: what it must hold."""

from pathlib import Path

import pytest

from study.errors import ConfigError
from study.storage.study_file import read_study_file


def test_a_study_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="restore it, or give --data and --config"):
        read_study_file(tmp_path / "study.yaml")
