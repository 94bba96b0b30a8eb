"""What of a plan is recorded, and what is not."""

from dataclasses import replace
from pathlib import Path

import yaml

from analysis.schema import primary_endpoint
from retina_data.cache.preparation import prepare
from retina_data.layouts.dataset import read_index
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.storage.events import encode
from study.storage.study_file import STUDY_FILE
from tests.fixtures.study import small_data
from tests.retina_data.as_people_have_them.builder import build, names, pictures, table
from tests.study.planning.test_build_plan import FLAGS, _plan, _started


def test_images_that_were_skipped_are_recorded_by_row_never_by_name(tmp_path: Path) -> None:
    small_data(tmp_path / "data")
    broken = sorted((tmp_path / "data" / "images").iterdir())[0]
    broken.write_bytes(b"")
    data = read_index(tmp_path / "data")
    prepare(data, tmp_path, image_size=32, on_error="skip", progress=False)
    event = make_plan("s", tmp_path, None, Inputs(tmp_path / "data", overrides=FLAGS)).event(2)
    row = data.table["path"].tolist().index(str(broken))
    text = next(one["text"] for one in event.audit["findings"] if one["kind"] == "skipped")
    assert f"(row {row}: the file is empty)" in text and broken.stem not in encode(event).decode()
    left = len(data.table) - 1
    assert f"1 images could not be read and were skipped when the data was prepared; {left} are left" in event.notes


def test_nothing_that_is_recorded_holds_a_path_or_a_name_of_an_image(folder: Path) -> None:
    plan = _plan(folder, weights={"resnet18": str(folder / "r18.safetensors")})
    text = encode(plan.event(2)).decode()
    assert str(folder) not in text
    assert str(Path.home()) not in text
    assert not any(f'"{name}' in text for name in plan.dataset.table["image"])


def test_the_study_file_holds_what_going_on_needs(folder: Path) -> None:
    plan = _plan(folder)
    _started(plan)
    content = yaml.safe_load((plan.folder / STUDY_FILE).read_text())
    assert content["data"] == str((folder / "data").resolve())
    assert content["layout"] == "lab"


def test_how_data_is_read_is_recorded_by_counts_and_goes_on_without_flags(tmp_path: Path) -> None:
    listed, other = names(20), names(3, 50)
    build(tmp_path / "data", {**pictures("{}.png", [*listed, *other]), "second_secret/z.heic": "ftyp"})
    (tmp_path / "secret.csv").write_text(table("file,dr", listed))
    reading = {"labels": str(tmp_path / "secret.csv"), "image_column": "file", "grade_column": "dr"}
    flags = {**FLAGS, **reading, "allow_unused": True}
    plan = make_plan("s", tmp_path / "home", None, Inputs(tmp_path / "data", overrides=flags))
    event = plan.event(2)
    assert event.audit["inventory"] == {
        "used": {"used": 20}, "unused": {"not listed in the labels": 3, "in a format that is not read": 1}
    }  # fmt: skip
    assert "not used: 4 pictures (3 not listed in the labels, 1 in a format that is not read)" in event.notes
    assert (event.config["labels"], event.config["allow_unused"]) == ("secret.csv", True)
    text = encode(event).decode()
    assert str(tmp_path) not in text and not any(name in text for name in (*listed, *other, "second_secret"))
    again = make_plan("s", tmp_path / "home", _started(plan), Inputs())
    assert again.identity() == plan.identity()
    other_rule = Inputs(overrides={"allow_unused": False})
    assert make_plan("s", tmp_path / "home", _started(plan), other_rule).identity() == plan.identity()


def test_the_primary_endpoint_is_recorded_when_a_study_begins(folder: Path) -> None:
    plan = _plan(folder)
    assert plan.event(2).primary_endpoint == primary_endpoint("kappa", "validation", folds=False)
    lab = replace(plan, config=plan.config.model_copy(update={"select_on": "test"}))
    assert lab.event(2).primary_endpoint == ""
