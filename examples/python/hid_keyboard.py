# A keyboard (HID over GATT): types a text as soon as a bonded host listens, and again when the host comes
# back.  Bonds are kept in a file, so no host pairs twice.  hid_host.py is such a host.
#
#     micropython hid_keyboard.py BOND_FILE TEXT
import asyncio
import bluetooth
import sys

ENCRYPTED = 0x0200  # of a characteristic or a descriptor: read only over an encrypted connection
ENCRYPTED_WRITE = 0x1000
READ, NOTIFY = bluetooth.FLAG_READ, bluetooth.FLAG_NOTIFY
NAME = b"Keyboard"
KEYBOARD = b"\x03\x19\xc1\x03"  # the advertising field Appearance
# USB HID 1.11, appendix B.1: 8 bits for the modifiers, an octet that is 0, and six keys.
REPORT_MAP = bytes.fromhex(
    "05010906a101" "050719e029e71500250175019508" "8102" "950175088101" "05071900296515002565" "950675088100" "c0"
)  # fmt: skip
HID = (
    bluetooth.UUID(0x1812),
    (
        (bluetooth.UUID(0x2A4A), READ),  # HID Information
        (bluetooth.UUID(0x2A4B), READ | ENCRYPTED),  # Report Map
        (bluetooth.UUID(0x2A4C), bluetooth.FLAG_WRITE_NO_RESPONSE | ENCRYPTED_WRITE),  # Control Point
        (
            bluetooth.UUID(0x2A4D),  # Report, with its reference: id 0, an input report
            READ | NOTIFY | ENCRYPTED,
            ((bluetooth.UUID(0x2908), READ | ENCRYPTED),),
        ),
    ),
)
BATTERY = (bluetooth.UUID(0x180F), ((bluetooth.UUID(0x2A19), READ | NOTIFY),))
PNP = (bluetooth.UUID(0x180A), ((bluetooth.UUID(0x2A50), READ),))


def usage(char):
    """(modifiers, key): HID Usage Tables, page 0x07."""
    if "a" <= char.lower() <= "z":
        return 2 if char < "a" else 0, ord(char.lower()) - ord("a") + 4
    return 0, {"0": 39, "\n": 40, " ": 44, "-": 45, ",": 54, ".": 55}.get(char) or (
        29 + int(char) if "1" <= char <= "9" else 0
    )


class Keyboard:
    def __init__(self, bonds):
        self.conn = 0
        self.encrypted = self.subscribed = False
        self.woken = asyncio.ThreadSafeFlag()
        self.ble = bluetooth.BLE()
        self.ble.active(True)
        self.ble.irq(self.on_event)
        self.ble.config(bond=True, le_secure=True, bond_store=bonds, gap_name=NAME)
        self.ble.config(events=(71,))  # GATTS_SUBSCRIBE
        (info, report_map, _, self.report, reference), (level,), (pnp,) = (
            self.ble.gatts_register_services((HID, BATTERY, PNP))
        )
        self.ble.gatts_set_buffer(report_map, len(REPORT_MAP))
        self.ble.gatts_write(info, b"\x11\x01\x00\x02")  # HID 1.11, no country, connects when it has keys
        self.ble.gatts_write(report_map, REPORT_MAP)
        self.ble.gatts_write(reference, b"\x00\x01")
        self.ble.gatts_write(self.report, bytes(8))
        self.ble.gatts_write(level, b"\x64")
        self.ble.gatts_write(pnp, b"\x02\xff\xff\x01\x00\x00\x01")
        self.advertise()

    def advertise(self):
        name = bytes((len(NAME) + 1, 0x09)) + NAME
        self.ble.gap_advertise(50_000, b"\x02\x01\x06\x03\x03\x12\x18" + KEYBOARD + name)

    def on_event(self, event, data):
        if event == 1:  # CENTRAL_CONNECT
            self.conn = data[0]
        elif event == 2:  # CENTRAL_DISCONNECT
            self.encrypted = self.subscribed = False
            self.advertise()
        elif event == 28:  # ENCRYPTION_UPDATE
            self.encrypted = bool(data[1])
        elif event == 71 and data[1] == self.report:  # by a write, or kept with the bond
            self.subscribed = bool(data[2] & 1)
        self.woken.set()

    async def key(self, modifiers, key):
        for report in (bytes((modifiers, 0, key)) + bytes(5), bytes(8)):  # down, up
            while self.encrypted and self.subscribed:
                try:
                    self.ble.gatts_notify(self.conn, self.report, report)
                    break
                except OSError:  # the queue is full: a host that is slow loses no key
                    await asyncio.sleep_ms(10)

    async def run(self, text):
        while True:
            await self.woken.wait()
            if self.encrypted and self.subscribed:
                print("typing")
                for char in text + "\n":
                    await self.key(*usage(char))
                while self.subscribed:
                    await self.woken.wait()


if len(sys.argv) != 3:
    print("usage: hid_keyboard.py BOND_FILE TEXT")
    sys.exit(2)
keyboard = Keyboard(sys.argv[1])
try:
    asyncio.run(keyboard.run(sys.argv[2]))
finally:
    keyboard.ble.active(False)
