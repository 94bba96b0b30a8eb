import optuna

from study.config import TrialConfig, make_study_config
from study.space import arm_name, describe, suggest


def _draw(values: dict[str, object], seed: int, **flags: object) -> tuple[dict[str, object], optuna.Trial]:
    config = make_study_config(values, flags)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    trial = study.ask()
    return suggest(trial, config, config.cells()), trial  # type: ignore[return-value]


def test_what_is_drawn_is_a_configuration() -> None:
    for seed in range(20):
        values, trial = _draw({}, seed, epochs=3)
        config = TrialConfig(**values)  # type: ignore[arg-type]
        assert config.epochs == 3
        assert 1e-4 <= config.lr <= 1e-1
        assert trial.params["arm"] == config.arm


def test_a_single_cell_is_not_an_axis() -> None:
    values, trial = _draw({}, 0, architecture="resnet50", pretrained=True)
    assert "arm" not in trial.params
    assert (values["architecture"], values["pretrained"]) == ("resnet50", True)
    assert arm_name(("resnet50", True)) == TrialConfig(architecture="resnet50", pretrained=True).arm


def test_an_axis_that_nothing_reads_is_not_drawn() -> None:
    space = {"imbalance": ["none", "focal"], "focal_gamma": {"low": 1, "high": 3}}
    seen = set()
    for seed in range(20):
        values, _ = _draw({"space": space}, seed)
        seen.add(values["imbalance"])
        assert ("focal_gamma" in values) == (values["imbalance"] == "focal")
    assert seen == {"none", "focal"}


def test_an_integer_axis_draws_integers() -> None:
    values, _ = _draw({"space": {"batch_size": {"low": 8, "high": 64, "log": True}}}, 1)
    assert isinstance(values["batch_size"], int)


def test_the_space_reads_as_people_write_it() -> None:
    text = dict(describe(make_study_config({}, {})))
    assert text["lr"] == "0.0001 to 0.1, logarithmic"
    assert text["batch_size"] == "16, 32, 64"
