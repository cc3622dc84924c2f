# sensor.py with aioble, which `scripts/aioble` installs: the same thermometer.
#
#     micropython aioble_sensor.py NAME [CELSIUS]
import asyncio
import random
import struct
import sys

import aioble
import bluetooth

SERVICE = bluetooth.UUID(0x181A)
TEMPERATURE = bluetooth.UUID(0x2A6E)


async def measure(temperature, celsius):
    while True:
        # Hundredths of a degree, to each central that subscribed.
        temperature.write(struct.pack("<h", round(celsius * 100)), send_update=True)
        celsius += random.randint(-10, 10) / 100
        await asyncio.sleep(1)


async def main(name, celsius):
    service = aioble.Service(SERVICE)
    temperature = aioble.Characteristic(service, TEMPERATURE, read=True, notify=True)
    aioble.register_services(service)
    measuring = asyncio.create_task(measure(temperature, celsius))
    try:
        while not measuring.done():
            connection = await aioble.advertise(200_000, name=name, services=[SERVICE])
            await connection.disconnected(timeout_ms=None)
    finally:
        aioble.stop()


if len(sys.argv) not in (2, 3) or not 0 < len(sys.argv[1].encode()) <= 20:
    print("usage: aioble_sensor.py NAME [CELSIUS], a name of at most 20 octets")
    sys.exit(2)
asyncio.run(main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 21.5))
