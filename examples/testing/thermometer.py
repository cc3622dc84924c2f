# A thermometer in MicroPython: the Environmental Sensing service with a temperature that is notified,
# a service of its own for the interval of measurements and an alarm, and the battery's level.
import bluetooth
import struct
import time

_CONNECT, _DISCONNECT, _WRITE = 1, 2, 3
_R, _W, _N, _I = (bluetooth.FLAG_READ, bluetooth.FLAG_WRITE, bluetooth.FLAG_NOTIFY,
                  bluetooth.FLAG_INDICATE)
NAME = b"Thermometer"
SENSING, BATTERY = bluetooth.UUID(0x181A), bluetooth.UUID(0x180F)
SETTINGS = bluetooth.UUID("f3641400-00b0-4240-ba50-05ca45bf8abc")
SERVICES = (
    (SENSING, ((bluetooth.UUID(0x2A6E), _R | _N),)),  # hundredths of a degree
    (BATTERY, ((bluetooth.UUID(0x2A19), _R | _N),)),  # per cent
    (SETTINGS, (
        (bluetooth.UUID("f3641401-00b0-4240-ba50-05ca45bf8abc"), _R | _W),  # interval, ms
        (bluetooth.UUID("f3641402-00b0-4240-ba50-05ca45bf8abc"), _R | _W),  # alarm's limit
        (bluetooth.UUID("f3641403-00b0-4240-ba50-05ca45bf8abc"), _I),  # the alarm
    )),
)
INTERVAL_MIN, INTERVAL_MAX = 100, 60_000


class Thermometer:
    def __init__(self):
        self.ble = bluetooth.BLE()
        self.conns = set()
        self.celsius, self.step = 2000, 25  # it warms to 25 degrees, and cools again
        self.battery, self.measured = 100, 0
        self.interval, self.limit, self.alarmed = 1000, 3000, False
        self.ble.active(True)
        self.ble.config(gap_name=NAME)
        self.ble.irq(self.irq)
        handles = self.ble.gatts_register_services(SERVICES)
        ((self.temperature,), (self.level,), (self.interval_at, self.limit_at, self.alarm)) = handles
        self.publish(False)
        self.write_settings()
        self.advertise()

    def advertise(self):
        data = b"\x02\x01\x06\x05\x03" + bytes(SENSING) + bytes(BATTERY)
        data += bytes((len(NAME) + 1, 9)) + NAME
        self.ble.gap_advertise(250_000, data)
        print("advertising")

    def irq(self, event, data):
        if event == _CONNECT:
            self.conns.add(data[0])
            print("connected")
        elif event == _DISCONNECT:
            self.conns.discard(data[0])
            print("disconnected")
            self.advertise()
        elif event == _WRITE:
            self.written(data[1])

    def written(self, handle):
        value = self.ble.gatts_read(handle)
        if handle == self.interval_at and len(value) == 2:
            interval = struct.unpack("<H", value)[0]
            if INTERVAL_MIN <= interval <= INTERVAL_MAX:
                self.interval = interval
                print("interval", interval)
        elif handle == self.limit_at and len(value) == 2:
            self.limit, self.alarmed = struct.unpack("<h", value)[0], False
            print("limit", self.limit)
        self.write_settings()  # what is no valid setting is as before

    def write_settings(self):
        self.ble.gatts_write(self.interval_at, struct.pack("<H", self.interval))
        self.ble.gatts_write(self.limit_at, struct.pack("<h", self.limit))

    def publish(self, send):
        self.ble.gatts_write(self.temperature, struct.pack("<h", self.celsius), send)
        self.ble.gatts_write(self.level, bytes((self.battery,)), send)

    def measure(self):
        self.celsius += self.step
        if self.celsius >= 2500 or self.celsius <= 2000:
            self.step = -self.step
        self.measured += 1
        if self.measured % 100 == 0 and self.battery:
            self.battery -= 1
        self.publish(True)
        if self.celsius > self.limit and not self.alarmed:
            self.alarmed = True
            print("alarm at", self.celsius)
            for conn in self.conns:
                self.ble.gatts_indicate(conn, self.alarm, struct.pack("<h", self.celsius))

    def run(self):
        while True:
            time.sleep_ms(self.interval)
            self.measure()


Thermometer().run()
