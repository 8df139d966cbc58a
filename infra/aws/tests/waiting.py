"""Waiting for what happens asynchronously."""

import time

PATIENCE_SECONDS = 240  # the schedule ticks once a minute


def until(what, check):
    """Returns the result of `check` as soon as it is true; fails after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"waited {PATIENCE_SECONDS} s for {what}")
