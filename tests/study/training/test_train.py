"""Training: exact resume, same seed same numbers, schedules, freezing, and that something is learned."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import cohen_kappa_score, log_loss, roc_auc_score

from analysis.schema import EPOCH_METRICS
from analysis.stats.metrics import called, confusion_matrix
from retina_data.errors import DataError
from retina_models.resnet import resnet18, resnet50
from retina_models.weights import Weights
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.training.imbalance import strategy
from study.training.lr_schedule import learning_rate
from study.training.train import Epoch, TrainData, TrainingError, backward, called_on_device, too_large, train
from study.training.train_state import create_train_state

CPU = torch.device("cpu")
SIDE = 32


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny images are fastest so, and numbers depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(train_images: int = 33, val_images: int = 20, seed: int = 0) -> TrainData:
    """Images whose brightness tells the grade; training rows are not the first ones, and not in order."""
    rng = np.random.default_rng(seed)
    n = train_images + val_images
    grades = rng.permutation(np.arange(n) % 5)
    images = rng.integers(0, 30, (n, SIDE, SIDE, 3)) + 45 * grades[:, None, None, None]
    rows = rng.permutation(n)
    return TrainData(images.astype(np.uint8), grades, np.arange(n) // 2, rows[val_images:], rows[:val_images])


def config(**changes: Any) -> TrialConfig:
    values = {"image_size": SIDE, "epochs": 4, "batch_size": 8, "augmentation": "full", "lr": 0.01, "optimizer": "sgd"}
    return TrialConfig.model_validate(values | changes)


def source(seed: int = 9) -> Weights:
    return Weights("resnet18", resnet18(1000, seed=seed).state_dict(), "0" * 64, "made.pth")


def numbers(epochs: list[Epoch]) -> list[dict[str, float]]:
    """The scores that are not about time."""
    return [{k: v for k, v in epoch.scores.items() if k != "images_per_second"} for epoch in epochs]


def assert_same(first: list[Epoch], second: list[Epoch]) -> None:
    assert [epoch.number for epoch in first] == [epoch.number for epoch in second]
    assert numbers(first) == numbers(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.confusion, b.confusion)
        pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_seed_fixes_every_number(precision: str) -> None:
    data = made(9, 10)  # two batches: a step in bf16 takes a second on a processor
    runs = [list(train(config(epochs=2, seed=seed, precision=precision), data, CPU)) for seed in (1, 1, 2)]
    assert_same(runs[0], runs[1])
    assert numbers(runs[0]) != numbers(runs[2])


def test_training_leaves_global_generators_and_threads_alone() -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    list(train(config(epochs=1), made(), CPU))
    assert torch.equal(torch.random.get_rng_state(), before) and torch.get_num_threads() == threads
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002


def test_scores_and_predictions_are_of_the_validation_rows_in_order() -> None:
    data = made()
    epoch = list(train(config(epochs=2), data, CPU))[-1]
    table = epoch.predictions
    assert list(table) == ["row", "patient", "grade", "p0", "p1", "p2", "p3", "p4"]
    np.testing.assert_array_equal(table["row"], data.val_rows)
    np.testing.assert_array_equal(table["patient"], data.groups[data.val_rows])
    np.testing.assert_array_equal(table["grade"], data.grades[data.val_rows])
    chances = table[[f"p{grade}" for grade in range(5)]].to_numpy(dtype=np.float64)
    guess = called(chances, "median")  # the rule of kappa
    assert set(epoch.scores) == set(EPOCH_METRICS)
    assert epoch.scores["val/accuracy"] == pytest.approx((guess == table["grade"]).mean())
    assert epoch.scores["val/kappa"] == pytest.approx(cohen_kappa_score(table["grade"], guess, weights="quadratic"))
    # One grade against the rest: scikit-learn's own mean wants rows that sum to 1 exactly, and dividing parts ties.
    areas = [roc_auc_score(table["grade"] == grade, chances[:, grade]) for grade in range(5)]
    assert epoch.scores["val/auc"] == pytest.approx(np.mean(areas))
    chances /= chances.sum(axis=1, keepdims=True)
    assert epoch.scores["val/loss"] == pytest.approx(log_loss(table["grade"], chances), rel=1e-5)
    assert epoch.confusion.sum() == len(data.val_rows) and epoch.confusion.dtype == np.int64
    assert (epoch.confusion.sum(axis=1) == np.bincount(table["grade"], minlength=5)).all()
    assert epoch.images_seen == len(data.train_rows) and epoch.seconds > 0


def test_undefined_scores_are_left_out() -> None:
    data = made()
    zeros = data.val_rows[data.grades[data.val_rows] == 0]
    one_grade = TrainData(data.images, data.grades, data.groups, data.train_rows, zeros)
    (epoch,) = train(config(epochs=1), one_grade, CPU)
    missing = set(EPOCH_METRICS) - set(epoch.scores)
    assert missing == {"val/kappa", "val/auc", *(f"val/recall_{grade}" for grade in range(1, 5))}


def test_validation_loss_is_plain_in_every_strategy() -> None:
    """With a learning rate of next to nothing the network stays the same, so the loss must, too."""
    losses = {
        name: next(train(config(lr=1e-12, imbalance=name, augmentation="none"), made(), CPU)).scores
        for name in ("none", "weighted_loss", "focal", "logit_adjustment")
    }
    assert all(s["val/loss"] == pytest.approx(losses["none"]["val/loss"], rel=1e-2) for s in losses.values())
    assert len({round(s["train/loss"], 4) for s in losses.values()}) >= 3


@pytest.mark.parametrize(
    "optimizer, lr, imbalance", [("sgd", 0.005, "none"), ("sgd", 0.005, "flip_minority"), ("adamw", 0.003, "none")]
)
def test_brightness_is_learned(optimizer: str, lr: float, imbalance: str) -> None:
    chosen = config(optimizer=optimizer, lr=lr, epochs=8, augmentation="flips", imbalance=imbalance)
    last = list(train(chosen, made(60, 30), CPU))[-1]
    assert last.scores["val/accuracy"] > 0.7 and last.scores["train/accuracy"] > 0.5


@pytest.mark.parametrize("head", ["linear", "lab"])
def test_frozen_epochs_change_the_head_only(head: str) -> None:
    weights = source()
    chosen = config(pretrained=True, freeze_epochs=1, epochs=2, head=head)
    run = train(chosen, made(), CPU, weights=weights)
    first, second = next(run).state()["model"], next(run).state()["model"]
    for key, tensor in weights.state.items():
        if not key.startswith("fc"):
            assert torch.equal(first[key], tensor), key
            assert not torch.equal(second[key], tensor), key
    begun_with = resnet18(5, head, seed=0).state_dict() | (weights.state if head == "lab" else {})
    changed = [key for key in first if key.startswith("fc") and not torch.equal(first[key], begun_with[key])]
    assert len(changed) == (4 if head == "lab" else 2)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_both_architectures_and_a_last_batch_of_one_image_train(precision: str) -> None:
    data = made(train_images=9, val_images=5)
    for architecture in ("resnet18", "resnet50"):
        chosen = config(architecture=architecture, epochs=1, batch_size=4, precision=precision)
        (epoch,) = train(chosen, data, CPU)
        assert math.isfinite(epoch.scores["train/loss"]) and math.isfinite(epoch.scores["val/loss"])


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_loss_that_is_not_finite_ends_the_run_with_a_remedy() -> None:
    with pytest.raises(TrainingError, match=r"epoch 1; lower lr \(now 10\)"):
        weights = source()
        state = {key: tensor * 1e30 if key == "fc.weight" else tensor for key, tensor in weights.state.items()}
        exploding = Weights("resnet18", state, weights.digest, weights.source)
        next(train(config(lr=10.0, pretrained=True, head="lab"), made(), CPU, weights=exploding))


def test_input_that_does_not_fit_together_is_refused() -> None:
    data = made()
    with pytest.raises(ConfigError, match="weights must be given for pretrained=true"):
        next(train(config(pretrained=True), data, CPU))
    with pytest.raises(ConfigError, match="pretrained=false must go without weights, but got made.pth"):
        next(train(config(), data, CPU, weights=source()))
    with pytest.raises(ConfigError, match="weights must be of resnet50, but made.pth is of resnet18"):
        next(train(config(pretrained=True, architecture="resnet50"), data, CPU, weights=source()))
    with pytest.raises(DataError, match=r"must be 64 pixels square \(image_size\), but are \(32, 32, 3\)"):
        next(train(config(image_size=64), data, CPU))
    empty = TrainData(data.images, data.grades, data.groups, data.train_rows, data.val_rows[:0])
    with pytest.raises(DataError, match="but got 33 and 0"):
        next(train(config(), empty, CPU))


def test_the_optimizer_gets_the_schedules_rate_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[float] = []
    step = torch.optim.SGD.step

    def noting(self: torch.optim.SGD, *arguments: Any) -> Any:
        used.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.SGD, "step", noting)
    list(train(config(epochs=2, lr=0.5, schedule="cosine"), made(), CPU))  # 33 images by 8: 5 batches of 6 or 7
    assert used == [0.5 * learning_rate("cosine", step, 10) for step in range(10)]


@pytest.mark.parametrize("imbalance", ["none", "weighted_loss", "focal"])
@pytest.mark.parametrize(("images", "parts"), [(33, (8, 8, 8, 9)), (3, (3,)), (8, (8,))])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(imbalance: str, images: int, parts: tuple[int, ...]) -> None:
    """With BatchNorm's own statistics fixed; what it makes of the parts is why this is a field of the configuration."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(images, 3, SIDE, SIDE, generator=generator), torch.arange(images) % 5
    gradients, seen = [], []
    for micro_batch in (0, 9 if images > 9 else 8):
        chosen = config(imbalance=imbalance, micro_batch=micro_batch, batch_size=64)
        train_state = create_train_state(chosen, CPU, None)
        train_state.model.eval()
        train_state.model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
        totals = backward(train_state, x, y, strategy(chosen, y, CPU).loss)
        gradients.append([totals, *(p.grad for p in train_state.model.parameters())])
    assert sorted(seen[1:]) == sorted(parts)
    for whole, in_parts in zip(*gradients, strict=True):
        torch.testing.assert_close(in_parts, whole, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("decision", ["median", "most_probable"])
def test_what_was_answered_while_training_is_counted(decision: str) -> None:
    x, y = torch.randn(33, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)), torch.arange(33) % 5
    chosen = config(micro_batch=9, batch_size=64, decision=decision)
    train_state = create_train_state(chosen, CPU, None)
    train_state.model.eval()
    loss_sum, *counts = backward(train_state, x, y, strategy(chosen, y, CPU).loss).tolist()
    answers = called_on_device(train_state.model(x), chosen.decision)
    np.testing.assert_array_equal(np.reshape(counts, (5, 5)), confusion_matrix(y.numpy(), answers.numpy()))
    assert loss_sum == pytest.approx(33 * F.cross_entropy(train_state.model(x), y).item(), rel=1e-5)


@pytest.mark.parametrize("decision", ["median", "most_probable"])
def test_a_grade_is_called_on_the_device_as_everywhere_else(decision: str) -> None:
    logits = 3 * torch.randn(2000, 5, generator=torch.Generator().manual_seed(0))
    expected = called(logits.double().softmax(dim=1).numpy(), decision)
    np.testing.assert_array_equal(called_on_device(logits, decision).numpy(), expected)
    sure = torch.full((5, 5), -1e4).fill_diagonal_(1e4)
    assert called_on_device(sure, decision).tolist() == [0, 1, 2, 3, 4]
    assert called_on_device(torch.full((1, 5), float("nan")), decision).item() in range(5)


def test_scores_follow_the_decision_and_probabilities_do_not() -> None:
    data = made()
    median, probable = (list(train(config(epochs=1, decision=d), data, CPU))[-1] for d in ("median", "most_probable"))
    pd.testing.assert_frame_equal(median.predictions, probable.predictions, check_exact=True)
    chances = median.predictions[[f"p{grade}" for grade in range(5)]].to_numpy(dtype=np.float64)
    for epoch, decision in ((median, "median"), (probable, "most_probable")):
        calls = called(chances, decision)
        np.testing.assert_array_equal(epoch.confusion, confusion_matrix(median.predictions["grade"], calls))


def test_a_micro_batch_as_large_as_the_batch_changes_nothing_and_a_smaller_one_does() -> None:
    data = made()
    off, large, small = (numbers(list(train(config(epochs=2, micro_batch=m), data, CPU))) for m in (0, 9, 4))
    assert large == off
    assert small != off
    with pytest.raises(ValueError, match="micro_batch must be 0"):
        config(micro_batch=1)


def test_resnet50_takes_the_same_path_as_by_hand() -> None:
    """One step of plain SGD on one batch, without augmentation, against torch written out."""
    data = made(train_images=8, val_images=4)
    chosen = config(
        architecture="resnet50",
        epochs=1,
        batch_size=8,
        momentum=0.0,
        weight_decay=0.0,
        augmentation="none",
        schedule="constant",
        normalisation="unit",
        pretrained=True,
        freeze_epochs=0,
    )
    start = resnet50(seed=4).state_dict()
    (epoch,) = train(chosen, data, CPU, weights=Weights("resnet50", start, "", "start"))
    # In the layout of training: 53 normalisations of 8 images make 2 % of another layout's rounding.
    model = resnet50(seed=4).to(memory_format=torch.channels_last).train()
    rows = data.train_rows[torch.randperm(8, generator=create_train_state(chosen, CPU, None).sampling).numpy()]
    x = torch.from_numpy(data.images[rows]).permute(0, 3, 1, 2).float() / 255  # (8, 3, S, S), channels last
    loss = torch.nn.functional.cross_entropy(model(x), torch.from_numpy(data.grades[rows]))
    loss.backward()
    assert epoch.scores["train/loss"] == pytest.approx(loss.item(), rel=1e-5)
    after = epoch.state()["model"]
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None
        moved = start[key] - after[key]
        error = (moved - chosen.lr * parameter.grad).norm() / (chosen.lr * parameter.grad).norm().clamp_min(1e-6)
        assert error < 1e-2, key


def test_a_batch_that_does_not_fit_into_memory_is_told_with_what_helps() -> None:
    told = str(too_large(MemoryError("no  room"), config(batch_size=8), "a smaller --image-size"))
    assert told.startswith("a batch must fit into memory, but 8 images of ")
    assert told.endswith(" px do not (no room); give a smaller --image-size")
