import errno
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from study.errors import ConfigError
from study.storage.lock import LockedError, is_locked, locked


def test_the_lock_names_its_owner_and_dies_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    code = (
        "import sys, time; from pathlib import Path; from study.storage.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    with pytest.raises(LockedError, match=f"process {owner.pid}"), locked(folder):
        pass
    assert is_locked(folder)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert not is_locked(folder)
    with locked(folder):
        assert (folder / "lock").read_text() == f"{os.getpid()} on {socket.gethostname()}"


def test_a_file_system_without_locks_is_named_and_not_taken_for_a_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    refused = pytest.raises(ConfigError, match="must lock files .flock., but does not .Function not implemented.")
    with refused, locked(tmp_path / "study"):
        pass
