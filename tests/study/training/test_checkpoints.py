import hashlib
import io
import resource
from pathlib import Path

import pandas as pd
import pytest
import torch

from study.training import checkpoints
from study.training.checkpoints import (
    LAST,
    PREDICTIONS,
    PREVIOUS,
    drop_last,
    load_last,
    save_last,
    save_predictions,
)
from tests.fixtures.study import predictions


def _saved(folder: Path, epochs: int) -> None:
    for epoch in range(1, epochs + 1):
        save_last(
            folder, {"epoch": epoch, "model": {"w": torch.full((3,), float(epoch))}}, {"epoch": epoch, "best": 0.1}
        )


def test_the_last_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    _saved(tmp_path, 3)
    loaded = load_last(tmp_path)
    assert loaded is not None
    state, report = loaded
    assert state["epoch"] == 3
    assert torch.equal(state["model"]["w"], torch.full((3,), 3.0))
    assert report == {"epoch": 3, "best": 0.1}


@pytest.mark.parametrize("room", [100, 400_000, 4_000_100])
def test_a_disk_without_room_is_the_disk_s_error_and_the_file_before_stays(tmp_path: Path, room: int) -> None:
    """As it is full before, within and after the tensor."""
    _saved(tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_last(tmp_path, {"epoch": 2, "model": {"w": torch.zeros(1_000_000)}}, {"epoch": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    loaded = load_last(tmp_path)
    assert loaded and loaded[0]["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == [LAST]


def test_a_checkpoint_is_its_digest_and_what_torch_saved(tmp_path: Path) -> None:
    """Pieces that are hashed beside their writing, and small ones: the file is that of one buffer."""
    state = {"model": {"large": torch.arange(100_000.0), "small": torch.ones(3)}}
    save_last(tmp_path, state, {"epoch": 1})
    data = (tmp_path / LAST).read_bytes()
    assert hashlib.sha256(data[32:]).digest() == data[:32]
    loaded = torch.load(io.BytesIO(data[32:]), weights_only=True)
    assert torch.equal(loaded["state"]["model"]["large"], state["model"]["large"])
    assert torch.serialization.get_crc32_options(), "what others save keeps its checksums"


@pytest.mark.parametrize("damage", ["cut", "bit"])
def test_a_damaged_checkpoint_is_seen_and_the_one_before_is_used(tmp_path: Path, damage: str) -> None:
    _saved(tmp_path, 2)
    data = bytearray((tmp_path / LAST).read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    else:
        data[len(data) // 2] ^= 1
    (tmp_path / LAST).write_bytes(bytes(data))
    loaded = load_last(tmp_path)
    assert loaded is not None
    assert loaded[0]["epoch"] == 1


def test_damaged_checkpoints_are_said_in_a_line_and_dropped(tmp_path: Path) -> None:
    folder, said = tmp_path / "0007", list[str]()
    _saved(folder, 2)
    assert load_last(folder, said.append) and not said
    (folder / LAST).write_bytes((folder / LAST).read_bytes()[:-1])
    loaded = load_last(folder, said.append)
    assert loaded and loaded[0]["epoch"] == 1
    assert said == [
        "trial 0007: last.checkpoint is damaged (the SHA-256 is another) and dropped; "
        "the one before is used, of epoch 1"
    ]
    assert not (folder / LAST).exists()
    save_last(folder, {"epoch": 2}, {"epoch": 2})
    assert (folder / PREVIOUS).exists(), "the good one stays"
    for name in (LAST, PREVIOUS):
        (folder / name).write_bytes(b"x" * 99)
    assert load_last(folder, said.append) is None
    assert said[1:] == [
        "trial 0007: last.checkpoint and previous.checkpoint are damaged (the SHA-256 is another) and dropped; "
        "there is no other, so the trial begins again"
    ]
    assert load_last(folder, said.append) is None and len(said) == 2


def test_the_last_checkpoint_stays_until_the_next_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: io.FileIO, data: bytes | memoryview) -> None:
        handle.write(data[:100])
        raise OSError("no room")

    _saved(tmp_path, 2)
    with monkeypatch.context() as patched, pytest.raises(OSError, match="no room"):
        patched.setattr(checkpoints, "write_all", full)
        save_last(tmp_path, {"epoch": 3, "w": torch.ones(100_000)}, {"epoch": 3})
    loaded = load_last(tmp_path)
    assert loaded is not None
    assert loaded[0]["epoch"] == 2
    drop_last(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_checkpoint_is_no_error(tmp_path: Path) -> None:
    assert load_last(tmp_path / "none") is None
    _saved(tmp_path, 2)
    drop_last(tmp_path)
    assert load_last(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_predictions_hold_numbers_only(tmp_path: Path) -> None:
    save_predictions(tmp_path, predictions())
    table = pd.read_parquet(tmp_path / PREDICTIONS)
    assert list(table.columns) == ["row", "patient", "grade", "p0", "p1", "p2", "p3", "p4"]
    assert all(kind.kind in "if" for kind in table.dtypes)
