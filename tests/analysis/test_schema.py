import pytest

from analysis import schema
from study.config.trial import TrialConfig


def test_no_name_stands_twice() -> None:
    metrics = [*schema.EPOCH_METRICS, *schema.BEST_METRICS, schema.BEST_EPOCH, schema.IMAGES_SEEN, schema.SECONDS]
    assert len(set(metrics)) == len(metrics)
    tags = [value for name, value in vars(schema).items() if name.startswith("TAG_")]
    assert len(set(tags)) == len(tags)


def test_every_state_has_a_status_that_mlflow_knows() -> None:
    states = {value for name, value in vars(schema).items() if name.startswith("STATE_")}
    assert set(schema.MLFLOW_STATUS) == states
    assert set(schema.MLFLOW_STATUS.values()) == {"RUNNING", "FINISHED", "KILLED", "FAILED"}


def test_every_arm_that_a_trial_can_have_has_its_label() -> None:
    arms = {
        TrialConfig(architecture=architecture, pretrained=pretrained).arm  # type: ignore[arg-type]
        for architecture in ("resnet18", "resnet50")
        for pretrained in (False, True)
    }
    assert set(schema.ARM_LABELS) == arms


def test_every_score_of_validation_is_a_metric_and_has_its_best() -> None:
    for score in schema.SCORES:
        assert f"val/{score}" in schema.VAL_METRICS
        assert f"best/val_{score}" in schema.BEST_METRICS
    assert schema.hparam("lr") == "hparam/lr"


@pytest.mark.parametrize(
    ("objective", "selection_split", "folds", "endpoint"),
    [
        ("kappa", "validation", False, "kappa of the arm that validation chose, on test images of patients who are not "
         "in training, mean over seeds"),
        ("accuracy", "validation", True, "accuracy of each fold's arm that validation chose, all folds pooled, on test "
         "images of patients who are not in training, mean over seeds"),
        ("kappa", "test", False, ""),
    ],
)  # fmt: skip
def test_the_primary_endpoint_in_words(objective: str, selection_split: str, folds: bool, endpoint: str) -> None:
    assert schema.primary_endpoint(objective, selection_split, folds) == endpoint


def test_a_fold_is_called_by_the_name_of_all() -> None:
    assert schema.whole_name("many-fold2", "2/5") == "many"
    assert schema.whole_name("many-fold2", "") == "many-fold2"
