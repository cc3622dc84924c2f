# A host for one keyboard (hid_keyboard.py, or one that can be bought): pairs the first time, uses the bond
# after that, and prints the first line that is typed.
#
#     micropython hid_host.py BOND_FILE
import asyncio
import bluetooth
import sys

HID = bluetooth.UUID(0x1812)
REPORT = bluetooth.UUID(0x2A4D)
REFERENCE = bluetooth.UUID(0x2908)
CCCD = bluetooth.UUID(0x2902)
OTHERS = {39: "0", 40: "\n", 44: " ", 45: "-", 54: ",", 55: "."}


def character(modifiers, key):
    if 4 <= key < 30:
        char = chr(ord("a") + key - 4)
        return char.upper() if modifiers & 0x22 else char
    return chr(ord("1") + key - 30) if 30 <= key < 39 else OTHERS.get(key, "?")


class Host:
    def __init__(self, bonds):
        self.events, self.reports = [], []
        self.woken = asyncio.ThreadSafeFlag()
        self.ble = bluetooth.BLE()
        self.ble.active(True)
        self.ble.irq(self.on_event)
        self.ble.config(bond=True, le_secure=True, bond_store=bonds)
        self.ble.config(events=(73,))  # PAIR_FAILED

    def on_event(self, event, data):
        # A bonded keyboard may type before we have discovered anything: reports are kept apart.
        queue = self.reports if event == 18 else self.events
        if event in (5, 18) and len(queue) > 500:
            return  # advertisements and notifications come as fast as others like
        # What `data` refers to changes with the next event.
        queue.append((event, tuple(self.copy(x) for x in data)))
        self.woken.set()

    def copy(self, x):
        if isinstance(x, memoryview):
            return bytes(x)
        return bluetooth.UUID(x) if isinstance(x, bluetooth.UUID) else x

    async def wait(self, *wanted):
        while True:
            while self.events:
                event, data = self.events.pop(0)
                if event == 8:  # PERIPHERAL_DISCONNECT
                    raise OSError("the keyboard has gone")
                if event in wanted:
                    return event, data
            await self.woken.wait()

    async def results(self, result, done):
        found = []
        while True:
            event, data = await self.wait(result, done)
            if event == done:
                return found
            found.append(data)

    async def connect(self):
        self.ble.gap_scan(0, 30_000, 30_000)
        while True:
            _, (addr_type, addr, adv_type, _, adv) = await self.wait(5)  # SCAN_RESULT
            if adv_type == 0 and bytes(HID) in adv:
                break
        self.ble.gap_connect(addr_type, addr)
        _, (conn, _, _) = await self.wait(7)  # PERIPHERAL_CONNECT
        known = (addr_type, addr) in [bond[:2] for bond in self.ble.gap_bonds()]
        self.ble.gap_pair(conn)
        event, data = await self.wait(28, 73)
        if event == 73 and data[1] == 0x206:
            raise OSError("the keyboard has lost its bond: remove ours, and pair again")
        if event == 73 or not data[1]:
            raise OSError("pairing failed: %d" % data[1])
        print("encrypted by the bond" if known else "paired")
        return conn

    async def report(self, conn):
        """The handle of the keyboard's input report."""
        self.ble.gattc_discover_services(conn, HID)
        for _, start, end, _ in await self.results(9, 10):
            self.ble.gattc_discover_characteristics(conn, start, end)
            for _, end, value, _, uuid in await self.results(11, 12):
                if uuid != REPORT or value >= end:
                    continue
                self.ble.gattc_discover_descriptors(conn, value, end)
                found = {uuid: handle for _, handle, uuid in await self.results(13, 14)}
                if REFERENCE not in found or CCCD not in found:
                    continue
                self.ble.gattc_read(conn, found[REFERENCE])
                if [x[2][1:] for x in await self.results(15, 16)] != [b"\x01"]:
                    continue  # an output or a feature report
                self.ble.gattc_write(conn, found[CCCD], b"\x01\x00", 1)
                _, (_, _, status) = await self.wait(17)
                if status == 0:
                    return value
        raise OSError("no keyboard in there")

    async def line(self, handle):
        text, down = "", b""
        while not text.endswith("\n"):
            while not self.reports:
                if any(event == 8 for event, _ in self.events):
                    return text  # the keyboard has gone
                await self.woken.wait()
            _, (_, which, report) = self.reports.pop(0)
            if which == handle and len(report) == 8:
                text += "".join(character(report[0], k) for k in report[2:] if k > 3 and k not in down)
                down = report[2:]
        return text[:-1]


async def main(bonds):
    host = Host(bonds)
    try:
        conn = await asyncio.wait_for(host.connect(), 40)
        handle = await asyncio.wait_for(host.report(conn), 10)
        print("typed:", await asyncio.wait_for(host.line(handle), 60))
        host.ble.gap_disconnect(conn)
    except asyncio.TimeoutError:
        sys.exit("no keyboard, or no line in time")
    except OSError as e:
        print(e)
        sys.exit(1)
    finally:
        host.ble.active(False)


if len(sys.argv) != 2:
    print("usage: hid_host.py BOND_FILE")
    sys.exit(2)
asyncio.run(main(sys.argv[1]))
