import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from retina_data.errors import DataError
from retina_data.layouts.dataset import ReadOptions, read_index
from study.cli.data import data_app
from study.config.study import make_study_config
from study.training.data import SplitDataset, open_data, prepare_data, split_of, warn_of
from tests.fixtures.study import small_data
from tests.retina_data.as_people_have_them.builder import build, names, pictures, table

SPLIT = {"val_fraction": 0.3, "seed": 1, "select_on": "validation"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    small_data(folder / "data")
    return folder


def test_a_trial_opens_what_the_search_prepared(home: Path) -> None:
    first = prepare_data(read_index(home / "data"), home, image_size=32, crop="fov", **SPLIT)  # type: ignore[arg-type]
    second = open_data(first.cache.folder, **SPLIT)  # type: ignore[arg-type]
    assert first.split_digest == second.split_digest
    assert first.cache.digest == second.cache.digest


def test_the_parts_share_no_patient_and_the_test_part_is_in_none(home: Path) -> None:
    prepared = prepare_data(read_index(home / "data"), home, image_size=32, crop="fov", **SPLIT)  # type: ignore[arg-type]
    data = prepared.train_data()
    assert len(data.train_rows) + len(data.val_rows) + prepared.count("test") == len(prepared.splits)
    assert not set(data.groups[data.train_rows]) & set(data.groups[data.val_rows])
    test_rows = np.flatnonzero(prepared.splits == "test")
    assert not set(test_rows) & {*data.train_rows, *data.val_rows}
    assert (prepared.cache.table["split"].to_numpy()[test_rows] == "test").all()


def test_a_part_of_one_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in "abcdef":
        shade = 40 * "abcdef".index(name)
        Image.new("RGB", (40, 40), (shade, shade, shade)).save(tmp_path / "images" / f"{name}.png")
    (tmp_path / "trainLabels.csv").write_text("image,level\n" + "".join(f"{name},0\n" for name in "abcdef"))
    dataset = read_index(tmp_path)
    with pytest.raises(DataError, match="at least 2 images must be in the split 'val', but it has 1 of 6"):
        prepare_data(dataset, tmp_path, image_size=32, crop="none", val_fraction=0.2, seed=0, select_on="validation")


def test_the_test_table_says_who_is_not_in_training(home: Path) -> None:
    prepared = prepare_data(read_index(home / "data"), home, image_size=32, crop="fov", **SPLIT)  # type: ignore[arg-type]
    table = prepared.test_table()
    assert list(table) == ["row", "patient", "grade", "new_patients"]
    assert table["new_patients"].all()
    moved = prepared.splits.copy()
    fellow = int(table["row"].iloc[0])  # now its other eye alone is in the test split
    moved[fellow] = "train"
    shared = SplitDataset(prepared.cache, moved).test_table()
    patient = int(table["patient"].iloc[0])
    assert shared.loc[~shared["new_patients"], "patient"].unique().tolist() == [patient]


def test_fellows_are_dropped_where_a_confirmation_asks_for_it(home: Path) -> None:
    prepared = prepare_data(read_index(home / "data"), home, image_size=32, crop="fov", **SPLIT)  # type: ignore[arg-type]
    same = open_data(prepared.cache.folder, **SPLIT, exclude_test_patients=True)  # type: ignore[arg-type]
    assert same.split_digest == prepared.split_digest  # nobody stands on both sides here
    assert same.test_table()["new_patients"].all()


def test_a_study_says_what_divides_its_data() -> None:
    config = make_study_config({"fold": "2/5", "seed": 3}, {})
    assert split_of(config) == {"val_fraction": 0.2, "seed": 3, "select_on": "validation", "fold": "2/5"}


def test_an_unreadable_image_gets_the_whole_command_that_leaves_it_out(tmp_path: Path) -> None:
    """And the command does: afterwards the same data is prepared."""
    folder, home = tmp_path / "my data", tmp_path / "home"
    small_data(folder)
    sorted((folder / "images").iterdir())[0].write_bytes(b"")

    def ready() -> SplitDataset:
        spec: dict[str, Any] = {"image_size": 32, "crop": "none", "colour": "graham"}
        return prepare_data(read_index(folder), home, **spec, **SPLIT)  # type: ignore[arg-type]

    with pytest.raises(DataError) as error:
        ready()
    command = str(error.value).split("`")[1]
    assert command == (
        f"retina data prepare '{folder}' --layout lab --image-size 32 --crop none --colour graham "
        f"--home {home} --on-error skip"
    )
    done = CliRunner().invoke(data_app, shlex.split(command)[2:])
    assert not done.exception, done.output
    assert ready().cache.skipped == 1


def test_warn_of_says_a_line_for_each_sign_and_names_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels = "image,level\n" + "".join(f"c/left_{n},0\n" for n in range(20))
    (tmp_path / "trainLabels.csv").write_text(labels)
    warn_of(read_index(tmp_path, ReadOptions(patient_pattern=r"(?P<patient>\d+)$")).signs)
    assert not caplog.records
    warn_of(read_index(tmp_path).signs)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith("patients may be wrong: images must be of several patients, but all 20")
    assert "--patient-pattern REGEX" in line and "left" not in line


def test_warn_of_says_that_most_pictures_are_not_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    build(tmp_path, {"train.csv": table("id_code,diagnosis", names(5)), **pictures("p/{}.png", names(12))})
    dataset = read_index(tmp_path)
    warn_of(dataset.signs, dataset.warnings)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages[0].startswith("warning: 7 of 12 pictures are not used, as the labels do not list them")


def test_placeholders_are_found_in_what_was_prepared(tmp_path: Path) -> None:
    small_data(tmp_path / "data")
    images = sorted((tmp_path / "data" / "images").glob("*_left.*"))
    for image in images[1:5]:
        image.write_bytes(images[0].read_bytes())
    data = read_index(tmp_path / "data")
    (sign,) = prepare_data(data, tmp_path, image_size=32, crop="none", **SPLIT).placeholders()  # type: ignore[arg-type]
    assert sign.counts == {"images": 5, "patients": 5, "photographs": 1}
