"""`retina data` as a user calls it."""

from pathlib import Path

import pytest

from tests.command_fixture import copy_of, refused, retina
from tests.study_fixture import small_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("cli") / "data", patients=12)


def test_a_header_where_none_belongs(tmp_path: Path, data: Path) -> None:
    broken = copy_of(data, tmp_path / "data")
    labels = broken / "train_label.csv"
    labels.write_text("level\n" + labels.read_text())
    line = refused(tmp_path / "home", "data", "check", str(broken))
    assert "train_label.csv, line 1" in line
    assert "level" in line


def test_check_prints_what_the_files_say(tmp_path: Path, data: Path) -> None:
    done = retina(tmp_path, "data", "check", str(data))
    assert done.returncode == 0
    assert "share of the majority class, grade 0" in done.stdout
    assert '"images"' in retina(tmp_path, "data", "check", str(data), "--json").stdout
