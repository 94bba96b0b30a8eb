"""`study.run_search`: `retina search` in a child process, so that a notebook's kernel survives whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from study.api.home import home_folder
from study.api.studies import Study, load_study
from study.config.study import NAMED_WEIGHTS, StudyConfig
from study.config.yaml_file import to_yaml
from study.errors import ConfigError, StudyError
from study.storage.lock import LockedError

ROOT = Path(__file__).resolve().parents[2]

ERROR = "retina: "
"""What the command's own sentence about an error begins with."""

INTERRUPTED = (129, 130, 143)


class SearchError(StudyError):
    """A search ended without its result; the message is the command's own."""


def run_search(
    name: str,
    data: Path | str | None = None,
    config: StudyConfig | Path | str | None = None,
    *,
    layout: str | None = None,
    home: Path | str | None = None,
    address: str | None = None,
    gpus_per_trial: float | None = None,
    cpus_per_trial: int | None = None,
    time_budget: str | None = None,
    on_line: Callable[[str], None] = print,
) -> Study:
    """Start a study, or resume it, and wait until the search has ended.

    An interrupt (the notebook's stop button, or Ctrl-C) is passed on: the search writes down what it has and ends
    within seconds; the same call resumes it. A search whose kernel dies runs on; `retina status` shows it.

    Args:
        name: the study.
        data: folder with label files and photographs, or a MedMNIST file; not needed to resume.
        config: a StudyConfig, or the path of a YAML file; without it the default study.
        layout: take `data` as this layout; without it the layout is found.
        home: folder that holds everything; without it RETINA_HOME, or `runs/`.
        address: HOST:PORT of a Ray cluster to join; without it RAY_ADDRESS, or a Ray of its own.
        gpus_per_trial: part of a GPU for each trial, 0 to 1.
        cpus_per_trial: CPUs for each trial.
        time_budget: end this call after such as "30m" or "2h"; the same call goes on.
        on_line: called with each line that the command prints; such as `logging.getLogger("search").info`.

    Returns:
        The study, as `load_study` loads it.

    Raises:
        ConfigError: wrong input; the message names rule, value and remedy.
        LockedError: another process is writing the study.
        SearchError: the search failed.
        KeyboardInterrupt: it was interrupted, and the search has ended.

    Example:
        >>> from study import StudyConfig, run_search
        >>> study = run_search("first", "photographs", StudyConfig(trials=8, fixed={"image_size": 128}))
        >>> study.best_config()
    """
    place = home_folder(home)
    flags = {
        "--data": None if data is None else Path(data).expanduser().resolve(),
        "--layout": layout,
        "--home": place,
        "--address": address,
        "--gpus-per-trial": gpus_per_trial,
        "--cpus-per-trial": cpus_per_trial,
        "--time-budget": time_budget,
    }
    with TemporaryDirectory(prefix="retina-search-") as folder:
        if isinstance(config, StudyConfig):
            file = Path(folder, "study.yaml")
            # Relative ones are seen from here, not from the file.
            weights = {
                name: source if source in NAMED_WEIGHTS else str(Path(source).expanduser().resolve())
                for name, source in config.weights.items()
            }
            file.write_text(to_yaml(config.model_copy(update={"weights": weights})), "utf-8")
            flags["--config"] = file
        elif config is not None:
            flags["--config"] = Path(config).expanduser().resolve()
        arguments = [text for flag, value in flags.items() if value is not None for text in (flag, str(value))]
        code, sentence, interrupted = _run(["search", name, *arguments], on_line)
    if interrupted or code in INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        kind = {known.exit_code: known for known in (ConfigError, LockedError)}.get(code, SearchError)
        raise kind(sentence or f"the search of study {name} must exit with 0, but exited with {code}")
    return load_study(name, home=place)


def _run(arguments: list[str], on_line: Callable[[str], None]) -> tuple[int, str, bool]:
    """Run the command; returns its exit code, its sentence about an error, and whether it was interrupted.

    It has a session of its own: a notebook interrupts its whole process group, and a second signal would end the search
    at once.
    """
    # A notebook's way to draw is none for the command.
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    child = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "study", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert child.stdout is not None
    sentence, interrupted = "", False
    with child.stdout as lines:
        while True:
            try:
                for line in lines:
                    text = line.rstrip("\n")
                    sentence = text.removeprefix(ERROR) if text.startswith(ERROR) else sentence
                    on_line(text)
                return child.wait(), sentence, interrupted
            except KeyboardInterrupt:
                interrupted = True
                child.send_signal(signal.SIGINT)
            except BaseException:  # of on_line
                child.terminate()
                child.wait()
                raise
