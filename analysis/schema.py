"""Every name that a study records: metrics, parameters, tags, artifacts.

`study` writes under these names and `analysis` reads under them; nothing else spells one out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from retina_data.grades import GRADE_NAMES as GRADE_NAMES
from retina_data.grades import GRADES as GRADES
from retina_data.grades import PROBABILITIES as PROBABILITIES
from retina_data.grades import REFERABLE_FROM as REFERABLE_FROM

ARM_LABELS = {
    "resnet18-scratch": "ResNet18, from scratch",
    "resnet18-pretrained": "ResNet18, pretrained",
    "resnet50-scratch": "ResNet50, from scratch",
    "resnet50-pretrained": "ResNet50, pretrained",
}
"""The four arms of the comparison, in the order in which every table and figure shows them."""

SOURCES = {"imagenet": "ImageNet", "synthetic": "synthetic", "file": "own file"}
"""Kind of source weights, as a study's event and study.json have it -> how a reader knows it."""


def label(arm: str, weights: Mapping[str, Any]) -> str:
    """`ResNet18, from scratch`; `ResNet18, pretrained (ImageNet)`, without the source where it is not recorded.

    weights: architecture -> {"kind", ...}, as a study's event has it.
    """
    source = weights.get(arm.partition("-")[0])
    kind = SOURCES.get(str(source.get("kind", "")), "") if isinstance(source, Mapping) else ""
    return f"{ARM_LABELS[arm]} ({kind})" if kind and arm.endswith("-pretrained") else ARM_LABELS[arm]


SCORES = (
    "accuracy",
    "kappa",
    "balanced_accuracy",
    "macro_f1",
    "auc",
    *(f"recall_{grade}" for grade in GRADES),
)
"""Scores of one set of predictions, each in [0, 1] except kappa in [-1, 1]; an undefined one is left out."""

TRAIN_METRICS = ("train/loss", "train/accuracy", "train/kappa")

VAL_METRICS = ("val/loss", *(f"val/{score}" for score in SCORES))

EPOCH_METRICS = (*TRAIN_METRICS, *VAL_METRICS, "images_per_second")
"""Logged once for each epoch; step = epoch, counted from 1."""

BEST_EPOCH = "best/epoch"

BEST_METRICS = ("best/val_loss", *(f"best/val_{score}" for score in SCORES))
"""Logged once, all taken at the epoch that the objective selects."""

TEST_METRICS = tuple(f"test/{score}" for score in SCORES)
"""Of a confirmation, once; step = its last epoch. All photographs of the test split."""

NEW_PATIENTS_METRICS = tuple(f"test_new_patients/{score}" for score in SCORES)
"""The same over the test photographs whose patient is not in training; only where that is not all of them."""

IMAGES_SEEN = "budget/images_seen"

SECONDS = "budget/seconds"

PEAK_MEMORY = "budget/peak_memory_mb"
"""Of a trial on a GPU: most that torch's tensors took there, 10^6 bytes."""

UTILISATION = "budget/utilisation"
"""Of a trial on a GPU: share of its time in which any process computed on that GPU, as NVML tells it."""

PEAK_RESIDENT = "budget/peak_resident_mb"
"""Most memory of the trial's process on its machine, with the pages of the cache that it had read, 10^6 bytes."""

CPU_UTILISATION = "budget/cpu_utilisation"
"""Share of the time of the trial's threads in which its process computed."""

USE_METRICS = (PEAK_MEMORY, UTILISATION, PEAK_RESIDENT, CPU_UTILISATION)
"""Logged once for each trial and confirmation; what could not be told is left out."""


def hparam(name: str) -> str:
    """Metric that repeats a numeric hyperparameter (MLflow filters parameters as text only)."""
    return f"hparam/{name}"


def fold_name(name: str, fold: int) -> str:
    """Study of one outer fold (from 1) of the study `name`."""
    return f"{name}-fold{fold}"


def fold_of(text: str) -> tuple[int, int]:
    """(number, of how many) of an outer fold such as "2/5"; (0, 0) of a study that is none. Raises ValueError."""
    if not text:
        return 0, 0
    number, _, count = text.partition("/")
    if not re.fullmatch(r"[0-9]{1,3}/[0-9]{1,3}", text) or not 1 <= int(number) <= int(count):
        raise ValueError(f"a fold must be its number and of how many, such as 2/5, but got {ascii(text[:40])}")
    return int(number), int(count)


def whole_name(name: str, fold: str) -> str:
    """The name that a user types of a study whose fold is as in "2/5", or "": that of all folds together."""
    number, _ = fold_of(fold)
    return name.removesuffix(fold_name("", number)) if number else name


TAG_KIND = "kind"

KIND_STUDY, KIND_TRIAL, KIND_FINALIST, KIND_CONFIRM = "study", "trial", "finalist", "confirm"

TAG_STUDY = "study"

TAG_STUDY_ID = "study_id"
"""Drawn when a study begins: two studies of one name are two, also in one store."""

TAG_ARM = "arm"

TAG_TRIAL = "trial"

TAG_STATE = "state"

TAG_REASON = "reason"

TAG_SEED = "seed"

TAG_DUPLICATE_OF = "duplicate_of"
"""First trial with this configuration but for the seed; "" for that one itself."""

TAG_FINALIST = "finalist"
"""Of a finalist: its name, f0000, f0001, ..."""

TAG_SPLIT_SEED = "split_seed"
"""Of a finalist: the seed of its own division of the training list into training and validation."""

TAG_CONFIRM = "confirm"
"""Of a confirmation: its name, c0000, c0001, ..."""

TAG_CONFIRMED_TRIAL = "confirmed_trial"
"""Of a confirmation or a finalist: the trial whose configuration it repeats with a fresh seed."""

TAG_SEED_INDEX = "seed_index"
"""Of a confirmation or a finalist: number of its fresh seed, from 0; all arms have the same numbers."""

TAG_BASELINE = "baseline"
"""Of a confirmation or a finalist: "True" where it is the arm's first trial again, the known-good configuration. The
search's gain is measured against it, and another configuration must be better than it beyond the noise of repeats."""

TAG_TEST_EVALUATIONS = "test_evaluations"
"""Of a study: how often its test split has been read, one for each confirmation."""

TAG_FOLD_OF = "fold_of"
"""Of a study that is one outer fold: name of the whole; its own name is fold_name(whole, fold)."""

TAG_FOLD = "fold"
"""Of such a study: "1/5" is the first of five."""

TAG_DATA = "data_digest"

TAG_SPLIT = "split_digest"

TAG_WEIGHTS = "weights_digest"

TAG_BEST_WEIGHTS = "best_weights_digest"

TAG_OBJECTIVE = "objective"

TAG_DECISION = "decision"
"""How grades are called, `metrics.called`; most_probable where the tag is missing."""

TAG_SELECT_EPOCH = "select_epoch"
"""Whose score is a trial's: "last" epoch, or "best"."""

TAG_SELECTION_SPLIT = "selection_split"

TAG_PRIMARY_ENDPOINT = "primary_endpoint"
"""What a study is judged by, in words, fixed when it begins."""

TAG_ARMS = "arms"

TAG_ARMS_NOT_RUN = "arms_not_run"

TAG_EPOCHS_RECORDED = "epochs_recorded"
"""Of a run: how many epochs MLflow has of it, which is compared with the ledger."""

TAG_COMMIT = "commit"

TAG_VERSIONS = "versions"

TAG_THREADS = "threads"

TAG_DEVICE = "device"

TAG_PRECISION = "precision"

STATE_RUNNING = "running"

STATE_COMPLETE = "complete"  # ran all its epochs

STATE_PRUNED = "pruned"  # stopped early by the pruner

STATE_INTERRUPTED = "interrupted"  # the search ended first; goes on when it is started again

STATE_FAILED = "failed"

MLFLOW_STATUS = {
    STATE_RUNNING: "RUNNING",
    STATE_COMPLETE: "FINISHED",
    STATE_PRUNED: "KILLED",
    STATE_INTERRUPTED: "KILLED",
    STATE_FAILED: "FAILED",
}

ARTIFACT_CONFUSION = "confusion/val.json"
"""{"epoch": int, "split": "validation" or "test", "confusion": 5x5 counts, rows = truth, columns = prediction}"""

ARTIFACT_CONFUSION_PNG = "confusion/val.png"

ARTIFACT_PREDICTIONS = "predictions/val.parquet"
"""Columns row, patient (group numbers, never names), grade, p0 .. p4; the selected epoch."""

ARTIFACT_TEST_CONFUSION = "confusion/test.json"
"""{"epoch": int, "split": "test", "confusion": 5x5, "new_patients": 5x5 of patients who are not in training}"""

ARTIFACT_TEST_CONFUSION_PNG = "confusion/test.png"

ARTIFACT_TEST_PREDICTIONS = "predictions/test.parquet"
"""Columns row, patient, grade, new_patients (whether the patient is not in training), p0 .. p4; the last epoch."""

ARTIFACT_CURVES = "curves.png"

ARTIFACT_WEIGHTS = "weights/best.safetensors"

ARTIFACT_STUDY = "study.json"
"""{"config": StudyConfig, "audit": audit of the data set, "budget": {arm: {...}}, "not_run": {arm: reason},
"forgotten": [trials that a user left out]}"""

ARTIFACT_REPORT = "report"

FINDING_NO_PATIENTS = "no patients"
"""Kind of the data audit's finding that images tell no patient; `retina_data.audit.labels` writes it."""

FINDING_DOUBTFUL_PATIENTS = "doubtful patients"
"""Kind of its findings that patients are wrong, as many images or names say; written there too."""

AS_TOLD = ", as far as the data tells patients"
"""What is added to a claim about patients that are not known."""


def patients_known(audit: Mapping[str, Any]) -> bool:
    """Whether the label file, the user's pattern or the images' names tell every patient, with no sign against it."""
    kinds = {one["kind"] for one in audit.get("findings", [])}
    return not kinds & {FINDING_NO_PATIENTS, FINDING_DOUBTFUL_PATIENTS}


def primary_endpoint(objective: str, selection_split: str, folds: bool) -> str:
    """What a study is judged by, in words; "" where it chooses on the test split, so that nothing is left for it."""
    if selection_split == "test":
        return ""
    which = "each fold's arm that validation chose, all folds pooled" if folds else "the arm that validation chose"
    return f"{objective} of {which}, on test images of patients who are not in training, mean over seeds"


FEW_SEEDS = 3
"""Fewer seeds than this do not tell a configuration from its luck."""
