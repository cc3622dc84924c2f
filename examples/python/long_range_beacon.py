# Advertises a temperature on the coded PHY, which is received at about four times the distance of 1M.
# long_range_observer.py prints it.
#
#     micropython long_range_beacon.py NAME [CELSIUS]
import bluetooth
import struct
import sys
import time

CODED = 3
SET_ENDED = 76


def field(kind, octets):
    return bytes((len(octets) + 1, kind)) + octets


def payload(name, number, celsius):
    # Service Data of Environmental Sensing: a number that grows, and hundredths of a degree.
    data = struct.pack("<HHh", 0x181A, number & 0xFFFF, round(celsius * 100))
    return field(0x09, name) + field(0x16, data)


def send(number):
    # With the same parameters and other data advertising goes on.
    data = payload(name, number, celsius)
    ble.gap_advertise_set(0, 500_000, data, primary_phy=CODED, secondary_phy=CODED)


def on_event(event, data):
    if event == SET_ENDED and data[2]:
        print("the controller does not advertise on the coded PHY: 0x%x" % data[2])


if len(sys.argv) not in (2, 3) or not 0 < len(sys.argv[1].encode()) <= 40:
    print("usage: long_range_beacon.py NAME [CELSIUS], a name of at most 40 octets")
    sys.exit(2)
name = sys.argv[1].encode()
celsius = float(sys.argv[2]) if len(sys.argv) > 2 else 21.5
ble = bluetooth.BLE()
ble.active(True)
try:
    ble.irq(on_event)
    ble.config(events=(SET_ENDED,))
    for number in range(1 << 30):
        send(number)
        time.sleep(5)
except OSError as e:
    if e.args[0] != 95:
        raise
    print("this controller has no coded PHY")
    sys.exit(1)
finally:
    ble.active(False)
