"""What holds for every test."""
import faulthandler
import signal
from collections.abc import Iterator

import pytest

LIMIT_S = 120


@pytest.fixture(autouse=True)
def as_on_a_terminal() -> Iterator[None]:
    """Ctrl-C works, also where a shell ignores SIGINT for what it starts in the background; a test that hangs ends the run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.dump_traceback_later(LIMIT_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.signal(signal.SIGINT, before)
