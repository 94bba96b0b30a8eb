"""retina_data.synthetic.dataset: the lab's layout, EyePACS' mix, and the same files for the same arguments."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retina_data.audit.labels import audit
from retina_data.errors import DataError
from retina_data.layouts.dataset import read_index
from retina_data.synthetic import dataset
from retina_data.synthetic.dataset import EVEN_MIX, GRADE_MIX, _draw_patients, make_dataset


def small(out: Path, **changes: object) -> Path:
    arguments = {"patients": 12, "image_size": 32, "workers": 1, "progress": False, **changes}
    make_dataset(out, **arguments)  # type: ignore[arg-type]
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_read_as_the_labs_layout(tmp_path: Path) -> None:
    data = read_index(small(tmp_path / "set"))
    assert data.layout == "lab" and not data.labels_only and not data.notes
    assert data.table["split"].value_counts().to_dict() == {"train": 20, "test": 4}
    assert data.table["patient"].nunique() == 12 and (data.table.groupby("patient")["split"].nunique() == 1).all()
    assert set(data.table["eye"]) == {"left", "right"}
    report = audit(data)
    assert report["test_fellow_in_train"] == 0 and report["grades"]["train"][0] > 10


def test_without_a_test_part_no_test_files_are_written(tmp_path: Path) -> None:
    out = small(tmp_path / "set", patients=3, test_fraction=0.0)
    assert set(read_index(out).table["split"]) == {"train"} and not (out / "test_img.csv").exists()


def test_the_same_arguments_give_the_same_files(tmp_path: Path) -> None:
    first = contents(small(tmp_path / "one"))
    assert contents(small(tmp_path / "two")) == first
    for changes in ({"seed": 1}, {"camera": "b"}):
        other = contents(small(tmp_path / str(changes), **changes))
        assert not {first[name] for name in first if "images" in name} & set(other.values())


@pytest.mark.slow
def test_the_number_of_processes_does_not_matter(tmp_path: Path) -> None:
    one = small(tmp_path / "one", patients=60, workers=1)
    two = small(tmp_path / "two", patients=60, workers=2)
    assert contents(one) == contents(two)


def test_what_is_there_is_kept_or_refused(tmp_path: Path) -> None:
    out = small(tmp_path / "set", patients=2)
    before = (out / "train_img.csv").stat().st_mtime_ns
    small(out, patients=2)
    assert (out / "train_img.csv").stat().st_mtime_ns == before
    with pytest.raises(DataError, match="empty folder"):
        small(out, patients=3)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(DataError, match="empty folder"):
        small(tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "set"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = socket.gethostname()
    left, living = tmp_path / f".set.partial.{here}.{dead.pid}", tmp_path / f".set.partial.{here}.{os.getppid()}"
    elsewhere, other = tmp_path / f".set.partial.not-{here}.{dead.pid}", tmp_path / f".sets.partial.{here}.{dead.pid}"
    for folder in (left, living, elsewhere, other):
        (folder / "images").mkdir(parents=True)
    small(tmp_path / "set", patients=1)
    assert not left.exists() and living.exists() and elsewhere.exists() and other.exists()


def test_two_processes_that_make_the_same_set_at_once_both_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint_all = dataset._paint_all

    def overtaken(*arguments: object) -> None:
        monkeypatch.setattr(dataset, "_paint_all", paint_all)
        with monkeypatch.context() as other:
            other.setattr(os, "getpid", lambda: 1)
            small(tmp_path / "set")
        paint_all(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(dataset, "_paint_all", overtaken)
    assert len(contents(small(tmp_path / "set"))) == 29
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize(
    "changes",
    [
        {"patients": 0},
        {"image_size": 8},
        {"camera": "c"},
        {"test_fraction": 1.0},
        {"grade_mix": (0.5, 0.5, 0.0, 0.0, 0.0)},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_by_name(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(DataError, match=next(iter(changes))):
        small(tmp_path / "set", **changes)
    assert not (tmp_path / "set").exists()


def test_grades_follow_the_mix_and_eyes_are_alike() -> None:
    people = _draw_patients(20_000, 0.2, np.random.default_rng(0))
    grades = np.array([person.grades for person in people])
    for side in (0, 1):
        shares = np.bincount(grades[:, side], minlength=5) / len(people)
        np.testing.assert_allclose(shares, GRADE_MIX, atol=0.005)
    difference = np.abs(grades[:, 0] - grades[:, 1])
    assert difference.max() == 1 and 0.85 < (difference == 0).mean() < 1
    in_test = np.array([person.split == "test" for person in people])
    assert in_test.sum() == 4000
    for grade in range(5):
        assert abs(in_test[grades.max(axis=1) == grade].mean() - 0.2) < 0.05


def test_another_mix_is_followed_by_both_eyes() -> None:
    people = _draw_patients(20_000, 0.0, np.random.default_rng(0), EVEN_MIX)
    shares = np.bincount(np.array([person.grades for person in people]).ravel(), minlength=5) / (2 * len(people))
    np.testing.assert_allclose(shares, EVEN_MIX, atol=0.01)
