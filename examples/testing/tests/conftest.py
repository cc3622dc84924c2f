"""A thermometer, and a dashboard that is connected to it."""
import asyncio
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))


@pytest.fixture
async def thermometer(air):
    program = await air.micropython(HERE / "thermometer.py")
    await program.line("advertising")
    return program


@pytest.fixture
async def dashboard(air, thermometer):
    air.bleak  # bleak is on this air from here
    from dashboard import Dashboard
    shown = []
    made = Dashboard(shown.append)
    made.shown = shown
    made.task = asyncio.ensure_future(made.run())
    await asyncio.wait_for(made.connected.wait(), 30)
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)
