"""Cases in which the guest's kernel is between Woad and its controller: the three-wire driver, /dev/vhci, the user channel, USB."""
import textwrap
import time

from run import PRELUDE

ROWS = {
    "three-wire": "Linux's three-wire driver at `woad air unix:…,h5`: found, connected, read",
    "vhci": "Linux at `woad air vhci`: found, connected, read",
    "user-channel": "Woad's host at Linux's adapter (`hci0`): refused while it is up; connected, read, paired",
    "usb": "Woad's host at a USB controller (libusb): connected, read, paired, a channel",
    "usb-unplugged": "USB unplugged while connected: an error; plugged in, all is well again",
    "usb-taken": "a USB controller that Linux's driver has: taken from it",
}

SERVER = """
up()
((short, secret),) = ble.gatts_register_services(((U, ((C, 0x02), (UUID(0x2a38), 0x202))),))
ble.gatts_write(short, b"short")
ble.gatts_write(secret, b"secret")
ble.l2cap_listen(0x80, 1000)
ble.gap_advertise(50000, b"\\x02\\x01\\x06\\x07\\x09Inside")
print("READY")
while True:
    conn, kind, who = wait(1, 120000)
    buf = bytearray(1000)
    while not any(e[0] == 2 for e in events):
        if any(e[0] == 25 for e in events):
            _, cid = wait(25)
            n = ble.l2cap_recvinto(conn, cid, buf)
            while n:
                ble.l2cap_send(conn, cid, buf[:n]) or wait(26)
                n = ble.l2cap_recvinto(conn, cid, buf)
        time.sleep_ms(1)
    events.clear()
    ble.gap_advertise(50000)
"""
CLIENT = """
ble.config(events=(72,))
def visit(channel):
    ble.gap_connect(0, WHO, 20000)
    conn = wait(7, 20000)[0]
    handles = {}
    ble.gattc_discover_characteristics(conn, 1, 0xffff)
    wait(12, 20000)
    for e in events:
        if e[0] == 11:
            handles[e[1][4]] = e[1][2]
    ble.gattc_read(conn, handles[C])
    assert wait(15)[2] == b"short"
    ble.gap_pair(conn)
    assert wait(28, 20000)[1] == 1
    ble.gattc_read(conn, handles[UUID(0x2a38)])
    assert wait(15)[2] == b"secret"
    if channel:
        cid = ble.l2cap_connect(conn, 0x80, 1000)
        wait(23)
        buf = bytearray(1000)
        for n in range(40):
            ble.l2cap_send(conn, cid, bytes([n]) * 700) or wait(26)
            got = b""
            while len(got) < 700:
                k = ble.l2cap_recvinto(conn, cid, buf)
                got += buf[:k]
                if not k:
                    time.sleep_ms(1)
            assert got == bytes([n]) * 700, n
        ble.l2cap_disconnect(conn, cid)
        wait(24)
    return conn
def leave(conn):
    ble.gap_disconnect(conn)
    wait(8)
    print("WELL")
"""


running = []


def end_all():
    """Whatever a case has left."""
    for program in running[:]:
        program.stop(9)


class Inside:
    """A program, a `woad air` or a dongle in the guest."""

    def __init__(self, m, command):
        self.m, self.n = m, m.do("start", command=command)
        running.append(self)

    def text(self):
        return self.m.do("sh", command="cat /tmp/%d.log" % self.n)[1]

    def line(self, start, timeout=30):
        end = time.time() + timeout
        while True:
            text = self.text()
            for line in text.splitlines():
                if line.startswith(start):
                    return line[len(start):].strip()
            assert time.time() < end and "Traceback" not in text, "no line %r in:\n%s" % (start, text)
            time.sleep(0.2)

    def stop(self, sig=15):
        running.remove(self)
        return self.m.do("stop", n=self.n, sig=sig, timeout=40)


def program(m, hci, code):
    path = "/tmp/program%d.py" % m.count
    m.sh("cat >%s <<'END'\n%s\nEND" % (path, PRELUDE + textwrap.dedent(code)))
    return Inside(m, "WOAD_HCI=%s exec /woad/build/micropython %s" % (hci, path))


class Scene:
    """In the guest: a radio at /tmp/air.N, and a peripheral on it."""

    count = 0

    def __init__(self, p, more=""):
        Scene.count += 1
        self.m, self.path = p.m, "/tmp/air.%d" % Scene.count
        self.air = Inside(p.m, "exec /woad/build/woad air unix:%s %s" % (self.path, more))
        self.air.line("serving")
        self.peripheral = program(p.m, "unix:" + self.path, SERVER)
        self.who = self.peripheral.line("MAC")
        self.peripheral.line("READY")

    def end(self):
        self.peripheral.stop()
        self.air.stop()


def adapter(m, before):
    """The kernel's name for the adapter that was not there before."""
    for _ in range(100):
        new = set(m.sh("ls /sys/class/bluetooth").split()) - before
        new = [n for n in new if ":" not in n]
        if new:
            return new[0]
        time.sleep(0.2)
    raise Exception("no new adapter")


def adapters(m):
    return set(m.sh("ls /sys/class/bluetooth").split())


def visit(p, hci, who):
    """BlueZ on that adapter finds, connects, reads."""
    address = ":".join(who[i:i + 2] for i in range(0, 12, 2)).upper()
    path, _ = p.find(lambda d: d["Address"] == address and d["Adapter"] == "/org/bluez/" + hci, adapter=hci)
    p.connect(path)
    assert p.read(p.characteristics(path)["00002a37-0000-1000-8000-00805f9b34fb"][0]) == b"short"
    p.disconnect(path)


def three_wire(p):
    s = p.program(SERVER)
    s.line("READY")
    before = adapters(p.m)
    p.m.do("attach", line=1, protocol=2)
    try:
        hci = adapter(p.m, before)
        p.start(hci=hci)
        visit(p, hci, s.line("MAC"))
        p.stop()
    finally:
        p.m.do("detach", line=1)
    s.kill()


def vhci(p):
    before = adapters(p.m)
    scene = Scene(p, "vhci")
    hci = adapter(p.m, before)
    p.start(hci=hci)
    visit(p, hci, scene.who)
    p.stop()
    scene.end()
    end = time.time() + 10
    while hci in adapters(p.m):
        assert time.time() < end, "the adapter stays"
        time.sleep(0.2)


def user_channel(p):
    before = adapters(p.m)
    scene = Scene(p, "vhci")
    hci = adapter(p.m, before)
    index = int(hci[3:])
    p.start(hci=hci)                                        # BlueZ has it up
    c = program(p.m, hci, """
        try:
            ble.active(True)
        except OSError as e:
            print("REFUSED", e.errno, e.args[1])
    """)
    said = c.line("REFUSED")
    assert said.startswith("16 ") and "down" in said, said
    p.stop()
    assert p.m.do("mgmt", opcode=5, index=index, data="00")[0] == 0     # Set Powered: off
    c = program(p.m, hci, "up()\nWHO = bytes.fromhex('%s')\n" % scene.who + CLIENT + """
leave(visit(False))
ble.active(False)
ble.active(True)
ble.gap_unpair()
leave(visit(True))
print("TWICE")
""")
    c.line("TWICE", 60)
    c.stop()
    scene.end()


def plug_in(scene):
    """A dongle at the scene's radio; the kernel has seen it."""
    scene.m.sh("modprobe vhci-hcd")
    dongle = Inside(scene.m, "exec python3 /woad/tests/peers/dongle.py " + scene.path)
    scene.m.sh("until grep -q 1209 /sys/bus/usb/devices/*/idVendor; do sleep 0.1; done")
    return dongle


def usb(p):
    scene = Scene(p)
    dongle = plug_in(scene)
    c = program(p.m, "usb", "up()\nWHO = bytes.fromhex('%s')\n" % scene.who + CLIENT + """
for n in range(3):
    leave(visit(True))
    ble.gap_unpair()
    ble.active(False)
    ble.active(True)
print("THRICE")
""")
    c.line("THRICE", 90)
    c.stop()
    dongle.stop()
    scene.end()


def usb_unplugged(p):
    scene = Scene(p)
    dongle = plug_in(scene)
    c = program(p.m, "usb:1209:0001", "up()\nWHO = bytes.fromhex('%s')\n" % scene.who + CLIENT + """
conn = visit(False)
print("CONNECTED")
lost = wait(72, 30000)[0]
assert not ble.active()
assert any(e[0] == 8 for e in events)
print("LOST", lost)
while True:
    try:
        ble.active(True)
        break
    except OSError as e:
        assert e.errno in (19, 5), e.args
        time.sleep_ms(200)
ble.gap_unpair()
leave(visit(True))
""")
    c.line("CONNECTED", 60)
    dongle.stop(9)
    c.line("LOST", 30)
    dongle = plug_in(scene)
    c.line("WELL", 60)
    c.stop()
    dongle.stop()
    scene.end()


def usb_taken(p):
    p.m.sh("modprobe btusb")
    before = adapters(p.m)
    scene = Scene(p)
    dongle = plug_in(scene)
    hci = adapter(p.m, before)
    p.start(hci=hci)
    visit(p, hci, scene.who)                                # Linux's own driver finds a controller there
    p.stop()
    c = program(p.m, "usb", "up()\nWHO = bytes.fromhex('%s')\n" % scene.who + CLIENT + "leave(visit(True))\n")
    c.line("WELL", 60)
    c.stop()
    dongle.stop()
    scene.end()
    p.m.sh("rmmod btusb")


CASES = {"three-wire": three_wire, "vhci": vhci, "user-channel": user_channel, "usb": usb, "usb-unplugged": usb_unplugged, "usb-taken": usb_taken}
