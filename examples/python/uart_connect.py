# The other end of uart_console.py, or of any device with Nordic's UART Service: sends commands and prints
# what comes back.
#
#     micropython uart_connect.py "echo hello" uptime        each argument is a line
#     micropython uart_connect.py                            lines of standard input
import asyncio
import bluetooth
import sys

SERVICE = bluetooth.UUID("6e400001-b5a3-f393-e0a9-e50e24dcca9e")
TO_DEVICE = bluetooth.UUID("6e400002-b5a3-f393-e0a9-e50e24dcca9e")
FROM_DEVICE = bluetooth.UUID("6e400003-b5a3-f393-e0a9-e50e24dcca9e")
CCCD = bluetooth.UUID(0x2902)
PROMPT = b"\n> "


class Central:
    def __init__(self):
        self.events = []
        self.woken = asyncio.ThreadSafeFlag()
        self.ble = bluetooth.BLE()
        self.ble.active(True)
        self.ble.irq(self.on_event)

    def on_event(self, event, data):
        if event in (5, 18) and len(self.events) > 100:
            return  # advertisements and notifications come as fast as others like
        # What `data` refers to changes with the next event.
        self.events.append((event, tuple(self.copy(x) for x in data)))
        self.woken.set()

    def copy(self, x):
        if isinstance(x, memoryview):
            return bytes(x)
        return bluetooth.UUID(x) if isinstance(x, bluetooth.UUID) else x

    async def wait(self, *wanted):
        while True:
            while self.events:
                event, data = self.events.pop(0)
                if event == 8:  # PERIPHERAL_DISCONNECT; or there is no connection
                    raise OSError("the device has gone")
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
            _, (addr_type, addr, _, _, adv) = await self.wait(5)  # SCAN_RESULT
            if bytes(SERVICE) in adv:
                break
        self.ble.gap_connect(addr_type, addr)
        _, (conn, _, _) = await self.wait(7)  # PERIPHERAL_CONNECT
        return conn

    async def subscribe(self, conn):
        """The handle to write to, and the one that is notified."""
        self.ble.gattc_exchange_mtu(conn)
        await self.wait(21)  # MTU_EXCHANGED
        self.ble.gattc_discover_services(conn, SERVICE)
        for _, start, end, _ in await self.results(9, 10):
            self.ble.gattc_discover_characteristics(conn, start, end)
            found = {x[4]: x for x in await self.results(11, 12)}
            if TO_DEVICE not in found or FROM_DEVICE not in found:
                continue
            _, end, value, _, _ = found[FROM_DEVICE]
            if value < end:
                self.ble.gattc_discover_descriptors(conn, value, end)
                for _, handle, uuid in await self.results(13, 14):
                    if uuid == CCCD:
                        self.ble.gattc_write(conn, handle, b"\x01\x00", 1)
                        _, (_, _, status) = await self.wait(17)  # GATTC_WRITE_DONE
                        if status == 0:
                            return found[TO_DEVICE][2], value
        raise OSError("the device has no UART to subscribe to")

    async def command(self, conn, handles, line):
        self.ble.gattc_write(conn, handles[0], line.encode() + b"\n", 2)  # 2: in parts, if it is long
        _, (_, _, status) = await self.wait(17)
        if status:
            raise OSError("the device refuses the line: %d" % status)
        text = b""
        while not text.endswith(PROMPT):
            try:  # a device that prompts for nothing has answered when it is silent
                _, (_, handle, octets) = await asyncio.wait_for(self.wait(18), 2 if text else 10)
            except asyncio.TimeoutError:
                if not text:
                    raise
                break
            text += octets if handle == handles[1] else b""
            if len(text) > 10_000:
                raise OSError("the device does not end its answer")
        text = text[:-3] if text.endswith(PROMPT) else text.rstrip()
        return "".join(chr(b) if b == 10 or 32 <= b < 127 else "?" for b in text)


async def main(lines):
    central = Central()
    try:
        conn = await asyncio.wait_for(central.connect(), 20)
        handles = await asyncio.wait_for(central.subscribe(conn), 10)
        for line in lines:
            print(await asyncio.wait_for(central.command(conn, handles, line.strip()), 30))
        central.ble.gap_disconnect(conn)
    except asyncio.TimeoutError:
        print("no device, or no answer in time")
        sys.exit(1)
    except OSError as e:
        print(e)
        sys.exit(1)
    finally:
        central.ble.active(False)


asyncio.run(main(sys.argv[1:] or sys.stdin))
