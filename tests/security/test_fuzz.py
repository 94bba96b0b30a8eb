"""Files made at random, from whole ones that were changed: an answer within seconds, right or one clear line.

CI makes 2,000 of each kind; `make fuzz` as many as RETINA_FUZZ says.
"""

from __future__ import annotations

import io
import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from retina_data.errors import DataError
from retina_data.layouts import medmnist
from retina_data.layouts.dataset import read_index
from retina_models.errors import WeightsError
from study.config.yaml_file import read_study_config, to_yaml
from study.errors import ConfigError
from study.inference.model_dir import CONFIG, PREPROCESSING
from study.storage.events import encode
from study.workflows.status import print_status
from tests.fixtures.model import untrained_model
from tests.fixtures.study import (
    close_event,
    confirmation_event,
    end_event,
    epoch_event,
    evaluation_event,
    finalist_event,
    study_event,
    trial_event,
)
from tests.security.test_inputs import IMAGES, LABELS, header, npz

MOST = settings(
    max_examples=int(os.environ.get("RETINA_FUZZ", "2000")),
    deadline=5_000,  # milliseconds for one answer
    derandomize="RETINA_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
MEMORY = 1_000_000_000

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(2**60, 2**70), st.floats(), st.text(max_size=20),
    st.sampled_from(["../x", "/etc", "\x1b[2J", "[/x]", "a" * 300, "\0", "1/1000000000", "nan", -1, 1e300, "", "=1"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(autouse=True, scope="module")
def memory() -> Iterator[None]:
    """No answer of this file takes a gigabyte."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all that a JSON value holds."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def changed(draw: st.DrawFn, value: Any) -> Any:
    """A copy in which something is another value, has gone, or has come."""
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([one for one in places(value) if one] or [("x",)]))
        target = value
        for key in path[:-1]:
            target = target[key]
        match draw(st.integers(0, 3)):
            case 0 if isinstance(target, dict):
                target.pop(path[-1], None)
            case 1 if isinstance(target, dict):
                target[draw(st.text(max_size=8))] = draw(VALUES)
            case _:
                target[path[-1]] = draw(VALUES)
    return value


EVENTS = [
    json.loads(encode(event))
    for event in (
        study_event(), trial_event(0), epoch_event(0, 1, 0.5), epoch_event(0, 2, 0.6), end_event(0), trial_event(1),
        finalist_event(0), epoch_event("f0000", 1, 0.5), end_event("f0000"), confirmation_event(0),
        epoch_event("c0000", 1, 0.5), evaluation_event(), end_event("c0000"), close_event(),
    )
]  # fmt: skip


@st.composite
def ledgers(draw: st.DrawFn) -> bytes:
    """Lines of a ledger, some of them changed, in another order, doubled or cut."""
    events = [*EVENTS]
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(events) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                events.insert(number, events[draw(st.integers(0, len(events) - 1))])
            case 1 if len(events) > 1:
                del events[number]
            case _:
                events[number] = changed(draw, events[number])
    data = "".join(json.dumps(event) + "\n" for event in events).encode("utf-8", "surrogatepass")
    return draw(st.sampled_from([data, data, data, data[: draw(st.integers(0, len(data)))]]))


def status_of(home: Path) -> str:
    shown = io.StringIO()
    print_status(Console(file=shown, width=200, markup=False), home, "eyes", as_json=False)
    return shown.getvalue()


@MOST
@given(ledgers())
def test_a_ledger(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    home = tmp_path_factory.getbasetemp() / "fuzzed"
    (home / "eyes").mkdir(parents=True, exist_ok=True)
    (home / "eyes" / "ledger.jsonl").write_bytes(data)
    shown = status_of(home)
    assert "eyes" in shown and "\x1b" not in shown and len(shown) < 100_000


@st.composite
def configurations(draw: st.DrawFn) -> str:
    """The text of a study file: changed values, or a few characters."""
    from study.config.study import StudyConfig

    text = to_yaml(StudyConfig())
    if draw(st.booleans()):
        import yaml

        return str(yaml.safe_dump(changed(draw, yaml.safe_load(text)), allow_unicode=True))
    place = draw(st.integers(0, len(text)))
    inserted = draw(st.text(st.sampled_from("&*:-[]{}!|>%@`'\"#? \n\tab1.<"), max_size=12) | st.text(max_size=8))
    return text[:place] + inserted + text[place + draw(st.integers(0, 5)) :]


@MOST
@given(configurations())
def test_a_configuration(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        read_study_config(file)
    except ConfigError as error:
        assert len(str(error)) < 5_000 and "\x1b" not in str(error)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_model(tmp_path_factory.mktemp("fuzzed") / "model")


@MOST
@given(st.data())
def test_a_model_s_configuration(model: Path, data: st.DataObject) -> None:
    """Only the two JSON files: reading the weights takes a tenth of a second each time."""
    from study.inference.model_dir import Preprocessing, Settings, _read

    name, schema = data.draw(st.sampled_from([(CONFIG, Settings), (PREPROCESSING, Preprocessing)]))
    whole = json.loads((model / name).read_text())
    file = model / f"fuzzed-{name}"
    text = json.dumps(data.draw(st.composite(lambda draw: changed(draw, whole))()))
    file.write_bytes(text.encode("utf-8", "surrogatepass")[: data.draw(st.integers(0, 2 * len(text)))])
    try:
        _read(file, schema)  # type: ignore[type-var]
    except (ConfigError, WeightsError) as error:
        assert len(str(error)) < 1_000 and "\x1b" not in str(error)


LABEL_LINES = [
    "image,level,patient,eye", "10_left,0,10,left", "10_right,4,10,right", "11_left,2,11,left", "12_left,1,12,left",
    "13_left,3,13,left",
]  # fmt: skip


@st.composite
def label_files(draw: st.DrawFn) -> bytes:
    lines = [*LABEL_LINES]
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                lines.insert(number, draw(st.text(max_size=30)))
            case 1:
                lines[number] = lines[number].replace(",", draw(st.sampled_from([";", "\t", " ", ",,", '"', "\r"])))
            case 2:
                lines[number] = f"{draw(st.sampled_from(['../x', '/etc/passwd', 'a' * 300, '=1', '﻿', '1e9']))},{number}"
            case _:
                place = draw(st.integers(0, len(lines[number])))
                lines[number] = lines[number][:place] + draw(st.text(max_size=3)) + lines[number][place:]
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return draw(st.sampled_from([data, data + b"\n", data[: len(data) // 2], b"\xef\xbb\xbf" + data, data * 3]))


@MOST
@given(label_files())
def test_a_label_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed-labels"
    if not folder.exists():
        folder.mkdir()
        for line in LABEL_LINES[1:]:
            (folder / f"{line.partition(',')[0]}.png").touch()
    (folder / "labels.csv").write_bytes(data)
    try:
        assert set(read_index(folder).table["grade"]) <= {0, 1, 2, 3, 4}
    except DataError as error:
        assert len(str(error)) < 5_000


@st.composite
def arrays(draw: st.DrawFn) -> bytes:
    """A .npy file with a header of its own, or a few bytes changed."""
    if draw(st.booleans()):
        shape = draw(st.lists(st.integers(-5, 5) | st.integers(-(2**70), 2**70), max_size=4).map(tuple))
        descr = draw(st.sampled_from(["|u1", "|i1", "<i8", "<f8", "|O", "<U9999", "|V1000000", "<M8", "x", "|S0"]))
        return header(repr({"descr": descr, "fortran_order": draw(st.booleans()), "shape": shape})) + bytes(96)
    data = bytearray(draw(st.sampled_from([IMAGES, LABELS])))
    for _ in range(draw(st.integers(1, 5))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)[: draw(st.integers(0, len(data)))]


@MOST
@given(arrays(), st.sampled_from(["train_images", "train_labels", "test_labels", "test_images"]), st.integers(0, 400))
def test_a_medmnist_file(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str, place: int) -> None:
    members = {"train_images": IMAGES, "train_labels": LABELS, name: data}
    file = npz(tmp_path_factory.getbasetemp() / "fuzzed.npz", **members)
    if place < 40:  # the archive itself is damaged, too
        content = bytearray(file.read_bytes())
        content[place * len(content) // 40] ^= 0xFF
        file.write_bytes(content)
    try:
        entries = medmnist.entries(file, chosen=True)
        assert all(0 <= entry.grade <= 4 for entry in entries)
        list(medmnist.pixels(file))
    except DataError as error:
        assert len(str(error)) < 5_000 and "\n" not in str(error)
