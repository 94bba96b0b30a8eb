"""What is common to all that a call may run."""

from study.workflows.running.run_spec import failure_hint


def test_a_study_that_failed_as_a_whole_is_looked_at_first() -> None:
    assert failure_hint("s", " --home X") == (
        "`retina status s --home X` names the failures; mend their cause and search under another name, or give a "
        "larger --trials"
    )
