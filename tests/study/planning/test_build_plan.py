import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis import schema
from retina_data.cache.preparation import prepare
from retina_data.errors import DataError
from retina_data.layouts.dataset import read_index
from retina_data.layouts.patients.signs import Cause, Sign
from retina_models.errors import WeightsError
from retina_models.resnet import resnet18, resnet50
from retina_models.weights import save_weights
from study.errors import ConfigError
from study.planning import build_plan as plan_module
from study.planning.build_plan import make_plan
from study.planning.inputs import Inputs
from study.planning.plan import Plan
from study.planning.resume_checks import check_room_for_arms, write_study_file
from study.storage.events import encode, parse
from study.storage.gate.ledger_events import checked_event
from study.storage.home import Home
from study.storage.ledger import Ledger, read_events
from study.storage.state import StudyState, study_state
from study.storage.study_file import STUDY_FILE
from study.tuning.confirmation import ConfirmationConfig, check_confirmable
from study.workflows import search
from study.workflows.running.compute import Compute
from tests.fixtures.study import end_event, epoch_event, small_data, squash, trial_event

BOTH = ["sgd", "adamw"]
FLAGS = {"image_size": 32, "epochs": 3, "trials": 4}


def _plan(folder: Path, state: StudyState | None = None, **flags: Any) -> Plan:
    data = None if state and state.study else folder / "data"
    return make_plan("s", folder / "home", state or None, Inputs(data=data, overrides={**FLAGS, **flags}))


def _started(plan: Plan) -> StudyState:
    """The state after the study's first event, as it comes back from the ledger."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_study_file(plan)
    return StudyState(checked_event(parse(encode(plan.event(2)))))  # type: ignore[arg-type]


def test_arms_without_weights_are_left_out_with_the_reason(folder: Path) -> None:
    plan = _plan(folder, weights={"resnet18": str(folder / "r18.safetensors")})
    assert list(plan.groups) == ["resnet18-scratch", "resnet18-pretrained", "resnet50-scratch"]
    assert list(plan.not_run) == ["resnet50-pretrained"]
    assert plan.not_run["resnet50-pretrained"].reason.startswith("ImageNet weights resnet50-")
    assert any("weights of resnet18: r18.safetensors, loaded" in note for note in plan.notes)


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    with pytest.raises(WeightsError, match="must hold all of a resnet18 but its head"):
        _plan(folder, weights={"resnet18": str(folder / "r50.safetensors")})


def test_going_on_needs_neither_data_nor_configuration(folder: Path) -> None:
    plan = _plan(folder, lr=0.05)
    state = _started(plan)
    again = make_plan("s", folder / "home", state, Inputs())
    assert again.config == plan.config
    assert again.identity() == plan.identity()
    grown = make_plan("s", folder / "home", state, Inputs(overrides={"trials": 9}))
    assert grown.config.trials == 9


def test_a_study_whose_ranges_hang_on_the_optimizer_goes_on(folder: Path) -> None:
    space = {"optimizer": BOTH, "lr": {"sgd": {"low": 0.01, "high": 0.1}, "adamw": {"low": 0.001, "high": 0.01}}}
    plan = _plan(folder, space=space)
    again = make_plan("s", folder / "home", _started(plan), Inputs())
    assert again.config == plan.config
    assert again.identity() == plan.identity()


def test_data_that_moved_is_known_by_its_content(folder: Path, tmp_path: Path) -> None:
    plan = _plan(folder)
    state = _started(plan)
    small_data(tmp_path / "moved")
    moved = make_plan("s", folder / "home", state, Inputs(data=tmp_path / "moved"))
    assert moved.prepared.cache.digest == plan.prepared.cache.digest
    small_data(tmp_path / "other", patients=31)
    with pytest.raises(ConfigError, match="`data_digest` must stay what study s began with"):
        make_plan("s", folder / "home", state, Inputs(data=tmp_path / "other"))


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        ({"seed": 1}, "seed"),
        ({"val_fraction": 0.4}, "val_fraction"),
        ({"epochs": 4}, "fixed.epochs"),
        ({"objective": "accuracy"}, "fixed.objective"),
        ({"lr": 0.1}, "fixed.lr"),
        ({"decision": "most_probable"}, "fixed.decision"),
        ({"select_epoch": "best"}, "fixed.select_epoch"),
        ({"views": 1}, "fixed.views"),
        ({"finalists": 4}, "finalists"),
        ({"repeats": 3}, "repeats"),
        (
            {"space": {"lr": {"sgd": {"low": 0.1, "high": 1}, "adamw": {"low": 0.1, "high": 1}}, "optimizer": BOTH}},
            "space.lr",
        ),
        ({"space": {"lr": [0.1, 0.2]}}, "space.lr"),
        ({"sampler": "random"}, "sampler"),
        ({"early_stopping": "halving"}, "early_stopping"),
    ],
)
def test_what_changed_is_named(folder: Path, flags: dict[str, Any], field: str) -> None:
    state = _started(_plan(folder))
    with pytest.raises(ConfigError, match=f"`{field}` must stay what study s began with"):
        _plan(folder, state, **flags)


def test_a_default_that_is_given_or_left_out_is_no_change(folder: Path) -> None:
    defaults = {"crop": "fov", "schedule": "one_cycle", "views": 4, "select_epoch": "last"}
    for began, now in (({}, defaults), ({"crop": "fov", "lr": 0.05}, {"lr": 0.05})):
        plan = _plan(folder, **began)
        state = _started(plan)
        (folder / "s.yaml").write_text(yaml.safe_dump({"trials": 4, "fixed": {"image_size": 32, "epochs": 3, **now}}))
        again = make_plan("s", folder / "home", state, Inputs(folder / "data", config_file=folder / "s.yaml"))
        assert again.prepared.split_digest == plan.prepared.split_digest
    state = _started(_plan(folder))
    with pytest.raises(ConfigError, match="`fixed.lr` must stay"):  # searched before, though 0.001 is its default
        _plan(folder, state, lr=0.001)


def test_a_study_can_end_with_the_trials_that_have_begun_but_with_no_fewer(folder: Path) -> None:
    state = _started(_plan(folder))
    for number in range(3):
        state.apply(trial_event(number))
    assert _plan(folder, state, trials=3).config.trials == 3
    with pytest.raises(ConfigError, match="`trials >= 3` must hold for study s, but got trials=2; so many have begun"):
        _plan(folder, state, trials=2)


def test_a_study_that_ends_earlier_says_so_in_its_ledger(folder: Path) -> None:
    plan = replace(_plan(folder), name="early")
    state = _started(plan)
    assert state.study and state.study.config["trials"] == 4
    ledger = Ledger(plan.folder / "ledger.jsonl")
    ledger.append(plan.event(2))
    for number in range(2):
        for event in (trial_event(number, epochs=1), epoch_event(number, 1, 0.3), end_event(number)):
            ledger.append(event)
    fewer = replace(plan, config=plan.config.model_copy(update={"trials": 2}))
    here = Home(folder / "home", "sqlite://", None)
    code = search._search(fewer, ledger, here, Compute())
    ledger.close()
    after = study_state(read_events(plan.folder / "ledger.jsonl")[0])
    assert code == 0 and after.study and after.study.config["trials"] == 2
    assert [event.kind for event in ledger.events[-2:]] == ["study", "study_closed"]
    check_confirmable("early", after, ConfirmationConfig())


def test_an_arm_that_is_added_to_a_full_study_must_bring_its_trials(folder: Path) -> None:
    state, plan = _started(replace(_plan(folder, architecture="resnet18"), name="full")), _plan(folder)
    with pytest.raises(ConfigError, match="has all its 4; for resnet50-scratch give .*: --trials 8"):
        check_room_for_arms(plan, state)


def test_a_study_file_that_was_damaged_says_what_to_give(folder: Path) -> None:
    plan = replace(_plan(folder), name="damaged")
    state = _started(plan)
    (plan.folder / STUDY_FILE).write_text("data: x\n")
    with pytest.raises(ConfigError, match="restore it, or give --data and --config"):
        make_plan("damaged", folder / "home", state, Inputs())


def test_what_a_reader_must_know_is_a_note(folder: Path) -> None:
    notes = " / ".join(_plan(folder, trials=5, arms="separate", early_stopping="halving").notes)
    assert "early stopping is idle: 2 trials in an arm, fewer than 3" in notes
    assert "5 trials over 2 arms are not the same number each; use a multiple of 2" in notes
    assert "a trial's score is its highest epoch" not in notes
    best = " / ".join(_plan(folder, select_epoch="best").notes)
    assert "a trial's score is its highest epoch (select_epoch=best): the maximum of noise flatters" in best
    lab = " / ".join(_plan(folder, select_on="test").notes)
    assert "epochs and trials are chosen on the test split: scores are optimistic" in lab


def test_rules_that_join_fields_are_broken_before_the_search(folder: Path) -> None:
    with pytest.raises(ConfigError, match="set pretrained or freeze_epochs=0"):
        _plan(folder, freeze_epochs=1, pretrained=False)
    with pytest.raises(ConfigError, match="freeze_epochs < epochs must hold"):
        _plan(folder, freeze_epochs=3, weights={"resnet18": str(folder / "r18.safetensors")})
    plan = _plan(folder, freeze_epochs=1, weights={"resnet18": str(folder / "r18.safetensors")})
    assert "resnet18-scratch" in plan.groups  # the arms without weights have nothing to freeze


def test_an_arm_can_be_added_when_its_weights_are_there(folder: Path) -> None:
    state = _started(_plan(folder))
    weights = {"weights": {"resnet18": str(folder / "r18.safetensors")}}
    later = _plan(folder, state, **weights)
    assert list(later.groups) == ["resnet18-scratch", "resnet50-scratch"]
    assert later.not_run["resnet18-pretrained"].reason == "not of this study; --add-arm resnet18-pretrained adds it"
    inputs = Inputs(overrides=weights, add_arms=("resnet18-pretrained",))
    grown = make_plan("s", folder / "home", state, inputs)
    assert list(grown.groups) == ["resnet18-scratch", "resnet18-pretrained", "resnet50-scratch"]
    with pytest.raises(ConfigError, match="--add-arm must name an arm that can run"):
        make_plan("s", folder / "home", state, Inputs(add_arms=("resnet50-pretrained",)))
    with pytest.raises(ConfigError, match="--add-arm needs a study that exists"):
        make_plan("new", folder / "home", None, Inputs(data=folder / "data", add_arms=("resnet18-scratch",)))


def test_the_kind_of_weights_is_recorded_and_no_arm_of_another_kind_is_added(folder: Path, tmp_path: Path) -> None:
    plan = replace(_plan(folder, weights={"resnet18": str(folder / "r18.safetensors")}), name="kinds")
    told = plan.event(2).weights
    assert told == {
        "resnet18": {"source": "r18.safetensors", "kind": "file", "digest": plan.weights["resnet18"]["digest"]}
    }
    state = _started(plan)
    plan.keep_weights()
    file = tmp_path / "r50.safetensors"
    save_weights(file, resnet50(seed=1).state_dict(), {"kind": "synthetic"})
    inputs = Inputs(overrides={"weights": {"resnet50": str(file)}}, add_arms=("resnet50-pretrained",))
    with pytest.raises(ConfigError, match="those of resnet18 are file .* and those of resnet50 are synthetic"):
        make_plan("kinds", folder / "home", state, inputs)
    save_weights(file, resnet50(seed=1).state_dict(), {})
    grown = make_plan("kinds", folder / "home", state, inputs)
    assert [grown.weights[name]["name"] for name in ("resnet18", "resnet50")] == ["r18.safetensors", "r50.safetensors"]
    with pytest.raises(ConfigError, match="pretrained weights of one study must be of one kind"):
        _plan(folder, weights={"resnet18": str(_synthetic(tmp_path)), "resnet50": str(file)})


def _synthetic(folder: Path) -> Path:
    save_weights(folder / "made.safetensors", resnet18(seed=1).state_dict(), {"kind": "synthetic"})
    return folder / "made.safetensors"


def test_where_no_arm_can_run_what_helps_is_named(folder: Path) -> None:
    inputs = Inputs(folder / "data", overrides={**FLAGS, "pretrained": True}, rerun_flags=" --home h")
    with pytest.raises(ConfigError, match=r"no arm can run: .* make synthetic ones \(retina pretrain --home h\)"):
        make_plan("none", folder / "home", None, inputs)


def test_an_arm_whose_weights_are_gone_is_named(folder: Path) -> None:
    state = _started(replace(_plan(folder, weights={"resnet18": str(folder / "r18.safetensors")}), name="s"))
    with pytest.raises(
        ConfigError, match="arm resnet18-pretrained of study s must be able to go on, but ImageNet weights"
    ):
        _plan(folder, state, weights={"resnet18": "imagenet"})


def test_what_samplers_are_told_is_for_the_beginning(folder: Path) -> None:
    state = _started(_plan(folder))
    state.apply(trial_event(0))
    with pytest.raises(ConfigError, match="--warm-start and --enqueue are for a study's beginning"):
        make_plan("s", folder / "home", state, Inputs(source_study="other"))
    with pytest.raises(ConfigError, match="--warm-start must name a study of"):
        make_plan("new", folder / "home", None, Inputs(data=folder / "data", source_study="other"))


def test_the_same_command_goes_on_though_it_says_what_samplers_were_told(folder: Path) -> None:
    enqueued = folder / "tries.yaml"
    enqueued.write_text("- {optimizer: sgd, lr: 0.01}\n")
    inputs = Inputs(enqueued=enqueued)
    killed = _started(_plan(folder))  # between its first event and what samplers are told
    warm = make_plan("s", folder / "home", killed, inputs).warm_start
    assert warm is not None and warm.enqueued[0]["params"] == {"optimizer": "sgd", "lr_sgd": 0.01}
    killed.apply(warm)
    with pytest.raises(
        ConfigError, match="--warm-start and --enqueue are for a study's beginning"
    ):  # not even before a trial
        make_plan("s", folder / "home", killed, replace(inputs, source_study="s"))
    killed.apply(trial_event(0))
    assert make_plan("s", folder / "home", killed, inputs).warm_start is None
    enqueued.write_text("- {optimizer: sgd, lr: 0.02}\n")
    with pytest.raises(ConfigError, match="--warm-start and --enqueue are for a study's beginning"):
        make_plan("s", folder / "home", killed, inputs)


def test_the_same_command_goes_on_though_it_adds_an_arm(folder: Path) -> None:
    weights = {"weights": {"resnet18": str(folder / "r18.safetensors")}}
    inputs = Inputs(overrides=weights, add_arms=("resnet18-pretrained",))
    grown = make_plan("s", folder / "home", _started(replace(_plan(folder), name="s")), inputs)
    again = make_plan("s", folder / "home", _started(grown), inputs)
    assert list(again.groups) == list(grown.groups)


def test_images_that_are_equal_are_a_recorded_note(tmp_path: Path) -> None:
    """The audit counts patients by name; the parts of the split count those whose images are equal as one."""
    table = read_index(small_data(tmp_path / "data")).table
    alike = table[table["split"] == "train"].drop_duplicates("patient").head(2)
    shutil.copy(alike["path"].iloc[0], alike["path"].iloc[1])
    notes = make_plan("s", tmp_path, None, Inputs(tmp_path / "data", overrides=FLAGS)).event(2).notes
    assert any("1 photographs are equal byte for byte" in note and "30 patients become 29" in note for note in notes)


def test_images_that_are_left_out_are_counted_in_an_event_that_can_be_read_again(tmp_path: Path) -> None:
    """Training images that stand in the test list too, and those that cannot be read."""
    data = small_data(tmp_path / "data")
    table = read_index(data).table
    first = {split: table[table["split"] == split]["path"] for split in ("train", "test")}
    shutil.copy(first["test"].iloc[0], first["train"].iloc[0])
    Path(first["train"].iloc[-1]).write_bytes(b"no image")
    prepare(read_index(data), tmp_path, image_size=32, on_error="skip", progress=False)
    plan = make_plan("s", tmp_path, None, Inputs(data, overrides=FLAGS))
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(plan.event(2))
    ledger.close()
    study = study_state(read_events(tmp_path / "ledger.jsonl")[0]).study
    assert study.splits["excluded"] == 2 and sum(study.splits.values()) == len(table)
    assert any(note.startswith("1 training images stand byte for byte in the test list too") for note in study.notes)
    assert any(note.startswith("1 images could not be read") for note in study.notes)


def test_squashed_photographs_are_a_recorded_note(tmp_path: Path) -> None:
    squash(small_data(tmp_path / "data"))
    notes = make_plan("s", tmp_path, None, Inputs(tmp_path / "data", overrides=FLAGS)).event(2).notes
    assert sum("squashed: their field of view is an ellipse" in note for note in notes) == 1


def test_another_layout_is_named_before_the_digests_that_follow_from_it(folder: Path, tmp_path: Path) -> None:
    place = small_data(tmp_path / "data")
    labels = read_index(place).table[["image", "grade"]].set_axis(["image", "level"], axis=1)
    labels.to_csv(place / "trainLabels.csv", index=False)
    inputs = Inputs(place, layout="kaggle", overrides=FLAGS)
    state = _started(make_plan("s", tmp_path / "home", None, inputs))
    with pytest.raises(ConfigError, match="`layout` must stay kaggle, .* but is now lab; give --layout kaggle"):
        make_plan("s", tmp_path / "home", state, Inputs(layout="lab"))


def test_what_needs_no_photograph_is_refused_before_any_is_decoded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = _started(_plan(folder))
    monkeypatch.setattr(plan_module, "prepare_data", lambda *_, **__: pytest.fail("photographs were decoded"))
    with pytest.raises(ConfigError, match="`fixed.image_size` must stay what study s began with, but it was 32"):
        _plan(folder, state, image_size=64)
    with pytest.raises(ConfigError, match="`seed` must stay"):
        _plan(folder, state, seed=1)
    (folder / "try.yaml").write_text("- {optimizer: sgd, lr: 7.0}\n")
    for inputs, message in (
        (Inputs(folder / "data", overrides=FLAGS, enqueued=folder / "try.yaml"), "lr_sgd must lie in"),
        (Inputs(folder / "data", overrides=FLAGS, source_study="nobody"), "--warm-start must name a study"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_plan("new", folder / "home", None, inputs)


def test_a_pattern_of_patients_is_part_of_the_datas_identity(folder: Path) -> None:
    plan = _plan(folder)
    with pytest.raises(ConfigError, match="`data_digest` must stay what study s began with"):
        _plan(folder, _started(plan), patient_pattern="(?P<patient>.+)")
    again = _started(_plan(folder, patient_pattern="(?P<patient>.+)"))
    assert make_plan("s", folder / "home", again, Inputs()).config.patient_pattern == "(?P<patient>.+)"


def test_signs_that_patients_are_wrong_are_said_before_photographs_are_decoded(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode_nothing(*_: Any, **__: Any) -> None:
        raise DataError("photographs are decoded now")

    monkeypatch.setattr(plan_module, "prepare_data", decode_nothing)
    with pytest.raises(DataError, match="photographs are decoded now"):
        _plan(folder, patient_pattern="(?P<patient>_)")
    (line,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert line.startswith("patients may be wrong: images must be of several patients, but all 60 are taken for")


def test_signs_that_patients_are_wrong_are_recorded_without_a_name(folder: Path) -> None:
    sign = Sign(Cause.MANY_IMAGES, "several", "name them", {"images": 9}, ("secret",))
    plan = _plan(folder)
    event = replace(plan, dataset=replace(plan.dataset, signs=(sign,))).event(1)
    found = [one for one in event.audit["findings"] if one["kind"] == schema.FINDING_DOUBTFUL_PATIENTS]
    assert found == [{"kind": "doubtful patients", "count": 9, "text": "several; name them"}]
    assert b"secret" not in encode(event)


def test_a_dry_run_of_a_new_study_decodes_one_photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Splits and arms are those that the search will have; what only the photographs can tell is said to be open."""
    data, home = small_data(tmp_path / "data"), tmp_path / "home"
    inputs = Inputs(data=data, overrides={"image_size": 32, "architecture": "resnet18", "pretrained": False})
    monkeypatch.setattr("study.planning.build_plan.prepare_data", None)
    seen = make_plan("s", home, None, inputs, dry=True)
    assert not home.exists()
    (note,) = [line for line in seen.notes if "headers and one photograph" in line]
    assert note.startswith("photographs are not prepared yet") and f"GB in {home / 'cache'}" in note
    monkeypatch.undo()
    plan = make_plan("s", home, None, inputs)
    assert seen.prepared.splits.tolist() == plan.prepared.splits.tolist()
    assert (seen.arms, seen.groups, seen.config) == (plan.arms, plan.groups, plan.config)
    again = make_plan("s", home, None, inputs, dry=True)  # by now they are prepared
    assert again.notes == plan.notes and again.prepared.cache.digest
    moved = replace(inputs, data=data.rename(tmp_path / "moved"))
    notes = make_plan("s", home, None, moved, dry=True).notes
    assert any(line.startswith("photographs of the same names, grades and splits are prepared") for line in notes)
    assert make_plan("s", home, None, moved).caches == plan.caches


def test_a_dry_run_says_that_the_search_would_be_refused(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data")
    Path(read_index(data).table["path"][0]).write_bytes(b"")
    inputs = Inputs(data=data, overrides={"image_size": 32, "architecture": "resnet18", "pretrained": False})
    notes = make_plan("s", tmp_path / "home", None, inputs, dry=True).notes
    assert any(
        line.startswith("the search would be refused, since photographs cannot be read, 1 of ") for line in notes
    )
    with pytest.raises(DataError, match="every image must be readable"):
        make_plan("s", tmp_path / "home", None, inputs)
