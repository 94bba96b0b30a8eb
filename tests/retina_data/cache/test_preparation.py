"""retina_data.cache.preparation: decoded once, reused while nothing changed, whole or not there."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from retina_data.cache.cache import open_cache
from retina_data.cache.finished import caches_alike
from retina_data.cache.preparation import prepare
from retina_data.errors import DataError
from retina_data.images import decode
from retina_data.layouts.dataset import read_index
from retina_data.splits import assign_splits
from tests.retina_data.cache.photographs import make_data, ready, squash


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were decoded, in order."""
    seen: list[Path] = []
    original = decode.read_photograph

    def counted(source: Path, spec: decode.ImageSpec) -> object:
        seen.append(source)
        return original(source, spec)

    monkeypatch.setattr(decode, "read_photograph", counted)
    return seen


def test_nothing_is_decoded_twice(tmp_path: Path, decoded: list[Path]) -> None:
    data = make_data(tmp_path / "data")
    cache = ready(data, tmp_path / "home")
    assert len(decoded) == 8
    written = os.stat(cache.folder / "images.npy").st_mtime_ns
    assert ready(read_index(data.folder), tmp_path / "home").folder == cache.folder
    assert len(decoded) == 8 and os.stat(cache.folder / "images.npy").st_mtime_ns == written


def test_size_crop_and_files_make_another_cache(tmp_path: Path, decoded: list[Path]) -> None:
    data = make_data(tmp_path / "data")
    first = ready(data, tmp_path / "home")
    folders = {first.folder, ready(data, tmp_path / "home", 24).folder}
    folders.add(ready(data, tmp_path / "home", 32, "none").folder)
    assert len(folders) == 3 and len(decoded) == 24
    Image.new("RGB", (60, 60), (90, 0, 0)).save(data.table["path"][5])
    changed = ready(data, tmp_path / "home")
    assert changed.folder not in folders and changed.digest != first.digest and len(decoded) == 32
    assert changed.images[5].mean() != first.images[5].mean() and np.array_equal(changed.images[4], first.images[4])


def test_unreadable_images_are_named_and_only_they_are_tried_again(tmp_path: Path, decoded: list[Path]) -> None:
    data = make_data(tmp_path / "data")
    Path(data.table["path"][2]).write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"1 of 8 .*1_left\.jpeg \(no photograph but an HTML page.*--on-error skip"):
        ready(data, tmp_path / "home")
    assert not list((tmp_path / "home" / "cache").glob("*-32-fov"))
    Path(data.table["path"][2]).unlink()
    with pytest.raises(DataError, match="1_left"):
        ready(data, tmp_path / "home")
    shutil.copy(data.table["path"][3], data.table["path"][2])
    del decoded[:]
    cache = ready(data, tmp_path / "home")
    assert [path.name for path in decoded] == ["1_left.jpeg"] and np.array_equal(cache.images[2], cache.images[3])


def test_data_that_was_moved_or_touched_is_known_by_its_content(tmp_path: Path, decoded: list[Path]) -> None:
    """With what was skipped of it: a study that began so must go on."""
    data = make_data(tmp_path / "data")
    Path(data.table["path"][3]).write_bytes(b"no image")
    first = prepare(data, tmp_path / "home", image_size=32, on_error="skip", progress=False)
    known = len(decoded)
    shutil.move(data.folder, tmp_path / "moved")
    moved = read_index(tmp_path / "moved")
    for path in moved.table["path"]:
        os.utime(path, (0, 0))
    second = prepare(moved, tmp_path / "home", image_size=32, progress=False)
    assert len(decoded) == known and second.folder == first.folder and second.skipped == 1
    assert list(second.table["path"]) == list(moved.table["path"])
    prepare(moved, tmp_path / "home", image_size=24, on_error="skip", progress=False)
    assert len(decoded) > known, "in another size nothing is known"
    Image.new("RGB", (60, 60), (90, 0, 0)).save(moved.table["path"][0])
    assert caches_alike(tmp_path / "home" / "cache", first.spec, moved)
    assert not caches_alike(tmp_path / "home" / "cache", first.spec, replace(moved, table=moved.table.assign(grade=0)))
    with pytest.raises(DataError, match="1 of 8"):  # other data, of which nobody said that images may be skipped
        prepare(moved, tmp_path / "home", image_size=32, progress=False)


def test_skipped_images_are_black_left_out_and_recorded(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    for row in (1, 2):
        Path(data.table["path"][row]).write_bytes(b"")
    cache = prepare(data, tmp_path / "home", image_size=32, on_error="skip", progress=False)
    assert cache.skipped == 2 and not cache.images[1].any() and cache.images[0].any()
    manifest = json.loads((cache.folder / "manifest.json").read_text())
    assert manifest["skipped"] == [{"image": f"{n}", "reason": "the file is empty"} for n in ("0_right", "1_left")]
    assert cache.table["group"].nunique() == 4  # two empty files do not make two patients one
    assert assign_splits(cache.table)[[1, 2]].tolist() == ["excluded"] * 2
    assert ready(data, tmp_path / "home").folder == cache.folder  # who skipped them has decided


def test_an_interrupted_prepare_goes_on_where_it_stopped(
    tmp_path: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data(tmp_path / "data")
    whole = ready(data, tmp_path / "other home")
    read = decode.read_photograph

    def killed(source: Path, spec: decode.ImageSpec) -> object:
        if source.name == "2_right.jpeg":
            raise KeyboardInterrupt
        return read(source, spec)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(decode, "read_photograph", killed)
        prepare(data, tmp_path / "home", image_size=32, workers=1, progress=False)
    Image.new("RGB", (40, 40), (90, 0, 0)).save(data.table["path"][0])  # done, but changed since
    del decoded[:]
    cache = ready(data, tmp_path / "home")
    names = [path.name for path in decoded]
    assert names[0] == "0_left.jpeg" and "2_right.jpeg" in names and len(names) < 8
    assert np.array_equal(cache.images[1:], whole.images[1:]) and not np.array_equal(cache.images[0], whole.images[0])
    assert not list((tmp_path / "home" / "cache").glob(".*.partial"))


_KILLED = """
import os, sys, time
from pathlib import Path
from retina_data.cache import partial
from retina_data.images import decode
from retina_data.cache.preparation import prepare
from retina_data.layouts.dataset import read_index
partial._EVERY = 0.0
read, seen = decode.read_photograph, []
def slow(source, spec):
    seen.append(source)
    if len(seen) == 6:
        os.kill(os.getpid(), 9)
    return read(source, spec)
decode.read_photograph = slow
prepare(read_index(Path(sys.argv[1])), Path(sys.argv[2]), image_size=32, workers=1, progress=False)
"""


def test_a_killed_prepare_goes_on_too(tmp_path: Path, decoded: list[Path]) -> None:
    data = make_data(tmp_path / "data")
    done = subprocess.run([sys.executable, "-c", _KILLED, str(data.folder), str(tmp_path / "home")], timeout=120)
    assert done.returncode == -9
    cache = ready(data, tmp_path / "home")
    assert 3 <= len(decoded) <= 7  # the sixth was under way; up to three were not yet noted
    assert np.array_equal(cache.images, ready(data, tmp_path / "other home").images)


def test_squashed_photographs_are_made_round_by_one_decision(tmp_path: Path, decoded: list[Path]) -> None:
    data = make_data(tmp_path / "data", patients=10)
    plain = ready(data, tmp_path / "home")
    assert plain.spec.shape == "circle" and plain.field_of_view_note == "" and len(decoded) == 20
    squash(data, range(1, 20))  # the first stays as it is
    cache = ready(read_index(data.folder), tmp_path / "home")
    assert cache.spec.shape == "ellipse" and cache.folder.name.endswith("-32-fov-ellipse")
    assert cache.field_of_view_note.startswith(
        "photographs were squashed: their field of view is an ellipse (20 of 20)"
    )
    assert json.loads((cache.folder / "manifest.json").read_text())["field_of_view"] == "ellipse"
    assert len(decoded) == 20 + 21 and decoded[-1] == Path(data.table["path"][0])  # it alone was no ellipse
    assert open_cache(cache.folder).spec == cache.spec
    lit = [one.images.max(axis=3) > 20 for one in (plain, cache)]
    assert np.abs(lit[1].mean(axis=(1, 2)) - lit[0].mean(axis=(1, 2))).max() < 0.03


def test_where_photographs_disagree_each_decides_and_that_is_said(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    squash(data, range(4))
    cache = ready(read_index(data.folder), tmp_path / "home")
    assert cache.spec.shape == "each" and cache.folder.name.endswith("-32-fov-each")
    assert "some photographs were squashed, others not" in cache.field_of_view_note


def test_where_most_show_no_field_of_view_the_whole_frame_is_taken_of_all(tmp_path: Path, decoded: list[Path]) -> None:
    data = make_data(tmp_path / "data")
    for path in data.table["path"][2:]:
        Image.effect_noise((48, 48), 60).convert("RGB").save(path)
    cache = ready(read_index(data.folder), tmp_path / "home")
    assert cache.spec.shape == "frame" and not cache.table["fov_found"].any()
    assert "found in most photographs (8 of 8), so the whole frame is used of all" in cache.field_of_view_note
    assert len(decoded) == 8 + 2
    assert np.array_equal(cache.images, ready(data, tmp_path / "home", crop="none").images)


def test_killed_between_the_decision_and_its_end_it_decides_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data(tmp_path / "data", patients=10)
    squash(data, range(1, 20))
    data, original = read_index(data.folder), decode.read_photograph

    def killed(source: Path, spec: decode.ImageSpec) -> object:
        if spec.shape != "each":
            raise KeyboardInterrupt
        return original(source, spec)

    monkeypatch.setattr(decode, "read_photograph", killed)
    with pytest.raises(KeyboardInterrupt):
        ready(data, tmp_path / "home")
    monkeypatch.setattr(decode, "read_photograph", original)
    cache = ready(data, tmp_path / "home")
    assert cache.spec.shape == "ellipse"
    assert np.array_equal(cache.images, ready(data, tmp_path / "other").images)


def test_colour_normalisation_is_a_cache_of_its_own(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    plain = ready(data, tmp_path / "home")
    cache = prepare(data, tmp_path / "home", image_size=32, colour="graham", progress=False)
    assert cache.folder != plain.folder and cache.folder.name.endswith("-32-fov-graham")
    assert cache.digest == plain.digest and cache.spec.colour == "graham"
    assert abs(cache.images.mean() - 128) < 8 and (cache.images[:, 0, 0] == 128).all()


def test_wrong_requests_are_refused(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    with pytest.raises(DataError, match="image_size=8"):
        ready(data, tmp_path / "home", 8)
    with pytest.raises(DataError, match="colour must be none or graham, but got 'odd'"):
        prepare(data, tmp_path / "home", image_size=32, colour="odd", progress=False)  # type: ignore[arg-type]
    shutil.rmtree(tmp_path / "data" / "images")
    with pytest.raises(DataError, match="labels only"):
        ready(read_index(tmp_path / "data"), tmp_path / "home")
    with pytest.raises(DataError, match=f"^cache/{tmp_path.name} must be a prepared cache.*No such file") as caught:
        open_cache(tmp_path)
    assert str(tmp_path.parent) not in str(caught.value)


def _prepare_in_process(folder: Path, home: Path, answers: multiprocessing.Queue[str]) -> None:
    answers.put(str(ready(read_index(folder), home).folder))


def test_two_processes_at_once_share_one_cache(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[str] = context.Queue()
    both = [
        context.Process(target=_prepare_in_process, args=(data.folder, tmp_path / "home", answers)) for _ in range(2)
    ]
    for process in both:
        process.start()
    folders = {answers.get(timeout=60) for _ in both}
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert len(folders) == 1
    assert [path for path in (tmp_path / "home/cache").iterdir() if path.is_dir()] == [Path(folders.pop())]


_MEASURED = """
import sys
from dataclasses import replace
from pathlib import Path
import pandas as pd
from retina_data.cache.preparation import prepare
from retina_data.layouts.dataset import DataSet
count, path = int(sys.argv[2]), sys.argv[1]
columns = {"row": range(count), "image": [str(n) for n in range(count)], "patient": range(count), "eye": "", "grade": 0}
table = pd.DataFrame({**columns, "split": "train", "path": path})
data = DataSet(Path(path).parent, "lab", table, (), False)
prepare(data, Path(path).parent / f"home{count}", image_size=96, crop="none", workers=2, progress=False)
# Not ru_maxrss, which begins with what the process that started this one has.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    Image.effect_noise((96, 96), 50).convert("RGB").save(tmp_path / "one.jpeg")

    def peak(count: int) -> float:  # MiB
        command = [sys.executable, "-c", _MEASURED, str(tmp_path / "one.jpeg"), str(count)]
        out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        return int(out.stdout) / 1024

    # 2,000 images of 96 px are 53 MiB; the table takes about 1 KiB a row, and writing it some MiB once.
    assert peak(2000) - peak(100) < 25


def test_a_disk_too_small_for_the_cache_is_said_before_anything_is_decoded(
    tmp_path: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, need = make_data(tmp_path / "data"), 8 * 32 * 32 * 3
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=need - 1))
    with pytest.raises(DataError, match=r"0.00 GB must be free in .*cache for photographs of this size.*--image-size"):
        ready(data, tmp_path / "home")
    assert decoded == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=need))
    assert len(ready(data, tmp_path / "home").table) == 8
