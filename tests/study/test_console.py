"""The terminal: lines that modules log, and a reader who goes away."""

import subprocess
import sys
from subprocess import PIPE

import pytest


def test_print_logs_prints_plain_lines_on_the_two_streams() -> None:
    code = (
        "import logging; from study.console import print_logs\n"
        "print_logs(); print_logs()\n"
        "logging.getLogger('study.a.b').info('[bold]1 of %d[/bold]', 2)\n"
        "logging.getLogger('analysis').warning('later')\n"
        "logging.getLogger('mlflow.x').info('not ours')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[bold]1 of 2[/bold]\n", "later\n")


@pytest.mark.parametrize("outlives", [True, False])
def test_a_reader_who_has_gone_ends_a_command_but_no_search(outlives: bool) -> None:
    """As in `retina search NAME | head`: the search goes on in silence."""
    code = (
        "import sys; from study.console import out\n"
        f"{'out.outlive()' * outlives}\n"
        "sys.stdin.readline()\n"
        "for _ in range(3): out.print('line'); out.file.flush()\n"
        "sys.stderr.write('still here')"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)
    assert child.stdin and child.stdout and child.stderr
    child.stdout.close()
    child.stdin.write("go on\n")
    child.stdin.close()
    assert child.stderr.read() == ("still here" if outlives else "")
    assert child.wait(60) == (0 if outlives else 1)
    child.stderr.close()
