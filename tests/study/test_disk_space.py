import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from study.disk_space import check_room, disk_error_text, is_full, needed, size
from study.storage.ledger import Ledger, read_events
from study.training.checkpoints import load_last, save_last
from tests.fixtures.study import close_event, epoch_event, study_event


def test_a_full_disk_is_known_through_whatever_library_says_so() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/home/somebody/last.pt")
    assert is_full(full)
    assert disk_error_text(full) == "No space left on device: last.pt; free some space first"
    through = RuntimeError("(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT ...]")
    assert is_full(through)
    assert disk_error_text(through) == "disk is full; free some space first"
    other = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/x/best.safetensors")
    assert not is_full(other)
    assert disk_error_text(other) == "Permission denied: best.safetensors"


def test_what_is_told_of_an_error_names_no_folder() -> None:
    """Libraries raise OSErrors of one text, which holds the path; it is cut before the text is."""
    bare = OSError("Unable to open file '/home/Jane Doe/cache/images.npy'")
    assert disk_error_text(bare) == "Unable to open file 'images.npy'"
    in_words = OSError(errno.EIO, "cannot read /home/Jane Doe/cache/images.npy")
    assert disk_error_text(in_words) == "cannot read images.npy"
    long = RuntimeError(f"{'x' * 180} '/home/Jane Doe/{'y' * 50}/z'")
    assert disk_error_text(long) == f"{'x' * 180} 'z'"


def test_what_is_needed_grows_with_slots_arms_and_the_network() -> None:
    one = needed({"resnet18"}, {"sgd"}, arms=1, max_concurrent=1, kept=3)
    weights = 11.18e6 * 4
    assert one == pytest.approx(3 * 2 * weights + weights + 4 * weights + 64 * 2**20, rel=0.01)
    assert needed({"resnet18"}, {"sgd"}, arms=1, max_concurrent=2, kept=3) - one == pytest.approx(7 * weights, rel=0.01)
    assert needed({"resnet18"}, {"sgd"}, arms=2, max_concurrent=1, kept=3) - one == pytest.approx(4 * weights, rel=0.01)
    assert needed({"resnet18", "resnet50"}, {"sgd", "adamw"}, arms=1, max_concurrent=1, kept=3) > 2 * one


def test_too_little_room_is_said_with_how_much_and_where(tmp_path: Path) -> None:
    check_room(tmp_path / "not" / "there", 10)
    with pytest.raises(
        ValueError, match=rf"1000000\.0 GB must be free .* on the disk of {tmp_path}, but only .* are; "
    ):
        check_room(tmp_path / "not" / "there", 10**15)


def test_what_a_study_has_written_is_not_asked_for_again(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    with (tmp_path / "last.pt").open("wb") as file:
        file.truncate(free)  # sparse: it takes no room itself
    check_room(tmp_path, int(free * 1.5))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_leaves_ledger_and_checkpoint_as_they_were(small_disk: Path) -> None:
    """The short form of the disks in tests/faults."""
    ledger = Ledger(small_disk / "ledger.jsonl")
    ledger.append(study_event())
    save_last(small_disk, {"epoch": 1}, {"epoch": 1})
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(4096))
    with pytest.raises(OSError, match="No space left on device"):
        while True:  # what is left of the ledger's last block takes some lines
            ledger.append(epoch_event(0, 1, 0.5))
    held = (small_disk / "ledger.jsonl").read_bytes()
    assert len(held.splitlines()) == len(ledger.events) and held.endswith(b"\n")
    with pytest.raises(OSError, match="No space left on device"):
        save_last(small_disk, {"epoch": 2}, {"epoch": 2})
    (small_disk / "ballast").unlink()
    ledger.append(close_event("failed"))
    ledger.close()
    assert read_events(small_disk / "ledger.jsonl")[0] == ledger.events
    loaded = load_last(small_disk)
    assert loaded is not None
    assert loaded[0]["epoch"] == 1


def test_sizes_are_readable() -> None:
    assert (size(512_300_000), size(2_340_000_000)) == ("512 MB", "2.3 GB")
