# Sends a firmware image to firmware_device.py.  When the link is lost it connects again, and goes on where
# the device stopped.
#
#     micropython firmware_send.py IMAGE
import asyncio
import binascii
import bluetooth
import os
import struct
import sys

PSM = 0x81
MTU = 2048
NAME = b"\x09\x09Firmware"
WORDS = {0: "has installed it", 1: "got it damaged", 2: "says that it is too large"}


class Sender:
    def __init__(self):
        self.events = []
        self.woken = asyncio.ThreadSafeFlag()
        self.ble = bluetooth.BLE()
        self.ble.active(True)
        self.ble.irq(self.on_event)

    def on_event(self, event, data):
        if event == 5:  # SCAN_RESULT
            if NAME not in bytes(data[4]) or len(self.events) > 100:
                return
            data = (data[0], bytes(data[1]))
        if event in (5, 7, 8, 23, 24, 25, 26):
            self.events.append((event, tuple(data)))
            self.woken.set()

    async def wait(self, *wanted):
        while True:
            while self.events:
                event, data = self.events.pop(0)
                if event in wanted:
                    return data
                if event in (8, 24):  # the connection or the channel has ended
                    raise OSError("the link was lost")
            await self.woken.wait()

    async def connect(self):
        self.events.clear()
        self.ble.gap_scan(0, 30_000, 30_000)
        addr_type, addr = await self.wait(5)
        self.ble.gap_connect(addr_type, addr)
        conn, _, _ = await self.wait(7)
        self.ble.l2cap_connect(conn, PSM, MTU)
        _, cid, _, _, mtu = await self.wait(23)
        return conn, cid, mtu

    async def send(self, conn, cid, octets):
        if not self.ble.l2cap_send(conn, cid, octets):
            # Credits are used up, or the queue is full: the answer may come before SEND_READY does.
            while True:
                while self.events:
                    event, data = self.events.pop(0)
                    if event == 26:
                        return
                    if event in (8, 24):
                        raise OSError("the link was lost")
                await self.woken.wait()

    async def receive(self, conn, cid, size):
        got, buf = b"", bytearray(size)
        while len(got) < size:
            n = self.ble.l2cap_recvinto(conn, cid, memoryview(buf)[: size - len(got)])
            got += buf[:n]
            if not n:
                await self.wait(25)
        return got

    async def give_up(self):
        self.ble.gap_scan(None)
        for conn in self.ble.gap_connections():
            self.ble.gap_disconnect(conn)
        await asyncio.sleep(1)

    async def attempt(self, f, size, crc):
        conn, cid, mtu = await asyncio.wait_for(self.connect(), 30)
        await self.send(conn, cid, struct.pack("<II", size, crc))
        answer = await asyncio.wait_for(self.receive(conn, cid, 5), 30)
        status, have = struct.unpack("<BI", answer)
        if status or have > size:
            return status or 255
        print("sending, from %d on" % have)
        f.seek(have)
        part = memoryview(bytearray(mtu))
        while have < size:
            n = f.readinto(part)
            await asyncio.wait_for(self.send(conn, cid, part[:n]), 30)
            have += n
        return (await asyncio.wait_for(self.receive(conn, cid, 1), 60))[0]


def checksum(f):
    crc = 0
    while True:
        part = f.read(4096)
        if not part:
            return crc
        crc = binascii.crc32(part, crc)


async def main(path):
    size = os.stat(path)[6]
    sender = Sender()
    try:
        with open(path, "rb") as f:
            crc = checksum(f)
            for _ in range(5):
                try:
                    status = await sender.attempt(f, size, crc)
                    print("the device", WORDS.get(status, "gives an answer that is none"))
                    return status == 0
                except (OSError, asyncio.TimeoutError) as e:
                    print(e or "no device, or no answer in time")
                    await sender.give_up()
    finally:
        sender.ble.active(False)
    return False


if len(sys.argv) != 2:
    print("usage: firmware_send.py IMAGE")
    sys.exit(2)
sys.exit(not asyncio.run(main(sys.argv[1])))
