"""What one call may use."""

import time
from dataclasses import replace

import pytest

from study.errors import ConfigError
from study.workflows.running.compute import Compute, resources_here


def test_a_time_budget_counts_from_when_the_call_began() -> None:
    started = time.monotonic()
    compute = Compute(time_budget=60)
    assert compute.deadline is not None and started + 60 <= compute.deadline <= time.monotonic() + 60
    assert replace(compute, time_budget=1e6).deadline == compute.deadline, "each fold's end is the call's"
    assert Compute().deadline is None


def test_a_share_of_this_machine_is_what_a_trial_gets() -> None:
    assert resources_here(Compute(cpus_per_trial=1, gpus_per_trial=0)).cpus == 1


def test_more_than_this_machine_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="10000"):
        resources_here(Compute(cpus_per_trial=10_000))
