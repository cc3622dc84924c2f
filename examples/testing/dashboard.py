"""A dashboard for the thermometer, with bleak: it finds it, shows each temperature, and connects again
when the connection is lost.

    python3 dashboard.py [SECONDS]
"""
import asyncio
import struct
import sys

from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError

NAME = "Thermometer"
TEMPERATURE = "00002a6e-0000-1000-8000-00805f9b34fb"
BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
INTERVAL = "f3641401-00b0-4240-ba50-05ca45bf8abc"
LIMIT = "f3641402-00b0-4240-ba50-05ca45bf8abc"
ALARM = "f3641403-00b0-4240-ba50-05ca45bf8abc"


def degrees(value):
    """Of the octets that the thermometer sends."""
    return struct.unpack("<h", value)[0] / 100


class Dashboard:
    def __init__(self, show=print):
        self.show = show
        self.history = []  # (time, degrees)
        self.alarms = []
        self.battery = None
        self.connections = 0
        self.client = None
        self.connected = asyncio.Event()

    @property
    def minimum(self):
        return min(t for _, t in self.history)

    @property
    def maximum(self):
        return max(t for _, t in self.history)

    @property
    def mean(self):
        return sum(t for _, t in self.history) / len(self.history)

    def on_temperature(self, _, value):
        self.history.append((asyncio.get_running_loop().time(), degrees(value)))
        self.show(f"{degrees(value):.2f} °C")

    def on_alarm(self, _, value):
        self.alarms.append(degrees(value))
        self.show(f"ALARM: {degrees(value):.2f} °C")

    async def set_interval(self, milliseconds):
        await self.client.write_gatt_char(INTERVAL, struct.pack("<H", milliseconds), response=True)
        return struct.unpack("<H", await self.client.read_gatt_char(INTERVAL))[0]

    async def set_limit(self, limit):
        await self.client.write_gatt_char(LIMIT, struct.pack("<h", round(limit * 100)),
                                          response=True)

    async def visit(self, device):
        """One connection, until it ends."""
        ended = asyncio.Event()
        async with BleakClient(device, lambda _: ended.set()) as self.client:
            self.connections += 1
            self.show(f"connected to {device.name}")
            self.battery = (await self.client.read_gatt_char(BATTERY))[0]
            await self.client.start_notify(TEMPERATURE, self.on_temperature)
            await self.client.start_notify(ALARM, self.on_alarm)
            self.connected.set()
            await ended.wait()
        self.connected.clear()
        self.show("lost")

    async def run(self):
        """For ever."""
        pause = 1
        while True:
            try:
                device = await BleakScanner.find_device_by_name(NAME)
                if device is None:
                    self.show("no thermometer")
                    continue
                await self.visit(device)
                pause = 1
            except (BleakError, TimeoutError) as error:
                self.show(f"failed: {error}")
                self.connected.clear()
                await asyncio.sleep(pause)
                pause = min(2 * pause, 30)


async def main(seconds):
    dashboard = Dashboard()
    try:
        async with asyncio.timeout(seconds):
            await dashboard.run()
    except TimeoutError:
        pass
    if dashboard.history:
        print(f"{len(dashboard.history)} measurements, {dashboard.minimum:.2f} to "
              f"{dashboard.maximum:.2f} °C")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else None))
