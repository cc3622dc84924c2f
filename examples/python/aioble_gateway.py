# gateway.py with aioble, which `scripts/aioble` installs: collects from up to five sensors at a time.
#
#     micropython aioble_gateway.py [SECONDS]
import asyncio
import struct
import sys

import aioble
import bluetooth

SERVICE = bluetooth.UUID(0x181A)
TEMPERATURE = bluetooth.UUID(0x2A6E)
MOST = 5
latest = {}
connected = set()  # devices


def name_of(result):
    try:
        return "".join(c if 32 <= ord(c) < 127 else "?" for c in result.name() or "?")
    except UnicodeError:
        return "?"


async def find():
    async with aioble.scan(0, interval_us=100_000, window_us=50_000) as scanner:
        async for result in scanner:
            try:
                wanted = SERVICE in result.services()
            except ValueError:  # a stranger's field of another length
                continue
            if wanted and result.connectable and result.device not in connected:
                return result.device, name_of(result)


async def collect(device, connection, name):
    try:
        service = await connection.service(SERVICE)
        temperature = service and await service.characteristic(TEMPERATURE)
        if not temperature:
            raise ValueError("it has no temperature")
        await temperature.subscribe(notify=True)
        print(name, "is connected")
        while True:
            value = await temperature.notified()
            if len(value) == 2:
                latest[name] = struct.unpack("<h", value)[0] / 100
    except aioble.DeviceDisconnectedError:
        print(name, "is lost: connection lost")
    except (ValueError, OSError, asyncio.TimeoutError, aioble.GattError) as e:
        print(name, "is lost:", e or "no answer")
        await connection.disconnect()
    latest.pop(name, None)
    connected.discard(device)


async def connect():
    """Connects to one sensor after the other, while there is room."""
    while True:
        while len(connected) >= MOST:
            await asyncio.sleep(0.2)
        device, name = await find()
        try:
            connection = await device.connect(timeout_ms=3000)
        except (OSError, asyncio.TimeoutError, aioble.DeviceDisconnectedError):
            continue  # it has gone, or another central was quicker
        connected.add(device)
        asyncio.create_task(collect(device, connection, name))


async def main(seconds):
    connecting = asyncio.create_task(connect())
    try:
        for _ in range(seconds):
            await asyncio.sleep(1)
            if connecting.done():
                await connecting  # it has failed: the exception
            print(", ".join("%s %.2f" % x for x in sorted(latest.items())) or "no sensor")
    finally:
        aioble.stop()


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60))
