"""The terminal: standard output and error as rich consoles, and the handler that prints what modules log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from typing import IO, Any, cast

from rich.console import Console
from rich.text import Text

from retina_data.gate import plain

PACKAGES = ("study", "analysis", "retina_data", "retina_models")


STREAMS = {"stdout": "standard output", "stderr": "standard error"}


class Stream:
    """Standard output or error as it is now; what its disk does not take ends no search, and is not the home's."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.outlives = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now(), name)

    def _now(self) -> Any:
        stream = getattr(sys, self._name)
        return getattr(stream, "rich_proxied_file", stream)

    def write(self, text: str) -> int:
        """Write, or write to nowhere from now on; raises OSError that names the stream where the command ends."""
        return self._tried(lambda: int(self._now().write(text)))

    def flush(self) -> None:
        """As `write`."""
        self._tried(lambda: int(self._now().flush() or 0))

    def _tried(self, call: Callable[[], int]) -> int:
        try:
            return call()
        except BrokenPipeError:
            raise  # rich's business: `Terminal.on_broken_pipe`
        except OSError as error:
            with suppress(OSError, ValueError):
                to_nowhere(self._now().fileno())  # Python flushes once more at its end
            if not self.outlives:
                raise OSError(error.errno, error.strerror, STREAMS[self._name]) from None
            return 0


def to_nowhere(stream: int) -> None:
    """Let a file descriptor write to nowhere from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream)
    os.close(nowhere)


class Terminal(Console):
    """A console whose reader may go away (`retina search NAME | head`), whose disk may be full, and whose texts may
    come from outside.

    Text is shown as it is: no `[bold]`, no `:smile:`, and nothing that moves the cursor. What shall have colours is a
    `rich.text.Text`.
    """

    def __init__(self, name: str) -> None:
        self._stream = Stream(name)
        file = cast(IO[str], self._stream)
        super().__init__(file=file, stderr=name == "stderr", soft_wrap=True, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Each text of a line or a table comes by here."""
        return super().render_str(plain(text, lines=True), **options)

    def outlive(self) -> None:
        """From now on the command goes on in silence where nobody reads, as a search does; else it ends."""
        self._stream.outlives = True

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on, or end; rich's own way would end only the thread that happened to write."""
        if not self._stream.outlives:
            super().on_broken_pipe()
        to_nowhere(self.file.fileno())


out = Terminal("stdout")

err = Terminal("stderr")


def prepare_streams() -> None:
    """Open the standard streams that the caller closed, or the next file would be taken for one of them; and let a
    terminal that lacks a letter print a question mark."""
    for number, name in enumerate(("stdin", *STREAMS)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
        elif number and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


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
