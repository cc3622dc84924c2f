# A heart rate monitor: scans for a sensor (service 0x180D), connects, discovers, subscribes, reads,
# prints some live values and leaves.  micropython heart_rate_monitor.py [VALUES]
#
# Every device in range can send anything: what has a wrong length, or lacks something, is passed over
# or ends the program with a reason.

import bluetooth
import sys
import time

_IRQ_SCAN_RESULT = 5
_IRQ_SCAN_DONE = 6
_IRQ_PERIPHERAL_CONNECT = 7
_IRQ_PERIPHERAL_DISCONNECT = 8
_IRQ_GATTC_SERVICE_RESULT = 9
_IRQ_GATTC_SERVICE_DONE = 10
_IRQ_GATTC_CHARACTERISTIC_RESULT = 11
_IRQ_GATTC_CHARACTERISTIC_DONE = 12
_IRQ_GATTC_DESCRIPTOR_RESULT = 13
_IRQ_GATTC_DESCRIPTOR_DONE = 14
_IRQ_GATTC_READ_RESULT = 15
_IRQ_GATTC_READ_DONE = 16
_IRQ_GATTC_WRITE_DONE = 17
_IRQ_GATTC_NOTIFY = 18

HEART_RATE = bluetooth.UUID(0x180D)
MEASUREMENT = bluetooth.UUID(0x2A37)
LOCATION = bluetooth.UUID(0x2A38)
CCCD = bluetooth.UUID(0x2902)
PLACES = ("other", "chest", "wrist", "finger", "hand", "ear lobe", "foot")


def address(addr):
    return ":".join("%02x" % b for b in addr)


def text(octets):
    try:
        return octets.decode()
    except UnicodeError:
        return "".join(chr(b) if 32 <= b < 127 else "?" for b in octets)


def fields(adv):
    i = 0
    while i + 1 < len(adv) and adv[i]:
        yield adv[i + 1], bytes(adv[i + 2 : i + 1 + adv[i]])
        i += 1 + adv[i]


class Monitor:
    def __init__(self, ble, values):
        self.ble = ble
        self.values = values
        self.done = False
        self.failure = None
        self.found = None
        self.conn = self.service = None
        self.handles = {}
        ble.active(True)
        ble.irq(self.irq)
        print("I am", address(ble.config("mac")[1]), "and scan")
        ble.gap_scan(20_000, 30_000, 30_000)

    def irq(self, event, data):
        try:
            if event in self.HANDLERS:
                self.HANDLERS[event](self, data)
        except Exception as e:  # it would remove this handler, and main() would wait for ever
            self.fail(repr(e))

    def fail(self, why):
        self.failure = self.failure or why
        try:
            if not self.ble.gap_disconnect(self.conn):
                self.done = True
        except Exception:  # there is no connection, or no radio
            self.done = True

    def scan_result(self, data):
        addr_type, addr, _, rssi, adv = data
        name = ""
        wanted = False
        for kind, value in fields(adv):
            if kind == 0x09:
                name = text(value)
            elif kind in (0x02, 0x03):
                uuids = [value[i : i + 2] for i in range(0, len(value), 2)]
                wanted = wanted or bytes(HEART_RATE) in uuids
        if wanted and not self.found:
            self.found = (addr_type, bytes(addr))
            print("found", repr(name), "at", address(addr), "with", rssi, "dBm")
            self.ble.gap_scan(None)

    def scan_done(self, data):
        if self.found:
            self.ble.gap_connect(*self.found)
        else:
            self.fail("nobody there")

    def connected(self, data):
        self.conn = data[0]
        print("connected; looking for the heart rate service")
        self.ble.gattc_discover_services(self.conn, HEART_RATE)

    def disconnected(self, data):
        print("disconnected" if self.conn == data[0] else "not connected")
        if self.values > 0:
            self.fail("no more values")
        self.done = True

    def service_result(self, data):
        self.service = self.service or data[1:3]

    def service_done(self, data):
        if not self.service:
            return self.fail("it has no heart rate service")
        print("it is at handles %d to %d" % self.service)
        self.ble.gattc_discover_characteristics(self.conn, *self.service)

    def characteristic(self, data):
        _, end, value, _, uuid = data
        self.handles.setdefault(bluetooth.UUID(uuid), (value, end))

    def characteristic_done(self, data):
        if MEASUREMENT not in self.handles:
            return self.fail("it has no measurement")
        value, end = self.handles[MEASUREMENT]
        if value == end:
            return self.fail("nobody can subscribe to its measurement")
        self.ble.gattc_discover_descriptors(self.conn, value, end)

    def descriptor(self, data):
        if data[2] == CCCD:
            self.handles.setdefault(CCCD, data[1])

    def descriptor_done(self, data):
        if CCCD not in self.handles:
            self.fail("nobody can subscribe to its measurement")
        elif LOCATION in self.handles:  # it is optional
            self.ble.gattc_read(self.conn, self.handles[LOCATION][0])
        else:
            self.subscribe()

    def read_result(self, data):
        value = data[2]
        if value and value[0] < len(PLACES):
            print("it is worn on the", PLACES[value[0]])

    def read_done(self, data):
        self.subscribe()

    def subscribe(self):
        print("subscribing")
        self.ble.gattc_write(self.conn, self.handles[CCCD], b"\x01\x00", 1)

    def write_done(self, data):
        if data[2] == 0:
            print("subscribed")
        else:
            self.fail("it refused: %d" % data[2])

    def notified(self, data):
        _, handle, value = data
        wide = len(value) > 0 and value[0] & 1  # the rate has 16 bits
        if (handle,) != self.handles.get(MEASUREMENT, ())[:1] or len(value) < (3 if wide else 2):
            return
        bpm = value[1] | value[2] << 8 if wide else value[1]
        print("%3d bpm  %s" % (bpm, "*" * min(bpm // 3, 80)))
        self.values -= 1
        if self.values == 0:
            self.ble.gap_disconnect(self.conn)

    HANDLERS = {
        _IRQ_SCAN_RESULT: scan_result,
        _IRQ_SCAN_DONE: scan_done,
        _IRQ_PERIPHERAL_CONNECT: connected,
        _IRQ_PERIPHERAL_DISCONNECT: disconnected,
        _IRQ_GATTC_SERVICE_RESULT: service_result,
        _IRQ_GATTC_SERVICE_DONE: service_done,
        _IRQ_GATTC_CHARACTERISTIC_RESULT: characteristic,
        _IRQ_GATTC_CHARACTERISTIC_DONE: characteristic_done,
        _IRQ_GATTC_DESCRIPTOR_RESULT: descriptor,
        _IRQ_GATTC_DESCRIPTOR_DONE: descriptor_done,
        _IRQ_GATTC_READ_RESULT: read_result,
        _IRQ_GATTC_READ_DONE: read_done,
        _IRQ_GATTC_WRITE_DONE: write_done,
        _IRQ_GATTC_NOTIFY: notified,
    }


def main(values):
    ble = bluetooth.BLE()
    monitor = Monitor(ble, values)
    try:
        while not monitor.done:
            time.sleep_ms(50)
    finally:
        ble.active(False)
    if monitor.failure:
        print("failed:", monitor.failure)
        sys.exit(1)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
