"""study.training.lr_schedule: torch's curves, without torch's state."""

import pytest
import torch

from study.training.lr_schedule import learning_rate


def rates(schedule: str, total: int) -> list[float]:
    return [learning_rate(schedule, step, total) for step in range(total)]


@pytest.mark.parametrize("total", [10, 37, 400])
def test_one_cycle_is_torchs(total: int) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=total, cycle_momentum=False)
    expected = []
    for _ in range(total):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(expected) < total:
            scheduler.step()
    assert rates("one_cycle", total) == pytest.approx(expected, abs=1e-9)


def test_schedules_stay_within_the_peak_from_the_first_step_to_the_last() -> None:
    for total in range(1, 60):
        for schedule in ("constant", "cosine", "one_cycle"):
            assert all(0 < rate <= 1 for rate in rates(schedule, total))
    cosine = rates("cosine", 50)
    assert cosine[0] == 1 and cosine == sorted(cosine, reverse=True) and cosine[-1] < 0.001
    assert set(rates("constant", 5)) == {1.0}
    assert rates("one_cycle", 100).index(max(rates("one_cycle", 100))) == 29
