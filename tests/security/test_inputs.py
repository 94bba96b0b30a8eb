"""Files that a person was given: YAML, label files, MedMNIST files, weights, model folders. One line, soon, in little
memory.
"""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from analysis.results.run_artifacts import PREDICTION_COLUMNS, checked_confusion, checked_predictions
from analysis.table_files import csv_text, in_markdown, latex
from retina_data.layouts import medmnist
from retina_data.layouts.dataset import read_index
from retina_models.resnet import ARCHITECTURES
from retina_models.weights import load_weights, read_weights
from study.config.yaml_file import read_study_config
from study.errors import ConfigError
from study.inference.model_dir import CONFIG, PREPROCESSING, WEIGHTS, read_model
from tests.fixtures.model import untrained_model
from tests.study.config.test_yaml_text import BOMB

SECONDS = 5.0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("early-stopping: none\n", "early-stopping is no known key; did you mean early_stopping?"),
        ("early stopping: none\n", "did you mean early_stopping?"),
        ("fixed: {image-size: 32}\n", "fixed.image-size is no field of a trial; did you mean image_size?"),
        ("space: {batch size: [8]}\n", "space.batch size is no field of a trial; did you mean batch_size?"),
        ("'': 1\n", "is no known key"),
        ("1: 2\n", "1"),
        ("null: 2\n", "lab.yaml"),
        ("2001-01-01: 2\n", "lab.yaml"),
        ("? [a]\n: 2\n", "is not YAML"),
        (f"{'x' * 50_000}: 1\n", "is not YAML"),
        ("trials: [[[1]]]\n", "trials"),
        ("space: {lr: {low: .nan, high: .inf}}\n", "lab.yaml"),
        ("trials: &a [*a]\n", "alias"),
        (BOMB, "aliases"),
        ("fixed: [1]\n", "lab.yaml"),
        ("space: 7\n", "lab.yaml"),
        ("weights: {resnet18: [1]}\n", "weights"),
        ("fold: 1/1000000000\n", "fold"),
    ],
)
def test_a_configuration_that_is_wrong_is_one_line(tmp_path: Path, text: str, wanted: str) -> None:
    (tmp_path / "lab.yaml").write_text(text)
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        read_study_config(tmp_path / "lab.yaml")
    said = str(caught.value)
    assert wanted in said and "\n" not in said and len(said) < 2_000
    assert time.monotonic() - started < SECONDS


def header(text: str, version: int = 1, length: int | None = None) -> bytes:
    """A .npy header; length: that it says, if not its own."""
    data = text.encode() + b"\n"
    kind = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(kind, len(data) if length is None else length) + data


def npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


IMAGES = header("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4, 4, 3)}") + bytes(96)
LABELS = header("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1)}") + bytes([0, 4])


def labels(shape: str, data: bytes = bytes([0, 4]), descr: str = "'|u1'") -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}") + data


ARRAYS = {
    "shape -1": labels("(-1,)", bytes(10_000)),
    "shape -1 twice": labels("(-1, -2)", bytes(10_000)),
    "shape huge": labels("(10**30,)"),
    "shape of 10^12": labels("(1000000000000, 1)"),
    "shape of floats": labels("(2.0, 1)"),
    "shape none": labels("None"),
    "text": labels("(2, 1)", b"ab", "'O'"),
    "header of 1.5 GiB": header("{}", 2, 3 * 2**29),
    "header of 1.5 GiB, there": header("{'descr': '|u1'" + " " * 20_000_000, 2),
    "header deep": header("(" * 9_000),
    "header code": header("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (2, 1)}"),
    "no header": b"",
    "magic": b"\x93NUMPY\x09\x00" + bytes(100),
    "ends early": labels("(2, 1)", b"\x00"),
    "others": labels("(3, 1)", bytes(3)),
    "negative": labels("(2, 1)", bytes([255, 1]), "'|i1'"),
}


@pytest.mark.parametrize("content", ARRAYS.values(), ids=ARRAYS.keys())
@pytest.mark.parametrize("name", ["train_labels", "train_images"])
def test_an_array_that_means_harm_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    file = npz(tmp_path / "x.npz", **{"train_images": IMAGES, "train_labels": LABELS, name: content})
    started = time.monotonic()
    with pytest.raises(ValueError) as caught:
        list(medmnist.pixels(file)) if medmnist.entries(file, chosen=True) else None
    assert len(str(caught.value)) < 1_000 and "\n" not in str(caught.value)
    assert time.monotonic() - started < SECONDS


def test_a_medmnist_file_of_the_same_helpers_is_read(tmp_path: Path) -> None:
    file = npz(tmp_path / "x.npz", train_images=IMAGES, train_labels=LABELS)
    assert [entry.grade for entry in medmnist.entries(file)] == [0, 4]
    assert [image.shape for image in medmnist.pixels(file)] == [(4, 4, 3)] * 2


def test_an_encrypted_or_broken_archive_is_refused(tmp_path: Path) -> None:
    file = npz(tmp_path / "x.npz", train_images=IMAGES, train_labels=LABELS)
    whole = bytearray(file.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of encryption, of each member
        place = whole.find(signature)
        while place >= 0:
            whole[place + offset] |= 1
            place = whole.find(signature, place + 1)
    for data in (bytes(whole), file.read_bytes()[:200], b"PK\x05\x06", b""):
        file.write_bytes(data)
        with pytest.raises(ValueError) as caught:
            list(medmnist.pixels(file)) if medmnist.entries(file, chosen=True) else pytest.fail("taken")
        assert "MedMNIST" in str(caught.value)


def test_a_linked_folder_among_photographs_brings_no_names(tmp_path: Path) -> None:
    for grade in range(5):
        (tmp_path / "data" / str(grade)).mkdir(parents=True)
        (tmp_path / "data" / str(grade) / f"{grade}.png").touch()
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "patient Doe.png").touch()
    (tmp_path / "data" / "0" / "more").symlink_to(tmp_path / "private")
    with pytest.raises(ValueError, match="is a link that leads to") as caught:
        read_index(tmp_path / "data")
    assert "Doe" not in str(caught.value)


def test_a_table_of_many_columns_is_short(tmp_path: Path) -> None:
    names = [f"column{number}" for number in range(5_000)]
    data = pd.DataFrame([[0] * len(names)], columns=names).to_parquet()
    with pytest.raises(ValueError) as caught:
        checked_predictions(data, "trial 0000", "predictions/val.parquet", PREDICTION_COLUMNS)
    assert len(str(caught.value)) < 1_000 and "and 4,990 more" in str(caught.value)
    (tmp_path / "labels.csv").write_bytes(b"a," * 5_000_000 + b"\n")
    with pytest.raises(ValueError) as caught:
        read_index(tmp_path)
    assert len(str(caught.value)) < 2_000


@pytest.mark.parametrize("data", [b"", b"PAR1", b"x" * 100, b"PAR1" + bytes(100) + b"PAR1"])
def test_predictions_that_are_no_table_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="must be a Parquet file"):
        checked_predictions(data, "trial 0000", "predictions/val.parquet", PREDICTION_COLUMNS)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[" * 100_000, b'{"confusion": "x"}', b'{"confusion": [[1e400]]}', b"[]"]
)
def test_counts_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="must hold 5x5 counts"):
        checked_confusion(data, "trial 0000", "confusion/val.json")


def test_weights_with_holes_are_not_read_for_hours(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.pth"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(200 * 2**30)
        started = time.monotonic()
        with pytest.raises(ValueError, match="at most 4 GB, but .* has 215 GB"):
            read_weights(tmp_path / name, "resnet18")
        assert time.monotonic() - started < SECONDS


def test_weights_that_are_no_numbers_or_hide_in_their_names(tmp_path: Path) -> None:
    evil = "conv1.weight\x1b[2J\n"
    save_file({"conv1.weight": torch.full((2,), float("nan"))}, tmp_path / "nan.safetensors")
    with pytest.raises(ValueError, match=r"weights must be finite, but conv1.weight of nan.safetensors"):
        read_weights(tmp_path / "nan.safetensors", "resnet18")
    save_file({evil: torch.zeros(2), "x" * 10_000: torch.zeros(2)}, tmp_path / "evil.safetensors")
    weights = read_weights(tmp_path / "evil.safetensors", "resnet18")
    with pytest.raises(ValueError) as caught:
        load_weights(ARCHITECTURES["resnet18"](5), weights)
    assert "\x1b" not in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 2_000


def _changed(**fields: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / CONFIG).write_text(json.dumps(json.loads((folder / CONFIG).read_text()) | fields))

    return change


def _sparse(folder: Path) -> None:
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(200 * 2**30)


def _pipe(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


MODELS: dict[str, Callable[[Path], None]] = {
    "temperature": _changed(temperature=1e-300),
    "temperature 0": _changed(temperature=0),
    "members": _changed(members=10**9),
    "views": _changed(views=3),
    "digest": _changed(weights_sha256="../x"),
    "limitation": _changed(limitations=["\x1b[2J"]),
    "config is a pipe": _pipe(CONFIG),
    "preprocessing is a pipe": _pipe(PREPROCESSING),
    "weights are a pipe": _pipe(WEIGHTS),
    "weights with holes": _sparse,
    "deep": lambda folder: (folder / CONFIG).write_text("[" * 90_000) and None,
    "large": lambda folder: (folder / CONFIG).write_text(" " * 200_000) and None,
    "digits": lambda folder: (folder / CONFIG).write_text("9" * 90_000) and None,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("change", MODELS.values(), ids=MODELS.keys())
def test_a_model_folder_that_means_harm_is_refused(tmp_path: Path, change: Callable[[Path], None]) -> None:
    untrained_model(tmp_path / "model")
    read_model(tmp_path / "model")
    change(tmp_path / "model")
    started = time.monotonic()
    with pytest.raises(ValueError) as caught:
        read_model(tmp_path / "model")
    assert len(str(caught.value)) < 1_000 and "\x1b" not in str(caught.value)
    assert time.monotonic() - started < SECONDS


FORMULAS = ("=1+2", "a;=1+2", "a; +1", ";@x", " =1", "\t=1", "x;\t-1", '"=1', "＝1", "a;＝1")


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("separator", [",", ";"])
def test_no_spreadsheet_finds_a_formula(text: str, separator: str) -> None:
    """Read with either separator, as a spreadsheet does by its language, no field begins like a formula."""
    rows = csv_text(pd.DataFrame({"text": [text], "other": [text], "n": [1]})).splitlines()
    for fields in csv.reader(io.StringIO("\n".join(rows)), delimiter=separator):
        assert not [one for one in fields if one.lstrip(" \t").startswith(("=", "+", "-", "@", "＝"))], fields


def test_a_text_is_quoted_and_a_number_is_not() -> None:
    assert csv_text(pd.DataFrame({"a b": ["x"], "n": [0.5], "none": [np.nan]})) == '"a b","n","none"\n"x",0.5,""\n'


def test_texts_in_tables_turn_nothing_around() -> None:
    evil = "a\x1b[2J\u202eb\nc"
    table = pd.DataFrame({"a": [evil]})
    for text in (in_markdown(evil), latex(table, evil, "x"), csv_text(table)):
        assert not set("\x1b\u202e") & set(text)
