# Collects the temperatures of up to five sensors (sensor.py) at a time, and connects again to those that
# were lost.
#
#     micropython gateway.py [SECONDS]
import asyncio
import bluetooth
import struct
import sys

SERVICE = bluetooth.UUID(0x181A)
TEMPERATURE = bluetooth.UUID(0x2A6E)
MOST = 5


def name_in(adv):
    i = 0
    while i + 1 < len(adv) and adv[i]:
        if adv[i + 1] == 0x09:
            octets = bytes(adv[i + 2 : i + 1 + adv[i]])
            return "".join(chr(b) if 32 <= b < 127 else "?" for b in octets)
        i += 1 + adv[i]
    return "?"


class Queue:
    """Events of one connection, or of none."""

    def __init__(self):
        self.events = []
        self.woken = asyncio.ThreadSafeFlag()

    def put(self, event, data):
        if len(self.events) < 50 or event not in (5, 18):  # advertisements and values may be lost
            self.events.append((event, data))
            self.woken.set()

    async def wait(self, *wanted):
        while True:
            while self.events:
                event, data = self.events.pop(0)
                if event in wanted:
                    return event, data
                if event == 8:
                    raise OSError("connection lost")
            await self.woken.wait()


class Gateway:
    def __init__(self):
        self.gap = Queue()  # scanning, connecting
        self.links = {}  # a Queue for each connection
        self.names = {}
        self.latest = {}
        self.ble = bluetooth.BLE()
        self.ble.active(True)
        self.ble.irq(self.on_event)

    def on_event(self, event, data):
        # What `data` refers to changes with the next event.
        data = tuple(bytes(x) if isinstance(x, (memoryview, bluetooth.UUID)) else x for x in data)
        if event == 7:  # PERIPHERAL_CONNECT
            self.links[data[0]] = Queue()
        queue = self.links.get(data[0]) if data and event > 7 else None
        (queue or self.gap).put(event, data)

    async def connect(self):
        """Connects to one sensor after the other, while there is room."""
        while True:
            while len(self.links) >= MOST:
                await asyncio.sleep(0.2)
            self.ble.gap_scan(0, 100_000, 50_000)
            wanted = b"\x03\x03" + bytes(SERVICE)
            while True:
                _, (addr_type, addr, kind, _, adv) = await self.gap.wait(5)  # SCAN_RESULT
                if kind == 0 and wanted in adv:
                    break
            self.ble.gap_connect(addr_type, addr, 3000)
            event, data = await self.gap.wait(7, 8)
            if event == 7:
                asyncio.create_task(self.collect(data[0], name_in(adv)))

    async def collect(self, conn, name):
        link = self.links[conn]
        try:
            handle = await asyncio.wait_for(self.subscribe(conn, link), 10)
            print(name, "is connected")
            while True:
                _, (_, which, value) = await link.wait(18)  # GATTC_NOTIFY
                if which == handle and len(value) == 2:
                    self.latest[name] = struct.unpack("<h", value)[0] / 100
        except (OSError, asyncio.TimeoutError) as e:
            print(name, "is lost:", e or "no answer")
            self.latest.pop(name, None)
            if conn in self.ble.gap_connections():
                self.ble.gap_disconnect(conn)
                await link.wait(8)
        del self.links[conn]

    async def subscribe(self, conn, link):
        self.ble.gattc_discover_characteristics(conn, 1, 0xFFFF)
        value = 0
        while True:
            event, data = await link.wait(11, 12)
            if event == 12:
                break
            if data[4] == bytes(TEMPERATURE):
                value = data[2]
        if not value:
            raise OSError("it has no temperature")
        # The CCCD of a characteristic without other descriptors follows its value.
        self.ble.gattc_write(conn, value + 1, b"\x01\x00", 1)
        _, (_, _, status) = await link.wait(17)
        if status:
            raise OSError("its temperature is not notified")
        return value


async def main(seconds):
    gateway = Gateway()
    connecting = asyncio.create_task(gateway.connect())
    try:
        for _ in range(seconds):
            await asyncio.sleep(1)
            if connecting.done():
                await connecting  # it has failed: the exception
            print(", ".join("%s %.2f" % x for x in sorted(gateway.latest.items())) or "no sensor")
    finally:
        gateway.ble.active(False)


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60))
