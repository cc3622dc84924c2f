"""Tests of Bluetooth programs: a simulated radio in virtual time, and programs on it.

As a plugin of pytest (the package brings it) it gives tests the fixture `air`:

    async def test_a_reading(air):
        sensor = await air.micropython("sensor.py")
        device = await air.bleak.BleakScanner.find_device_by_name("sensor")
        air.link(sensor, air.phone).loss = 0.2
        ...
"""
from .air import Air, Link, TestSetupError
from .capture import Capture
from .program import Program, ProgramFailed

__all__ = ["Air", "Capture", "Link", "Program", "ProgramFailed", "TestSetupError"]
