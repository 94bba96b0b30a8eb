"""One study, searched and confirmed for real; each row of the tables copies its home."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.study import small_data
from tests.homes.place import NAME, Place, Tables, copy_home

SMALL = ("--epochs", "1", "--image-size", "32", "--architecture", "resnet18", "--no-pretrained")


@dataclass(frozen=True)
class Prepared:
    """Homes of one study with three trials: after its search, and after its confirmation; and the tables of both."""

    data: Path
    homes: dict[str, Path]
    tables: dict[str, Tables]

    def place(self, around: Path, stage: str) -> Place:
        copy_home(self.homes[stage], around / "home")
        return Place(around, around / "home", self.data)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    folder = tmp_path_factory.mktemp("homes")
    data, made = small_data(folder / "data", patients=24), Prepared(folder / "data", {}, {})
    place = Place(folder, folder / "home", data)
    steps = {
        "searched": ("search", NAME, "--data", str(data), "--trials", "3", "--early-stopping", "none", *SMALL),
        "confirmed": ("confirm", NAME, "--seeds", "1"),
    }
    for stage, arguments in steps.items():
        for call in (arguments, ("report", NAME)):
            done = place.retina(*call)
            assert done.returncode == 0, done.stdout + done.stderr
        made.tables[stage] = place.tables()
        assert made.tables[stage]
        shutil.copytree(place.home, folder / stage)  # whole: an own file, so that no row can change it
        made.homes[stage] = folder / stage
    yield made
