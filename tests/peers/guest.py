#!/usr/bin/python3
"""In the guest: does what the test outside asks, one JSON object a line, and tells what happens.

Asked {"id": n, "do": name, …} it answers {"id": n, "value": …} or {"id": n, "error": text}; {"event": …} comes by itself.
Octets are hexadecimal text in both directions; arguments of D-Bus methods are GVariant text.
"""
import ctypes
import fcntl
import glob
import json
import os
import select
import socket
import struct
import subprocess
import sys
import termios
import threading
import tty

from gi.repository import Gio, GLib

port = os.open(glob.glob("/dev/vport*")[0], os.O_RDWR)
sending = threading.Lock()


def tell(**what):
    with sending:
        said = json.dumps(what).encode() + b"\n"
        while said:
            said = said[os.write(port, said):]


def plain(v):
    """A GVariant as JSON has it."""
    kind = v.get_type_string()
    if kind == "ay":
        return bytes(v.get_data_as_bytes().get_data() or b"").hex()
    if kind == "v":
        return plain(v.get_variant())
    if kind.startswith("a{"):
        return {str(plain(e.get_child_value(0))): plain(e.get_child_value(1)) for e in children(v)}
    if kind[0] in "a(":
        return [plain(e) for e in children(v)]
    return v.unpack()


def children(v):
    return [v.get_child_value(i) for i in range(v.n_children())]


def octets(text):
    return GLib.Variant("ay", bytes.fromhex(text))


# ---- Linux: serial lines, the management interface, channels ----

libc = ctypes.CDLL(None, use_errno=True)
lines = {}


def do_attach(line, protocol):
    """The kernel's HCI driver (0 H4, 2 three-wire) on a serial line; which hci it is comes to light in /sys."""
    ports = sorted(d for d in os.listdir("/sys/class/tty") if d.startswith("ttyS") and "/pci" in os.path.realpath("/sys/class/tty/%s/device" % d))
    fd = os.open("/dev/" + ports[line], os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    attributes = termios.tcgetattr(fd)
    attributes[2] |= termios.CLOCAL | (termios.CRTSCTS if protocol == 0 else 0)
    attributes[4] = attributes[5] = termios.B115200
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
    fcntl.ioctl(fd, 0x5423, struct.pack("i", 15))               # TIOCSETD, N_HCI
    fcntl.ioctl(fd, 0x400455C8, protocol)                       # HCIUARTSETPROTO
    lines[line] = fd


def do_detach(line):
    os.close(lines.pop(line))


def bind(sock, address):
    if libc.bind(sock.fileno(), address, len(address)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def do_mgmt(opcode, index, data=""):
    """A command of the kernel's management interface: [status, octets]."""
    s = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_RAW, socket.BTPROTO_HCI)
    bind(s, struct.pack("<HHH", socket.AF_BLUETOOTH, 0xFFFF, 3))
    s.settimeout(20)
    data = bytes.fromhex(data)
    s.send(struct.pack("<HHH", opcode, index, len(data)) + data)
    while True:
        event = s.recv(4096)
        code, _, _ = struct.unpack_from("<HHH", event)
        if code in (1, 2) and struct.unpack_from("<H", event, 6)[0] == opcode:
            s.close()
            return [event[8], event[9:].hex()]


def l2cap_address(psm, address, kind):
    return struct.pack("<HH6sHBx", socket.AF_BLUETOOTH, psm, bytes.fromhex(address)[::-1], 0, kind)


def l2cap_socket(mtu, address="000000000000"):
    s = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_SEQPACKET, socket.BTPROTO_L2CAP)
    bind(s, l2cap_address(0, address, 1))
    s.setsockopt(274, 13, struct.pack("H", mtu))                # SOL_BLUETOOTH, BT_RCVMTU
    return s


def receive(s):
    """An SDU.  Waited for outside of recv(), which in some kernels keeps the socket locked, for everybody, while it waits."""
    select.select([s], [], [])
    return s.recv(65535)


def do_listen(psm, mtu):
    """Channels whose SDUs go back as they came."""
    s = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_SEQPACKET, socket.BTPROTO_L2CAP)
    bind(s, l2cap_address(psm, "000000000000", 1))
    s.setsockopt(274, 13, struct.pack("H", mtu))
    s.listen(1)

    def serve():
        fd = libc.accept(s.fileno(), None, None)
        c = socket.socket(fileno=fd)
        s.close()
        total = 0
        while True:
            try:
                sdu = receive(c)
            except OSError:
                break
            if not sdu:
                break
            c.send(sdu)
            total += len(sdu)
        c.close()
        tell(event="echoed", octets=total)
    threading.Thread(target=serve, daemon=True).start()


def do_echo(psm, address, kind, mtu, total, sdu):
    """Sends so many octets in SDUs of that length, and wants the same back, in whatever SDUs."""
    s = l2cap_socket(mtu)
    if libc.connect(s.fileno(), l2cap_address(psm, address, kind), 14):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    octets = os.urandom(total)

    def send():
        for at in range(0, total, sdu):
            s.send(octets[at:at + sdu])
    threading.Thread(target=send, daemon=True).start()
    back = bytearray()
    while len(back) < total:
        back += receive(s)
    if back != octets:
        raise Exception("other octets came back")
    s.close()
    return total


daemons = []


def do_sh(command, limit=60):
    p = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=limit)
    return [p.returncode, p.stdout.decode("utf-8", "replace")]


def do_start(command):
    """A program that goes on; what it says is at /tmp/N.log, N the answer."""
    n = len(daemons)
    log = open("/tmp/%d.log" % n, "wb")
    daemons.append(subprocess.Popen(command, shell=True, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.PIPE, start_new_session=True))
    return n


def do_stop(n, sig=15):
    p = daemons[n]
    if p.poll() is None:
        os.killpg(p.pid, sig)
    try:
        return p.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, 9)
        return p.wait(5)


# ---- BlueZ: its objects, and ours that it calls ----

bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
NO_LIMIT = 120000
agent_asks = {}
values = {}


def call(answer, path, interface, method, args="()", name="org.bluez"):
    def done(_, result):
        try:
            v = plain(bus.call_finish(result))
            answer(value=v[0] if len(v) == 1 else v)
        except GLib.Error as e:
            answer(error=e.message)
    bus.call(name, path, interface, method, GLib.Variant.parse(None, args), None, Gio.DBusCallFlags.NONE, NO_LIMIT, None, done)


def changed(_connection, _sender, path, _interface, _signal, args):
    interface, props, _ = children(args)
    tell(event="changed", path=path, interface=plain(interface), props=plain(props))


def register(path, xml, on_call, on_get=None):
    info = Gio.DBusNodeInfo.new_for_xml("<node>%s</node>" % xml).interfaces[0]
    return bus.register_object(path, info, on_call, on_get, None)


AGENT = """<interface name="org.bluez.Agent1"><method name="Release"/><method name="Cancel"/>
<method name="RequestPinCode"><arg type="o" direction="in"/><arg type="s" direction="out"/></method>
<method name="RequestPasskey"><arg type="o" direction="in"/><arg type="u" direction="out"/></method>
<method name="DisplayPasskey"><arg type="o" direction="in"/><arg type="u" direction="in"/><arg type="q" direction="in"/></method>
<method name="RequestConfirmation"><arg type="o" direction="in"/><arg type="u" direction="in"/></method>
<method name="RequestAuthorization"><arg type="o" direction="in"/></method>
<method name="AuthorizeService"><arg type="o" direction="in"/><arg type="s" direction="in"/></method></interface>"""


def agent_call(_connection, _sender, _path, _interface, method, args, invocation):
    if method in ("RequestPasskey", "RequestConfirmation"):
        n = len(agent_asks)
        agent_asks[n] = invocation
        tell(event="agent", method=method, args=plain(args), ask=n)
    else:
        if method not in ("Release", "AuthorizeService"):
            tell(event="agent", method=method, args=plain(args))
        invocation.return_value(None)


def do_answer(ask, value):
    """What the user says: a passkey, True or False."""
    invocation = agent_asks[ask]
    if value is False:
        invocation.return_dbus_error("org.bluez.Error.Rejected", "no")
    else:
        invocation.return_value(None if value is True else GLib.Variant("(u)", (value,)))


ADVERTISEMENT = """<interface name="org.bluez.LEAdvertisement1"><method name="Release"/>%s</interface>"""


def do_describe(path, props):
    """An advertisement with these properties: {name: GVariant text}."""
    parsed = {k: GLib.Variant.parse(None, v) for k, v in props.items()}
    xml = "".join('<property name="%s" type="%s" access="read"/>' % (k, v.get_type_string()) for k, v in parsed.items())
    return register(path, ADVERTISEMENT % xml, lambda *a: a[-1].return_value(None), lambda *a: parsed[a[4]])


CHARACTERISTIC = """<interface name="org.bluez.%s"><property name="UUID" type="s" access="read"/><property name="%s" type="o" access="read"/>
<property name="Flags" type="as" access="read"/><property name="Value" type="ay" access="read"/><method name="StartNotify"/><method name="StopNotify"/><method name="Confirm"/>
<method name="ReadValue"><arg type="a{sv}" direction="in"/><arg type="ay" direction="out"/></method>
<method name="WriteValue"><arg type="ay" direction="in"/><arg type="a{sv}" direction="in"/></method></interface>"""
MANAGER = """<interface name="org.freedesktop.DBus.ObjectManager"><method name="GetManagedObjects">
<arg type="a{oa{sa{sv}}}" direction="out"/></method></interface>"""


def attribute(kind, parent_kind, path, parent, uuid, flags, value):
    values[path] = value
    props = {"UUID": GLib.Variant("s", uuid), parent_kind: GLib.Variant("o", parent), "Flags": GLib.Variant("as", flags)}

    def on_call(_connection, _sender, _path, _interface, method, args, invocation):
        if method == "ReadValue":
            offset = plain(args)[0].get("offset", 0)
            invocation.return_value(GLib.Variant.new_tuple(octets(values[path][2 * offset:])))
            return
        if method == "WriteValue":
            data, options = plain(args)
            offset = 2 * options.get("offset", 0)
            values[path] = values[path][:offset] + data
            tell(event="written", path=path, value=values[path], options=options)
        else:
            tell(event=method, path=path)
        invocation.return_value(None)
    register(path, CHARACTERISTIC % (kind, parent_kind), on_call, lambda *a: octets(values[path]) if a[4] == "Value" else props[a[4]])
    return {"org.bluez." + kind: props}


def do_serve(services, root="/app"):
    """A GATT database: [[uuid, [[uuid, flags, value, [[uuid, flags, value], …]], …]], …]; its objects are /app/sS/cC/dD."""
    objects = {}
    for s, (uuid, characteristics) in enumerate(services):
        service = "%s/s%d" % (root, s)
        props = {"UUID": GLib.Variant("s", uuid), "Primary": GLib.Variant("b", True)}
        register(service, """<interface name="org.bluez.GattService1"><property name="UUID" type="s" access="read"/>
            <property name="Primary" type="b" access="read"/></interface>""", None, lambda *a, props=props: props[a[4]])
        objects[service] = {"org.bluez.GattService1": props}
        for c, (uuid, flags, value, descriptors) in enumerate(characteristics):
            path = "%s/c%d" % (service, c)
            objects[path] = attribute("GattCharacteristic1", "Service", path, service, uuid, flags, value)
            for d, (uuid, flags, value) in enumerate(descriptors):
                objects["%s/d%d" % (path, d)] = attribute("GattDescriptor1", "Characteristic", "%s/d%d" % (path, d), path, uuid, flags, value)
    register(root, MANAGER, lambda *a: a[-1].return_value(GLib.Variant("(a{oa{sa{sv}}})", (objects,))))


def do_value(path, value=None):
    """What a characteristic of ours holds; set, it is told to who has subscribed."""
    if value is not None:
        values[path] = value
        bus.emit_signal(None, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                        GLib.Variant("(sa{sv}as)", ("org.bluez.GattCharacteristic1", {"Value": octets(value)}, [])))
    return values[path]


# ---- What is asked ----

IN_THREADS = {"mgmt": do_mgmt, "echo": do_echo, "sh": do_sh, "stop": do_stop}
AT_ONCE = {"attach": do_attach, "detach": do_detach, "listen": do_listen, "start": do_start, "answer": do_answer, "describe": do_describe, "serve": do_serve,
           "value": do_value}


def perform(request):
    n, what = request.pop("id"), request.pop("do")

    def answer(**result):
        tell(id=n, **result)

    def run(f):
        try:
            answer(value=f(**request))
        except Exception as e:
            answer(error="%s: %s" % (type(e).__name__, e))
    if what == "call":
        call(answer, **request)
    elif what in IN_THREADS:
        threading.Thread(target=run, args=(IN_THREADS[what],), daemon=True).start()
    else:
        run(AT_ONCE[what])
    return False


def listen():
    for line in os.fdopen(port, "rb"):
        GLib.idle_add(perform, json.loads(line))


bus.signal_subscribe("org.bluez", "org.freedesktop.DBus.Properties", "PropertiesChanged", None, None, Gio.DBusSignalFlags.NONE, changed)
register("/agent", AGENT, agent_call)
threading.Thread(target=listen, daemon=True).start()
tell(event="ready", kernel=os.uname().release)
sys.stdout.flush()
GLib.MainLoop().run()
