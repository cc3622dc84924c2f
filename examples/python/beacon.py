# A beacon: iBeacon, or one of Eddystone's frames.  beacon_scanner.py decodes it.
#
#     micropython beacon.py ibeacon [UUID [MAJOR [MINOR]]]
#     micropython beacon.py uid [NAMESPACE [INSTANCE]]         10 and 6 octets, hexadecimal
#     micropython beacon.py url [https://example.org]
import binascii
import bluetooth
import struct
import sys
import time

FLAGS = b"\x02\x01\x06"
POWER = -59  # dBm at 1 m (iBeacon); Eddystone's is at 0 m, 41 dB more
SCHEMES = ("http://www.", "https://www.", "http://", "https://")
ENDINGS = (".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/",
           ".com", ".org", ".edu", ".net", ".info", ".biz", ".gov")  # fmt: skip


def field(kind, octets):
    return bytes((len(octets) + 1, kind)) + octets


def ibeacon(uuid="2f234454-cf6d-4a0f-adf2-f4911ba9ffa6", major="1", minor="1"):
    octets = bytes(reversed(bytes(bluetooth.UUID(uuid))))
    if len(octets) != 16:
        raise ValueError("an iBeacon's UUID has 128 bits")
    if not (0 <= int(major) <= 0xFFFF and 0 <= int(minor) <= 0xFFFF):
        raise ValueError("major and minor have 16 bits")
    numbers = struct.pack(">HHb", int(major), int(minor), POWER)
    return FLAGS + field(0xFF, b"\x4c\x00\x02\x15" + octets + numbers)


def eddystone(frame):
    return FLAGS + field(0x03, b"\xaa\xfe") + field(0x16, b"\xaa\xfe" + frame)


def uid(namespace="00010203040506070809", instance="0a0b0c0d0e0f"):
    octets = binascii.unhexlify(namespace) + binascii.unhexlify(instance)
    if len(octets) != 16:
        raise ValueError("a namespace has 10 octets, an instance 6")
    return eddystone(struct.pack("bb", 0x00, POWER + 41) + octets + bytes(2))


def url(address="https://example.org/"):
    for scheme, prefix in enumerate(SCHEMES):
        if address.startswith(prefix):
            rest = address[len(prefix) :]
            break
    else:
        raise ValueError("a URL begins with http:// or https://")
    for code, ending in enumerate(ENDINGS):
        rest = rest.replace(ending, chr(code))
    if len(rest) > 17:
        raise ValueError("the URL has more than 17 octets when it is compressed")
    return eddystone(struct.pack("bbB", 0x10, POWER + 41, scheme) + rest.encode())


kind, values = sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]
try:
    if kind == "ibeacon":
        advertisement = ibeacon(*values)
    elif kind == "uid":
        advertisement = uid(*values)
    elif kind == "url":
        advertisement = url(*values)
    else:
        raise ValueError("say ibeacon, uid or url, and then its values")
except (TypeError, ValueError) as e:
    print("beacon.py:", "too many values" if isinstance(e, TypeError) else e)
    sys.exit(2)
ble = bluetooth.BLE()
ble.active(True)
try:
    ble.gap_advertise(100_000, advertisement, connectable=False)
    print("advertising", advertisement.hex())
    while True:
        time.sleep(3600)
finally:
    ble.active(False)
