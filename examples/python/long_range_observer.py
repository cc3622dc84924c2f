# Prints what long_range_beacon.py sends, and how many of its values were missed in between.
#
#     micropython long_range_observer.py [SECONDS]
import bluetooth
import struct
import sys
import time

CODED = 4  # in config: 1 is 1M, 4 coded, 5 both
EXTENDED_RESULT = 77


def fields(adv):
    """(type, content) of each field; of one that is too long for the packet, nothing."""
    i = 0
    while i + 1 < len(adv) and adv[i] and i + 1 + adv[i] <= len(adv):
        yield adv[i + 1], adv[i + 2 : i + 1 + adv[i]]
        i += 1 + adv[i]


class Observer:
    def __init__(self):
        self.latest = {}  # by address: the number of the last value
        self.lines = []
        self.ended = False

    def on_event(self, event, data):
        if event == 6:  # SCAN_DONE
            self.ended = True
        if event != EXTENDED_RESULT or len(self.lines) > 20:
            return
        addr_type, addr, _, rssi, phy, _, _, status, adv = data
        if status:  # a part of a longer one
            return
        found = dict(fields(bytes(adv)))
        value = found.get(0x16, b"")
        if len(value) != 6 or value[:2] != b"\x1a\x18":
            return
        _, number, hundredths = struct.unpack("<HHh", value)
        key = (addr_type, bytes(addr))
        if self.latest.get(key) == number or (key not in self.latest and len(self.latest) >= 100):
            return
        missed = (number - self.latest.get(key, number - 1) - 1) & 0xFFFF
        self.latest[key] = number
        name = "".join(chr(b) if 32 <= b < 127 else "?" for b in found.get(0x09, b"?"))
        how = "coded" if phy == 3 else "1M"
        line = "%s: %.2f C, %d dBm, %s PHY" % (name, hundredths / 100, rssi, how)
        self.lines.append(line + (", %d missed" % missed if missed else ""))


observer = Observer()
ble = bluetooth.BLE()
ble.active(True)
try:
    ble.irq(observer.on_event)
    ble.config(events=(EXTENDED_RESULT,))
    ble.config(scan_phys=CODED)
    ble.gap_scan(int(float(sys.argv[1]) * 1000) if len(sys.argv) > 1 else 0, 100_000, 100_000)
    while not observer.ended:
        time.sleep_ms(100)
        while observer.lines:
            print(observer.lines.pop(0))
except OSError as e:
    if e.args[0] != 95:
        raise
    print("this controller has no coded PHY")
    sys.exit(1)
finally:
    ble.active(False)
