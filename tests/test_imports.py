"""The arrows between packages and the modules that may import the heavy libraries, as one table."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("retina_models", "retina_data", "analysis", "study")
MAY_IMPORT = {
    "retina_models": set(),
    "retina_data": set(),
    "analysis": set(),
    "study": {"retina_models", "retina_data", "analysis"},
}
ONLY_IN = {
    "mlflow": {
        "study/tracking.py",
        "study/tracking_run.py",
        "study/tracking_store.py",
        "study/showing.py",
        "study/forgetting.py",
        "analysis/runs.py",
    },
    "ray": {
        "study/trainable.py",
        "study/cluster.py",
        "study/nodecheck.py",
        "study/reaper.py",
        "study/search.py",
    },
    "optuna": {"study/space.py", "study/arms.py", "analysis/importance.py"},
    "torchvision": {"retina_models/pretrained.py"},
}
NO_TORCH = {"analysis"}
NOT_TORCH_BUT_BATCHES = "retina_data"
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).glob("*.py"))


def _roots(path: Path) -> set[str]:
    """First names of everything that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_arrows(path: Path) -> None:
    package, name, roots = path.parent.name, f"{path.parent.name}/{path.name}", _roots(path)
    assert roots & set(PACKAGES) <= MAY_IMPORT[package] | {package}
    for library, places in ONLY_IN.items():
        assert library not in roots or name in places, f"{name} imports {library}"
    if package in NO_TORCH or (package == NOT_TORCH_BUT_BATCHES and path.name != "batches.py"):
        assert "torch" not in roots


def test_every_place_that_may_import_a_library_does() -> None:
    for library, places in ONLY_IN.items():
        for place in places:
            assert library in _roots(ROOT / place), f"{place} need not be named for {library}"


def test_every_module_has_a_test_file_of_its_name() -> None:
    for path in MODULES:
        if not path.name.startswith("__"):
            assert (ROOT / "tests" / f"test_{path.stem}.py").exists(), f"tests/test_{path.stem}.py"


@pytest.mark.parametrize("name", ["cleaned", "records"])
def test_what_everything_imports_needs_the_standard_library_only(name: str) -> None:
    assert _roots(ROOT / "analysis" / f"{name}.py") <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("command", [["--help"], ["search", "--help"], ["train", "--help"]])
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['retina', *sys.argv[1:]]\n"
        "from study.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'mlflow', 'optuna', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"
    assert "Usage: retina" in done.stdout


def test_nothing_happens_at_import() -> None:
    """Importing every module reads no environment of ours, starts no thread and writes no file."""
    code = (
        "import importlib, os, sys, threading\n"
        "before = set(os.listdir('.'))\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(threading.active_count(), sorted(set(os.listdir('.')) - before))"
    )
    names = [f"{path.parent.name}.{path.stem}" for path in MODULES if not path.name.startswith("__")]
    done = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, check=True, cwd=ROOT / "tests"
    )
    assert done.stdout.split()[-2:] == ["1", "[]"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_environment_is_read_in_the_command_alone(path: Path) -> None:
    text = path.read_text()
    if path.name != "terminal.py" and not path.name.startswith("cli"):
        assert "environ.get" not in text
        assert "getenv" not in text
