"""The terminal: standard output and error as rich consoles, and the handler that prints what modules log."""

from __future__ import annotations

import logging
import os
from typing import Any

from rich.console import Console
from rich.text import Text

from retina_data.gate import plain

PACKAGES = ("study", "analysis", "retina_data", "retina_models")


class Terminal(Console):
    """A console whose reader may go away (`retina search NAME | head`), and whose texts may come from outside.

    Text is shown as it is: no `[bold]`, no `:smile:`, and nothing that moves the cursor. What shall have colours is a
    `rich.text.Text`.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Each text of a line or a table comes by here."""
        return super().render_str(plain(text, lines=True), **options)

    outlives = False
    """Whether the command goes on in silence then, as a search does; else it ends."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on, or end; rich's own way would end only the thread that happened to write."""
        if not self.outlives:
            super().on_broken_pipe()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


out = Terminal()

err = Terminal(stderr=True)


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
