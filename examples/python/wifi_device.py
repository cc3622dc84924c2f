# A device without a keyboard gets its Wi-Fi credentials over Bluetooth: only over a connection that is
# encrypted after a passkey, which the device shows.  wifi_setup.py sends them.
#
#     micropython wifi_device.py FILE          FILE: where the credentials are kept, as JSON
import asyncio
import bluetooth
import json
import os
import sys

SERVICE = bluetooth.UUID("0c9c6f00-5a1e-4b5c-9d0c-3d6f70fb7c55")
CREDENTIALS = bluetooth.UUID("0c9c6f01-5a1e-4b5c-9d0c-3d6f70fb7c55")
STATUS = bluetooth.UUID("0c9c6f02-5a1e-4b5c-9d0c-3d6f70fb7c55")
AUTHENTICATED = 0x2000  # writes need a connection that was paired by passkey
WAITING, SAVED, WRONG, NOT_SAVED = 0, 1, 2, 3
NAME = b"Wi-Fi device"


def parse(octets):
    """SSID and password: each with its length before it.  IEEE 802.11: 0 or 8 to 63 octets of password."""
    size = octets[0] if octets else 0
    ssid, rest = octets[1 : 1 + size], octets[1 + size :]
    if not 1 <= size <= 32 or len(ssid) != size or not rest or rest[0] != len(rest) - 1:
        return None
    if rest[0] and not 8 <= rest[0] <= 63:
        return None
    try:
        return ssid.decode(), rest[1:].decode()
    except UnicodeError:
        return None


class Device:
    def __init__(self, path):
        self.path = path
        self.got = None
        self.woken = asyncio.ThreadSafeFlag()
        self.ble = bluetooth.BLE()
        self.ble.active(True)
        self.ble.irq(self.on_event)
        self.ble.config(bond=False, mitm=True, le_secure=True, io=0, gap_name=NAME)  # io 0: a display
        write, notify = bluetooth.FLAG_WRITE, bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY
        service = (SERVICE, ((CREDENTIALS, write | AUTHENTICATED), (STATUS, notify)))
        ((self.credentials, self.status),) = self.ble.gatts_register_services((service,))
        self.ble.gatts_set_buffer(self.credentials, 100)
        self.ble.gatts_write(self.status, bytes((WAITING,)))
        self.advertise()

    def advertise(self):
        name = bytes((len(NAME) + 1, 0x09)) + NAME
        self.ble.gap_advertise(
            100_000, b"\x02\x01\x06\x11\x07" + bytes(SERVICE), resp_data=name
        )

    def on_event(self, event, data):
        if event == 2:  # CENTRAL_DISCONNECT
            self.ble.gatts_write(self.status, bytes((WAITING,)))
            self.advertise()
        elif event == 3 and data[1] == self.credentials:  # GATTS_WRITE
            self.got = self.ble.gatts_read(self.credentials)
            self.ble.gatts_write(self.credentials, b"")
            self.woken.set()
        elif event == 31 and data[1] == 3:  # PASSKEY_ACTION: show one
            passkey = int.from_bytes(os.urandom(4), "big") % 1_000_000  # a new one each time
            self.ble.gap_passkey(data[0], 3, passkey)
            print("passkey %06d" % passkey)

    def save(self, ssid, password):
        with open(self.path + ".new", "w") as f:
            json.dump({"ssid": ssid, "password": password}, f)
        os.rename(self.path + ".new", self.path)  # the old file or the new one, never half of it

    def take(self):
        """What was written last: saves it; returns the status."""
        found = parse(self.got)
        if not found:
            print("these are no credentials")
            return WRONG
        try:
            self.save(*found)
        except OSError as e:
            print("they can't be saved:", e)
            return NOT_SAVED
        # On a board: network.WLAN(network.STA_IF).connect(*found)
        print("Wi-Fi network:", repr(found[0]))
        return SAVED

    async def run(self):
        while True:
            await self.woken.wait()
            self.ble.gatts_write(self.status, bytes((self.take(),)), True)


if len(sys.argv) != 2:
    print("usage: wifi_device.py FILE")
    sys.exit(2)
device = Device(sys.argv[1])
try:
    asyncio.run(device.run())
finally:
    device.ble.active(False)
