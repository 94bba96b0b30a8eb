"""Commands about studies, where there is none."""

from pathlib import Path

from tests.command_fixture import refused, retina


def test_a_home_without_studies_is_no_error(tmp_path: Path) -> None:
    done = retina(tmp_path, "status")
    assert done.returncode == 0
    assert "no studies in" in done.stdout
    assert not any(tmp_path.iterdir())
    assert "study none must exist" in refused(tmp_path, "status", "none")
    assert "retina search" in refused(tmp_path, "ui")


def test_a_report_of_no_study_says_what_to_do(tmp_path: Path) -> None:
    assert "run `retina search` first" in refused(tmp_path, "report", "none")
