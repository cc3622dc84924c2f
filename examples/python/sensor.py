# A thermometer (Environmental Sensing): notifies its temperature each second.  gateway.py collects from
# five of them.
#
#     micropython sensor.py NAME [CELSIUS]
import asyncio
import bluetooth
import random
import struct
import sys

SERVICE = bluetooth.UUID(0x181A)
TEMPERATURE = (bluetooth.UUID(0x2A6E), bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY)


def advertise(ble, name):
    payload = b"\x02\x01\x06\x03\x03" + bytes(SERVICE) + bytes((len(name) + 1, 0x09)) + name
    ble.gap_advertise(200_000, payload)


async def main(name, celsius):
    ble = bluetooth.BLE()
    ble.active(True)

    def on_event(event, data):
        if event == 2:  # CENTRAL_DISCONNECT
            advertise(ble, name)

    ble.irq(on_event)
    ble.config(gap_name=name)
    ((temperature,),) = ble.gatts_register_services(((SERVICE, (TEMPERATURE,)),))
    advertise(ble, name)
    try:
        while True:
            # Hundredths of a degree.  True: to each central that subscribed.
            ble.gatts_write(temperature, struct.pack("<h", round(celsius * 100)), True)
            celsius += random.randint(-10, 10) / 100
            await asyncio.sleep(1)
    finally:
        ble.active(False)


if len(sys.argv) not in (2, 3) or not 0 < len(sys.argv[1].encode()) <= 20:
    print("usage: sensor.py NAME [CELSIUS], a name of at most 20 octets")
    sys.exit(2)
asyncio.run(main(sys.argv[1].encode(), float(sys.argv[2]) if len(sys.argv) > 2 else 21.5))
