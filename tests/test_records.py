from analysis import records
from study.config import TrialConfig


def test_no_name_stands_twice() -> None:
    metrics = [*records.EPOCH_METRICS, *records.BEST_METRICS, records.BEST_EPOCH, records.IMAGES_SEEN, records.SECONDS]
    assert len(set(metrics)) == len(metrics)
    tags = [value for name, value in vars(records).items() if name.startswith("TAG_")]
    assert len(set(tags)) == len(tags)


def test_every_state_has_a_status_that_mlflow_knows() -> None:
    states = {value for name, value in vars(records).items() if name.startswith("STATE_")}
    assert set(records.MLFLOW_STATUS) == states
    assert set(records.MLFLOW_STATUS.values()) == {"RUNNING", "FINISHED", "KILLED", "FAILED"}


def test_every_arm_that_a_trial_can_have_has_its_label() -> None:
    arms = {
        TrialConfig(architecture=architecture, pretrained=pretrained).arm  # type: ignore[arg-type]
        for architecture in ("resnet18", "resnet50")
        for pretrained in (False, True)
    }
    assert set(records.ARM_LABELS) == arms


def test_every_score_of_validation_is_a_metric_and_has_its_best() -> None:
    for score in records.SCORES:
        assert f"val/{score}" in records.VAL_METRICS
        assert f"best/val_{score}" in records.BEST_METRICS
    assert records.hparam("lr") == "hparam/lr"
