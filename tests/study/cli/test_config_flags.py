from typing import Any

import typer
from typer.testing import CliRunner

from study.cli.config_flags import drop_unset, field_flags, with_flags
from study.config.study import StudyConfig
from study.config.trial import TrialConfig

SEEN: dict[str, Any] = {}
app = typer.Typer()


@app.command()
@with_flags([*field_flags(StudyConfig, "Study"), *field_flags(TrialConfig, "Trial")])
def command(name: str, home: str = "here", **values: Any) -> None:
    SEEN.clear()
    SEEN.update(drop_unset(values), name=name, home=home)


def _run(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return dict(SEEN)


def test_a_flag_that_is_not_given_is_not_there() -> None:
    assert _run("x") == {"name": "x", "home": "here"}


def test_every_plain_field_is_a_flag_with_its_type() -> None:
    values = _run("x", "--lr", "0.1", "--batch-size", "8", "--pretrained", "--imbalance", "focal", "--trials", "3")
    assert values == {
        "name": "x",
        "home": "here",
        "lr": 0.1,
        "batch_size": 8,
        "pretrained": True,
        "imbalance": "focal",
        "trials": 3,
    }
    assert _run("x", "--no-pretrained")["pretrained"] is False


def test_help_says_what_stands_on_the_field() -> None:
    output = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    flags = {parameter.name for parameter in [*field_flags(StudyConfig, "a"), *field_flags(TrialConfig, "b")]}
    assert set(TrialConfig.model_fields) <= flags
    for flag in flags:
        assert f"--{flag.replace('_', '-')}" in output
    assert "peak learning rate" in output
    for searched, default in (((), "0.001"), (("lr",), "searched")):
        [lr] = [flag for flag in field_flags(TrialConfig, "b", searched) if flag.name == "lr"]
        option = lr.annotation.__metadata__[0]
        assert (option.help, option.show_default) == ("peak learning rate, > 0, <= 10", default)


def test_what_may_follow_the_device_is_auto_by_default() -> None:
    assert _run("x", "--precision", "auto")["precision"] == "auto"
    [flag] = [one for one in field_flags(TrialConfig, "b") if one.name == "precision"]
    option = flag.annotation.__metadata__[0]
    assert option.help.endswith(": auto, fp32, bf16") and option.show_default == "auto"


def test_a_study_s_seed_stands_before_a_trial_s() -> None:
    output = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    assert "seed of split, sampler" in output
    assert output.count("--seed") == 1


def test_a_field_that_may_be_none_is_a_flag_too() -> None:
    assert _run("x", "--finalists", "3")["finalists"] == 3
    [flag] = [one for one in field_flags(StudyConfig, "a") if one.name == "finalists"]
    assert flag.annotation.__metadata__[0].help.endswith(">= 0, <= 100")  # and not [None]
