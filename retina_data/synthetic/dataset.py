"""A data set of painted photographs in the lab's layout, for the demo, the tests and development.

Grades can be learned from the pixels, but hardly from colours alone. They follow EyePACS' mix, and the two eyes of a
patient are alike in look and grade, so a split by image leaks here too. Two cameras show the same retinas differently:
weights from one help on the other, but do not solve it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retina_data.errors import DataError
from retina_data.synthetic.painter import CAMERAS, draw_look, paint

Mix = tuple[float, float, float, float, float]  # share of each grade

GRADE_MIX: Mix = (0.735, 0.07, 0.15, 0.025, 0.02)  # EyePACS' training labels

EVEN_MIX: Mix = (0.2, 0.2, 0.2, 0.2, 0.2)

SAME_GRADE = 0.75  # of the second eyes keep the first eye's grade without being asked to move

_JPEG_QUALITY = 92

_ABOUT = "synthetic.json"  # how a data set was made; written last

_PAINTER = 2  # raised when the same arguments give other pictures


class _Patient(NamedTuple):
    number: int  # from 1
    grades: tuple[int, int]  # left, right
    split: str


def make_dataset(
    out: Path,
    *,
    patients: int = 200,
    image_size: int = 64,
    camera: str = "a",
    seed: int = 0,
    test_fraction: float = 0.2,
    grade_mix: Mix = GRADE_MIX,
    workers: int | None = None,
    progress: bool = True,
) -> None:
    """Write two photographs of image_size x image_size pixels for each patient, and the lab's label files, to `out`.

    The same arguments give the same files. A data set that is already there with the same arguments is left as it is;
    anything else in `out` is a DataError. patients >= 1, 16 <= image_size <= 2048, 0 <= test_fraction < 1 (of the
    patients; 0 writes no test files). `grade_mix`: share of each grade, all > 0, 1 in sum. `workers` processes, all
    cores by default.
    """
    _check(patients, image_size, camera, test_fraction, grade_mix)
    out = Path(out).resolve()
    about = {
        "patients": patients, "image_size": image_size, "camera": camera, "seed": seed, "test_fraction": test_fraction,
        "grade_mix": list(grade_mix), "painter": _PAINTER,
    }  # fmt: skip
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if _made_with(out) == about:
            return
        raise DataError(f"a new data set needs an empty folder, but {out} holds something else; choose another folder")
    people = _draw_patients(patients, test_fraction, np.random.default_rng([seed, ord(camera)]), grade_mix)
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(out)
    partial = out.with_name(f".{out.name}.partial.{socket.gethostname()}.{os.getpid()}")
    try:
        (partial / "images").mkdir(parents=True)
        _paint_all(partial / "images", people, image_size, camera, seed, workers or os.cpu_count() or 1, progress)
        _write_labels(partial, people)
        (partial / _ABOUT).write_text(json.dumps(about) + "\n", "utf-8")
        if _made_with(out) == about:  # another process was faster
            return
        if out.exists():
            out.rmdir()
        os.rename(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check(patients: int, image_size: int, camera: str, test_fraction: float, grade_mix: Mix) -> None:
    if patients < 1:
        raise DataError(f"patients >= 1 must hold, but got patients={patients}")
    if not 16 <= image_size <= 2048:
        raise DataError(f"16 <= image_size <= 2048 must hold, but got image_size={image_size}")
    if camera not in CAMERAS:
        raise DataError(f"camera must be one of {', '.join(CAMERAS)}, but got {camera!r}")
    if not 0 <= test_fraction < 1:
        raise DataError(f"0 <= test_fraction < 1 must hold, but got test_fraction={test_fraction}")
    if len(grade_mix) != 5 or min(grade_mix) <= 0 or abs(sum(grade_mix) - 1) > 1e-9:
        raise DataError(f"grade_mix must be five shares above 0 that sum to 1, but got grade_mix={grade_mix}")


def _remove_orphans(out: Path) -> None:
    """Remove what killed processes of this machine have left of the same data set; of another machine's nothing is
    known."""
    prefix = f".{out.name}.partial.{socket.gethostname()}."
    for folder in out.parent.iterdir():
        owner = folder.name.removeprefix(prefix)
        if owner != folder.name and owner.isdecimal() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # asks only
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _made_with(folder: Path) -> object:
    try:
        return json.loads((folder / _ABOUT).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _draw_patients(count: int, test_fraction: float, rng: np.random.Generator, mix: Mix = GRADE_MIX) -> list[_Patient]:
    """Patients in random order, grades in the mix as exactly as can be, the test split proportional in each grade."""
    first = rng.permutation(_in_mix(count, mix))
    second = [_other_eye(int(grade), rng, mix) for grade in first]
    in_test = np.zeros(count, dtype=bool)
    steps = np.floor((np.arange(count + 1) + 0.5) * test_fraction)
    in_test[np.argsort(first, kind="stable")] = np.diff(steps) > 0
    swapped = rng.random(count) < 0.5  # either eye may be the one whose grade was drawn first
    return [
        _Patient(n + 1, (b, int(a)) if swapped[n] else (int(a), b), "test" if in_test[n] else "train")
        for n, (a, b) in enumerate(zip(first, second, strict=True))
    ]


def _in_mix(count: int, mix: Mix) -> npt.NDArray[np.int64]:
    """`count` grades whose cumulative numbers are the mix's, rounded."""
    ends = np.round(np.cumsum(mix) * count).astype(int)
    return np.repeat(np.arange(len(mix)), np.diff(ends, prepend=0))


def _other_eye(grade: int, rng: np.random.Generator, mix: Mix) -> int:
    """The fellow eye's grade: the same, or a neighbour taken so that the mix stays (Metropolis et al., 1953)."""
    if rng.random() < SAME_GRADE:
        return grade
    other = grade + int(rng.choice([-1, 1]))
    if 0 <= other < len(mix) and rng.random() < mix[other] / mix[grade]:
        return other
    return grade


def _paint_all(
    folder: Path, people: list[_Patient], size: int, camera: str, seed: int, workers: int, progress: bool
) -> None:
    """Processes, because painting is many small steps of Python; spawned, so that no thread's lock is inherited."""
    jobs = [(folder, person, size, camera, seed) for person in people]
    workers = min(workers, 1 + len(jobs) // 25)  # a process costs as much as about 25 patients
    if workers == 1:
        _show(map(_paint_patient, jobs), len(jobs), progress)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        _show(pool.map(_paint_patient, jobs, chunksize=4), len(jobs), progress)


def _show(done: Iterable[None], total: int, progress: bool) -> None:
    from rich.console import Console
    from rich.progress import track

    for _ in track(done, "painting patients", total, console=Console(stderr=True), disable=not progress):
        pass


def _paint_patient(job: tuple[Path, _Patient, int, str, int]) -> None:
    """Both eyes; each picture's generator hangs on seed, camera, patient and eye alone, not on the order of work."""
    folder, person, size, camera, seed = job
    look = draw_look(np.random.default_rng([seed, ord(camera), person.number]))
    for n, eye in enumerate(("left", "right")):
        rng = np.random.default_rng([seed, ord(camera), person.number, n + 1])
        picture = paint(person.grades[n], eye, look, CAMERAS[camera], size, rng)
        picture.save(folder / f"{person.number}_{eye}.jpeg", quality=_JPEG_QUALITY, subsampling=0)


def _write_labels(folder: Path, people: list[_Patient]) -> None:
    for split in sorted({person.split for person in people}):
        chosen = [person for person in people if person.split == split]
        names = [f"{person.number}_{eye}\n" for person in chosen for eye in ("left", "right")]
        grades = [f"{grade}\n" for person in chosen for grade in person.grades]
        (folder / f"{split}_img.csv").write_text("".join(names), "utf-8")
        (folder / f"{split}_label.csv").write_text("".join(grades), "utf-8")
