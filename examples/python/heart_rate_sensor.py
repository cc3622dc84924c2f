# A heart rate sensor: advertises and serves the Heart Rate service (0x180D), and notifies a value
# every second to whoever subscribes.  It runs for ever, or until N centrals have come and gone:
#     micropython heart_rate_sensor.py [N]

import bluetooth
import random
import struct
import sys
import time

_IRQ_CENTRAL_CONNECT = 1
_IRQ_CENTRAL_DISCONNECT = 2
_IRQ_GATTS_READ_REQUEST = 4

HEART_RATE = (
    bluetooth.UUID(0x180D),
    (
        (bluetooth.UUID(0x2A37), bluetooth.FLAG_NOTIFY),  # Heart Rate Measurement
        (bluetooth.UUID(0x2A38), bluetooth.FLAG_READ),  # Body Sensor Location
    ),
)
WRIST = b"\x02"
NAME = b"Woad heart"


def address(addr):
    return ":".join("%02x" % b for b in addr)


def advertisement():
    flags = b"\x02\x01\x06"
    services = b"\x03\x03" + bytes(bluetooth.UUID(0x180D))
    return flags + services + bytes((len(NAME) + 1, 0x09)) + NAME


class Sensor:
    def __init__(self, ble):
        self.ble = ble
        self.served = 0
        self.conns = set()
        ble.active(True)
        ble.irq(self.irq)
        ble.config(gap_name=NAME)
        ((self.rate, self.location),) = ble.gatts_register_services((HEART_RATE,))
        ble.gatts_write(self.location, WRIST)
        self.advertise()
        print("I am", address(ble.config("mac")[1]), "and advertise as", NAME.decode())

    def advertise(self):
        self.ble.gap_advertise(100_000, advertisement())

    def irq(self, event, data):
        if event == _IRQ_CENTRAL_CONNECT:
            conn, _, addr = data
            self.conns.add(conn)
            print("a central connects:", address(addr))
        elif event == _IRQ_CENTRAL_DISCONNECT:
            conn, _, addr = data
            self.conns.discard(conn)
            self.served += 1
            print("it has gone:", address(addr))
            self.advertise()
        elif event == _IRQ_GATTS_READ_REQUEST:
            print("somebody reads where I am worn")

    def beat(self, bpm):
        # flags: 8-bit value, skin contact; the rate.
        self.ble.gatts_write(self.rate, struct.pack("BB", 0x06, bpm), True)


def main(centrals):
    ble = bluetooth.BLE()
    sensor = Sensor(ble)
    bpm = 72
    try:
        while not centrals or sensor.served < centrals:
            time.sleep_ms(500)
            bpm = min(max(bpm + random.randint(-3, 3), 55), 110)
            if sensor.conns:
                sensor.beat(bpm)
    finally:
        ble.active(False)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
