"""Tables as texts: every number with its interval, every missing one a dash, nothing mixed."""

from __future__ import annotations

from analysis.report import formatting
from analysis.results.columns import primary_endpoint
from tests.fixtures import figures as fixture


def test_primary_rows_hold_the_primary_endpoint() -> None:
    shown = fixture.confirmed()
    rows = formatting.primary_rows(shown.primary, shown.made.four_way)
    first, top = rows[0], shown.primary.iloc[0]
    assert first["n"] == "80" and first["patients"] == "40" and first["seeds"] == "3"
    assert first["kappa"] == f"{top['kappa']:.3f} ({top['kappa_low']:.3f} to {top['kappa_high']:.3f})"
    assert first["majority"] == "0.800"
    assert first["recalls"][3] == "undefined"  # no eye of grade 3
    assert first["fellow_copy"] == "0.847" and first["fellow_n"] == "5,618"


def test_a_cell_without_result_has_its_reason_and_no_number() -> None:
    shown = fixture.half()
    rows = {row["label"]: row for row in formatting.primary_rows(shown.primary, shown.made.four_way)}
    missing = rows["ResNet18, pretrained"]
    assert missing["status"] == "not run"
    assert "kappa" not in missing
    assert rows["ResNet18, from scratch"]["constant_predictor"]


def test_beside_stand_the_other_parts_each_named() -> None:
    rows = formatting.beside_rows(fixture.confirmed().made.four_way)
    assert [(row["label"], row["split"]) for row in rows[:2]] == [
        ("ResNet18, from scratch", "validation (chosen on this split: optimistic)"),
        ("ResNet18, from scratch", "test"),
    ]
    assert {row["n"] for row in rows} == {"120", "160"}
    on_validation = formatting.beside_rows(fixture.four().made.four_way)
    assert {row["split"] for row in on_validation} == {"validation, corrected for the choice among 2 trials"}


def test_seeds_have_their_own_values_deviation_and_configuration() -> None:
    shown = fixture.confirmed()
    rows = formatting.seed_rows(shown.primary, shown.made.seeds)
    assert len(rows) == 8
    own = shown.made.seeds.query("arm == 'resnet18-scratch' and measured_on == 'test_new_patients'")
    assert rows[0]["each"] == ", ".join(f"{value:.3f}" for value in own["kappa"])
    assert rows[0]["sd"] == f"{own['kappa'].std():.3f}"
    assert rows[0]["configuration"].startswith(f"{own['kappa'].mean():.3f} (")
    assert formatting.seed_rows(fixture.partly_confirmed().primary, fixture.partly_confirmed().made.seeds) == []


def test_pairs_are_signed_and_p_is_never_zero() -> None:
    rows = formatting.pair_rows(fixture.confirmed().made.pairs)
    assert len(rows) == 6
    assert rows[0]["kappa"].startswith("+0.") and " to +" in rows[0]["kappa"]
    assert formatting.pair_rows(fixture.empty().made.pairs)[0]["status"] != "run"


def test_budgets_count_trials_and_confirmations_apart() -> None:
    shown = fixture.confirmed()
    row = formatting.budget_rows(shown.study, shown.made.four_way)[0]
    assert (row["trials"], row["epochs"], row["images"]) == ("1", "3", "1,200")
    assert (row["confirmations"], row["confirm_epochs"], row["confirm_images"]) == ("3", "9", "3,600")


def test_the_space_is_said_in_words() -> None:
    space = {"lr": {"low": 1e-4, "high": 0.1, "log": True}, "batch_size": [16, 32], "imbalance": ["weighted_loss"]}
    assert formatting.space_rows({"space": space}) == [
        ("lr", "0.0001 to 0.1, logarithmic"),
        ("batch size", "16, 32"),
        ("imbalance", "weighted loss"),
    ]
    assert formatting.space_rows({}) == formatting.space_rows({"space": None}) == []


def test_best_rows_say_what_they_were_measured_on() -> None:
    shown = fixture.confirmed()
    varied, fixed = formatting.hyperparameters(shown.study, shown.made.board)
    assert varied == ["lr"] and fixed["optimizer"] == "sgd"
    rows = formatting.trial_rows(shown.study, shown.made.best, varied)
    assert {row["state"] for row in rows if row["split"].startswith("test")} == {"confirmed"}
    assert {row["state"] for row in rows if row["split"].startswith("validation")} == {"complete"}
    folds = fixture.folded()
    several = formatting.trial_rows(
        folds.study, folds.made.best, formatting.hyperparameters(folds.study, folds.made.board)[0]
    )
    assert all("nan" not in str(row) for row in several)
    assert primary_endpoint(folds.made.four_way)["n"].notna().any()


def test_the_other_rule_stands_once_and_is_marked() -> None:
    shown = fixture.finalists()
    rows = formatting.other_rule_rows(shown.made.four_way)
    assert [row["label"] for row in rows] == ["ResNet18, from scratch", "ResNet18, pretrained (synthetic)"]
    assert {row["split"] for row in rows} == {"test, other rule (most probable grade)"}
    cells = shown.made.four_way.set_index("arm")
    assert rows[0]["kappa"] == f"{cells.loc['resnet18-scratch', 'other_kappa']:.3f}"
    assert rows[0]["n"] == "160"
    assert {row["split"] for row in formatting.other_rule_rows(fixture.four().made.four_way)} == {
        "validation (chosen on this split: optimistic), other rule (median grade)"
    }


def test_the_mean_of_the_repeats_is_the_validation_score() -> None:
    shown = fixture.finalists()
    rows = {row["label"]: row for row in formatting.primary_rows(shown.primary, shown.made.four_way)}
    top = shown.made.board.iloc[0]
    expected = f"{top['finalist_mean']:.3f} (2 repeats, sd {top['finalist_sd']:.3f})"
    assert rows["ResNet18, pretrained (synthetic)"]["repeats"] == expected
    assert {
        row["repeats"] for row in formatting.primary_rows(fixture.four().primary, fixture.four().made.four_way)
    } == {""}


def test_finalists_have_a_budget_of_their_own() -> None:
    shown = fixture.finalists()
    rows = formatting.budget_rows(shown.study, shown.made.four_way)
    assert (rows[0]["finalists"], rows[0]["finalist_epochs"], rows[0]["finalist_images"]) == ("4", "12", "3,600")
    assert rows[0]["images"] == "3,600"  # three trials of three epochs
    assert rows[1]["confirmations"] == "4"  # two of the winner and two of the first trial


def test_a_range_for_each_optimizer_is_said_of_each() -> None:
    ranges = {"sgd": {"low": 0.001, "high": 0.1, "log": True}, "adamw": {"low": 0.0001, "high": 0.005}}
    assert formatting.space_rows({"space": {"lr": ranges}}) == [
        ("lr", "sgd: 0.001 to 0.1, logarithmic; adamw: 0.0001 to 0.005")
    ]
