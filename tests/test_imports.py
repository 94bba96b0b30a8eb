"""Which package may import which, where the heavy libraries may be imported, and how many modules a folder holds."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("retina_models", "retina_data", "analysis", "study")
MOST_MODULES = 10

STUDY_ROOT = ("study.errors", "study.versions", "study.disk_space", "study.console", "study.environment")
BELOW_PLANNING = (*STUDY_ROOT, "study.config", "study.storage", "study.training", "study.cluster")
BELOW_WORKFLOWS = (*BELOW_PLANNING, "study.planning", "study.tracking", "study.inference", "study.tuning")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "retina_models": (),
    "retina_models.errors": (),
    "retina_models.resnet": (),
    "retina_models.imagenet": ("retina_models.errors",),
    "retina_models.compilation": ("retina_models.errors",),
    "retina_models.weights": ("retina_models.errors", "retina_models.imagenet", "retina_models.resnet"),
    "retina_data": (),
    "retina_data.errors": (),
    "retina_data.files": (),
    "retina_data.gate": ("retina_data.errors",),
    "retina_data.grades": (),
    "retina_data.kappa": ("retina_data.grades",),
    "retina_data.file_kind": (),
    "retina_data.layouts": ("retina_data.errors", "retina_data.gate", "retina_data.grades", "retina_data.file_kind"),
    "retina_data.images": ("retina_data.errors", "retina_data.file_kind", "retina_data.layouts"),
    "retina_data.duplicates": (),
    "retina_data.augmentation": (),
    "retina_data.splits": ("retina_data.errors",),
    "retina_data.batches": ("retina_data.augmentation",),
    "retina_data.cache": (
        "retina_data.errors", "retina_data.files", "retina_data.gate", "retina_data.duplicates", "retina_data.layouts",
        "retina_data.images",
    ),
    "retina_data.audit": (
        "retina_data.errors", "retina_data.grades", "retina_data.kappa", "retina_data.duplicates",
        "retina_data.splits", "retina_data.layouts", "retina_data.images",
    ),
    "retina_data.synthetic": ("retina_data.errors", "retina_data.files"),
    "analysis": (),
    "analysis.errors": (),
    "analysis.schema": ("retina_data.grades",),
    "analysis.redact": (),
    "analysis.artifact_place": ("analysis.errors", "retina_data.gate"),
    "analysis.number_format": (),
    "analysis.table_files": ("retina_data.files", "retina_data.gate"),
    "analysis.stats": ("analysis.schema", "retina_data.kappa",),
    "analysis.results": (
        "analysis.errors", "analysis.schema", "analysis.redact", "analysis.artifact_place", "analysis.stats",
        "retina_data.gate",
    ),
    "analysis.tables": (
        "analysis.schema", "analysis.redact", "analysis.number_format", "analysis.table_files", "analysis.stats",
        "analysis.results", "retina_data.files",
    ),
    "analysis.figures": (
        "analysis.schema", "analysis.redact", "analysis.number_format", "analysis.table_files", "analysis.stats",
        "analysis.results", "analysis.tables", "retina_data.files",
    ),
    "analysis.report": (
        "analysis.schema", "analysis.redact", "analysis.number_format", "analysis.table_files", "analysis.stats",
        "analysis.results", "analysis.tables", "analysis.figures", "retina_data.files", "retina_data.gate",
    ),
    "study": ("study.config", "study.api"),
    "study.__main__": ("study.cli",),
    "study.errors": (),
    "study.console": (),
    "study.environment": (),
    "study.versions": (),
    "study.disk_space": ("study.errors",),
    "study.config": STUDY_ROOT,
    "study.storage": (*STUDY_ROOT, "study.config"),
    "study.training": (*STUDY_ROOT, "study.config"),
    "study.cluster": (*STUDY_ROOT, "study.config"),
    "study.planning": BELOW_PLANNING,
    "study.tracking": BELOW_PLANNING,
    "study.inference": BELOW_PLANNING,
    "study.tuning": BELOW_PLANNING,
    "study.workflows.running": BELOW_WORKFLOWS,
    "study.workflows.single": BELOW_WORKFLOWS,
    "study.workflows": (*BELOW_WORKFLOWS, "study.workflows.running"),
    "study.api": (*BELOW_WORKFLOWS, "study.workflows.running", "study.workflows"),
    "study.cli": (*BELOW_WORKFLOWS, "study.workflows.running", "study.workflows.single", "study.workflows"),
}  # fmt: skip
"""Sub-package or module -> what of our own it may import beside itself. study may import the other three everywhere."""

ONLY_IN = {
    "mlflow": {
        "study/tracking/mlflow_tracker.py",
        "study/tracking/mlflow_runs.py",
        "study/tracking/sqlite_store.py",
        "study/tracking/experiment_page.py",
        "study/tracking/delete_runs.py",
        "study/tracking/store/artifacts.py",
        "study/tracking/store/comparison.py",
        "study/tracking/store/experiment.py",
        "analysis/results/mlflow_reader.py",
    },
    "ray": {
        "study/tuning/ray_trainable.py",
        "study/tuning/ray_tune.py",
        "study/tuning/trial_dispatcher.py",
        "study/cluster/ray_cluster.py",
        "study/cluster/resources.py",
        "study/cluster/node_check.py",
        "study/cluster/trial_processes.py",
    },
    "optuna": {
        "study/config/optuna_adapter.py",
        "study/config/search_space.py",
        "study/tuning/ask_tell.py",
        "study/tuning/sampler_and_pruner.py",
        "analysis/results/importance.py",
    },
    "torchvision": {"retina_models/imagenet.py"},
}
NO_TORCH = {"analysis", "retina_data"}
TORCH_ALL_THE_SAME = {"retina_data/batches.py", "retina_data/augmentation.py"}
FOLDERS = sorted(path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.py"))
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def _place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> set[str]:
    """Dotted names of everything that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _home(name: str) -> str:
    """The entry of the table that a dotted name belongs to: the longest one that it begins with."""
    return max((entry for entry in MAY_IMPORT if f"{name}.".startswith(f"{entry}.")), key=len)


def _roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


@pytest.mark.parametrize("path", MODULES, ids=_place)
def test_arrows(path: Path) -> None:
    mine = _home(_dotted(path))
    allowed = {mine, *MAY_IMPORT[mine]}
    for name in _imports(path):
        package = name.split(".")[0]
        if package in PACKAGES and not (mine.startswith("study") and package != "study"):
            assert _home(name) in allowed, f"{_place(path)} imports {name}, which {mine} may not"
    for library, places in ONLY_IN.items():
        assert library not in _roots(path) or _place(path) in places, f"{_place(path)} imports {library}"
    if path.relative_to(ROOT).parts[0] in NO_TORCH and _place(path) not in TORCH_ALL_THE_SAME:
        assert "torch" not in _roots(path)


def test_arrows_make_no_circle_and_at_most_six_levels_of_study() -> None:
    levels: dict[str, int] = {}

    def level(entry: str, above: tuple[str, ...] = ()) -> int:
        assert entry not in above, f"{' -> '.join((*above, entry))} is a circle"
        if entry not in levels:
            levels[entry] = 1 + max((level(below, (*above, entry)) for below in MAY_IMPORT[entry]), default=-1)
        return levels[entry]

    for entry in MAY_IMPORT:
        level(entry)
    assert max(levels[name] for name in MAY_IMPORT if name.startswith("study.")) <= 8


@pytest.mark.parametrize("folder", FOLDERS, ids=_place)
def test_a_folder_has_at_most_ten_modules(folder: Path) -> None:
    modules = [path.name for path in folder.glob("*.py") if not path.name.startswith("__")]
    assert len(modules) <= MOST_MODULES, modules


def test_modules_of_one_folder_make_no_circle() -> None:
    """At import: what a function imports when it is called is not counted."""
    arrows: dict[str, set[str]] = {}
    names = {_dotted(path) for path in MODULES}
    for path in MODULES:
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom) and node.module]
        found = {f"{node.module}.{alias.name}" for node in top for alias in node.names} | {str(n.module) for n in top}
        arrows[_dotted(path)] = found & names
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"{' -> '.join((*above, name))} is a circle"
        if name not in done:
            for below in sorted(arrows[name]):
                visit(below, (*above, name))
            done.add(name)

    for name in sorted(arrows):
        visit(name, ())


def test_every_place_that_may_import_a_library_does() -> None:
    for library, places in ONLY_IN.items():
        for place in places:
            assert library in _roots(ROOT / place), f"{place} need not be named for {library}"


def test_every_module_has_a_test_file_of_its_name() -> None:
    named = [path.relative_to(ROOT) for path in MODULES if not path.name.startswith("__")]
    mirrors = [ROOT / "tests" / path.parent / f"test_{path.name}" for path in named]
    assert [_place(mirror) for mirror in mirrors if not mirror.exists()] == []


@pytest.mark.parametrize(
    "name",
    [
        "analysis/redact",
        "analysis/schema",
        "analysis/errors",
        "retina_data/errors",
        "retina_data/files",
        "retina_models/errors",
        "study/errors",
    ],
)
def test_what_everything_imports_needs_the_standard_library_only(name: str) -> None:
    assert _roots(ROOT / f"{name}.py") <= set(sys.stdlib_module_names) | {"retina_data"}


@pytest.mark.parametrize("command", [["--help"], ["search", "--help"], ["train", "--help"]])
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['retina', *sys.argv[1:]]\n"
        "from study.cli.app import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'mlflow', 'optuna', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"
    assert "Usage: retina" in done.stdout


@pytest.mark.parametrize(
    "command, said",
    [
        (["search", "s", "--lr", "-1"], "lr > 0"),
        (["search", "s", "--config", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["search", "s", "--time-budget", "soon"], "soon"),
        (["search", "a/b"], "a/b"),
        (["report", "a/b"], "a/b"),
        (["report", "s"], "study s must be there to be reported"),
        (["search", "s", "--data", "nowhere"], "nowhere does not exist; check the path"),
        (["search", "s", "--precision", "fp16"], "precision must be one of 'auto', 'fp32' or 'bf16'"),
        (["train", "nowhere"], "nowhere does not exist; check the path"),
        (["train", ".", "--epochs", "0"], "epochs >= 1"),
        (["train", ".", "--precision", "fp16"], "precision must be one of 'auto', 'fp32' or 'bf16'"),
        (["confirm", "s"], "there is no study s here"),
        (["predict", ".", "photograph.png"], "has no config.json; name another, or export a study"),
        (["predict", "nowhere", "photograph.png"], "MODEL must be a folder"),
        (["predict", ".", "photograph.png", "--explain"], "--explain needs a folder"),
    ],
)
def test_wrong_input_is_refused_before_anything_heavy(command: list[str], said: str, tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['retina', *sys.argv[1:]]\n"
        "from study.cli.app import main\n"
        "try: main()\nexcept SystemExit as exit: code = exit.code\n"
        "heavy = {'torch', 'ray', 'mlflow', 'optuna', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy), code)"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "RETINA_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    assert said in " ".join(done.stderr.split())
    assert done.stdout.splitlines()[-1] == "HEAVY [] 2"


def test_nothing_happens_at_import(tmp_path: Path) -> None:
    """Importing every module reads no environment of ours, starts no thread and writes no file."""
    code = (
        "import importlib, os, sys, threading\n"
        "before = set(os.listdir('.'))\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(threading.active_count(), sorted(set(os.listdir('.')) - before))"
    )
    names = [_dotted(path) for path in MODULES if not path.name.startswith("__")]
    done = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split()[-2:] == ["1", "[]"]


READ_THE_ENVIRONMENT = {
    "study/environment.py",  # sets what is not set, for the command
    "retina_models/compilation.py",  # compiler and user's cache folder are those of the machine that a trial runs on
}


@pytest.mark.parametrize("path", MODULES, ids=_place)
def test_the_environment_is_read_in_the_command_and_the_api_alone(path: Path) -> None:
    if not _place(path).startswith(("study/cli/", "study/api/")) and _place(path) not in READ_THE_ENVIRONMENT:
        text = path.read_text()
        assert "environ.get" not in text
        assert "getenv" not in text


ADAPTERS = {
    "study/config/optuna_adapter.py",
    "study/tracking/sqlite_store.py",  # of MLflow
    "analysis/results/mlflow_reader.py",
}
"""Modules that touch private attributes of Optuna and MLflow; each has a test that fails first when these change."""


def _private(path: Path) -> set[str]:
    """Private attributes of other objects than the class's own, and of the module `os`, that a module touches."""
    tree = ast.parse((ROOT / path).read_text())
    touched = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr)]
    return {
        ast.unparse(node)
        for node in touched
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "os"))
    } - {"_Look._fields"}  # of a named tuple, documented


def test_private_attributes_are_touched_by_adapters_alone() -> None:
    assert {_place(path) for path in MODULES if _private(path)} == ADAPTERS


@pytest.mark.parametrize("path", sorted((ROOT / "tests/benchmarks").glob("bench_*.py")), ids=lambda path: path.name)
def test_a_benchmark_that_no_test_runs_names_what_there_is(path: Path) -> None:
    names = vars(importlib.import_module(f"tests.benchmarks.{path.stem}"))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = names.get(node.value.id)
            assert not isinstance(module, ModuleType) or hasattr(module, node.attr), ast.unparse(node)
