import os
import subprocess
import sys
from pathlib import Path

import pytest

from study.lock import LockedError, is_locked, locked


def test_the_lock_names_its_owner_and_dies_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    code = (
        "import sys, time; from pathlib import Path; from study.lock import locked\n"
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
        assert (folder / "lock").read_text() == str(os.getpid())
