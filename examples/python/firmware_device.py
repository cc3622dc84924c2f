# Takes firmware updates through an L2CAP channel, into the one of two slots that does not run.  An update
# whose link is lost goes on where it stopped; one with a wrong CRC-32 is never installed.
# firmware_send.py sends one.
#
#     micropython firmware_device.py FOLDER      FOLDER: a.bin, b.bin, and in `active` which one runs
#
# A CRC detects errors, no forgery: a product also checks a signature before it installs.
import asyncio
import binascii
import bluetooth
import os
import struct
import sys

PSM = 0x81
MTU = 2048
LARGEST = 8 << 20
INSTALLED, DAMAGED, TOO_LARGE = 0, 1, 2
NAME = b"Firmware"


class Slots:
    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return self.folder + "/" + name

    def active(self):
        try:
            with open(self.path("active")) as f:
                return f.read().strip()
        except OSError:
            return "a"

    def begin(self, size, crc):
        """The file for this image, and how much of it is there; parts of other images go."""
        wanted = "%08x-%d.part" % (crc, size)
        for name in os.listdir(self.folder):
            if name.endswith(".part") and name != wanted:
                os.remove(self.path(name))
        have = os.stat(self.path(wanted))[6] if wanted in os.listdir(self.folder) else 0
        return self.path(wanted), have

    def install(self, part, crc):
        found, buf = 0, bytearray(4096)
        with open(part, "rb") as f:
            while True:
                n = f.readinto(buf)
                if not n:
                    break
                found = binascii.crc32(memoryview(buf)[:n], found)
        if found != crc:
            os.remove(part)
            return False
        slot = "b" if self.active() == "a" else "a"
        os.rename(part, self.path(slot + ".bin"))
        with open(self.path("active.new"), "w") as f:
            f.write(slot)
        # Until this line the old firmware starts, whatever happens.
        os.rename(self.path("active.new"), self.path("active"))
        return True


class Device:
    def __init__(self, folder):
        self.slots = Slots(folder)
        self.conn = self.cid = 0
        self.busy = self.open = False  # from the opening to the end of run()'s turn; while it is open
        self.rest = bytearray(MTU)
        self.woken = asyncio.ThreadSafeFlag()
        self.ble = bluetooth.BLE()
        self.ble.active(True)
        self.ble.irq(self.on_event)
        self.ble.config(gap_name=NAME)
        self.ble.l2cap_listen(PSM, MTU)
        self.advertise()

    def advertise(self):
        self.ble.gap_advertise(100_000, b"\x02\x01\x06" + bytes((len(NAME) + 1, 0x09)) + NAME)

    def on_event(self, event, data):
        if event == 2:  # CENTRAL_DISCONNECT
            self.advertise()
        elif event == 22:  # L2CAP_ACCEPT: one at a time; a number other than 0 refuses
            return 1 if self.busy else 0
        elif event == 23:  # L2CAP_CONNECT
            self.conn, self.cid = data[:2]
            self.busy = self.open = True
        elif event == 24:  # L2CAP_DISCONNECT
            self.open = False
        self.woken.set()  # so does 25, L2CAP_RECV

    async def some(self, buf):
        """At least an octet, into `buf`."""
        while self.open:
            n = self.ble.l2cap_recvinto(self.conn, self.cid, buf)
            if n:
                return n
            await self.woken.wait()
        raise OSError("the link was lost")

    async def update(self):
        header = bytearray(8)
        for i in range(8):
            await self.some(memoryview(header)[i : i + 1])
        size, crc = struct.unpack("<II", header)
        if not 0 < size <= LARGEST:
            self.ble.l2cap_send(self.conn, self.cid, struct.pack("<BI", TOO_LARGE, 0))
            return "refused: %d octets" % size
        part, have = self.slots.begin(size, crc)
        self.ble.l2cap_send(self.conn, self.cid, struct.pack("<BI", 0, have))
        print("update of %d octets, from %d on" % (size, have))
        buf = memoryview(bytearray(MTU))
        with open(part, "ab") as f:
            while have < size:
                n = await self.some(buf[: min(MTU, size - have)])
                f.write(buf[:n])
                have += n
        good = self.slots.install(part, crc)
        self.ble.l2cap_send(self.conn, self.cid, bytes((INSTALLED if good else DAMAGED,)))
        return "installed in slot " + self.slots.active() if good else "damaged: not installed"

    async def run(self):
        while True:
            while not self.open:
                await self.woken.wait()
            try:
                print(await asyncio.wait_for(self.update(), 600))
                await asyncio.sleep(1)  # the sender reads the answer, and closes
            except (OSError, asyncio.TimeoutError) as e:
                print("stopped:", e or "too slow")
            if self.open:
                self.ble.l2cap_disconnect(self.conn, self.cid)
            while self.open:  # what the sender sent in vain is dropped
                if not self.ble.l2cap_recvinto(self.conn, self.cid, self.rest):
                    await self.woken.wait()
            self.busy = False


if len(sys.argv) != 2:
    print("usage: firmware_device.py FOLDER")
    sys.exit(2)
try:
    os.listdir(sys.argv[1])
except OSError as e:
    print("firmware_device.py: %s: %s" % (sys.argv[1], e))
    sys.exit(1)
device = Device(sys.argv[1])
print("slot", device.slots.active(), "runs")
try:
    asyncio.run(device.run())
finally:
    device.ble.active(False)
