# Does what lines of standard input say: `scan` prints the RSSI of the next packet of the sensor, `connect` connects,
# reads the sensor's value, and subscribes.
import bluetooth
import struct
import sys
import time

ble = bluetooth.BLE()
ble.active(True)
seen = []
events = []


def irq(event, data):
    if event == 5 and b"sensor" in bytes(data[4]):
        seen.append((data[0], bytes(data[1]), data[3]))
    elif event not in (5, 6):
        events.append((event, tuple(bytes(d) if isinstance(d, memoryview) else d for d in data)))


def wait(number):
    while True:
        for e in events:
            if e[0] == number:
                events.remove(e)
                return e[1]
        time.sleep_ms(10)


def scan():
    seen.clear()
    ble.gap_scan(0, 30_000, 30_000)
    while not seen:
        time.sleep_ms(10)
    ble.gap_scan(None)
    return seen[0]


ble.irq(irq)
print("ready")
for line in sys.stdin:
    if line.strip() == "scan":
        print("rssi", scan()[2])
    elif line.strip() == "connect":
        kind, address, _ = scan()
        ble.gap_connect(kind, address)
        conn = wait(7)[0]
        ble.gattc_discover_characteristics(conn, 1, 0xFFFF, bluetooth.UUID(0x2A6E))
        value = wait(11)[2]
        ble.gattc_read(conn, value)
        print("read", struct.unpack("<h", wait(15)[2])[0])
        ble.gattc_write(conn, value + 1, b"\x01\x00", 1)
        print("subscribed", wait(17)[2])
