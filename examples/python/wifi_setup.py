# Sends Wi-Fi credentials to wifi_device.py: pairs by the passkey that the device shows, and sends nothing
# unless the connection is authenticated by it.
#
#     micropython wifi_setup.py SSID PASSWORD          reads the passkey from standard input
import asyncio
import bluetooth
import sys

SERVICE = bluetooth.UUID("0c9c6f00-5a1e-4b5c-9d0c-3d6f70fb7c55")
CREDENTIALS = bluetooth.UUID("0c9c6f01-5a1e-4b5c-9d0c-3d6f70fb7c55")
STATUS = bluetooth.UUID("0c9c6f02-5a1e-4b5c-9d0c-3d6f70fb7c55")
WORDS = {0: "has not answered", 1: "has saved them", 2: "says that these are no credentials", 3: "can't save them"}


class Central:
    def __init__(self):
        self.events = []
        self.woken = asyncio.ThreadSafeFlag()
        self.ble = bluetooth.BLE()
        self.ble.active(True)
        self.ble.irq(self.on_event)
        self.ble.config(bond=False, mitm=True, le_secure=True, io=2)  # io 2: a keyboard
        self.ble.config(events=(73,))  # PAIR_FAILED

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
                if event == 8:  # PERIPHERAL_DISCONNECT
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

    async def pair(self, conn):
        self.ble.gap_pair(conn)
        while True:
            event, data = await self.wait(28, 31, 73)
            if event == 31 and data[1] == 2:  # PASSKEY_ACTION: type it
                print("the passkey that the device shows:")
                digits = sys.stdin.readline().strip()
                self.ble.gap_passkey(conn, 2, int(digits) if digits.isdigit() else 0)
            elif event == 28 and data[1] and data[2]:  # ENCRYPTION_UPDATE: encrypted, authenticated
                return
            elif event != 31:
                raise OSError("the pairing failed; nothing was sent")

    async def send(self, conn, octets):
        self.ble.gattc_discover_services(conn, SERVICE)
        handles = {}
        for _, start, end, _ in await self.results(9, 10):
            self.ble.gattc_discover_characteristics(conn, start, end)
            handles.update({x[4]: x[2] for x in await self.results(11, 12)})
        if CREDENTIALS not in handles or STATUS not in handles:
            raise OSError("the device has no such service")
        self.ble.gattc_write(conn, handles[CREDENTIALS], octets, 2)  # 2: in parts, if it is long
        _, (_, _, status) = await self.wait(17)
        if status:
            raise OSError("the device refuses them: %d" % status)
        for _ in range(10):
            self.ble.gattc_read(conn, handles[STATUS])
            values = [x[2] for x in await self.results(15, 16)]
            if values and values[0] in (b"\x01", b"\x02", b"\x03"):
                return values[0][0]
            await asyncio.sleep_ms(300)
        return 0


async def main(ssid, password):
    central = Central()
    octets = bytes((len(ssid),)) + ssid + bytes((len(password),)) + password
    try:
        conn = await asyncio.wait_for(central.connect(), 20)
        await asyncio.wait_for(central.pair(conn), 60)
        status = await asyncio.wait_for(central.send(conn, octets), 20)
        central.ble.gap_disconnect(conn)
        print("the device", WORDS[status])
        return status == 1
    except asyncio.TimeoutError:
        print("no device, or no answer in time")
    except OSError as e:
        print(e)
    finally:
        central.ble.active(False)


if len(sys.argv) != 3 or not 1 <= len(sys.argv[1].encode()) <= 32 or len(sys.argv[2].encode()) > 63:
    print("usage: wifi_setup.py SSID PASSWORD, of at most 32 and 63 octets")
    sys.exit(2)
sys.exit(not asyncio.run(main(sys.argv[1].encode(), sys.argv[2].encode())))
