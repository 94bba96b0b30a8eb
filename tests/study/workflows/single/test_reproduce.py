"""A trial again: the study's data, and runs that are not there."""

from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from study.errors import ConfigError
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.resume_checks import write_study_file
from study.storage.ledger import Ledger
from study.workflows.single.reproduce import reproduce
from tests.fixtures.study import end_event, epoch_event, small_data, trial_event


def test_a_trial_is_repeated_on_the_data_of_its_study_alone(tmp_path: Path) -> None:
    flags = {"trials": 1, "image_size": 32, "architecture": "resnet18", "pretrained": False}
    plan = make_plan("s", tmp_path / "home", None, Inputs(small_data(tmp_path / "data"), overrides=flags))
    plan.folder.mkdir()
    write_study_file(plan)
    ledger = Ledger(plan.folder / "ledger.jsonl")
    for event in (plan.event(1), trial_event(0, epochs=1, image_size=32), epoch_event(0, 1, 0.3), end_event(0)):
        ledger.append(event)
    ledger.close()
    (tmp_path / "data").rename(tmp_path / "moved")
    again = partial(reproduce, "s/0000", tmp_path / "home", "sqlite:///unused.db", tmp_path / "again", " --home H")
    with pytest.raises(ConfigError, match=r"which is not there now; .*\(retina search s --data FOLDER --home H\) and "):
        again()
    (tmp_path / "moved").rename(tmp_path / "data")
    Image.new("RGB", (40, 40), (90, 0, 0)).save(plan.dataset.table["path"][0])
    with pytest.raises(ConfigError, match=r"the data must be that of study s, but its digest was \w{12} and is now"):
        again()


@pytest.mark.parametrize(
    ("name", "message"),
    [("nostudy/0000", "must name a study of this home, but study nostudy is not there; `retina st")],
)
def test_a_run_that_is_not_there_is_named(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        reproduce(name, tmp_path / "home", "sqlite:///unused.db", tmp_path / "x")
