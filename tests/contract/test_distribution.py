"""sdist and wheel are built, and the wheel's command runs in an environment of its own.

Only the wheel is installed there. Its dependencies are those of the environment that runs the tests, put on its path:
that the index has them is shown by `make .venv` in a fresh clone, and not here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from study.versions import DISTRIBUTION, PACKAGES
from tests.fixtures.distribution import ROOT, build

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, BUILD = PYPROJECT["project"], PYPROJECT["build-system"]


def _sources() -> set[str]:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*") if file.is_file()]
    return {str(file.relative_to(ROOT)) for file in files if file.suffix in (".py", ".jinja", ".typed")}


def test_the_distribution_has_one_name() -> None:
    assert PROJECT["name"] == DISTRIBUTION == "retina-study"
    assert PROJECT["scripts"] == {"retina": "study.cli.app:main"}
    assert f"{DISTRIBUTION}[onnx]" in PROJECT["optional-dependencies"]["dev"]


def test_dependencies_are_those_of_this_environment() -> None:
    for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["onnx"]):
        wanted = Requirement(text)
        assert wanted.specifier.contains(version(wanted.name), prereleases=True), text


def _locked() -> dict[str, tuple[Requirement, list[str]]]:
    """Name -> requirement and the hashes of its files, of configs/requirements.lock."""
    text = (ROOT / "configs" / "requirements.lock").read_text()
    entries = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    found = {}
    for entry in entries:
        requirement, *hashes = entry.split(" --hash=")
        found[canonicalize_name(Requirement(requirement).name)] = (
            Requirement(requirement),
            [one.strip() for one in hashes],
        )
    assert len(found) == len(entries), "one version for all Pythons and machines"
    return found


def test_the_lock_names_each_direct_dependency_in_a_version_that_its_range_allows() -> None:
    pinned = _locked()
    for text in (*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values()), *BUILD["requires"]):
        wanted = Requirement(text)
        if wanted.name != DISTRIBUTION:
            [pin] = pinned[canonicalize_name(wanted.name)][0].specifier
            assert pin.operator == "==" and wanted.specifier.contains(pin.version, prereleases=True), text


def test_the_lock_has_a_hash_of_each_file_and_make_asks_for_it() -> None:
    for name, (requirement, hashes) in _locked().items():
        assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes), name
        assert [one.operator for one in requirement.specifier] == ["=="] and not requirement.url, name
    recipe = (ROOT / "Makefile").read_text().partition("\n.venv:")[2]
    assert "--require-hashes --requirement $(LOCK)" in recipe
    assert "--no-deps --no-build-isolation --editable ." in recipe


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(("system", "machine"), [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")])
def test_the_lock_holds_this_package_s_dependencies_on_each_machine(python: str, system: str, machine: str) -> None:
    names = {"linux": "Linux", "darwin": "Darwin"}
    environment = {
        "python_version": python, "python_full_version": f"{python}.1", "sys_platform": system,
        "platform_machine": machine, "platform_system": names[system], "os_name": "posix",
    }  # fmt: skip
    markers = {name: one.marker for name, (one, _) in _locked().items()}
    for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["onnx"]):
        marker = markers[canonicalize_name(Requirement(text).name)]
        assert marker is None or marker.evaluate(environment), text


def test_hooks_are_the_tools_of_make_lint() -> None:
    [repo] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"  # nothing is downloaded
    entries = [hook["entry"] for hook in repo["hooks"]]
    assert entries == [".venv/bin/ruff check", ".venv/bin/ruff format --check", ".venv/bin/mypy"]
    assert all(hook["language"] == "system" for hook in repo["hooks"])


@pytest.mark.slow
def test_the_wheel_runs_in_an_environment_of_its_own(tmp_path: Path) -> None:
    sdist, wheel = build(tmp_path / "dist")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert inside >= _sources() | {"README.md", "LICENSE", "pyproject.toml"}
    assert {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name} == _sources()

    place = tmp_path / "environment"
    venv.create(place, with_pip=False)
    python, retina = place / "bin" / "python", place / "bin" / "retina"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"RETINA_HOME": str(tmp_path)}

    def done(*command: str | Path) -> str:
        called = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=300)
        assert called.returncode == 0, called.stdout + called.stderr
        return called.stdout

    done(*pip, wheel)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(done(python, "-c", code).strip())
    # Only folders on a path, not the .pth files in them: an editable install of this project is not seen from there.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    found = done(
        python, "-c", "import study, analysis, retina_data, retina_models as m; print(study.__file__, m.__file__)"
    )
    assert all(Path(file).is_relative_to(packages) for file in found.split())
    assert done(retina, "--version").strip() == PROJECT["version"]
    done(retina, "data", "synth", "photographs", "--patients", "12", "--image-size", "32")
    done(retina, "data", "check", "photographs", "--page", "page.html")
    assert "<html" in (tmp_path / "page.html").read_text()
