"""One base error for each package: the command catches these by class."""

import pickle

import pytest

from study.errors import ConfigError, StudyError
from study.storage.ledger import LedgerError
from study.storage.lock import LockedError
from study.tracking.sqlite_store import StoreError
from study.tracking.sync import TrackingError
from study.training.device_memory import DeviceError
from study.training.train import TrainingError
from study.tuning.ray_trainable import UnusableError


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (ConfigError, 2), (LedgerError, 2), (LockedError, 75), (TrackingError, 1), (StoreError, 1), (DeviceError, 1),
        (TrainingError, 1), (UnusableError, 1),
    ],
)  # fmt: skip
def test_study_error_exit_code(error: type[StudyError], exit_code: int) -> None:
    assert issubclass(error, StudyError) and error.exit_code == exit_code


def test_config_error_keeps_its_key_in_another_process() -> None:
    read = pickle.loads(pickle.dumps(ConfigError("no", ("space", "lr"), 3)))
    assert (str(read), read.keys, read.value) == ("no", ("space", "lr"), 3)
