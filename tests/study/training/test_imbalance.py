"""Each strategy: what it draws, and its loss against a plain formula."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from study.config.trial import TrialConfig
from study.training.imbalance import Strategy, class_weights, strategy

COUNTS = (735, 70, 150, 25, 20)
GRADES = torch.repeat_interleave(torch.arange(5), torch.tensor(COUNTS))
PRIOR = torch.tensor(COUNTS, dtype=torch.float64) / 1000
NAMES = ("none", "flip_minority", "undersample", "oversample", "weighted_loss", "focal", "logit_adjustment")


def made(name: str, **changes: object) -> Strategy:
    config = TrialConfig.model_validate({"imbalance": name, "augmentation": "full"} | changes)
    return strategy(config, GRADES, torch.device("cpu"))


def batch(n: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(n, 5, generator=generator) * 3, torch.randint(0, 5, (n,), generator=generator)


@pytest.mark.parametrize("name", NAMES)
def test_an_epoch_draws_as_many_images_as_there_are_and_a_seed_fixes_which(name: str) -> None:
    plan = made(name)
    first, again, other = (plan.sampling(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert len(first) == len(GRADES) and first.min() >= 0 and first.max() < len(GRADES)
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("name", NAMES)
def test_draws_have_the_mix_of_the_strategy(name: str) -> None:
    mix = torch.bincount(GRADES[made(name).sampling(torch.Generator().manual_seed(0))], minlength=5)
    if name == "undersample":
        assert mix.tolist() == [200] * 5
    elif name == "oversample":
        assert (mix - 200).abs().max() < 5 * 12.7  # five standard deviations of a binomial number
    else:
        assert tuple(mix.tolist()) == COUNTS


def test_only_flip_minority_replaces_the_augmentation() -> None:
    for name in NAMES:
        plan = made(name)
        if name == "flip_minority":
            assert plan.augmentation == "flips" and plan.flip_only is not None
            assert torch.equal(plan.flip_only, GRADES != 0)
        else:
            assert plan.augmentation == "full" and plan.flip_only is None


@pytest.mark.parametrize("name", ["none", "flip_minority", "undersample", "oversample"])
def test_strategies_of_draws_leave_the_loss_alone(name: str) -> None:
    logits, y = batch()
    torch.testing.assert_close(made(name).loss(logits, y), F.cross_entropy(logits, y))
    smooth = made(name, label_smoothing=0.1).loss(logits, y)
    torch.testing.assert_close(smooth, F.cross_entropy(logits, y, label_smoothing=0.1))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_weights_are_inverse_frequencies_with_mean_one_over_the_images(power: float) -> None:
    weights = class_weights(torch.tensor(COUNTS), power).double()
    assert (weights * PRIOR).sum().item() == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(weights / weights[0], (PRIOR[0] / PRIOR) ** power, rtol=1e-5, atol=0)


def test_a_grade_without_images_has_no_weight() -> None:
    weights = class_weights(torch.tensor([10, 0, 5, 0, 5]), 1.0)
    assert weights[1] == weights[3] == 0 and torch.isfinite(weights).all()


def test_weighted_loss_is_the_same_sum_however_it_is_cut_into_batches() -> None:
    logits, y = batch(64)
    plan = made("weighted_loss")
    whole = plan.loss(logits, y)
    halves = (plan.loss(logits[:32], y[:32]) + plan.loss(logits[32:], y[32:])) / 2
    torch.testing.assert_close(whole, halves)
    weights = (1 / PRIOR / 5).float()
    expected = (weights[y] * F.cross_entropy(logits, y, reduction="none")).mean()
    torch.testing.assert_close(whole, expected)
    torch.testing.assert_close(made("weighted_loss", weight_power=0).loss(logits, y), F.cross_entropy(logits, y))


def test_focal_loss_is_its_formula_and_stays_finite_when_all_is_known() -> None:
    logits, y = batch()
    p = logits.double().softmax(1).gather(1, y[:, None]).squeeze(1)
    expected = (-((1 - p) ** 2) * p.log()).mean()
    torch.testing.assert_close(made("focal").loss(logits, y).double(), expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(made("focal", focal_gamma=0).loss(logits, y), F.cross_entropy(logits, y))
    for gamma in (0.5, 2.0):
        sure = torch.full((2, 5), -200.0)
        sure[:, 0] = 200
        sure.requires_grad_()
        loss = made("focal", focal_gamma=gamma).loss(sure, torch.tensor([0, 1]))
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(sure.grad).all()


def test_logit_adjustment_adds_the_log_prior_in_training() -> None:
    logits, y = batch()
    for tau in (0.0, 1.0, 2.0):
        expected = F.cross_entropy(logits.double() + tau * PRIOR.log(), y)
        loss = made("logit_adjustment", logit_tau=tau).loss(logits, y)
        torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_grades_that_do_not_occur_break_nothing(name: str) -> None:
    config = TrialConfig.model_validate({"imbalance": name, "label_smoothing": 0.1})
    grades = torch.tensor([0, 0, 0, 2, 2, 4])
    plan = strategy(config, grades, torch.device("cpu"))
    assert len(plan.sampling(torch.Generator().manual_seed(0))) == 6
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    plan.loss(logits, grades).backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
