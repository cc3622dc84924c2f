"""Ends of waits."""
from __future__ import annotations

import asyncio
from typing import Any, Optional


def finish(future: Optional[asyncio.Future[Any]], value: Any = None,
           error: Optional[Exception] = None) -> None:
    """Ends a wait, unless it is over: its task may have been cancelled."""
    if future is None or future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
        future.exception()  # a wait that nobody resumes is no mistake
