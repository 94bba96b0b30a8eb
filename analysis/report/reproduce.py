"""What repeats a study: its configuration as a file, and the commands that take it."""

from __future__ import annotations

import shlex

import yaml

from analysis.results.study_runs import StudyRuns

CONFIG = "config.yaml"
"""Name of the configuration beside the report's page."""


def commands(study: StudyRuns) -> list[str]:
    """The commands that repeat the study from CONFIG, which is written beside the page; DATA and FILE are the reader's.

    The confirmation is the one that was made, whatever the study said of it when it began.
    """
    recorded = [str(line) for line in study.study.get("commands", [])]
    found = [line for line in recorded if not line.startswith("retina confirm")]
    first = next((at for at, line in enumerate(found) if line.startswith("retina search")), None)
    if first is not None and _synthetic(study) and not any(line.startswith("retina pretrain") for line in found):
        found.insert(first, "retina pretrain")
    if study.study.get("config"):
        found = [_search(line, study) if line.startswith("retina search") else line for line in found]
    winners = study.confirmations[~study.confirmations["baseline"]]
    if len(winners):
        of_arms = winners.groupby(["fold", "arm"])["trial"].nunique()
        command = f"retina confirm {shlex.quote(study.name)} --seeds {winners['seed_index'].max() + 1}"
        command += f" --top {of_arms.max()}" if of_arms.max() > 1 else ""
        command += " --exclude-test-patients" if study.study.get("test", {}).get("exclude_test_patients") else ""
        place = next((at for at, line in enumerate(found) if line.startswith("retina report")), len(found))
        found.insert(place, command)
    return found


def _search(line: str, study: StudyRuns) -> str:
    """A search with all that it needs to be the same one."""
    flags = {"--config": CONFIG, "--data": "DATA"}
    if layout := study.study.get("audit", {}).get("layout"):  # where several fit, another one may be found first
        flags["--layout"] = shlex.quote(str(layout))
    has_weights = "--weights" in line
    line += "".join(f" {flag} {value}" for flag, value in flags.items() if f"{flag} " not in line)
    if not has_weights and _synthetic(study):
        return f"{line} --weights synthetic"
    for architecture, weights in study.study.get("weights", {}).items():
        if not has_weights and "imagenet" not in (weights.get("source"), weights.get("kind")):
            line += f" --weights {shlex.quote(str(architecture))}=FILE"
    return line


def _synthetic(study: StudyRuns) -> bool:
    """Whether pretrained arms began from weights that `retina pretrain` makes without photographs of anybody."""
    return any(one.get("kind") == "synthetic" for one in study.study.get("weights", {}).values())


def config_text(study: StudyRuns) -> str:
    """The configuration as a file that `retina search --config` takes; the folds are a flag, and weights are files."""
    config = study.study.get("config") or {}
    kept = {name: value for name, value in config.items() if name not in ("fold", "weights")}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
