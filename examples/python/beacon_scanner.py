# Finds beacons, iBeacon and Eddystone (UID, URL, TLM), and prints each with an estimate of its distance.
#
#     micropython beacon_scanner.py [SECONDS]
import bluetooth
import struct
import sys
import time

SCHEMES = ("http://www.", "https://www.", "http://", "https://")
ENDINGS = (".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/",
           ".com", ".org", ".edu", ".net", ".info", ".biz", ".gov")  # fmt: skip


def fields(adv):
    """(type, content) of each field; of one that is too long for the packet, nothing."""
    i = 0
    while i + 1 < len(adv) and adv[i] and i + 1 + adv[i] <= len(adv):
        yield adv[i + 1], bytes(adv[i + 2 : i + 1 + adv[i]])
        i += 1 + adv[i]


def ibeacon(data):
    if len(data) != 25 or data[:4] != b"\x4c\x00\x02\x15":
        return None
    uuid = bluetooth.UUID(bytes(reversed(data[4:20])))
    major, minor, power = struct.unpack(">HHb", data[20:])
    return "iBeacon %s %d %d" % (str(uuid)[6:-2], major, minor), power


def text_of(b):
    if b < len(ENDINGS):
        return ENDINGS[b]
    return chr(b) if 32 < b < 127 else "?"  # a stranger's octets reach no terminal as they are


def eddystone(data):
    if len(data) < 4 or data[:2] != b"\xaa\xfe":
        return None
    frame, power = data[2], struct.unpack("b", data[3:4])[0] - 41
    if frame == 0x00 and len(data) in (20, 22):
        return "Eddystone UID %s %s" % (data[4:14].hex(), data[14:20].hex()), power
    if frame == 0x10 and 5 < len(data) <= 22 and data[4] < len(SCHEMES):
        return "Eddystone URL " + SCHEMES[data[4]] + "".join(map(text_of, data[5:])), power
    if frame == 0x20 and len(data) == 16 and data[3] == 0:
        millivolts, celsius = struct.unpack(">Hh", data[4:8])
        return "Eddystone TLM %d mV %.1f C" % (millivolts, celsius / 256), None
    return None


def metres(power, rssi):
    return 10 ** ((power - rssi) / 20)  # in free space


class Scanner:
    def __init__(self, ble):
        self.ble = ble
        self.seen = {}
        self.done = False

    def on_event(self, event, data):
        if event == 5:  # SCAN_RESULT
            addr_type, addr, _, rssi, adv = data
            for kind, content in fields(adv):
                beacon = {0xFF: ibeacon, 0x16: eddystone}.get(kind, lambda content: None)(content)
                if beacon and len(self.seen) < 100:  # a stranger can invent any number
                    self.seen[(addr_type, bytes(addr), beacon[0])] = (beacon[1], rssi)
        elif event == 6:  # SCAN_DONE
            self.done = True

    def run(self, seconds):
        shown = set()
        self.ble.gap_scan(int(seconds * 1000), 30_000, 30_000, True)
        while not self.done:
            time.sleep_ms(100)
            for key, (power, rssi) in list(self.seen.items()):
                if key not in shown:
                    shown.add(key)
                    about = "" if power is None else ", about %.1f m" % metres(power, rssi)
                    print("%s: %s, %d dBm%s" % (key[1].hex(), key[2], rssi, about))
        print(len(shown), "beacons")


ble = bluetooth.BLE()
ble.active(True)
try:
    scanner = Scanner(ble)
    ble.irq(scanner.on_event)
    scanner.run(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
finally:
    ble.active(False)
