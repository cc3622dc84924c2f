#!/usr/bin/env python3
"""The sub-commands of `woad` that use a radio: what they print, how they fail, how they end.  In virtual time, by `woad run`.

woad_command.py [NAME…]: those tests whose names contain one of the words.
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

from scaffold import Host, ended, hub, name_of, main, root, scratch, woad

battery = os.path.join(root, "build", "examples", "peripheral")
home = os.path.join(scratch, "home")
os.makedirs(home)
environment = dict(os.environ, HOME=home, XDG_DATA_HOME=home)
environment.pop("WOAD_HCI", None)


def together(*programs, code=0, until=None, options=()):
    """Runs commands on one air, named a, b, …, and ends with the last one.  The lines of the last one, without their time."""
    names = "abcdefgh"[:len(programs)]
    argv = [woad, "run", "--quiet", "--clock", "virtual", "--name", ",".join(names), *options]
    argv += ["--until", str(until)] if until else []
    for i, program in enumerate(programs):
        argv += (["--"] if i else []) + [str(x) for x in program]
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, timeout=60)
    assert r.returncode == code, (r.returncode, r.stdout.decode(), r.stderr.decode())
    lines = [re.match(r"^ *\d+\.\d{6} (\S+) +\| ?(.*)$", x) for x in r.stdout.decode().splitlines()]
    assert all(lines), r.stdout
    last = [m[2] for m in lines if m[1] == names[-1]]
    return last, {n: [m[2] for m in lines if m[1] == n] for n in names}


def typing(text, *programs, code=0, until=None):
    """The same; the first program reads this text."""
    names = "abcdefgh"[:len(programs)]
    argv = [woad, "run", "--quiet", "--clock", "virtual", "--stdin", "a", "--name", ",".join(names)]
    argv += ["--until", str(until)] if until else []
    for i, program in enumerate(programs):
        argv += (["--"] if i else []) + [str(x) for x in program]
    r = subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, timeout=60)
    assert r.returncode == code, (r.returncode, r.stdout.decode(), r.stderr.decode())
    lines = [re.match(r"^ *\d+\.\d{6} (\S+) +\| ?(.*)$", x) for x in r.stdout.decode().splitlines()]
    return {n: [m[2] for m in lines if m[1] == n] for n in names}


def alone(*argv, code, said, **more):
    env = dict(environment, **more)
    r = subprocess.run([woad, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=20)
    assert r.returncode == code and said in r.stderr.decode(), (argv, r)
    return r


def test_help_and_wrong_words():
    """Each sub-command explains itself, with examples; a wrong word gets a sentence and status 2."""
    for command in commands():
        r = subprocess.run([woad, command, "--help"], stdout=subprocess.PIPE, timeout=5)
        text = r.stdout.decode()
        assert r.returncode == 0 and text.startswith("usage: woad " + command), r
        if command in ("air", "run", "control", "decode", "watch", "replay"):
            continue
        assert "Examples:\n  woad " + command in text and ("--hci NAME" in text or command == "bonds"), text
        assert all(len(x) <= 100 for x in text.splitlines()), text
        alone(command, "--no-such", code=2, said="there is no option --no-such")
        alone(command, "--hci", code=2, said="--hci takes a value" if command != "bonds" else "--hci")


def commands():
    r = subprocess.run([woad, "--help"], stdout=subprocess.PIPE, timeout=5)
    return re.findall(r"^  (\w+) ", r.stdout.decode(), flags=re.M)


def test_completion():
    """packaging/woad.bash: commands, options, kinds of peers."""
    for words, wanted in (("woad sc", {"scan"}), ("woad gatt --no", {"--no-response"}), ("woad serve ba", {"battery"}),
                          ("woad gatt lamp s", {"subscribe", "shell"}), ("woad pair --pass", {"--passkey"})):
        parts = words.split(" ")
        script = "source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _woad; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
            os.path.join(root, "packaging", "woad.bash"), " ".join([woad] + parts[1:]), len(parts) - 1)
        r = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10)
        assert set(r.stdout.decode().split()) == wanted and r.stderr == b"", (words, r)


def test_no_radio():
    """What --hci names is not there."""
    alone("scan", "1", "--hci", "unix:/nowhere/x", code=1, said="/nowhere/x")
    alone("info", "--hci", "unix:/nowhere/x", code=1, said="/nowhere/x")
    alone("gatt", "x", "--hci=unix:/nowhere/x", code=1, said="/nowhere/x")
    alone("gatt", "x", code=1, said="rubbish", WOAD_HCI="rubbish")


def test_a_radio_that_says_nothing():
    """A line on which nobody answers: the commands give up, with what to check."""
    ours, theirs = pty.openpty()
    alone("info", "--hci", "pty:" + os.ttyname(theirs), code=1, said="does not answer; check --hci")
    os.close(ours)
    os.close(theirs)


def test_info():
    last, _ = together([woad, "info"])
    assert any(re.match(r"version +Bluetooth 5\.", x) for x in last), last
    assert "  Extended Advertising" in last and any("1650 octets" in x for x in last), last
    last, _ = together([woad, "info", "--json"])
    said = json.loads("".join(last))
    assert said["missing"] == [] and said["adv_octets"] == 1650 and "LE Coded PHY" in said["features"], said
    last, _ = together([woad, "info", "--json"], options=("--profile", "4.0"))
    said = json.loads("".join(last))
    assert said["version"] == "4.0" and any("27 octets" in x for x in said["missing"]), said


def test_scan_filters():
    device = (battery,)
    _, said = together(device, [woad, "scan", "2", "--json"], until=5)
    found = [json.loads(x) for x in said["b"] if x.startswith("{")]
    assert [x["connectable"] for x in found] == [True, False] and found[0]["name"] == "Woad battery", found
    for options, n in ((("--name", "BATT"), 1), (("--name", "x"), 0), (("--uuid", "180f"), 1), (("--uuid", "battery"), 1),
                       (("--uuid", "180d"), 0), (("--addr", found[0]["address"]), 2), (("--addr", "00:00:00:00:00:01"), 0),
                       (("--rssi", "-90"), 2), (("--rssi=0",), 0)):
        _, said = together(device, [woad, "scan", "2", "--json", *options], until=5)
        assert len([x for x in said["b"] if x.startswith("{")]) == n, (options, said)
        assert n or "woad scan: no device advertises there" in said["b"], said
    alone("scan", "--uuid", "12345", code=2, said="\"12345\" is no UUID")
    alone("scan", "--addr", "12345", code=2, said="is no address")
    alone("scan", "--rssi", "99", code=2, said="--rssi takes -128 to 20, not \"99\"")


def test_a_table_on_a_terminal():
    """Rows are renewed in place; Ctrl-C ends it with status 0; the cursor is below the table."""
    path = os.path.join(scratch, "table")
    air = hub("unix:" + path)
    device = subprocess.Popen([battery], env=dict(environment, WOAD_HCI="unix:" + path), stdout=subprocess.DEVNULL)
    ours, theirs = pty.openpty()
    p = subprocess.Popen([woad, "scan", "60", "--hci", "unix:" + path], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=environment)
    os.close(theirs)
    text = until(ours, b"Woad battery", b"\x1b[2A")
    p.send_signal(signal.SIGINT)
    assert p.wait(5) == 0, p.stderr.read()
    assert b"ADDRESS" in text, text
    os.close(ours)
    device.terminate()
    device.wait(5)
    air.terminate()
    ended(air)


def until(fd, *wanted, limit=10):
    """Reads a terminal until all of these have come."""
    text, end = b"", time.time() + limit
    while not all(w in text for w in wanted):
        assert time.time() < end, (wanted, text)
        if select.select([fd], [], [], 0.1)[0]:
            try:
                text += os.read(fd, 4096)
            except OSError:
                raise AssertionError((wanted, text))
    return text


def test_the_tree():
    last, _ = together([battery], [woad, "gatt", "Woad battery"])
    assert "service 180f Battery  #10 to #13" in last and "  #12 2a19 Battery Level  (read, notify)" in last, last
    assert "    #13 2902 Client Characteristic Configuration" in last, last
    last, _ = together([battery], [woad, "gatt", "Woad battery", "tree", "--json"])
    services = json.loads("".join(last))["services"]
    level = services[2]["characteristics"][0]
    assert [x["uuid"] for x in services] == ["1800", "1801", "180f"], services
    assert level["properties"] == ["read", "notify"] and level["descriptors"][0]["uuid"] == "2902", services


def test_read_and_subscribe():
    for what in ("2a19", "0x2A19", "00002a19-0000-1000-8000-00805f9b34fb", "battery level", "Battery-Level", "#12"):
        last, _ = together([battery], [woad, "gatt", "Woad battery", "read", what])
        assert last == ["64  100 %"], (what, last)
    last, _ = together([battery], [woad, "gatt", "Woad battery", "read", "2a19", "--json"])
    assert json.loads(last[0]) == {"event": "read", "handle": 12, "uuid": "2a19", "name": "Battery Level", "hex": "64"}, last
    last, _ = together([battery], [woad, "gatt", "Woad battery", "subscribe", "2a19", "--count", "3"])
    assert last == ["64  100 %", "63  99 %", "62  98 %"], last
    last, _ = together([battery], [woad, "gatt", "Woad battery", "subscribe", "2a19", "--for", "1", "--json"])
    values = [json.loads(x) for x in last]
    assert 4 <= len(values) <= 5 and {x["event"] for x in values} == {"notification"}, last
    last, _ = together([battery], [woad, "gatt", "Woad battery", "subscribe", "2a19", "--for", "1", "--count", "99"], code=1)
    assert re.match(r"woad gatt: \d of 99 values have come in 1 s", last[-1]), last


def test_what_a_peer_refuses():
    last, _ = together([battery], [woad, "gatt", "Woad battery", "write", "2a19", "01"], code=1)
    assert last[-1].startswith("woad gatt: writing handle 12: "), last
    last, _ = together([battery], [woad, "gatt", "Woad battery", "subscribe", "2a00"], code=1)
    assert last[-1] == "woad gatt: handle 3 is neither notified nor indicated", last
    last, _ = together([battery], [woad, "gatt", "Woad battery", "read", "2a37"], code=1)
    assert "has no characteristic \"2a37\"; woad gatt PEER shows" in last[-1], last
    last, _ = together([battery], [woad, "gatt", "Woad battery", "read", "zz"], code=1)
    assert "is no UUID, no name of one" in last[-1], last
    last, _ = together([battery], [woad, "gatt", "Woad battery", "read", "2902"], code=1)
    assert "more than once: #9, #13; name a handle" in last[-1], last


def test_a_peer_that_is_not_there():
    last, _ = together([woad, "gatt", "nobody", "--timeout", "3"], code=1)
    assert last == ["woad gatt: no device \"nobody\" advertises here; woad scan shows those that do"], last
    alone("gatt", code=2, said="name a peer")
    alone("gatt", "x", "fly", code=2, said="\"fly\"")
    alone("gatt", "x", "read", code=2, said="\"read\"")


def test_ctrl_c_and_a_closed_output():
    """At the search for a peer, and while values come; a reader that leaves."""
    path = os.path.join(scratch, "stop")
    air = hub("unix:" + path)
    env = dict(environment, WOAD_HCI="unix:" + path)
    p = subprocess.Popen([woad, "gatt", "nobody", "--timeout", "60"], env=env, stderr=subprocess.PIPE)
    time.sleep(0.5)
    p.send_signal(signal.SIGINT)
    assert p.wait(5) == 1 and b"looking for the peer: stopped" in p.stderr.read()
    for close in (False, True):
        device = subprocess.Popen([battery], env=env, stdout=subprocess.DEVNULL)
        p = subprocess.Popen([woad, "gatt", "Woad battery", "subscribe", "2a19"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert p.stdout.readline() == b"64  100 %\n", p.stderr.read()
        if close:
            p.stdout.close()
        else:
            p.send_signal(signal.SIGINT)
        assert p.wait(5) == close, p.stderr.read()
        assert (b"standard output is closed" in p.stderr.read()) == close
        assert device.wait(5) == 0
    air.terminate()
    ended(air)


def test_a_peer_that_goes():
    path = os.path.join(scratch, "gone")
    air = hub("unix:" + path)
    env = dict(environment, WOAD_HCI="unix:" + path)
    device = subprocess.Popen([battery], env=env, stdout=subprocess.DEVNULL)
    p = subprocess.Popen([woad, "gatt", "Woad battery", "subscribe", "2a19"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.stdout.readline() == b"64  100 %\n"
    device.kill()
    device.wait(5)
    assert p.wait(10) == 1 and b"waiting for values: the connection has ended" in p.stderr.read()
    air.terminate()
    ended(air)


def test_adv():
    _, said = together([woad, "adv", "--services", "battery,180d", "--manufacturer", "ffff:0102", "--name", "lamp"],
                       [woad, "scan", "2", "--json"], until=4)
    found = [json.loads(x) for x in said["b"] if x.startswith("{")]
    assert [x["data"] for x in found] == ["020106" + "05030f180d18" + "05ffffff0102" + "05096c616d70"] and not found[0]["connectable"], found
    _, said = together([woad, "adv", "--extended", "--connectable", "--manufacturer", "ffff:" + 200 * "5a", "--name", "far", "9"],
                       [woad, "scan", "2", "--json"])
    found = [json.loads(x) for x in said["b"] if x.startswith("{")]
    assert found[0]["extended"] and found[0]["connectable"] and found[0]["name"] == "far" and 200 * "5a" in found[0]["data"], found
    _, said = together([woad, "adv", "--connectable", "--name", "lamp", "9"], [woad, "gatt", "lamp", "read", "2a00"])
    assert said["b"] == ["6c 61 6d 70  \"lamp\""], said
    assert re.search(r" has connected$", said["a"][1]) and "ended by the peer's user" in said["a"][2], said
    _, said = together([woad, "adv", "--name", "lamp", "9"], [woad, "gatt", "lamp", "--timeout", "2"], code=1)
    assert said["b"] == ["woad gatt: \"lamp\" advertises, but takes no connections"], said
    alone("adv", "--services", "180d,nothing", code=2, said="--services: \"nothing\" is no UUID")
    alone("adv", "--manufacturer", "12", code=2, said="--manufacturer takes a company")
    alone("adv", "--manufacturer", "ffff:" + 40 * "00", code=2, said="that is more than 31 octets; --extended has room")
    alone("adv", "--interval", "1", code=2, said="--interval takes 20 to 10240")
    alone("adv", "x", code=2, said="SECONDS are 1 to 86400")


def test_serve():
    _, said = together([woad, "serve", "heart-rate", "--for", "10"], [woad, "gatt", "Woad heart rate", "subscribe", "2a37", "--count", "2"])
    assert said["b"] == ["00 3d  61 beats a minute", "00 3e  62 beats a minute"], said
    _, said = together([woad, "serve", "battery", "--name", "cell", "--quiet", "--for", "9"], [woad, "gatt", "cell", "read", "battery level"])
    assert said["b"] == ["63  99 %"] and said["a"] == [], said
    _, said = together([woad, "serve", "beacon", "--for", "4"], [woad, "scan", "2", "--json"])
    found = [json.loads(x) for x in said["b"] if x.startswith("{")]
    assert len(found) == 1 and found[0]["data"].startswith("0201061bffffffbeac576f6164"), said
    alone("serve", code=2, said="name one kind")
    alone("serve", "toaster", code=2, said="there is no kind \"toaster\"")


def test_serve_uart():
    """Both ways; what the peer writes is made safe for the terminal."""
    said = typing(b"first line\n" + 50 * b"x", [woad, "serve", "uart", "--for", "9"],
                  [woad, "gatt", "Woad UART", "subscribe", "Nordic UART TX", "--count", "4", "--json"])
    assert b"".join(bytes.fromhex(json.loads(x)["hex"]) for x in said["b"]) == b"first line\n" + 50 * b"x", said
    _, said = together([woad, "serve", "uart", "--quiet", "--for", "9"], [woad, "gatt", "Woad UART", "write", "nordic uart rx", "680a1b5b"])
    assert said["a"] == ["h", "?["], said
    _, said = together([woad, "serve", "uart", "--quiet", "--for", "9"],
                       [woad, "gatt", "Woad UART", "write", "nordic uart rx", "hello", "--no-response"])
    assert said["a"] == ["hello"], said


# A central in MicroPython, which chooses its connection interval (ms): it subscribes to WHAT of NAME, and prints what it has received.
CENTRAL = r"""
import bluetooth, sys, time
ble, got, found, seen = bluetooth.BLE(), [], {}, []
time.sleep(DELAY)
def irq(event, data):
    if event == 5 and NAME in bytes(data[4]): found["addr"] = (data[0], bytes(data[1]))
    elif event == 7: found["conn"] = data[0]
    elif event == 8: found["gone"] = 1
    elif event == 11: seen.append((data[2], bluetooth.UUID(data[4])))
    elif event in (12, 17, 28): found[event] = 1
    elif event == 18: got.append(bytes(data[2]))
def until(name):
    while name not in found: time.sleep_ms(20)
ble.irq(irq)
ble.active(True)
ble.config(bond=True, le_secure=True, io=3, mitm=False)
ble.gap_scan(0, 30000, 30000, True)
until("addr")
ble.gap_scan(None)
time.sleep_ms(100)
ble.gap_connect(*found["addr"], 9000, INTERVAL * 1000, INTERVAL * 1000)
until("conn")
if PAIR:
    ble.gap_pair(found["conn"])
    until(28)
ble.gattc_discover_characteristics(found["conn"], 1, 0xffff)
until(12)
handle = [x[0] for x in seen if x[1] == bluetooth.UUID(WHAT)][0]
ble.gattc_write(found["conn"], handle + 1, b"\1\0", 1)
until(17)
last = -1
while "gone" not in found and (PAIR or len(got) > last):
    last = len(got)
    time.sleep(6)
print(b"".join(got).hex())
"""


def central(**values):
    code = "".join("%s = %r\n" % x for x in values.items()) + CENTRAL
    return [os.path.join(root, "build", "micropython"), "-c", code]


def refuses_to_scan(path, air):
    """A controller behind a socket that refuses LE Set Scan Enable, 0x0c."""
    ours = socket.socket(socket.AF_UNIX)
    ours.bind(path)
    ours.listen(4)

    def serve(host):
        controller, commands = socket.socket(socket.AF_UNIX), b""
        controller.connect(air)
        while True:
            ready = select.select([host, controller], [], [])[0]
            octets = ready[0].recv(4096)
            if not octets:
                return controller.close()
            if ready[0] is controller:
                host.sendall(octets)
                continue
            commands += octets
            while len(commands) >= 4 and len(commands) >= 4 + commands[3]:
                one, commands = commands[:4 + commands[3]], commands[4 + commands[3]:]
                if one[1:3] in (b"\x42\x20", b"\x0c\x20"):
                    host.sendall(b"\x04\x0e\x04\x01" + one[1:3] + b"\x0c")
                else:
                    controller.sendall(one)

    def accept():
        while True:
            host = ours.accept()[0]
            threading.Thread(target=serve, args=(host,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()


def test_a_controller_that_does_not_scan():
    path, behind = os.path.join(scratch, "refuses"), os.path.join(scratch, "behind")
    air = hub("unix:" + behind)
    refuses_to_scan(path, behind)
    alone("scan", "9", "--hci", "unix:" + path, code=1, said="the controller does not scan: ")
    alone("gatt", "x", "--hci", "unix:" + path, code=1, said="the controller does not scan: ")
    air.terminate()
    ended(air)


def test_table_of_a_small_terminal():
    """Rows that the screen has no line for, names that a line has no room for: nothing scrolls."""
    path = os.path.join(scratch, "table")
    air = hub("unix:" + path)
    hosts = [Host(path) for _ in range(30)]
    for i, host in enumerate(hosts):
        host.advertise(name_of(b"%02d \xc3\xa4\xc3\xb6\xc3\xbc and so on for long" % i), i + 1)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    scan = subprocess.Popen([woad, "scan", "2", "--hci", "unix:" + path], stdout=theirs, stderr=subprocess.PIPE, env=environment)
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 65536):
            text += part
    except OSError:                     # the other end is closed
        pass
    assert scan.wait(5) == 0
    tables = re.split(r"(?:\033\[\d+A)", text.decode().replace("\r", ""))
    assert tables[-1].endswith("more: --lines shows them\033[K\n\033[J"), tables[-1][-200:]
    for table in tables:
        lines = table.replace("\033[K", "").replace("\033[J", "").splitlines()
        assert len(lines) <= 23 and all(len(x) <= 60 for x in lines) and "?" not in table, lines
    ups = [int(x) for x in re.findall(r"\033\[(\d+)A", text.decode())]
    assert ups == [len(x.splitlines()) - ("\033[J" in x.splitlines()[-1] and x.endswith("\033[J")) for x in tables[:-1]], ups
    os.close(ours)
    air.terminate()
    ended(air)


def test_slow_keyboard():
    """At an interval of 1 s each key arrives, also one twice, and the last report is that no key is down."""
    text = b"bookkeeper" * 12
    for interval in (30, 1000):
        said = typing(text, [woad, "serve", "hid-keyboard", "--bonds", os.path.join(scratch, "slow.bonds")],
                      central(NAME=b"Woad keyboard", WHAT=0x2a4d, INTERVAL=interval, PAIR=True, DELAY=0))
        octets = bytes.fromhex("".join(said["b"]))      # a long line is printed in parts
        reports = [octets[i:i + 8] for i in range(0, len(octets), 8)]
        typed = bytes(r[2] + 0x61 - 4 for r in reports if r[2])
        assert typed == text and len(reports) == 2 * len(text) and not any(reports[-1]), (interval, typed, reports[-2:])
        os.remove(os.path.join(scratch, "slow.bonds"))


def test_two_subscribers_of_a_uart():
    """The slow one gets everything; the quick one, which comes later, everything from then on."""
    text = b"".join(b"%05d " % i for i in range(5000))
    tx = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
    slow, quick = [central(NAME=b"Woad UART", WHAT=tx, INTERVAL=x, PAIR=False, DELAY=y) for x, y in ((1000, 0), (30, 9))]
    said = typing(text, [woad, "serve", "uart", "--quiet", "--for", "200"], slow, quick)
    slow, quick = [bytes.fromhex("".join(said[x])) for x in "bc"]
    assert slow == text and text.endswith(quick) and 1000 < len(quick) < len(text), (len(slow), len(quick), quick[:20])


def test_pair_and_type():
    """Without a bond the keyboard refuses; with one it types.  A bond that one side has lost is named as such."""
    keyboard, pair = [woad, "serve", "hid-keyboard"], [woad, "pair", "Woad keyboard"]
    types = [woad, "gatt", "Woad keyboard", "subscribe", "2a4d", "--count", "6", "--json"]
    said = typing(b"aB!", keyboard, types, code=1)
    assert "insufficient authentication; woad pair PEER" in said["b"][-1], said
    said = typing(b"aB!", keyboard, pair, until=9)
    assert re.match(r"paired with \S+ public: LE Secure Connections by Just Works, not protected .*, key of 16 octets$", said["b"][-1]), said
    bonds = subprocess.run([woad, "bonds", "--json"], stdout=subprocess.PIPE, env=environment).stdout.decode().splitlines()
    bond = json.loads(bonds[0])
    assert len(bonds) == 1 and bond["secure"] and not bond["authenticated"] and bond["address"] in said["b"][-1], bonds
    said = typing(b"aB!", keyboard, types)
    up = 16 * "0"
    assert [json.loads(x)["hex"] for x in said["b"]] == ["0000040000000000", up, "0200050000000000", up, "02001e0000000000", up], said
    said = typing(b"aB!", keyboard, pair, until=9)
    assert said["b"] == ["there is a bond with this peer already"], said
    os.remove(os.path.join(home, "woad", "woad-serve-hid-keyboard.bonds"))
    said = typing(b"aB!", keyboard, types, code=1)
    assert "encrypting with the bond" in said["b"][-1] and "woad bonds remove" in said["b"][-1], said
    alone("bonds", "remove", "00:00:00:00:00:01", code=1, said="there is no such bond")
    alone("bonds", "remove", "x", code=1, said="is no address")
    alone("bonds", "remove", bond["address"], code=0, said="")
    alone("bonds", code=0, said="none; woad pair makes one")
    alone("bonds", "remove", "--all", code=1, said="there is no such bond")
    alone("bonds", "fly", code=2, said="list, remove ADDRESS")


def test_pair_with_a_number():
    """The lock shows a number: a wrong one, the right one on a terminal, standard input that ends."""
    path = os.path.join(scratch, "pair")
    air = hub("unix:" + path)
    env = dict(environment, WOAD_HCI="unix:" + path)
    for case in ("wrong", "none", "right"):
        lock = subprocess.Popen([os.path.join(root, "build", "examples", "lock"), os.path.join(scratch, case + ".bonds")], env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        ours, theirs = pty.openpty()
        p = subprocess.Popen([woad, "pair", "Woad lock"] + (["--io", "keyboard"] if case == "none" else []), env=env, stderr=subprocess.PIPE,
                             stdin=subprocess.DEVNULL if case == "none" else theirs, stdout=theirs)
        os.close(theirs)
        line = lock.stdout.readline()
        while b"to open it, type" not in line:
            assert line, lock.stderr.read()
            line = lock.stdout.readline()
        number = int(line.split()[-1])
        until(ours, b"the number that the peer shows: ")
        if case == "right":
            os.write(ours, b"x\n")
            until(ours, b"six digits: ")
            os.write(ours, b"%06d\n" % number)
            until(ours, b"LE Secure Connections by passkey, protected against an attacker in the middle, key of 16 octets")
        elif case == "wrong":
            os.write(ours, b"%06d\n" % ((number + 1) % 1000000))
        assert p.wait(10) == (case != "right")
        error = p.stderr.read()
        assert (case == "right" and error == b"") or (case == "wrong" and b"woad pair: pairing: " in error) or \
            b"standard input has ended before the answer; --passkey N" in error, (case, error)
        os.close(ours)
        lock.kill()
        lock.communicate()
    air.terminate()
    ended(air)


def test_a_number_is_used():
    """With --passkey or --yes a peer that pairs by Just Works is refused, and so is a bond that was made by it."""
    serve = [woad, "serve", "battery", "--name", "lock", "--for", "20"]
    bonds = ["--bonds", os.path.join(scratch, "number.bonds")]
    for number in (["--passkey", "123456"], ["--yes"]):
        last, _ = together(serve, [woad, "pair", "lock", *number, *bonds], code=1)
        assert "the peer has no number to show or to take" in last[-1], last
        alone("bonds", "--bonds", bonds[1], code=0, said="none; woad pair makes one")
    last, _ = together(serve, [woad, "pair", "lock", *bonds])
    assert "by Just Works, not protected" in last[-1], last
    last, _ = together(serve, [woad, "pair", "lock", "--passkey", "123456", *bonds], code=1)
    assert last[-1].startswith("woad pair: the bond with this peer was made without a number") or "encrypting with the bond" in last[-1], last


def shorten(path, radio):
    """A line to the radio in whose pairing requests and responses the greatest key has 7 octets."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(4)

    def pump(a, b):
        while octets := bytearray(a.recv(65536)):
            at = octets.find(b"\x07\x00\x06\x00")
            if at >= 0 and octets[at + 4] in (1, 2):
                octets[at + 8] = 7
            b.sendall(octets)

    def serve():
        while True:
            a, _ = server.accept()
            b = socket.socket(socket.AF_UNIX)
            b.connect(radio)
            for pair in ((a, b), (b, a)):
                threading.Thread(target=pump, args=pair, daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()


def test_short_keys():
    """A peer that has keys of 7 octets: refused, unless --key-size-min takes them; then gatt takes its bond only with that, too."""
    path, weak = os.path.join(scratch, "weak-air"), os.path.join(scratch, "weak")
    air = hub("unix:" + path)
    shorten(weak, path)
    peer = subprocess.Popen([woad, "serve", "battery", "--name", "weak", "--key-size-min", "7", "--hci", "unix:" + weak], env=environment, stdout=subprocess.PIPE)
    peer.stdout.readline()
    options = ["--hci", "unix:" + path, "--bonds", os.path.join(scratch, "weak.bonds")]
    alone("pair", "weak", *options, code=1, said="key size")
    alone("bonds", *options[2:], code=0, said="none; woad pair makes one")
    r = alone("pair", "weak", "--key-size-min", "7", *options, code=0, said="")
    assert b"key of 7 octets" in r.stdout, r
    alone("gatt", "weak", "read", "2a19", *options, code=1, said="encrypting with the bond: ")
    alone("gatt", "weak", "read", "2a19", "--key-size-min", "7", *options, code=0, said="")
    alone("pair", "weak", "--key-size-min", "6", code=2, said="--key-size-min takes 7 to 16")
    peer.kill()
    peer.communicate()
    air.terminate()
    ended(air)


def test_the_type_of_an_address():
    """A bond with a public address: a stranger that advertises the same octets as a random one is another device, and gets nothing."""
    path = os.path.join(scratch, "type")
    air = hub("unix:" + path)
    options = ["--hci", "unix:" + path, "--bonds", os.path.join(scratch, "type.bonds")]
    peer = subprocess.Popen([woad, "serve", "uart", "--name", "lock", "--hci", "unix:" + path], env=environment, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    address = re.search(r"[0-9A-F:]{17}", peer.stdout.readline().decode())[0]
    alone("pair", address, *options, code=0, said="")
    alone("gatt", address, "read", "2a00", *options, code=0, said="")
    alone("gatt", address + "/public", "read", "2a00", *options, code=0, said="")
    peer.terminate()
    peer.communicate()
    stranger = Host(path)
    stranger.command(0x2005, bytes.fromhex(address.replace(":", ""))[::-1])
    stranger.command(0x2006, b"\xa0\x00\xa0\x00\x00\x01\x00" + bytes(6) + b"\x07\x00")
    data = b"\x02\x01\x06" + name_of(b"lock")
    stranger.command(0x2008, bytes((len(data),)) + data.ljust(31, b"\0"))
    stranger.command(0x200a, b"\x01")
    alone("gatt", address, "read", "2a00", "--timeout", "2", *options, code=1, said="the bond is of the public one, which is not here")
    alone("pair", address + "/public", "--timeout", "2", *options, code=1, said="you named the public one, which is not here")
    alone("gatt", address + "/x", *options, code=1, said="the type of an address is public or random")
    stranger.s.setblocking(False)
    try:
        assert not stranger.s.recv(100), "a connection"
    except BlockingIOError:
        pass
    stranger.s.close()
    air.terminate()
    ended(air)


def test_l2cap():
    """A file through a channel; standard input and output; a PSM that nobody listens to; a peer that leaves in the middle."""
    sent, copy = os.path.join(scratch, "sent"), os.path.join(scratch, "copy")
    with open(sent, "wb") as f:
        f.write(os.urandom(100_001))
    listens, connects = [woad, "l2cap", "--listen", "128"], [woad, "l2cap", "Woad l2cap", "128"]
    last, _ = together(listens + ["--receive", copy], connects + ["--send", sent])
    assert last == [] and open(sent, "rb").read() == open(copy, "rb").read()
    said = typing(b"hello there\nand here\n", listens + ["--name", "pipe"], [woad, "l2cap", "pipe", "0x80", "--receive", "/dev/stdout"])
    assert said["b"] == ["hello there", "and here"], said
    last, _ = together(listens, [woad, "l2cap", "Woad l2cap", "129"], code=1)
    assert last == ["woad l2cap: PSM 129: the peer refuses: PSM not supported"], last
    last, _ = together([woad, "l2cap", "nobody", "129", "--timeout", "1"], code=1)
    assert "no device \"nobody\" advertises here" in last[0], last
    alone("l2cap", "x", "256", code=2, said="a PSM is 1 to 255, not \"256\"")
    alone("l2cap", "x", "1", "--send", "/nowhere", code=1, said="/nowhere: No such file")
    alone("l2cap", code=2, said="name a peer and a PSM")
    path = os.path.join(scratch, "channel")
    air = hub("unix:" + path)
    env = dict(environment, WOAD_HCI="unix:" + path)
    arrived = os.path.join(scratch, "arrived")
    a = subprocess.Popen(listens + ["--receive", arrived], env=env, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    b = subprocess.Popen(connects, env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    b.stdin.write(b"x" * 4096)
    b.stdin.flush()
    end = time.monotonic() + 10
    while not (os.path.exists(arrived) and os.path.getsize(arrived)) and time.monotonic() < end:
        time.sleep(0.01)                                    # the channel is open when something has come through it
    a.kill()
    a.communicate()
    assert b.wait(10) == 1 and (b"the connection has ended" in (text := b.stderr.read()) or b"the channel has ended" in text), text
    b.stdin.close()
    air.terminate()
    ended(air)


def test_l2cap_says_what_is_lost():
    """A listener without an input; a peer that closes first; an input that can't be read; a file before anything arrives."""
    listens, connects = [woad, "l2cap", "--listen", "128"], [woad, "l2cap", "Woad l2cap", "128"]
    said = typing(b"in the background\n", connects, listens)
    assert said["b"] == ["woad l2cap: \"Woad l2cap\" listens to PSM 128", "in the background"], said
    short = os.path.join(scratch, "short")
    with open(short, "w") as f:
        f.write("short")
    said = typing(1_000_000 * b"x", connects, listens + ["--send", short], code=1)
    assert "the peer has closed the channel before the end of the input" in said["a"][-1], said["a"][-1][-200:]
    last, _ = together(listens, connects + ["--send", "/"], code=1)
    assert last == ["woad l2cap: Is a directory before the end of the input: 0 octets were sent"], last
    for kept in (short, short + ".new"):
        alone("l2cap", "--listen", "128", "--receive", kept, "--hci", "unix:/nowhere/x", code=1, said="/nowhere/x")
        last, _ = together([woad, "l2cap", "nobody", "128", "--receive", kept, "--timeout", "1"], code=1)
    assert open(short).read() == "short" and not os.path.exists(short + ".new")
    last, _ = together(connects + ["--send", short], listens + ["--receive", short + ".new"])
    assert open(short + ".new").read() == "short"


def test_l2cap_listens_again():
    """A central that connects and requests no channel keeps the others out for the time limit only."""
    idle = "import bluetooth, time\nble = bluetooth.BLE()\n" \
           "ble.irq(lambda e, d: print('connected') if e == 7 else e == 5 and ble.gap_connect(d[0], bytes(d[1]), 9000))\n" \
           "ble.active(True)\nble.gap_scan(9000, 30000, 30000)\ntime.sleep(30)\n"
    path, copy = os.path.join(scratch, "again"), os.path.join(scratch, "late")
    air = hub("unix:" + path)
    env = dict(environment, WOAD_HCI="unix:" + path)
    listens = subprocess.Popen([woad, "l2cap", "--listen", "128", "--timeout", "2", "--receive", copy], env=env, stderr=subprocess.PIPE)
    listens.stderr.readline()
    stranger = subprocess.Popen([os.path.join(root, "build", "micropython"), "-c", idle], env=env, stdout=subprocess.PIPE)
    assert stranger.stdout.readline() == b"connected\n"
    subprocess.run([woad, "l2cap", "Woad l2cap", "128"], input=b"late", env=env, check=True, timeout=15)
    assert listens.wait(10) == 0 and open(copy).read() == "late"
    stranger.kill()
    stranger.wait()
    air.terminate()
    ended(air)


def test_the_shell_from_a_pipe():
    """Commands, mistakes that end nothing, and the end of the input."""
    lines = "read 2a19\nfly\nread\nmtu\nwrite 2a00 x\nnotify 2a19\nstop battery-level\n\nread #3"
    path = os.path.join(scratch, "pipe")
    air = hub("unix:" + path)
    env = dict(environment, WOAD_HCI="unix:" + path)
    device = subprocess.Popen([battery], env=env, stdout=subprocess.DEVNULL)
    r = subprocess.run([woad, "gatt", "Woad battery", "shell"], env=env, input=lines.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    out = r.stdout.decode().splitlines()
    assert r.returncode == 0 and out[:2] == ["64  100 %", "247"] and out[-1] == "(empty)", r
    assert r.stderr.decode().splitlines() == [
        "woad gatt: there is no command \"fly\"; help lists them", "woad gatt: read takes WHAT: a UUID, its name with dashes, or #HANDLE",
        "woad gatt: writing handle 3: write not permitted"], r
    device.wait(5)
    air.terminate()
    ended(air)


def test_the_shell_on_a_terminal():
    """A notification while a line is edited; history; completion; Ctrl-C; the peer's end."""
    path = os.path.join(scratch, "shell")
    air = hub("unix:" + path)
    env = dict(environment, WOAD_HCI="unix:" + path, TERM="xterm", LC_ALL="C.UTF-8")
    for way in ("disconnect", "interrupt", "gone"):
        device = subprocess.Popen([battery], env=env, stdout=subprocess.DEVNULL)
        ours, theirs = pty.openpty()
        p = subprocess.Popen([woad, "gatt", "Woad battery", "shell"], env=env, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
        os.close(theirs)
        until(ours, b"gatt> ")
        os.write(ours, b"read 2a19\n")
        until(ours, b"64  100 %")
        os.write(ours, b"\x1b[A\n")
        until(ours, b"64  100 %")
        os.write(ours, b"rea\tbatt\t\n")
        until(ours, b"ery-level", b"64  100 %")
        os.write(ours, b"notify 2a19\n")
        until(ours, b"#12: 63  99 %", b"gatt> ")
        if way == "disconnect":
            os.write(ours, b"disconnect\n")
        elif way == "interrupt":
            p.send_signal(signal.SIGINT)
        else:
            device.kill()
        assert p.wait(10) == (way == "gone"), (way, p.stderr.read())
        assert (b"shell: the connection has ended" in p.stderr.read()) == (way == "gone")
        os.close(ours)
        device.wait(5)
    assert "read 2a19" in open(os.path.join(home, "woad", "gatt.lines")).read().replace("\\040", " ")
    air.terminate()
    ended(air)


# ---- bench ----

def bench(*options, code=0):
    env = dict(environment, TMPDIR=scratch)
    r = subprocess.run([woad, "bench", *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=60)
    assert r.returncode == code, r
    assert not [x for x in os.listdir(scratch) if x.startswith("woad-run-")], os.listdir(scratch)
    return r.stdout.decode().splitlines()


def test_bench_by_itself():
    """A radio of its own: a table that fits a terminal, JSON with the same numbers, the same at each run."""
    options = "--phy", "1M,2M", "--time", "300"
    lines = bench(*options)
    assert re.match(r"connection: \d+\.\d ms \(at most \d+\); interval 30\.00 ms, ATT_MTU \d+$", lines[0]), lines
    rows = [x.split() for x in lines[4:]]
    assert [x[:2] for x in rows] == [["1M", "27"], ["1M", "251"], ["2M", "27"], ["2M", "251"]], lines
    assert all(len(x) <= 79 for x in lines) and all(len(x) == 10 for x in rows), lines
    head, *objects = [json.loads(x) for x in bench("--json", *options)]
    keys = ("write_ms", "write_most_ms", "notifications", "notified_kbit", "writes", "written_kbit", "sent_kbit", "received_kbit")
    assert [[x["phy"], str(x["data_length"])] + ["%g" % x[k] for k in keys] for x in objects] == [
        x[:2] + ["%g" % float(v) for v in x[2:]] for x in rows], (rows, objects)
    assert head["interval_ms"] == 30 and 0 < head["connect_ms"] <= head["connect_most_ms"], head
    assert all(50 < x["write_ms"] <= 60 for x in objects), objects          # two events of the connection
    for key in keys[2:]:
        slow, long, fast, best = [x[key] for x in objects]
        assert 0 < slow < fast < best and slow < long < best, (key, objects)
    assert bench(*options) == lines


def test_bench_with_a_peer():
    """Two commands; an interval that the connection then has."""
    r = subprocess.run([woad, "run", "--quiet", "--clock", "virtual", "--name", "a,b", "--only", "b", woad, "serve", "bench", "--", woad, "bench",
                        "Woad bench", "--interval", "8", "--phy", "2M", "--data", "251", "--json"], stdout=subprocess.PIPE, env=environment, timeout=60)
    head, row = [json.loads(x) for x in r.stdout.splitlines()]
    assert r.returncode == 0 and head["interval_ms"] == 7.5 and row["phy"] == "2M" and row["write_ms"] <= 15, r
    assert min(row["notified_kbit"], row["written_kbit"], row["sent_kbit"], row["received_kbit"]) > 900, row


def test_bench_fails():
    """No peer, another peer, controllers without a PHY, wrong words."""
    last, _ = together((woad, "serve", "battery"), (woad, "bench", "Woad battery"), code=1)
    assert "has to run `woad serve bench`" in last[-1], last
    last, _ = together((woad, "bench", "nobody", "--timeout", "2"), code=1)
    assert "nobody" in last[-1], last
    r = subprocess.run([woad, "run", "--quiet", "--clock", "virtual", "--profile", "4.2", "--name", "a,b", "--only", "b", woad, "serve", "bench",
                        "--", woad, "bench", "Woad bench", "--phy", "2M"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, timeout=60)
    assert r.returncode == 1 and b"the PHY 2M is not to be had here" in r.stdout and b"choose another --phy" in r.stdout, r
    alone("bench", "--phy", "3M", code=2, said="--phy takes some of 1M,2M,coded")
    alone("bench", "--phy", "", "--data", "28", code=2, said="--data takes some of 27,251")
    alone("bench", "a", "b", code=2, said="name one peer, or none")
    alone("bench", "--interval", "7", code=2, said="--interval takes 8 to 4000")
    alone("bench", "--hci", "usb", code=2, said="name a peer")


def test_bench_is_interrupted():
    p = subprocess.Popen([woad, "bench", "--time", "60000"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env=dict(environment, TMPDIR=scratch))
    assert p.stdout.readline().startswith(b"connection: ")
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=10)
    assert p.returncode == 128 + signal.SIGINT and err == b"", (p.returncode, out, err)
    assert not [x for x in os.listdir(scratch) if x.startswith("woad-run-")]


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
