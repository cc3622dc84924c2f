# What upstream's examples use of `machine` that the unix port lacks: a timer for one call at a time.
# The other names are those of the unix port.
from umachine import *
import micropython
import time

_pending = []


class Timer:
    ONE_SHOT = 0

    def __init__(self, _id=-1):
        pass

    def init(self, *, mode, period, callback):
        _pending[:] = [(time.ticks_add(time.ticks_ms(), period), callback)]


def run_timers():
    """Calls what is due; the program that stands for the board calls this in its loop."""
    if _pending and time.ticks_diff(time.ticks_ms(), _pending[0][0]) >= 0:
        micropython.schedule(_pending.pop()[1], None)
