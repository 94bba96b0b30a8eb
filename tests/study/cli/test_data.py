"""`retina data` and `retina pretrain` as a user calls them."""

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.fixtures.command import RETINA, copy_of, refused, retina
from tests.fixtures.study import small_data
from tests.retina_data.as_people_have_them.builder import build, names, pictures, table


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("cli") / "data", patients=12)


def test_a_header_where_none_belongs(tmp_path: Path, data: Path) -> None:
    broken = copy_of(data, tmp_path / "data")
    labels = broken / "train_label.csv"
    labels.write_text("level\n" + labels.read_text())
    done = retina(tmp_path / "home", "data", "check", str(broken))
    assert done.returncode == 1, done.stderr  # pictures lie there, and none can be used
    assert done.stdout.startswith("Not fit to train on: train_label.csv must have no header, only grades")
    assert "train_label.csv, line 1" in done.stdout
    assert "train_label.csv, line 1" in refused(tmp_path / "home", "data", "prepare", str(broken))


def test_check_prints_what_the_files_say(tmp_path: Path, data: Path) -> None:
    done = retina(tmp_path, "data", "check", str(data))
    assert done.returncode == 0
    assert "share of the majority class, grade 0" in done.stdout
    assert done.stdout.startswith("Fit to train on")
    assert '"images"' in retina(tmp_path, "data", "check", str(data), "--json").stdout


def test_what_cannot_be_checked_is_json_too(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, flags, said in (
        ("none", [], "does not exist"), ("empty", [], "none was recognised"), ("empty", ["--grade", "x"], "WORD=N"),
        ("empty", ["--layout", "odd"], "layout must be one of"), ("empty", ["--page", "/dev/null/x"], "exists"),
    ):  # fmt: skip
        done = retina(tmp_path, "data", "check", str(tmp_path / folder), "--json", *flags)
        found = json.loads(done.stdout)
        assert done.returncode == 2 and said in found["error"]
        assert found["verdict"] == {"severity": "error", "text": f"Not checked: {found['error']}"}


TINY = ["--patients", "24", "--image-size", "32", "--epochs", "1"]


def test_source_weights_are_made_named_next_and_used_by_train(tmp_path: Path, data: Path) -> None:
    made = retina(tmp_path, "pretrain", "--architecture", "resnet18", *TINY)
    assert made.returncode == 0, made.stderr
    assert re.search(r"resnet18: kappa -?\d\.\d+ on 4 photographs .*\(majority class 0\.\d+\)", made.stdout)
    assert made.stdout.splitlines()[-1] == "next: retina search NAME --data DATA --weights synthetic"
    flags = ["--pretrained", "--weights", "synthetic", "--image-size", "32", "--epochs", "1"]
    done = retina(tmp_path, "train", str(data), *flags, "--out", str(tmp_path / "trained"))
    assert done.returncode == 0, done.stderr
    assert "weights synthetic-resnet18.safetensors: loaded" in done.stdout
    assert "synthetic-resnet50.safetensors are not in this home; make them (retina pretrain" in refused(
        tmp_path, "train", str(data), *flags, "--architecture", "resnet50", "--out", str(tmp_path / "other")
    )


def test_source_weights_of_a_data_set_go_where_they_are_wanted(tmp_path: Path, data: Path) -> None:
    flags = ["--architecture", "resnet18", "--image-size", "32", "--epochs", "1", "--out", str(tmp_path / "w")]
    made = retina(tmp_path / "home", "pretrain", str(data), *flags)
    assert made.returncode == 0, made.stderr
    file = tmp_path / "w" / "source-resnet18.safetensors"
    assert made.stdout.splitlines()[-1].endswith(f"--data DATA --weights resnet18={file}")
    line = refused(tmp_path / "home", "search", "x", "--data", str(data), "--weights", f"resnet18={file}")
    assert "weights must not have been trained on photographs that are measured here" in line
    assert "--patients is of the synthetic photographs" in refused(
        tmp_path / "home", "pretrain", str(data), "--patients", "9"
    )


@pytest.mark.slow
def test_killed_for_real_the_same_command_gives_the_same_file(tmp_path: Path) -> None:
    flags = ["pretrain", "--architecture", "resnet18", "--patients", "24", "--image-size", "32", "--epochs", "12"]
    environment = os.environ | {"RETINA_HOME": str(tmp_path / "killed")}
    process = subprocess.Popen([*RETINA, *flags], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    folder, deadline = tmp_path / "killed" / "weights", time.monotonic() + 100
    while not list(folder.glob("*/last.checkpoint")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert not list(folder.glob("*.safetensors"))
    for home in ("killed", "unbroken"):
        done = retina(tmp_path / home, *flags)
        assert done.returncode == 0, done.stderr
    name = "weights/synthetic-resnet18.safetensors"
    assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes()


@pytest.mark.slow
def test_a_search_begins_from_synthetic_weights(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data")
    search = ["search", "s", "--data", str(data), "--trials", "2", "--epochs", "1", "--image-size", "32"]
    search += ["--architecture", "resnet18"]
    alone = retina(tmp_path, *search, "--weights", "synthetic", "--time-budget", "1s")
    assert "make them (retina pretrain --architecture resnet18), and go on with" in alone.stdout, alone.stderr
    assert retina(tmp_path, "pretrain", *TINY, "--architecture", "resnet18").returncode == 0
    done = retina(tmp_path, *search, "--weights", "synthetic", "--add-arm", "resnet18-pretrained")
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in (tmp_path / "s" / "ledger.jsonl").read_text().splitlines()]
    studies = [event for event in events if event["event"] == "study"]
    assert [list(event["weights"]) for event in studies] == [[], ["resnet18"]]
    told = studies[-1]["weights"]["resnet18"]
    assert (told["kind"], told["source"]) == ("synthetic", "synthetic-resnet18.safetensors")
    assert {event["group"] for event in events if event["event"] == "trial_started"} == {
        "resnet18-scratch", "resnet18-pretrained"
    }  # fmt: skip


def test_a_page_that_cannot_be_written_is_refused_before_any_image_is_looked_at(tmp_path: Path, data: Path) -> None:
    (tmp_path / "file").touch()
    line = refused(tmp_path / "home", "data", "check", str(data), "--page", str(tmp_path / "file" / "page.html"))
    assert "give a folder that may be written" in line


def test_prepare_says_how_many_images_are_left(tmp_path: Path, data: Path) -> None:
    broken = copy_of(data, tmp_path / "data")
    sorted((broken / "images").iterdir())[0].write_bytes(b"")
    done = retina(tmp_path, "data", "prepare", str(broken), "--image-size", "32", "--on-error", "skip")
    assert done.stdout.startswith("23 of 24 photographs at 32 px in "), done.stdout + done.stderr


def test_labels_and_columns_are_the_same_for_prepare_and_check(tmp_path: Path) -> None:
    build(tmp_path / "data", {"l.csv": table("file,dr", names(10)), **pictures("{}.png", names(10))})
    flags = ["--labels", "l.csv", "--image-column", "file", "--grade-column", "dr"]
    for command in (["check"], ["prepare", "--image-size", "32"]):
        done = retina(tmp_path, "data", command[0], str(tmp_path / "data"), *command[1:], *flags)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "--image-column and --grade-column must be given together" in refused(
        tmp_path, "data", "prepare", str(tmp_path / "data"), "--image-column", "file"
    )
