import pytest

from study.search import Resources, resources


@pytest.mark.parametrize(
    ("gpus", "cpus", "available", "wanted"),
    [
        (None, None, {"CPU": 2}, Resources(cpus=2, gpus=0, slots=1)),
        (None, 1, {"CPU": 2}, Resources(cpus=1, gpus=0, slots=2)),
        (None, None, {"CPU": 16, "GPU": 4}, Resources(cpus=4, gpus=1, slots=4)),
        (0.5, None, {"CPU": 16, "GPU": 1}, Resources(cpus=8, gpus=0.5, slots=2)),
        (0.25, 1, {"CPU": 2, "GPU": 1}, Resources(cpus=1, gpus=0.25, slots=2)),
        (0, 3, {"CPU": 8, "GPU": 1}, Resources(cpus=3, gpus=0, slots=2)),
        (2, None, {"CPU": 8, "GPU": 4}, Resources(cpus=4, gpus=2, slots=2)),
        (None, None, {"CPU": 1, "GPU": 4}, Resources(cpus=1, gpus=1, slots=1)),
    ],
)
def test_what_is_there_is_divided_among_trials(
    gpus: float | None, cpus: int | None, available: dict[str, float], wanted: Resources
) -> None:
    assert resources(gpus, cpus, available) == wanted
    assert wanted.slots * wanted.cpus <= available["CPU"]
    assert wanted.slots * wanted.gpus <= available.get("GPU", 0)


def test_more_than_there_is_is_refused() -> None:
    with pytest.raises(ValueError, match="`gpus_per_trial <= 0` must hold, as so many GPUs are here, but got 1"):
        resources(1, None, {"CPU": 2})
    with pytest.raises(ValueError, match="`cpus_per_trial <= 2` must hold"):
        resources(None, 3, {"CPU": 2})
