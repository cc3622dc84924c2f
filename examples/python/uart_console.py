# A command line over Bluetooth, by Nordic's UART Service: the lines that a central writes are commands,
# and their answers are notified.  The central is uart_connect.py, or an app of a phone.
#
#     micropython uart_console.py
import asyncio
import bluetooth
import time

SERVICE = bluetooth.UUID("6e400001-b5a3-f393-e0a9-e50e24dcca9e")
TO_US = bluetooth.UUID("6e400002-b5a3-f393-e0a9-e50e24dcca9e")
FROM_US = bluetooth.UUID("6e400003-b5a3-f393-e0a9-e50e24dcca9e")
NAME = b"Console"
LONGEST = 200  # octets of a line


def answer(line):
    word, _, rest = line.strip().partition(" ")
    if word == "echo":
        return rest
    if word == "uptime":
        return "%d s" % (time.ticks_ms() // 1000)
    if word == "count":
        return " ".join(str(n) for n in range(min(int(rest), 1000)))
    return "commands: echo TEXT, uptime, count N"


class Console:
    def __init__(self):
        self.ble = bluetooth.BLE()
        self.woken = asyncio.ThreadSafeFlag()
        self.conn = None
        self.hang_up()
        self.ble.active(True)
        self.ble.irq(self.on_event)
        self.ble.config(gap_name=NAME)
        write = bluetooth.FLAG_WRITE | bluetooth.FLAG_WRITE_NO_RESPONSE
        service = (SERVICE, ((TO_US, write), (FROM_US, bluetooth.FLAG_NOTIFY)))
        ((self.to_us, self.from_us),) = self.ble.gatts_register_services((service,))
        self.ble.gatts_set_buffer(self.to_us, 256, True)  # writes are appended until they are read
        self.advertise()

    def hang_up(self):
        self.room, self.part, self.lines = 20, b"", []

    def advertise(self):
        name = bytes((len(NAME) + 1, 0x09)) + NAME
        self.ble.gap_advertise(
            100_000, b"\x02\x01\x06\x11\x07" + bytes(SERVICE), resp_data=name
        )

    def on_event(self, event, data):
        if event == 1:  # CENTRAL_CONNECT
            self.conn = data[0]
        elif event == 2:  # CENTRAL_DISCONNECT
            self.conn = None
            self.hang_up()
            self.advertise()
        elif event == 3 and data[1] == self.to_us:  # GATTS_WRITE
            self.part += self.ble.gatts_read(self.to_us)
            *lines, self.part = self.part.split(b"\n")
            self.lines = (self.lines + lines)[:16]  # a central that does not wait loses lines
            if len(self.part) > LONGEST:
                self.part = b""
            self.woken.set()
        elif event == 21:  # MTU_EXCHANGED
            self.room = data[1] - 3

    async def send(self, octets):
        conn = self.conn
        while octets and conn is not None and conn == self.conn:
            try:
                self.ble.gatts_notify(conn, self.from_us, octets[: self.room])
                octets = octets[self.room :]
            except OSError:  # the queue is full, or the central has just left
                await asyncio.sleep_ms(20)

    async def run(self):
        while True:
            await self.woken.wait()
            while self.lines:
                try:
                    text = answer(self.lines.pop(0).decode())
                except (ValueError, UnicodeError):
                    text = "that is no number, or no text"
                await self.send(text.encode() + b"\n> ")


console = Console()
try:
    asyncio.run(console.run())
finally:
    console.ble.active(False)
