#!/usr/bin/env python3
"""Woad and Linux with BlueZ, each as peripheral and as central, over the simulated radio; the matrix of what passed.

peers.py IMAGE [ROUNDS [WORD…]]: IMAGE is what scripts/peers-image made; only those cases whose names contain one of the words.
"""
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))

import inside
import recorded
from machine import Machine, Refused
from run import Program, air, build, hub, programs, scratch

LINUX, WOAD = "Linux central, Woad peripheral", "Woad central, Linux peripheral"
GATT = ["found by advertising and scan response", "connected", "MTU exchanged", "services, characteristics, descriptors discovered", "value read",
        "value written with response", "value written without", "long value read", "long value written", "descriptor read", "notified", "indicated", "disconnected"]
PAIRINGS = {    # name: Linux's agent, our io, who shows the number, MITM, Secure Connections
    "paired, Secure Connections, Just Works": ("NoInputNoOutput", 3, None, False, True),
    "paired, Secure Connections, Numeric Comparison": ("DisplayYesNo", 1, None, True, True),
    "paired, Secure Connections, Passkey that Linux shows": ("DisplayOnly", 2, "linux", True, True),
    "paired, Secure Connections, Passkey that Woad shows": ("KeyboardOnly", 0, "woad", True, True),
    "paired, legacy, Just Works": ("NoInputNoOutput", 3, None, False, False),
    "paired, legacy, Passkey that Linux shows": ("DisplayOnly", 2, "linux", True, False),
    "paired, legacy, Passkey that Woad shows": ("KeyboardOnly", 0, "woad", True, False),
}
BONDED = "bonded, back with new private addresses on both sides"
CHANNEL = "L2CAP channel, 1 MiB there and back"
EXTENDED = ["extended advertising on 2M found", "extended advertising connected"]
ROWS = GATT + list(PAIRINGS) + [BONDED, CHANNEL] + EXTENDED

UUID = "%08x-0000-4000-8000-776f6164776f"
SERVICE, SHORT, LONG, NOTIFY, INDICATE, SECRET = (UUID % n for n in range(1, 7))
CODE = "SERVICE, SHORT, LONG, NOTIFY, INDICATE, SECRET = [UUID('%08x-0000-4000-8000-776f6164776f' % n) for n in range(1, 7)]\n"
LONG_VALUE = bytes(n * 7 & 255 for n in range(400))
OTHER_VALUE = bytes(n * 5 + 1 & 255 for n in range(450))


class Peers:
    """The guest, its adapter, and how far each row has come."""

    def __init__(self, image):
        self.radio = "unix:" + os.path.join(scratch, "air")
        three_wire = os.path.join(scratch, "three-wire")
        self.hub = hub(self.radio, "unix:%s,h5" % three_wire, "--pcap", os.path.join(build, "peers", "air.pcap"))
        self.m = Machine(image, [self.radio[5:], three_wire], os.path.join(build, "peers"))
        self.m.do("attach", line=0, protocol=0)
        self.daemon = None
        self.green = {}
        for _ in range(100):
            if "hci0" in self.m.sh("ls /sys/class/bluetooth"):
                break
            time.sleep(0.2)
        self.bluez = self.m.sh("bluetoothd --version").strip()

    def passed(self, column, row):
        self.green[row, column] = self.green.get((row, column), 0) + 1
        print("     %-34s %s" % (column, row), flush=True)

    def program(self, code):
        return Program(CODE + code, {"WOAD_HCI": self.radio})

    # ---- BlueZ ----

    def start(self, privacy="off", agent="NoInputNoOutput", hci="hci0"):
        """The daemon, anew, without a memory of what was; with that adapter on."""
        self.stop()
        self.m.do("sh", command="rm -rf /var/lib/bluetooth/*")
        config = "[General]\nControllerMode = le\nPrivacy = %s\nJustWorksRepairing = always\n[GATT]\nCache = no\n[Policy]\nAutoEnable = false\n" % privacy
        self.m.sh("cat >/tmp/main.conf <<'END'\n%sEND" % config)
        self.daemon = self.m.do("start", command="exec /usr/libexec/bluetooth/bluetoothd -E -d -n -f /tmp/main.conf")
        path, end = "/org/bluez/" + hci, time.time() + 30
        while True:
            try:
                if self.get(path, "org.bluez.Adapter1", "Powered"):
                    break
                self.set(path, "org.bluez.Adapter1", "Powered", "true")
            except Refused as e:
                assert time.time() < end, e
                time.sleep(0.2)
        self.set(path, "org.bluez.Adapter1", "Pairable", "true")
        self.call("/org/bluez", "org.bluez.AgentManager1", "RegisterAgent", "(objectpath '/agent', '%s')" % agent)
        self.call("/org/bluez", "org.bluez.AgentManager1", "RequestDefaultAgent", "(objectpath '/agent',)")
        self.m.forget()

    def stop(self):
        if self.daemon is not None:
            self.m.do("stop", n=self.daemon)
            self.daemon = None

    def call(self, path, interface, method, args="@() ()", timeout=60):
        return self.m.do("call", path=path, interface=interface, method=method, args=args, timeout=timeout)

    def get(self, path, interface, prop):
        return self.call(path, "org.freedesktop.DBus.Properties", "Get", "('%s', '%s')" % (interface, prop))

    def set(self, path, interface, prop, value):
        self.call(path, "org.freedesktop.DBus.Properties", "Set", "('%s', '%s', <%s>)" % (interface, prop, value))

    def adapter(self, prop):
        return self.get("/org/bluez/hci0", "org.bluez.Adapter1", prop)

    def objects(self):
        return self.call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")

    def discover(self, adapter, on):
        if on:
            self.call("/org/bluez/" + adapter, "org.bluez.Adapter1", "SetDiscoveryFilter", "({'Transport': <'le'>, 'DuplicateData': <true>},)")
        self.call("/org/bluez/" + adapter, "org.bluez.Adapter1", "StartDiscovery" if on else "StopDiscovery")

    def find(self, right, timeout=30, adapter="hci0"):
        """The device for which `right(properties)` holds: path and properties."""
        self.discover(adapter, True)
        end = time.time() + timeout
        while True:
            objects = self.objects()
            for path, interfaces in objects.items():
                props = interfaces.get("org.bluez.Device1")
                if props and right(props):
                    self.discover(adapter, False)
                    return path, props
            assert time.time() < end, "not found: %r" % [o.get("org.bluez.Device1") for o in objects.values()]
            time.sleep(0.2)

    def connect(self, path):
        self.call(path, "org.bluez.Device1", "Connect")
        end = time.time() + 30
        while not self.get(path, "org.bluez.Device1", "ServicesResolved"):
            assert time.time() < end, "services are not resolved"
            time.sleep(0.2)

    def disconnect(self, path):
        self.call(path, "org.bluez.Device1", "Disconnect")

    def characteristics(self, path):
        """{uuid: (path, properties)} of a device's."""
        return {o["org.bluez.GattCharacteristic1"]["UUID"]: (p, o["org.bluez.GattCharacteristic1"]) for p, o in self.objects().items()
                if p.startswith(path + "/") and "org.bluez.GattCharacteristic1" in o}

    def read(self, path, kind="Characteristic"):
        return bytes.fromhex(self.call(path, "org.bluez.Gatt%s1" % kind, "ReadValue", "(@a{sv} {},)"))

    def write(self, path, value, how="request"):
        self.call(path, "org.bluez.GattCharacteristic1", "WriteValue", "(@ay [%s], {'type': <'%s'>})" % (", ".join("0x%02x" % b for b in value), how))

    def advertise(self, **props):
        self.m.do("describe", path="/adv%d" % self.m.count, props=props)
        path = "/adv%d" % (self.m.count - 1)
        self.call("/org/bluez/hci0", "org.bluez.LEAdvertisingManager1", "RegisterAdvertisement", "(objectpath '%s', @a{sv} {})" % path)
        return path

    def serve(self, root, services):
        self.m.do("serve", services=services, root=root)
        self.call("/org/bluez/hci0", "org.bluez.GattManager1", "RegisterApplication", "(objectpath '%s', @a{sv} {})" % root)

    def mgmt(self, opcode, data):
        status, answer = self.m.do("mgmt", opcode=opcode, index=0, data=data.hex())
        assert status == 0, (hex(opcode), status)

    def address(self):
        return self.adapter("Address").replace(":", "").lower()


SERVER = """
up()
((short, desc, long, note, told, secret),) = ble.gatts_register_services(((SERVICE, (
    (SHORT, 0x0e, ((UUID(0x2901), 0x02),)), (LONG, 0x0a), (NOTIFY, 0x12), (INDICATE, 0x22), (SECRET, SECRET_FLAGS))),))
ble.gatts_set_buffer(long, 512)
ble.gatts_write(short, b"short")
ble.gatts_write(desc, b"a short value")
ble.gatts_write(long, LONG_VALUE)
ble.gatts_write(secret, b"for your eyes only")
ble.gap_advertise(100000, b"\\x02\\x01\\x06\\x11\\x07" + bytes(SERVICE), resp_data=b"\\x09\\x09WoadPeer")
print("READY")
"""
# What it does then, for a central that goes through GATT; and what a central does at such a server called NAME.
SERVE_GATT = """
conn = wait(1, 60000)[0]
while not any(e[0] == 2 for e in events):
    if not any(e[0] == 3 for e in events):
        time.sleep_ms(5)
        continue
    _, handle = wait(3)
    value = ble.gatts_read(handle)
    print("WROTE", "long" if handle == long else value.decode(), len(value), sum(value))
    if value == b"notify":
        ble.gatts_notify(conn, note, b"a notification")
    if value == b"indicate":
        ble.gatts_indicate(conn, told, b"an indication")
        print("INDICATED", wait(20))
"""
VISIT_GATT = """
up()
WHO = peer()
ble.gap_scan(0, 30000, 30000, True)
heard = {}
while not (heard.get("uuid") and heard.get("name")):
    kind, who, adv, rssi, data = wait(5, 20000)
    if who == WHO:
        heard["name"] = heard.get("name") or NAME in data
        heard["uuid"] = heard.get("uuid") or bytes(SERVICE) in data
ble.gap_scan(None)
wait(6)
print("GREEN", 0)
ble.gap_connect(kind, WHO, 20000)
conn = wait(7, 20000)[0]
print("GREEN", 1)
ble.config(mtu=300, long_reads=True)
ble.gattc_exchange_mtu(conn)
assert wait(21)[1] == 300
print("GREEN", 2)
ble.gattc_discover_services(conn, SERVICE)
_, first, last, uuid = wait(9)
wait(10)
assert uuid == SERVICE
found = {}
def characteristics():
    ble.gattc_discover_characteristics(conn, first, last)
    while True:
        if any(e[0] == 11 for e in events):
            _, end, value, props, uuid = wait(11)
            found[uuid] = value, props
        elif any(e[0] == 12 for e in events):
            assert wait(12)[1] == 0
            return
        else:
            time.sleep_ms(5)
characteristics()
assert {u: found[u][1] for u in found} == {SHORT: 0x0e, LONG: 0x0a, NOTIFY: 0x12, INDICATE: 0x22}, found
ble.gattc_discover_descriptors(conn, first, last)
wait(14, 10000)
descriptors = [e[1] for e in events if e[0] == 13]
description = [h for _, h, u in descriptors if u == UUID("00000077-0000-4000-8000-776f6164776f")][0]
cccds = [h for _, h, u in descriptors if u == UUID(0x2902)]
assert len(cccds) == 2
print("GREEN", 3)
def value(handle):
    ble.gattc_read(conn, handle)
    v = wait(15, 20000)[2]
    assert wait(16)[2] == 0
    return v
short, long, note, told = [found[u][0] for u in (SHORT, LONG, NOTIFY, INDICATE)]
assert value(short) == b"short"
print("GREEN", 4)
ble.gattc_write(conn, short, b"request", 1)
assert wait(17) == (conn, short, 0)
assert value(short) == b"request"
print("GREEN", 5)
ble.gattc_write(conn, short, b"command", 0)
print("COMMAND")
sys.stdin.readline()
assert value(short) == b"command"
print("GREEN", 6)
assert value(long) == LONG_VALUE
print("GREEN", 7)
ble.gattc_write(conn, long, OTHER_VALUE, 2)
assert wait(17, 20000) == (conn, long, 0)
assert value(long) == OTHER_VALUE
print("GREEN", 8)
assert value(description) == b"a short value"
print("GREEN", 9)
for n, cccd in enumerate(cccds):
    ble.gattc_write(conn, cccd, bytes((n + 1, 0)), 1)
    assert wait(17) == (conn, cccd, 0)
    print("SUBSCRIBED", n)
    if n == 0:
        assert wait(18) == (conn, note, b"a notification")
    else:
        assert wait(19) == (conn, told, b"an indication")
    print("GREEN", 10 + n)
sys.stdin.readline()
ble.gap_disconnect(conn)
wait(8)
print("GREEN", 12)
"""



def mac(text):
    return ":".join(text[i:i + 2] for i in range(0, 12, 2)).upper()


def gatt_linux_central(p):
    p.start()
    s = p.program("LONG_VALUE = %r\nSECRET_FLAGS = 0x202\n" % LONG_VALUE + SERVER + SERVE_GATT)
    address = mac(s.line("MAC"))
    s.line("READY")
    path, _ = p.find(lambda d: d["Address"] == address and d.get("Name") == "WoadPeer" and SERVICE in d.get("UUIDs", []))
    p.passed(LINUX, GATT[0])
    p.connect(path)
    p.passed(LINUX, GATT[1])
    c = p.characteristics(path)
    assert c[SHORT][1]["MTU"] == 256, c[SHORT]
    p.passed(LINUX, GATT[2])
    flags = {u: sorted(c[u][1]["Flags"]) for u in (SHORT, LONG, NOTIFY, INDICATE)}
    assert flags == {SHORT: ["read", "write", "write-without-response"], LONG: ["read", "write"], NOTIFY: ["notify", "read"], INDICATE: ["indicate", "read"]}, flags
    descriptors = {(o["org.bluez.GattDescriptor1"]["UUID"], o["org.bluez.GattDescriptor1"]["Characteristic"]): q for q, o in p.objects().items()
                   if q.startswith(path) and "org.bluez.GattDescriptor1" in o}
    description = descriptors["00002901-0000-1000-8000-00805f9b34fb", c[SHORT][0]]
    assert ("00002902-0000-1000-8000-00805f9b34fb", c[NOTIFY][0]) in descriptors
    p.passed(LINUX, GATT[3])
    assert p.read(c[SHORT][0]) == b"short"
    p.passed(LINUX, GATT[4])
    p.write(c[SHORT][0], b"request")
    s.line("WROTE request 7")
    p.passed(LINUX, GATT[5])
    p.write(c[SHORT][0], b"command", "command")
    s.line("WROTE command 7")
    p.passed(LINUX, GATT[6])
    assert p.read(c[LONG][0]) == LONG_VALUE
    p.passed(LINUX, GATT[7])
    p.write(c[LONG][0], OTHER_VALUE)
    s.line("WROTE long %d %d" % (len(OTHER_VALUE), sum(OTHER_VALUE)))
    assert p.read(c[LONG][0]) == OTHER_VALUE
    p.passed(LINUX, GATT[8])
    assert p.read(description, "Descriptor") == b"a short value"
    p.passed(LINUX, GATT[9])
    for uuid, what, value, row in ((NOTIFY, b"notify", b"a notification", 10), (INDICATE, b"indicate", b"an indication", 11)):
        p.call(c[uuid][0], "org.bluez.GattCharacteristic1", "StartNotify")
        p.write(c[SHORT][0], what)
        p.m.event("changed", path=c[uuid][0], props={"Value": value.hex()})
        if row == 11:
            assert s.line("INDICATED").endswith(", 0)"), s.lines
        p.passed(LINUX, GATT[row])
    p.disconnect(path)
    s.end()
    p.passed(LINUX, GATT[12])


def gatt_woad_central(p):
    p.start()
    p.serve("/gatt%d" % p.m.count, [[SERVICE, [[SHORT, ["read", "write", "write-without-response"], b"short".hex(), [[UUID % 0x77, ["read"], b"a short value".hex()]]],
                                               [LONG, ["read", "write"], LONG_VALUE.hex(), []], [NOTIFY, ["read", "notify"], b"".hex(), []],
                                               [INDICATE, ["read", "indicate"], b"".hex(), []]]]])
    app = "/gatt%d" % (p.m.count - 2)
    p.advertise(Type="'peripheral'", ServiceUUIDs="['%s']" % SERVICE, LocalName="'LinuxPeer'")
    c = p.program("LONG_VALUE = %r\nOTHER_VALUE = %r\nNAME = b'LinuxPeer'\n" % (LONG_VALUE, OTHER_VALUE) + VISIT_GATT)
    c.say(p.address())
    for n in range(13):
        if n == 6:
            c.line("COMMAND", 30)
            p.m.event("written", path=app + "/s0/c0", value=b"command".hex())
            c.say("")
        if n == 10:
            c.line("SUBSCRIBED 0", 30)
            p.m.do("value", path=app + "/s0/c2", value=b"a notification".hex())
        if n == 11:
            c.line("SUBSCRIBED 1", 30)
            p.m.do("value", path=app + "/s0/c3", value=b"an indication".hex())
        c.line("GREEN %d" % n, 30)
        if n == 11:
            p.m.event("Confirm", path=app + "/s0/c3")
            c.say("")
        p.passed(WOAD, GATT[n])
    c.end()


# What both roles do when pairing: answers event 31; prints what came of it.
PAIRS = """
ble.config(io=IO, mitm=MITM, le_secure=SECURE or False, bond=False, events=(73,))
def pairs(ms=40000):
    end = time.ticks_add(time.ticks_ms(), ms)
    while not any(e[0] == 28 for e in events):
        assert time.ticks_diff(end, time.ticks_ms()) > 0, events
        if any(e[0] == 31 for e in events):
            conn, action, number = wait(31)
            print("ACTION", action, number)
            ble.gap_passkey(conn, action, 1 if action == 4 else number if action == 3 else int(sys.stdin.readline()))
        time.sleep_ms(5)
    level = wait(28)
    assert level[1:] == (1, int(MITM), 0, 16), (level, events)
    print("PAIRED")
"""


def answer(p, woad, shows):
    """The users on both sides do what they are asked, and see what they should."""
    if shows == "linux":
        number = p.m.event("agent", 30, method="DisplayPasskey")["args"][1]
        woad.line("ACTION 2", 30)
        woad.say(str(number))
    elif shows == "woad":
        ask = p.m.event("agent", 30, method="RequestPasskey")
        p.m.do("answer", ask=ask["ask"], value=int(woad.line("ACTION 3", 30)))
    else:
        ask = p.m.event("agent", 30, method="RequestConfirmation")
        assert int(woad.line("ACTION 4", 30)) == ask["args"][1]
        p.m.do("answer", ask=ask["ask"], value=True)


def settings(name):
    agent, io, shows, mitm, secure = PAIRINGS[name]
    return "IO, MITM, SECURE = %d, %r, %r\nLONG_VALUE = b''\nSECRET_FLAGS = %d\n" % (io, mitm, secure, 0x602 if mitm else 0x202)


def pair_linux_central(p, name):
    agent, io, shows, mitm, secure = PAIRINGS[name]
    p.start(agent=agent)
    s = p.program(settings(name) + SERVER + PAIRS + "pairs(60000)\nwait(2, 30000)\n")
    address = mac(s.line("MAC"))
    s.line("READY")
    path, _ = p.find(lambda d: d["Address"] == address)
    p.connect(path)
    pairing = p.m.begin("call", path=path, interface="org.bluez.Device1", method="Pair")
    if mitm:
        answer(p, s, shows)
    p.m.end(pairing)
    s.line("PAIRED")
    assert p.read(p.characteristics(path)[SECRET][0]) == b"for your eyes only"
    p.disconnect(path)
    s.end()
    p.passed(LINUX, name)


def pair_woad_central(p, name):
    agent, io, shows, mitm, secure = PAIRINGS[name]
    p.start(agent=agent)
    root = "/pair%d" % p.m.count
    p.serve(root, [[SERVICE, [[SECRET, ["encrypt-authenticated-read" if mitm else "encrypt-read"], b"for your eyes only".hex(), []]]]])
    p.advertise(Type="'peripheral'", ServiceUUIDs="['%s']" % SERVICE)
    c = p.program(settings(name) + "up()\n" + PAIRS + """
ble.gap_connect(0, peer(), 20000)
conn = wait(7, 20000)[0]
ble.gattc_discover_characteristics(conn, 1, 0xffff, SECRET)
secret = wait(11)[2]
wait(12)
ble.gattc_read(conn, secret)
assert wait(16)[2] in (0x105, 0x10f), events        # it asks for more than there is
ble.gap_pair(conn)
pairs()
ble.gattc_read(conn, secret)
assert wait(15)[2] == b"for your eyes only"
ble.gap_disconnect(conn)
wait(8)
""")
    c.say(p.address())
    if mitm:
        answer(p, c, shows)
    c.end(60)
    p.passed(WOAD, name)


def bonded_linux_central(p):
    """Both have private addresses; paired, away, back with others: the bond holds, and nobody pairs."""
    p.start(privacy="device")
    s = p.program("IO, MITM, SECURE = 3, False, True\nLONG_VALUE = b''\nSECRET_FLAGS = 0x202\n" + SERVER.replace("up()", """
up()
ble.config(addr_mode=2, bond=True)
print("PRIVATE", ble.config("mac")[1].hex())""") + """
conn, kind, who = wait(1, 60000)
assert kind == 1 and who[0] >> 6 == 1, who
assert wait(28, 40000)[1:] == (1, 0, 1, 16)
wait(2, 30000)
ble.config(addr_mode=0)
ble.config(addr_mode=2)
print("PRIVATE2", ble.config("mac")[1].hex())
ble.gap_advertise(100000)
print("AGAIN")
conn, kind, who = wait(1, 60000)
assert wait(28, 20000)[1:] == (1, 0, 1, 16)
assert (kind, who) == ble.gap_bonds()[0][:2], (kind, who, ble.gap_bonds())
print("WHO", who.hex())
wait(2, 30000)
""")
    s.line("READY")
    private = mac(s.line("PRIVATE "))
    path, _ = p.find(lambda d: d["Address"] == private)
    p.connect(path)
    p.call(path, "org.bluez.Device1", "Pair")
    p.disconnect(path)
    s.line("AGAIN", 30)
    assert mac(s.line("PRIVATE2")) != private
    path, props = p.find(lambda d: d["Paired"])
    assert props["Address"] == mac(s.line("MAC")), props
    power_cycle(p)
    p.connect(path)
    s.line("WHO", 20)
    assert p.read(p.characteristics(path)[SECRET][0]) == b"for your eyes only"
    p.disconnect(path)
    s.end()
    assert not any(e["event"] == "agent" for e in p.m.events), p.m.events
    p.passed(LINUX, BONDED)


def power_cycle(p):
    """A new private address for Linux."""
    p.set("/org/bluez/hci0", "org.bluez.Adapter1", "Powered", "false")
    p.set("/org/bluez/hci0", "org.bluez.Adapter1", "Powered", "true")


def bonded_woad_central(p):
    p.start(privacy="device")
    root = "/bond%d" % p.m.count
    p.serve(root, [[SERVICE, [[SECRET, ["encrypt-read"], b"for your eyes only".hex(), []]]]])
    p.advertise(Type="'peripheral'", ServiceUUIDs="['%s']" % SERVICE, LocalName="'Private'")
    c = p.program("""
up()
ble.config(addr_mode=2, bond=True, events=(73,))
def seen():
    ble.gap_scan(0, 30000, 30000)
    while True:
        kind, who, adv, rssi, data = wait(5, 20000)
        if bytes(SERVICE) in data:
            ble.gap_scan(None)
            wait(6)
            return kind, who
def secret(conn):
    ble.gattc_discover_characteristics(conn, 1, 0xffff, SECRET)
    handle = wait(11)[2]
    wait(12)
    ble.gattc_read(conn, handle)
    assert wait(15)[2] == b"for your eyes only"
kind, who = seen()
assert kind == 1 and who[0] >> 6 == 1, who
ble.gap_connect(kind, who, 20000)
conn = wait(7, 20000)[0]
ble.gap_pair(conn)
assert wait(28, 20000)[1:] == (1, 0, 1, 16)
secret(conn)
ble.gap_disconnect(conn)
wait(8)
((kind, identity, _, _, _),) = ble.gap_bonds()
assert (kind, identity) == (0, peer())
ours = ble.config("mac")
ble.config(addr_mode=0)
ble.config(addr_mode=2)
assert ble.config("mac") != ours
print("AWAY", who.hex())
sys.stdin.readline()
events.clear()
assert seen() == (0, identity)
ble.gap_connect(kind, identity, 20000)
conn, kind, who = wait(7, 20000)
assert (kind, who) == (0, identity), who
ble.gap_pair(conn)
assert wait(28, 20000)[1:] == (1, 0, 1, 16)
secret(conn)
ble.gap_disconnect(conn)
wait(8)
""")
    c.say(p.address())
    c.line("AWAY", 40)
    power_cycle(p)
    p.advertise(Type="'peripheral'", ServiceUUIDs="['%s']" % SERVICE, LocalName="'Private'")
    p.m.forget()
    c.say("")
    c.end(60)
    assert not any(e["event"] == "agent" for e in p.m.events), p.m.events
    p.passed(WOAD, BONDED)


MIB = 1 << 20
ECHO = """
up()
ble.l2cap_listen(0x80, 2048)
ble.gap_advertise(100000, b"\\x02\\x01\\x06")
print("READY")
conn, cid, psm, mine, its = wait(23, 60000)
assert its >= 1000, its
buf = bytearray(2048)
total = 0
while total < %d:
    wait(25, 20000)
    while True:
        n = ble.l2cap_recvinto(conn, cid, buf)
        if not n:
            break
        total += n
        if not ble.l2cap_send(conn, cid, buf[:n]):
            wait(26, 20000)
wait(24, 20000)
ble.gap_disconnect(conn)
wait(2)
print("ECHOED", total)
""" % MIB


def channel_linux_central(p):
    p.start()
    s = p.program(ECHO)
    address = s.line("MAC")
    s.line("READY")
    assert p.m.do("echo", psm=0x80, address=address, kind=1, mtu=2048, total=MIB, sdu=1000, timeout=300) == MIB
    s.end(30)
    assert s.line("ECHOED") == str(MIB)
    p.passed(LINUX, CHANNEL)


def channel_woad_central(p):
    p.start()
    p.m.do("listen", psm=0x81, mtu=2048)
    p.advertise(Type="'peripheral'", ServiceUUIDs="['%s']" % SERVICE)
    c = p.program("MIB = %d\n" % MIB + """
up()
ble.gap_connect(0, peer(), 20000)
conn = wait(7, 20000)[0]
cid = ble.l2cap_connect(conn, 0x81, 2048)
assert wait(23, 20000)[2] == 0x81
sent = came = 0
ready = True
buf = bytearray(2048)
end = time.ticks_add(time.ticks_ms(), 250000)
while came < MIB:
    assert time.ticks_diff(end, time.ticks_ms()) > 0, (sent, came)
    if ready and sent < MIB and sent - came < 16384:
        part = bytes((sent + i) * 31 >> 3 & 255 for i in range(1024))
        ready = ble.l2cap_send(conn, cid, part)
        sent += 1024
    if not ready and any(e[0] == 26 for e in events):
        assert wait(26)[2] == 0
        ready = True
    n = ble.l2cap_recvinto(conn, cid, buf)
    if n:
        for i in range(0, n, 97):
            assert buf[i] == (came + i) * 31 >> 3 & 255, came
        came += n
    else:
        time.sleep_ms(1)
    events[:] = [e for e in events if e[0] != 25]
print("BACK", came)
ble.l2cap_disconnect(conn, cid)
wait(24)
ble.gap_disconnect(conn)
wait(8)
""")
    c.say(p.address())
    c.end(300)
    assert p.m.event("echoed")["octets"] == MIB
    p.passed(WOAD, CHANNEL)


def extended_linux_central(p):
    p.start()
    s = p.program("""
up()
ble.config(events=(76,))
data = b"\\x02\\x01\\x06" + b"".join(bytes((30, 0xff, 0xf0 + k, 0xff)) + bytes(range(27 * k, 27 * k + 27)) for k in range(5)) + b"\\x09\\x09WoadWide"
ble.gap_advertise_set(0, 100000, data, connectable=True, secondary_phy=2, sid=5)
assert wait(76)[:3] == (0, True, 0)
print("READY")
print("CONNECTED", wait(1, 60000)[0])
wait(2, 60000)
""")
    address = mac(s.line("MAC"))
    s.line("READY")
    path, props = p.find(lambda d: d["Address"] == address and d.get("Name") == "WoadWide")
    assert props["ManufacturerData"] == {str(0xfff0 + k): bytes(range(27 * k, 27 * k + 27)).hex() for k in range(5)}, props
    p.passed(LINUX, EXTENDED[0])
    p.connect(path)
    s.line("CONNECTED")
    p.disconnect(path)
    s.end()
    p.passed(LINUX, EXTENDED[1])


def extended_woad_central(p):
    p.start()
    # By the kernel's interface, for bluetoothd advertises 31 octets at most: Add Extended Advertising Parameters, … Data.
    data = b"".join(bytes((30, 0xff, 0xf0 + k, 0xff)) + bytes(range(27 * k, 27 * k + 27)) for k in range(5)) + b"\x0a\x09LinuxWide"
    p.mgmt(0x0054, struct.pack("<BIHHIIb", 3, 1 << 8 | 1, 0, 0, 0, 0, 127))
    p.mgmt(0x0055, bytes((3, len(data), 0)) + data)
    c = p.program("""
up()
ble.config(events=(66, 76, 77))
WHO = peer()
ble.gap_scan(0, 30000, 30000)
while True:
    kind, who, props, rssi, primary, secondary, sid, status, data = wait(77, 20000)
    if who == WHO and status == 0 and all(bytes(range(27 * k, 27 * k + 27)) in data for k in range(5)):
        break
assert props & 1 and (primary, secondary) == (1, 2), (props, primary, secondary)
ble.gap_scan(None)
wait(6)
print("HEARD")
ble.gap_connect(kind, WHO, 20000)
conn = wait(7, 20000)[0]
ble.gap_link(conn, 3)
while True:
    _, item, status, phys = wait(66)
    if item == 3 and phys == (2, 2):
        break
ble.gap_disconnect(conn)
wait(8)
""")
    c.say(p.address())
    c.line("HEARD", 30)
    p.passed(WOAD, EXTENDED[0])
    c.end(60)
    p.mgmt(0x003f, b"\3")                                   # Remove Advertising
    p.passed(WOAD, EXTENDED[1])


def cases():
    yield "gatt-linux-central", gatt_linux_central
    yield "gatt-woad-central", gatt_woad_central
    for name in PAIRINGS:
        short = name.replace("paired, ", "").replace(", ", "-").replace(" ", "-")
        yield "pair-linux-central-" + short, lambda p, name=name: pair_linux_central(p, name)
        yield "pair-woad-central-" + short, lambda p, name=name: pair_woad_central(p, name)
    yield "bonded-linux-central", bonded_linux_central
    yield "bonded-woad-central", bonded_woad_central
    yield "channel-linux-central", channel_linux_central
    yield "channel-woad-central", channel_woad_central
    yield "extended-linux-central", extended_linux_central
    yield "extended-woad-central", extended_woad_central
    for name, case in inside.CASES.items():
        yield name, lambda p, name=name, case=case: (case(p), p.passed("", inside.ROWS[name]))


def write_matrix(p, rounds):
    path = os.path.join(build, "peers", "matrix.md")
    with open(path, "w") as f:
        f.write("| in %d rounds | %s | %s |\n|---|---|---|\n" % (rounds, LINUX, WOAD))
        for row in ROWS:
            f.write("| %s | %s |\n" % (row, " | ".join("%d of %d" % (p.green.get((row, c), 0), rounds) for c in (LINUX, WOAD))))
        f.write("\n| Linux between Woad and its controller | |\n|---|---|\n")
        for row in inside.ROWS.values():
            f.write("| %s | %d of %d |\n" % (row, p.green.get((row, ""), 0), rounds))
        f.write("\nLinux %s, BlueZ %s, in QEMU; MicroPython with Woad's module; both at controllers of `woad air`.\n" % (p.m.kernel, p.bluez))
    return path


def main():
    image, rounds, words = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1, sys.argv[3:]
    nothing = [w for w in words if not any(w in name for name, _ in cases())]
    if nothing:
        print("there is no case with %s in its name" % " or ".join(repr(w) for w in nothing))
        return 2
    os.makedirs(os.path.join(build, "peers"), exist_ok=True)
    p = Peers(image)
    print("Linux %s, BlueZ %s" % (p.m.kernel, p.bluez), flush=True)
    recorded.begin(os.path.join(build, "peers", "logs"))
    failed = passed = 0
    for n in range(rounds):
        for name, case in cases():
            if words and not any(w in name for w in words):
                continue
            start = time.time()
            Program.case = name
            p.m.forget()
            try:
                case(p)
                passed += 1
                print("ok   %-66s %5.1f s" % (name, time.time() - start), flush=True)
            except Exception as e:
                failed += 1
                print("FAIL %s: %s: %s" % (name, type(e).__name__, e), flush=True)
                for q in programs:
                    print("  its program: %s" % q.lines[-8:])
                print("  events: %s" % p.m.events[-3:], flush=True)
                if p.daemon is not None:
                    print(p.m.do("sh", command="tail -n 12 /tmp/%d.log" % p.daemon)[1], flush=True)
            for q in programs:
                q.kill()
            programs.clear()
            inside.end_all()
    p.stop()
    if os.environ.get("REPLAY"):
        same, logs = recorded.replay(air)
        failed += logs - same
    where = "" if words else "; " + os.path.relpath(write_matrix(p, rounds))
    print("%d passed, %d failed%s" % (passed, failed, where))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
