#!/usr/bin/env python3
"""The examples in Python, in virtual time: what they print, what they keep, and what strangers and lost links do to them.

python_examples.py [NAME…]: those tests whose names contain one of the words.
"""
import ast
import binascii
import json
import os
import re
import struct
import subprocess
import sys

from scaffold import main, root, scratch, woad

examples = os.path.join(root, "examples", "python")
micropython = os.path.join(root, "build", "micropython")

# A peer that does what no program of ours would do; each test has its lines after these.
STRANGER = r"""
import bluetooth, struct, time
ble, events = bluetooth.BLE(), []
def on_event(event, data):
    if event == 5 and len(events) > 50:
        return
    events.append((event, tuple(bytes(x) if isinstance(x, (memoryview, bluetooth.UUID)) else x for x in data)))
def wait(*wanted):
    for _ in range(2000):
        while events:
            event, data = events.pop(0)
            if event in wanted:
                return data
        time.sleep_ms(5)
    raise OSError("no event of %s" % (wanted,))
def connect(mark):
    ble.gap_scan(0, 30000, 30000)
    while True:
        addr_type, addr, kind, _, adv = wait(5)
        if mark in adv and kind == 0:
            break
    ble.gap_connect(addr_type, addr)
    return wait(7)[0]
def handle_of(conn, uuid):
    events.clear()
    ble.gattc_discover_characteristics(conn, 1, 0xffff, bluetooth.UUID(uuid))
    return wait(11)[2]
def write(conn, handle, octets, mode=1):
    ble.gattc_write(conn, handle, octets, mode)
    return wait(17)[2]
def field(kind, octets):
    return bytes((len(octets) + 1, kind)) + octets
ble.active(True)
ble.irq(on_event)
"""


def script(name, text):
    path = os.path.join(scratch, name + ".py")
    with open(path, "w") as f:
        f.write(text)
    return path


def stranger(name, text):
    return [script(name, STRANGER + text)]


def example(name, *args, after=0):
    """A program of examples/python, which begins after so many seconds."""
    path = os.path.join(examples, name + ".py")
    if not after:
        return [path, *args]
    return [script(name, "import sys, time\ntime.sleep(%r)\nexec(open(%r).read())\n" % (after, path)), *args]


def run(*programs, until=60, code=0, world="", answers=None, stdin=None, options=(), env=None):
    """What each program printed: name to lines.  answers: {pattern: line to write to the program `stdin`}."""
    command = [woad, "run", "--clock", "virtual", "--quiet", "--until", str(until), *options]
    if world:
        command += ["--world", script("world", world)]
    if stdin:
        command += ["--stdin", stdin]
    for n, p in enumerate(programs):
        command += (["--"] if n else []) + p
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env=dict(os.environ, **(env or {})))
    said = {}
    for line in p.stdout:
        name, _, text = line[11:].rstrip("\n").partition("| ")
        said.setdefault(name.strip(), []).append(text)
        for pattern, answer in (answers or {}).items():
            m = re.search(pattern, text)
            if m:
                p.stdin.write(answer(m) + "\n")
                p.stdin.flush()
    err = p.stderr.read()
    assert p.wait(30) == code, (p.returncode, said, err)
    return said


def test_types():
    """typings/bluetooth.pyi has each name of the module, and no other; mypy has nothing to say of the examples."""
    path = os.path.join(root, "typings", "bluetooth.pyi")
    tree = ast.parse(open(path).read())
    names = {n.target.id for n in tree.body if isinstance(n, ast.AnnAssign)} | {n.name for n in tree.body if isinstance(n, ast.ClassDef)}
    ble, = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "BLE")
    methods = {n.name for n in ble.body if isinstance(n, ast.FunctionDef)} - {"__init__"}
    shown = subprocess.run([micropython, "-c", "import bluetooth\nprint([dir(bluetooth), dir(bluetooth.BLE)])"], stdout=subprocess.PIPE, check=True)
    has = [{n for n in found if not n.startswith("__")} for found in ast.literal_eval(shown.stdout.decode())]
    assert [names, methods] == has, ([names, methods], has)
    keys = [a.arg for f in ble.body if isinstance(f, ast.FunctionDef) and f.name == "config" for a in f.args.kwonlyargs]
    for key in keys:                                        # a key that does not exist is a ValueError
        r = subprocess.run([micropython, "-c", "import bluetooth\nb = bluetooth.BLE()\nb.active(True)\ntry:\n    b.config(%s=None)\n"
                            "except ValueError as e:\n    print(e)\nexcept (OSError, TypeError):\n    pass\nb.active(False)" % key],
                           stdout=subprocess.PIPE, check=True)
        assert b"unknown" not in r.stdout, key
    programs = [os.path.join(examples, n) for n in sorted(os.listdir(examples)) if n.endswith(".py")]
    assert len(programs) > 15
    mypy = ["/usr/bin/python3", "-m", "mypy", "--python-version", "3.11", "--cache-dir", os.path.join(root, "build", "python", "mypy-examples"),
            "--scripts-are-modules", "--check-untyped-defs", "--disable-error-code", "var-annotated",
            "--ignore-missing-imports"]
    env = dict(os.environ, MYPYPATH=os.path.join(root, "typings") + ":" + os.path.join(root, "tests", "python", "typings"))
    r = subprocess.run(mypy + programs, stdout=subprocess.PIPE, text=True, env=env)
    assert r.returncode == 0, r.stdout
    wrong = "import bluetooth\nble = bluetooth.BLE()\nble.gap_connect(0)\nble.gatts_write(1, 5)\nble.config(speed=1)\nble.gap_fly()\n"
    r = subprocess.run(mypy + [script("wrong", wrong)], stdout=subprocess.PIPE, text=True, env=env)
    assert [int(n) for n in re.findall(r"wrong.py:(\d+): error", r.stdout)] == [3, 4, 5, 6], r.stdout


def test_uart():
    """Commands and answers; answers that fill the queue, and a line that is longer than a packet."""
    lines = run(example("uart_console"), example("uart_connect", "echo hello", "count 1000", "count x", "echo " + "y" * 190, "?"), until=20)["uart_connect"]
    assert lines[0] == "hello" and "".join(lines[1:-3]).split(" ") == [str(n) for n in range(1000)], lines
    assert lines[-3:] == ["that is no number, or no text", "y" * 190, "commands: echo TEXT, uptime, count N"], lines[-3:]


def test_uart_and_strangers():
    """A central that writes garbage without end, another that leaves in the middle of an answer: the console serves the next."""
    text = """
conn = connect(b"\\x11\\x07")
ble.gattc_exchange_mtu(conn)
wait(21)
to = handle_of(conn, "6e400002-b5a3-f393-e0a9-e50e24dcca9e")
for n in range(40):
    write(conn, to, bytes((n,)) * 200)
write(conn, to, b"\\n")
time.sleep(1)
events.clear()
for octets in (b"echo ", b"z" * 200, b"z" * 200, b"z" * 200, b"\\n"):
    write(conn, to, octets)
time.sleep(2)
print("echoed", sum(event == 18 and b"z" in data[2] for event, data in events))
for n in range(40):
    write(conn, to, b"\\xff\\n\\0\\n\\n\\n")
write(conn, to, b"count 1000\\n")
ble.gap_disconnect(conn)
wait(8)
ble.active(False)
"""
    said = run(example("uart_console"), stranger("stranger", text), example("uart_connect", "echo next", after=20), until=40)
    assert said == {"stranger": ["echoed 0"], "uart_connect": ["next"]}, said


UART = """
SERVICE = bluetooth.UUID("6e400001-b5a3-f393-e0a9-e50e24dcca9e")
def chars(*flags):
    return tuple((bluetooth.UUID("6e40000%d-b5a3-f393-e0a9-e50e24dcca9e" % (2 + n)), f) for n, f in enumerate(flags))
def serve(*flags):
    global handles
    (handles,) = ble.gatts_register_services(((SERVICE, chars(*flags)),))
    ble.gap_advertise(50000, b"\\x11\\x07" + bytes(SERVICE))
    return wait(1)[0]
"""


def test_uart_without_prompt():
    """A device of another make answers without a prompt: its answer is complete when it is silent."""
    answers = """
conn = serve(8, 16)
for text in (b"one\\r\\n", b"two> three"):
    wait(3)
    ble.gatts_notify(conn, handles[1], text[:5])
    time.sleep(1)
    ble.gatts_notify(conn, handles[1], text[5:])
wait(2)
"""
    said = run(stranger("other", UART + answers), example("uart_connect", "a", "b"))
    assert said == {"uart_connect": ["one", "two> three"]}, said


def test_uart_of_a_stranger():
    """A device without the characteristics, one that notifies without end, one that leaves, none: a reason, and status 1."""
    for text, says in (
        ("serve(8)\nwait(2)\n", "the device has no UART to subscribe to"),
        ("serve(8, 2)\nwait(2)\n", "the device has no UART to subscribe to"),
        ("serve(2, 16)\nwait(2)\n", "the device refuses the line: 259"),
        ("serve(8, 16)\nwait(3)\ntime.sleep(20)\n", "no device, or no answer in time"),
        ("conn = serve(8, 16)\nwait(3)\ntime.sleep(1)\nble.gap_disconnect(conn)\nwait(2)\n", "the device has gone"),
        ("""
conn = serve(8, 16)
wait(3)
for n in range(3000):
    try:
        ble.gatts_notify(conn, handles[1], b"garbage\\x1b[2J" * 2)
    except OSError:
        time.sleep_ms(20)
""", "the device does not end its answer"),
        ("time.sleep(30)\n", "no device, or no answer in time"),
    ):
        said = run(stranger("stranger", UART + text), example("uart_connect", "echo x"), code=1)
        assert said["uart_connect"] == [says], (text, said)


def test_keyboard():
    """Pairs once, types; both are started again, and the bond is used.  A bond that the keyboard has lost is reported."""
    bonds = [os.path.join(scratch, "keyboard"), os.path.join(scratch, "host")]
    for how in ("paired", "encrypted by the bond"):
        said = run(example("hid_keyboard", bonds[0], "Hello, Woad 10-4."), example("hid_host", bonds[1]), until=40)
        assert said == {"hid_keyboard": ["typing"], "hid_host": [how, "typed: Hello, Woad 10-4."]}, said
    os.remove(bonds[0])
    said = run(example("hid_keyboard", bonds[0], "x"), example("hid_host", bonds[1]), until=40, code=1)
    assert said["hid_host"] == ["the keyboard has lost its bond: remove ours, and pair again"], said


def test_other_keyboards():
    """The keyboard in C; `woad serve hid-keyboard`."""
    said = run([os.path.join(root, "build", "examples", "keyboard"), "hello woad"], example("hid_host", os.path.join(scratch, "h3")))
    assert said == {"hid_host": ["paired", "typed: hello woad"]}, said
    typist = "echo 'Hello, 42' | %s serve --quiet hid-keyboard --bonds %s" % (woad, os.path.join(scratch, "served"))
    said = run(["sh", "-c", typist], example("hid_host", os.path.join(scratch, "h4")))
    assert said["hid_host"] == ["paired", "typed: Hello, 42"], said


def test_keyboard_and_a_stranger():
    """Without encryption there is no report, no subscription and no map; the next host is served."""
    text = """
conn = connect(b"\\x03\\x03\\x12\\x18")
report = handle_of(conn, 0x2a4d)
ble.gattc_read(conn, report)
print("report", wait(16)[2])
ble.gattc_read(conn, handle_of(conn, 0x2a4b))
print("map", wait(16)[2])
print("subscribing", write(conn, report + 1, b"\\1\\0"), write(conn, report + 2, b"\\1\\0"))
print("notified", any(event == 18 for event, _ in events))
ble.gap_disconnect(conn)
wait(8)
ble.active(False)
"""
    said = run(example("hid_keyboard", os.path.join(scratch, "k2"), "secret"), stranger("stranger", text),
               example("hid_host", os.path.join(scratch, "h2"), after=10), until=40)
    assert said["stranger"][:2] == ["report 261", "map 261"] and said["stranger"][3] == "notified False", said
    assert said["hid_host"] == ["paired", "typed: secret"], said


def test_beacons():
    """Each kind is decoded as it was made; what is malformed is passed over."""
    text = """
for data in (field(0xff, b"\\x4c\\x00\\x02\\x15" + bytes(20)), field(0xff, b"\\x4c\\x00\\x02\\x15" + bytes(22)), field(0x16, b"\\xaa\\xfe"),
             field(0x16, b"\\xaa\\xfe\\x10\\0\\x09x"), field(0x16, b"\\xaa\\xfe\\0\\0short"), b"\\xff\\xff\\x4c", b"\\x01", b"",
             field(0x16, b"\\xaa\\xfe\\x10\\xee\\x03\\x1b\\xe9[2J"), field(0x16, b"\\xaa\\xfe\\x20\\0" + struct.pack(">Hh", 3000, 5376) + bytes(8))):
    ble.gap_advertise(20000, data, connectable=False)
    time.sleep_ms(500)
ble.active(False)
"""
    said = run(example("beacon", "ibeacon", "2f234454-cf6d-4a0f-adf2-f4911ba9ffa6", "513", "65535"), example("beacon", "uid", "00" * 9 + "ff", "010203040506"),
               example("beacon", "url", "https://www.example.org/x"), stranger("stranger", text), example("beacon_scanner", "8"),
               until=9, options=("--name", "a,b,c,stranger,scanner"))["scanner"]
    assert said[-1] == "5 beacons", said
    assert all(re.fullmatch(r"[0-9a-f]{12}: .*, -\d\d dBm(, about \d\.\d m)?", x) for x in said[:-1]), said
    assert {x[14:].split(", ")[0] for x in said[:-1]} == {
        "iBeacon 2f234454-cf6d-4a0f-adf2-f4911ba9ffa6 513 65535", "Eddystone UID 000000000000000000ff 010203040506",
        "Eddystone URL https://www.example.org/x", "Eddystone URL https://??[2J", "Eddystone TLM 3000 mV 21.0 C"}, said
    for args, says in (((), "say ibeacon"), (("fish",), "say ibeacon"), (("uid", "00"), "10 octets"), (("uid", "xy"), ""), (("ibeacon", "12"), ""),
                       (("ibeacon", "2f234454-cf6d-4a0f-adf2-f4911ba9ffa6", "65536"), "16 bits"), (("url", "ftp://x"), "begins with"),
                       (("url", "http://" + "x" * 18), "17 octets"), (("url", "http://x", "y"), "too many")):
        r = subprocess.run([micropython, os.path.join(examples, "beacon.py"), *args], stdout=subprocess.PIPE, text=True, timeout=10)
        assert r.returncode == 2 and r.stdout.startswith("beacon.py: ") and says in r.stdout, (args, r)


def five_sensors(sensors, gateway, **more):
    """Five sensors at once; one that goes out of reach is reported, and collected from again when it is back."""
    names = ("attic", "bath", "cellar", "hall", "kitchen")
    said = run(*(example(s, n, str(10 + i)) for i, (s, n) in enumerate(zip(sensors, names))), example(gateway, "50"), until=60,
               world="at 20 place attic 100000 0\nat 30 place attic 1 0\n", options=("--name", ",".join(names) + ",gateway"), **more)["gateway"]
    for n in names:
        assert "%s is connected" % n in said, said
    assert said.count("attic is connected") == 2 and said.count("attic is lost: connection lost") == 1, said
    rows = [dict(x.split(" ") for x in line.split(", ")) for line in said if re.fullmatch(r"(\w+ \d+\.\d\d(, )?)+", line)]
    assert any(set(r) == set(names) for r in rows[:20]) and set(rows[-1]) == set(names), rows
    assert any(set(r) == set(names) - {"attic"} for r in rows), rows
    assert all(abs(float(v) - 10 - names.index(n)) < 3 for r in rows for n, v in r.items()), rows


def test_gateway():
    five_sensors(["sensor"] * 5, "gateway")


def odd_sensors(gateway, **more):
    """A sensor without a temperature, one that notifies too much and too little: the good one is collected from."""
    serve = """
name = bluetooth.UUID(0x181A)
def serve(characteristic):
    (handles,) = ble.gatts_register_services(((name, (characteristic,)),))
    ble.gap_advertise(50000, b"\\x03\\x03\\x1a\\x18" + field(9, b"\\xffodd\\x1b"))
    wait(1)
    return handles[0]
"""
    said = run(example("sensor", "good", "20"), stranger("none", serve + "serve((bluetooth.UUID(0x2a00), 2))\ntime.sleep(30)\n"),
               stranger("noisy", serve + """
value = serve((bluetooth.UUID(0x2a6e), 18))
time.sleep(2)
for n in range(2000):
    try:
        ble.gatts_notify(0, value, bytes(n % 20))
    except OSError:
        time.sleep_ms(10)
"""), example(gateway, "20"), until=40, options=("--name", "good,none,noisy,gateway"), **more)["gateway"]
    assert not any("Error" in x for x in said), said
    assert re.search(r"\?(odd\?)? is lost: it has no temperature", "\n".join(said)) and "good is connected" in said and re.search(r"good 2\d\.\d\d", said[-1]), said


def test_gateway_and_strangers():
    odd_sensors("gateway")


def test_gateway_of_aioble():
    """AIOBLE=/path: with aioble of that checkout of micropython-lib; each side also with the other's program."""
    if not os.environ.get("AIOBLE"):
        print("AIOBLE is not set: the examples with aioble do not run")
        return
    env = dict(os.environ, HOME=scratch)
    subprocess.run([os.path.join(root, "scripts", "aioble")], env=env, stderr=subprocess.DEVNULL, check=True)
    env = {"HOME": scratch, "MICROPYPATH": os.path.join(scratch, ".micropython", "lib") + ":.frozen"}
    five_sensors(["aioble_sensor", "aioble_sensor", "sensor", "sensor", "sensor"], "aioble_gateway", env=env)
    five_sensors(["aioble_sensor"] * 5, "gateway", env=env)
    odd_sensors("aioble_gateway", env=env)


def test_long_range():
    """At a distance where 1M is not received, coded is; what was missed is counted; a controller without it is reported."""
    world = "place long_range_beacon 0 0\nplace long_range_observer 350 0\nplace near 1 0\n"
    legacy = stranger("near", 'ble.gap_advertise(100000, field(9, b"1M"))\ntime.sleep(50)\n')
    hears = stranger("hears", """
ble.gap_scan(0, 30000, 30000)
heard = {}
def on_event(event, data):
    if event == 5:
        heard[bytes(data[4])] = data[3]
ble.irq(on_event)
time.sleep(20)
print(sorted(heard.items()))
""")
    said = run(example("long_range_beacon", "ridge", "-3.5"), legacy, example("long_range_observer", "40"), hears, until=41,
               world=world + "place hears 350 1\nnoise -98\nat 12 place long_range_beacon 1000000 0\nat 26 place long_range_beacon 0 0\n")
    assert said["hears"] == ["[]"], said
    found = said["long_range_observer"]
    assert all(re.match(r"ridge: -3\.50 C, -\d+ dBm, coded PHY", x) for x in found) and len(found) >= 5, said
    assert [x.rsplit(", ", 1)[1] for x in found if "missed" in x] == ["2 missed"], said
    for n, args in (("long_range_beacon", ["x"]), ("long_range_observer", [])):
        said = run(example(n, *args), code=1, options=("--profile", "4.2"))
        assert said == {n: ["this controller has no coded PHY"]}, said


def wifi(path, *args, type_in=lambda m: m.group(1), code=0):
    return run(example("wifi_device", path), example("wifi_setup", *args), until=60, code=code, stdin="wifi_setup", answers={r"^passkey (\d{6})": type_in})


def test_wifi():
    """The right passkey saves; a wrong one, and values that are none, change nothing."""
    path = os.path.join(scratch, "wifi.json")
    said = wifi(path, "home", "secret word")
    assert said["wifi_setup"][-1] == "the device has saved them", said
    assert json.load(open(path)) == {"ssid": "home", "password": "secret word"}
    said = wifi(path, "other", "another word", type_in=lambda m: "%06d" % ((int(m.group(1)) + 1) % 1000000), code=1)
    assert said["wifi_setup"][-1] == "the pairing failed; nothing was sent", said
    said = wifi(path, "other", "short", code=1)
    assert said["wifi_setup"][-1] == "the device says that these are no credentials", said
    assert json.load(open(path)) == {"ssid": "home", "password": "secret word"}
    said = wifi("/nowhere/wifi.json", "home", "secret word", code=1)
    assert said["wifi_setup"][-1] == "the device can't save them" and "they can't be saved" in said["wifi_device"][-1], said
    said = wifi(path, "s" * 32, "p" * 63)
    assert json.load(open(path)) == {"ssid": "s" * 32, "password": "p" * 63} and os.listdir(scratch).count("wifi.json.new") == 0, said


def test_wifi_and_strangers():
    """Without pairing, and with a pairing that no passkey protects, the write is refused; the device serves the next."""
    path = os.path.join(scratch, "wifi2.json")
    text = """
conn = connect(b"\\x11\\x07")
to = handle_of(conn, "0c9c6f01-5a1e-4b5c-9d0c-3d6f70fb7c55")
print("plain", write(conn, to, b"\\x04evil\\0"), write(conn, to, b"\\x04evil\\0", 2))
ble.config(mitm=False, io=3)
ble.gap_pair(conn)
try:
    print("paired", wait(28)[1:3])
except OSError:
    print("not paired")
print("just works", write(conn, to, b"\\x04evil\\0"))
ble.gap_disconnect(conn)
wait(8)
ble.active(False)
"""
    said = run(example("wifi_device", path), stranger("stranger", text), example("wifi_setup", "home", "", after=30), until=60,
               stdin="wifi_setup", answers={r"^passkey (\d{6})": lambda m: m.group(1)})
    assert said["stranger"][0] == "plain 261 261" and said["stranger"][-1] == "just works 261", said
    assert said["wifi_setup"][-1] == "the device has saved them" and json.load(open(path)) == {"ssid": "home", "password": ""}, said


def firmware_folder(name):
    folder = os.path.join(scratch, name)
    os.mkdir(folder)
    return folder


def image(name, size):
    path = os.path.join(scratch, name)
    with open(path, "wb") as f:
        f.write(os.urandom(size))
    return path


def octets(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def test_firmware():
    """Into slot b, then into slot a; a link that is lost twice costs what was in flight, no more."""
    folder, first, second = firmware_folder("slots"), image("first", 400001), image("second", 5)
    said = run(example("firmware_device", folder), example("firmware_send", first),
               world="at 2 place firmware_device 100000 0\nat 12 place firmware_device 1 0\nat 14 place firmware_device 100000 0\nat 25 place firmware_device 1 0\n")
    begins = [int(x.split()[-2]) for x in said["firmware_send"] if x.startswith("sending, from")]
    assert begins[0] == 0 and len(begins) == 3 and 50000 < begins[1] < begins[2] < 400001, said
    assert said["firmware_send"][-1] == "the device has installed it" and said["firmware_device"].count("stopped: the link was lost") == 2, said
    assert octets(folder, "active") == b"b" and octets(folder, "b.bin") == octets(first) and sorted(os.listdir(folder)) == ["active", "b.bin"]
    said = run(example("firmware_device", folder), example("firmware_send", second))
    assert said["firmware_device"] == ["slot b runs", "update of 5 octets, from 0 on", "installed in slot a"], said
    assert octets(folder, "active") == b"a" and octets(folder, "a.bin") == octets(second) and octets(folder, "b.bin") == octets(first)


def test_firmware_after_a_restart():
    """The device is started again in the middle: the update goes on; parts of another image go."""
    folder, path = firmware_folder("restart"), image("third", 100000)
    crc = binascii.crc32(octets(path))
    with open(os.path.join(folder, "%08x-100000.part" % crc), "wb") as f:
        f.write(octets(path)[:70000])
    open(os.path.join(folder, "00000000-5.part"), "wb").close()
    said = run(example("firmware_device", folder), example("firmware_send", path))
    assert said["firmware_send"] == ["sending, from 70000 on", "the device has installed it"], said
    assert octets(folder, "b.bin") == octets(path) and sorted(os.listdir(folder)) == ["active", "b.bin"]


def test_firmware_and_strangers():
    """Wrong CRC, too large, nothing, half a header, a second channel beside the first: not installed; the next sender is served."""
    folder, path = firmware_folder("strangers"), image("fourth", 30000)
    text = """
def send(conn, *sdus):
    ble.l2cap_connect(conn, 0x81, 200)
    cid = wait(23)[1]
    for sdu in sdus:
        if not ble.l2cap_send(conn, cid, sdu):
            wait(26)
    return cid
conn = connect(b"Firmware")
for sdus in ([struct.pack("<II", 5, 1), b"wrong"], [struct.pack("<II", 1 << 30, 1), b"x"], [struct.pack("<II", 0, 0)], [struct.pack("<II", 5, 2), b"xx"]):
    cid = send(conn, *sdus)
    time.sleep(1)
    buf = bytearray(20)
    try:
        print("answer", buf[:ble.l2cap_recvinto(conn, cid, buf)].hex())
        ble.l2cap_connect(conn, 0x81, 200)
        print("second", wait(24, 23)[3])
    except OSError as e:
        print(e)
    try:
        ble.l2cap_disconnect(conn, cid)
    except OSError:
        pass
    time.sleep(2)
send(conn, b"xyz")
ble.gap_disconnect(conn)
wait(8)
ble.active(False)
"""
    said = run(example("firmware_device", folder), stranger("stranger", text), example("firmware_send", path, after=40), until=100)
    assert [x for x in said["stranger"] if x.startswith("second")][:2] == ["second 24"] * 2, said     # 24: refused, one is open
    assert "damaged: not installed" in said["firmware_device"] and "refused: 1073741824 octets" in said["firmware_device"], said
    assert "refused: 0 octets" in said["firmware_device"] and said["firmware_device"][-1] == "installed in slot b", said
    assert said["firmware_send"][-1] == "the device has installed it" and octets(folder, "b.bin") == octets(path), said
    assert sorted(os.listdir(folder)) == ["active", "b.bin"], os.listdir(folder)


def test_transfer():
    """A file, in virtual time; with a link that is lost both say so and end with 1."""
    path, copy = image("file", 300000), os.path.join(scratch, "copy")
    names = ("--name", "receiver,sender")
    said = run(example("transfer", "receive", copy), example("transfer", "send", path), options=names)
    assert octets(copy) == octets(path) and all(x[-1] == "it is the same" for x in said.values()), said
    said = run(example("transfer", "receive", copy), example("transfer", "send", path), options=names, code=1,
               world="at 0.9 place sender 100000 0\n")
    assert "the other side has gone" in " ".join(sum(said.values(), [])), said


def test_page():
    """docs/examples.md names each program, and its commands run."""
    page = open(os.path.join(root, "docs", "examples.md")).read()
    missing = [n for n in os.listdir(examples) if n.endswith(".py") and "`%s" % n not in page]
    assert not missing, missing
    commands = re.findall(r"^    (\.\./\.\./build/woad run .*)$", page, re.M)
    assert len(commands) == 2
    for command in commands:
        r = subprocess.run(command.replace(" run ", " run --clock virtual "), shell=True, cwd=examples, stdout=subprocess.PIPE, text=True, timeout=60)
        assert r.returncode == 0 and ("| hello" in r.stdout or re.search("attic .*, cellar ", r.stdout)), r


def test_usage():
    r = subprocess.run([micropython, os.path.join(examples, "firmware_device.py"), "/nowhere"], stdout=subprocess.PIPE, text=True, timeout=10)
    assert r.returncode == 1 and r.stdout.startswith("firmware_device.py: /nowhere: "), r
    for name in ("firmware_device", "firmware_send", "hid_host", "hid_keyboard", "long_range_beacon", "sensor", "transfer", "wifi_device", "wifi_setup"):
        r = subprocess.run([micropython, os.path.join(examples, name + ".py")], stdout=subprocess.PIPE, text=True, timeout=10)
        assert r.returncode == 2 and r.stdout.startswith("usage: %s.py " % name), (name, r)


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
