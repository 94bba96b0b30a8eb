from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from study.config.arms import groups_of
from study.config.study import StudyConfig, make_study_config
from study.errors import ConfigError
from study.planning.warm_start import RequestedWarmStart, make_warm_start, read_source, trials_of
from study.storage.events import TrialStarted, WarmStart
from study.storage.ledger import read_events
from study.storage.state import StudyState, study_state
from study.tuning.ask_tell import Arms
from tests.fixtures.study import study_event, write_ledger
from tests.study.tuning.test_ask_tell import Search

FIXED = {"lr": 0.01, "weight_decay": 0.001}


def _config(**flags: Any) -> StudyConfig:
    return make_study_config({}, {"epochs": 2, "early_stopping": "none", **flags})


D, S = "d" * 64, "e" * 64


def _other(home: Path, config: StudyConfig, trials: int = 8) -> None:
    events = [replace(study_event(), identity=identity(config)), *Search(config, restarts=False).run(trials)]
    write_ledger(home / "other", *events)


def identity(config: StudyConfig) -> dict[str, Any]:
    """As a plan makes it, as far as it says how scores were measured."""
    fixed = {f"fixed.{name}": value for name, value in config.fixed.items()}
    measured = {"data_digest": D, "split_digest": S, "select_on": "validation", "val_fraction": 0.2}
    return {**measured, "seed": 0, "weights": {}, **fixed}


def _asked(config: StudyConfig, warm: WarmStart | None, count: int) -> list[TrialStarted]:
    state = StudyState(study_event())
    if warm:
        state.apply(warm)
    arms = Arms(config, groups_of(config, config.arm_specs()), state)
    return [arms.ask(index) for index in range(count)]


def test_trials_of_the_same_space_are_told_and_change_what_is_suggested(tmp_path: Path) -> None:
    config = _config(sampler="tpe")
    _other(tmp_path, config, trials=40)
    told, lines = trials_of(
        "other", read_source(tmp_path, "other"), config, groups_of(config, config.arm_specs()), identity(config)
    )
    assert len(told) == 40
    assert lines == ["40 trials of study other are told to the samplers"]
    cold, warm = _asked(config, None, 8), _asked(config, WarmStart(trials=told, enqueued=[]), 8)
    assert [asked.params for asked in cold[:4]] == [asked.params for asked in warm[:4]], "what is known to learn"
    assert [asked.params for asked in cold[4:]] != [asked.params for asked in warm[4:]]
    assert [asked.number for asked in warm] == [0] * 4 + [1] * 4
    assert warm == _asked(config, WarmStart(trials=told, enqueued=[]), 8)


def test_trials_of_another_space_are_left_out_with_the_reason(tmp_path: Path) -> None:
    _other(tmp_path, _config())
    here = _config(space={"lr": {"low": 1e-3, "high": 1e-1, "log": True}, "architecture": ["resnet18", "resnet50"]})
    told, lines = trials_of(
        "other", read_source(tmp_path, "other"), here, groups_of(here, here.arm_specs()), identity(here)
    )
    assert told == []
    assert any("its axis" in line or "is not searched" in line for line in lines[1:])
    with pytest.raises(ConfigError, match="--warm-start must name a study"):
        trials_of("none", read_source(tmp_path, "none"), here, groups_of(here, here.arm_specs()), identity(here))


def test_a_study_none_of_whose_trials_fits_is_refused_with_the_reasons(tmp_path: Path) -> None:
    _other(tmp_path, _config())
    here = _config(lr=0.1)
    plan = SimpleNamespace(
        home=tmp_path, config=here, groups=groups_of(here, here.arm_specs()), identity=lambda: identity(here), name="s"
    )
    with pytest.raises(
        ConfigError, match="--warm-start other must have a trial that fits here, but has none .*its axis lr"
    ):
        make_warm_start(RequestedWarmStart("other", read_source(tmp_path, "other"), []), plan)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("here", "changed", "named"),
    [
        ({}, {"data_digest": "f" * 64}, f"`data_digest` is {D[:12]}, here it is {'f' * 12}"),
        ({"objective": "accuracy"}, {}, "`objective` is kappa, here it is accuracy"),
        ({"crop": "none"}, {}, "`crop` is fov, here it is none"),
        ({"epochs": 15}, {}, "`epochs` is 2, here it is 15"),
        ({}, {"split_digest": "t", "seed": 1}, "`seed` is 0, here it is 1"),
        ({}, {"split_digest": "t", "fold": "1/5"}, "`fold` is none, here it is 1/5"),
        ({}, {"split_digest": "a" * 64}, f"`split_digest` is {S[:12]}, here it is {'a' * 12}"),
    ],
)
def test_scores_that_were_measured_otherwise_are_never_told(
    tmp_path: Path, here: dict[str, Any], changed: dict[str, Any], named: str
) -> None:
    _other(tmp_path, _config())
    config = _config(**here)
    with pytest.raises(ConfigError, match=f"its {named}; its scores were not measured"):
        trials_of(
            "other",
            read_source(tmp_path, "other"),
            config,
            groups_of(config, config.arm_specs()),
            identity(config) | changed,
        )


def _told(tmp_path: Path, there: StudyConfig, here: StudyConfig, **changed: Any) -> tuple[int, list[str]]:
    _other(tmp_path, there)
    told, lines = trials_of(
        "other", read_source(tmp_path, "other"), here, groups_of(here, here.arm_specs()), identity(here) | changed
    )
    return len(told), [line.partition("left out: ")[2] for line in lines[1:]]


def test_a_study_of_one_arm_tells_that_arm_s_sampler(tmp_path: Path) -> None:
    one = _config(architecture="resnet18", pretrained=False)
    assert _told(tmp_path / "one", one, _config()) == (8, [])
    told, reasons = _told(tmp_path / "all", _config(), one)
    assert (told, len(reasons)) == (2, 3)
    assert "its arm resnet50-pretrained is not searched" in reasons


def test_a_default_that_was_given_is_the_default(tmp_path: Path) -> None:
    given = {"crop": "fov", "objective": "kappa", "decision": "median", "select_epoch": "last", "views": 4}
    assert _told(tmp_path / "there", _config(**given), _config()) == (8, [])
    assert _told(tmp_path / "here", _config(), _config(**given)) == (8, [])


def test_trials_with_another_fixed_value_or_one_that_is_searched_here_are_left_out(tmp_path: Path) -> None:
    sgd, adamw = _config(optimizer="sgd"), _config(optimizer="adamw")
    assert _told(tmp_path / "a", sgd, adamw)[0] == 0
    fixed = [_config(**FIXED, optimizer=optimizer) for optimizer in ("sgd", "adamw")]
    assert _told(tmp_path / "c", *fixed) == (0, ["its optimizer is sgd, here it is adamw"])
    told, reasons = _told(tmp_path / "b", _config(lr=0.1), _config())
    assert told == 0 and set(reasons) <= {f"its lr_{name} was not searched, and is here" for name in ("sgd", "adamw")}
    for read, count in (("focal", 0), ("none", 8)):  # what nothing reads is no difference
        there, here = _config(imbalance=read), _config(imbalance=read, focal_gamma=1.0)
        assert _told(tmp_path / read, there, here)[0] == count
    joint = _config(arms="joint")
    assert _told(tmp_path / "e", _config(), joint) == (0, ["its arm was not searched, and is here"])


def test_trials_that_began_from_other_weights_are_left_out(tmp_path: Path) -> None:
    config = _config()
    _other(tmp_path, config)
    _, *rest = read_events(tmp_path / "other" / "ledger.jsonl")[0]
    theirs = identity(config) | {"weights": {"resnet18": "w", "resnet50": "x"}}
    write_ledger(tmp_path / "other", replace(study_event(), identity=theirs), *rest)
    here = identity(config) | {"weights": {"resnet18": "other", "resnet50": "x"}}
    told, lines = trials_of(
        "other", read_source(tmp_path, "other"), config, groups_of(config, config.arm_specs()), here
    )
    assert len(told) == 6
    assert lines[1:] == ["2 trials of study other are left out: its arm resnet18-pretrained began from other weights"]


def test_a_study_whose_ranges_hang_on_the_optimizer_tells_one_of_the_same_ranges(tmp_path: Path) -> None:
    flags = {"epochs": 2, "early_stopping": "none"}
    ranges = {"sgd": {"low": 0.001, "high": 0.1}, "adamw": {"low": 0.001, "high": 0.01}}
    there = make_study_config({"space": {"optimizer": ["sgd", "adamw"], "lr": ranges}}, flags)
    assert _told(tmp_path / "same", there, there) == (8, [])
    wider = {**ranges, "sgd": {"low": 0.001, "high": 0.2}}
    here = make_study_config({"space": {"optimizer": ["sgd", "adamw"], "lr": wider}}, flags)
    assert _told(tmp_path / "wider", there, here) == (8, []), "every value lies inside the axis that has grown"
    narrower = {**ranges, "sgd": {"low": 0.09, "high": 0.1}}
    here = make_study_config({"space": {"optimizer": ["sgd", "adamw"], "lr": narrower}}, flags)
    told, reasons = _told(tmp_path / "narrower", there, here)
    assert 0 < told < 8, "trials of the optimizer whose range is the same fit"
    assert reasons == ["its lr_sgd lies outside the axis of this study"]


def test_the_same_configuration_again_is_a_repeat_with_another_seed() -> None:
    config = make_study_config(
        {"space": {"batch_size": [16, 32]}}, {"architecture": "resnet18", "pretrained": False, "epochs": 2}
    )
    asked = _asked(config, None, 6)
    first: dict[int, str] = {}
    for each in asked:
        size = each.config["batch_size"]
        assert each.duplicate_of == first.get(size, "")
        first.setdefault(size, each.trial)
    assert len({each.config["seed"] for each in asked}) == 6


def test_an_arm_that_was_added_catches_up_first() -> None:
    config = _config()
    search = Search(config, restarts=False)
    search.groups = {name: cells for name, cells in search.groups.items() if name != "resnet50-pretrained"}
    search._rebuild()
    events = search.run(6)
    arms = Arms(config, groups_of(config, config.arm_specs()), study_state([study_event(), *events]))
    assert [arms.ask(index).group for index in (6, 7)] == ["resnet50-pretrained"] * 2
    assert arms.ask(8).group == "resnet18-scratch"
