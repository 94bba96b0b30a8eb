"""The terminal: standard output and error as rich consoles, and the handler that prints what modules log."""

from __future__ import annotations

import logging
import os

from rich.console import Console

PACKAGES = ("study", "analysis", "retina_data", "retina_models")


class Terminal(Console):
    """A console whose reader may go away (`retina search NAME | head`)."""

    outlives = False
    """Whether the command goes on in silence then, as a search does; else it ends."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on, or end; rich's own way would end only the thread that happened to write."""
        if not self.outlives:
            super().on_broken_pipe()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


out = Terminal(soft_wrap=True, highlight=False)

err = Terminal(stderr=True, soft_wrap=True, highlight=False)


class LineHandler(logging.Handler):
    """Prints a record as a plain line: warnings on standard error, all else on standard output."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print it above a progress bar, where one is drawn."""
        (err if record.levelno >= logging.WARNING else out).print(record.getMessage(), markup=False)


def print_logs() -> None:
    """Print what the four packages log; called once, by the command."""
    for name in PACKAGES:
        logger = logging.getLogger(name)
        if not any(isinstance(handler, LineHandler) for handler in logger.handlers):
            logger.addHandler(LineHandler())
        logger.setLevel(logging.INFO)
