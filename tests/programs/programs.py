#!/usr/bin/env python3
"""Today's programs, unmodified, over the simulated radio: MicroPython's examples/bluetooth, aioble's examples and multitests.

programs.py MICROPYTHON AIOBLE [ROUNDS [WORD…]]: checkouts of MicroPython and of micropython-lib; AIOBLE may be empty, then its
cases do not run, and a line says so. Only those cases whose names contain one of the words.
Each program is run as its file, by its path, against its counterpart: upstream's own where there is one that fits, or
else a few lines here. `shims` holds what a program needs of a board; a case that uses one says so in its name.
"""
import os
import re
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "python"))

from run import Program, build, micropython, programs, scratch

MULTITESTS = ["ble_advertise_services", "ble_buffered_characteristic", "ble_characteristic", "ble_descriptor", "ble_notify", "ble_shutdown",
              "ble_write_capture", "ble_write_order", "perf_gatt_notify", "perf_l2cap"]
upstream = aioble = None

# A central's: finds by name, connects, and gives {uuid: (value handle, properties)}.
CENTRAL = """
def find(name):
    ble.gap_scan(0, 30000, 30000, True)
    while True:
        kind, who, adv, rssi, data = wait(5, 20000)
        if name in data and adv in (0, 4):
            break
    ble.gap_scan(None)
    wait(6)
    return kind, who
def visit(kind, who):
    ble.gap_connect(kind, who, 10000)
    conn = wait(7, 20000)[0]
    ble.gattc_discover_characteristics(conn, 1, 0xffff)
    wait(12, 10000)
    found = {e[1][4]: e[1][2] for e in events if e[0] == 11}
    events[:] = [e for e in events if e[0] != 11]
    return conn, found
def read(conn, handle):
    ble.gattc_read(conn, handle)
    status = wait(16)[2]
    return status, b"".join(e[1][2] for e in events if e[0] == 15 and (events.remove(e) or True))
def leave(conn):
    ble.gap_disconnect(conn)
    wait(8)
"""


def example(name, folder=None, code=None):
    """Upstream's program: as its file, or imported by `code`, which then stands for the board."""
    folder = folder or os.path.join(upstream, "examples", "bluetooth")
    path = [os.path.join(here, "shims")] if code else []
    path += [folder, os.path.join(build, "micropython-src", "extmod")]
    if aioble:
        path.append(os.path.join(aioble, "micropython", "bluetooth", "aioble"))
    command = [micropython, "-c", code] if code else [micropython, os.path.join(folder, name + ".py")]
    return Program("", {"MICROPYPATH": ":".join(path)}, command=command)


def central(code, program_name):
    return Program(CENTRAL + "up()\nkind, who = find(b%r)\n" % program_name + code)


def lines_of(program, start, count, timeout=20):
    """What follows `start` in the first `count` lines that begin so."""
    def found():
        return [x[len(start):].strip() for x in list(program.lines) if x.startswith(start)]
    with program.changed:
        program.changed.wait_for(lambda: len(found()) >= count or program.ended, timeout)
    assert len(found()) >= count, "%d lines %r of %d in:\n%s" % (len(found()), start, count, "\n".join(program.lines[-30:]))
    assert not any("Traceback" in x for x in program.lines), "\n".join(program.lines[-30:])
    return found()


def advertising():
    """ble_advertising: encodes and decodes. Its payload of 38 octets is too large for its own check since MicroPython 1.21."""
    p = example("ble_advertising")
    p.p.wait(20)
    p.thread.join(20)
    lines = p.lines
    if lines and lines[-1] == "ValueError: advertising payload too large":
        return "refuses its own payload of 38 octets, as on every board"
    assert lines[1:] == ["micropython", "[UUID(0x181a), UUID('6e400001-b5a3-f393-e0a9-e50e24dcca9e')]"], lines
    return lines[1]


def simple():
    """ble_simple_peripheral and ble_simple_central: each central's writes arrive in order, and it is notified; two centrals in turn."""
    p = example("ble_simple_peripheral")
    seen, text = [], r"^RX b'(\d+)_'$"
    for visit in range(2):
        c = example("ble_simple_central")
        assert c.line("Found peripheral:").endswith("mpy-uart"), c.lines
        seen.append(len(lines_of(c, "RX", 30)))
        lines_of(c, "TX", 30)
        assert "TX failed" not in c.lines, c.lines
        c.kill()
        lines_of(p, "RX", 25 * (visit + 1))
    numbers = [int(re.match(text, x).group(1)) for x in p.lines if x.startswith("RX")]
    again = numbers.index(0, 1)                             # the second central counts from the beginning
    assert numbers == list(range(again)) + list(range(len(numbers) - again)), numbers
    return "%d and %d notifications; %d and %d writes, in order" % (seen[0], seen[1], again, len(numbers) - again)


def celsius(texts):
    values = [float(x) for x in texts]
    assert all(15 < v < 35 for v in values), values
    assert all(abs(a - b) <= 1.6 for a, b in zip(values, values[1:])), values
    return "%s" % values


def temperature():
    """ble_temperature and ble_temperature_central: read again and again; then a central of ours is notified."""
    p = example("ble_temperature")
    c = example("ble_temperature_central")
    assert c.line("Found sensor:").endswith("mpy-temp"), c.lines
    c.line("Connected")
    with c.changed:
        c.changed.wait_for(lambda: len([x for x in c.lines if re.match(r"^\d", x)]) >= 3 or c.ended, 20)
    seen = celsius([x for x in c.lines if re.match(r"^\d", x)])
    c.kill()
    c = central("""
conn, found = visit(kind, who)
_, handle, data = wait(18, 15000)
assert handle == found[UUID(0x2a6e)]
print("NOTIFIED", int.from_bytes(data, "little") / 100)
leave(conn)
""", "mpy-temp")
    notified = celsius([c.line("NOTIFIED", 30)])
    c.end()
    assert p.p.poll() is None, p.lines
    return "read %s, notified %s" % (seen, notified)


def uart():
    """ble_uart_peripheral: a central of ours is notified of the numbers, and what it writes is printed, longer values too."""
    p = example("ble_uart_peripheral")
    c = central("""
conn, found = visit(kind, who)
rx, tx = found[UUID("6E400002-B5A3-F393-E0A9-E50E24DCCA9E")], found[UUID("6E400003-B5A3-F393-E0A9-E50E24DCCA9E")]
ble.gattc_write(conn, rx, b"hello\\n", 1)
assert wait(17)[2] == 0
ble.gattc_exchange_mtu(conn)
wait(21)
ble.gattc_write(conn, rx, b"0123456789" * 9, 0)
print("GOT", [wait(18)[2] for _ in range(3)])
leave(conn)
print("LEFT")
kind, who = find(b"mpy-uart")
print("BACK")
""", "mpy-uart")
    got = eval(c.line("GOT", 20))
    numbers = [b"4\n", b"8\n", b"15\n", b"16\n", b"23\n", b"42\n"] * 2
    assert got == numbers[numbers.index(got[0]):][:3], got
    assert lines_of(p, "rx:", 2) == ["hello", "0123456789" * 9], p.lines
    c.end()
    return "%s; wrote 'hello' and 90 octets" % got


def uart_repl():
    """ble_uart_repl: what a central of ours types is evaluated; its answer comes in notifications of 20 octets or fewer."""
    p = example("ble_uart_repl", code="import ble_uart_repl, machine, os, time\nble_uart_repl.start()\n"
                "def step():\n    machine.run_timers()\n    time.sleep_ms(5)\nos.serve(step)\n")
    c = central("""
conn, found = visit(kind, who)
rx = found[UUID("6E400002-B5A3-F393-E0A9-E50E24DCCA9E")]
ble.gattc_exchange_mtu(conn)
wait(21)
for line in (b"6*7", b"'ab'*40"):
    ble.gattc_write(conn, rx, line + b"\\r\\n", 0)
    got = b""
    while not got.endswith(b">>> ") or len(got) < 9:
        got += wait(18)[2]
    print("ANSWER", got)
leave(conn)
""", "mpy-repl")
    assert eval(c.line("ANSWER", 20)).endswith(b"6*7\r\n42\r\n>>> "), c.lines
    c.end()
    answers = [eval(x[6:]) for x in c.lines if x.startswith("ANSWER")]
    assert answers[1] == b"'ab'*40\r\n'" + b"ab" * 40 + b"'\r\n>>> ", answers
    return "6*7 is %s" % answers[0].split()[-2].decode()


def bonding():
    """ble_bonding_peripheral: a stranger is refused; a passkey is typed; after its restart, from its own file of secrets, the bond holds."""
    name = os.path.join(scratch, "secrets.json")
    if os.path.exists(name):
        os.remove(name)
    p = example("ble_bonding_peripheral")
    c = central("""
secrets = {}
def irq(event, data, before=irq):
    if event == 29:
        kind, index, key = data
        if key is not None:
            return secrets.get((kind, bytes(key)))
        values = [v for (k, _), v in secrets.items() if k == kind]
        return values[index] if index < len(values) else None
    if event == 30:
        kind, key, value = data
        if value is None:
            return secrets.pop((kind, bytes(key)), None) is not None
        secrets[kind, bytes(key)] = bytes(value)
        return True
    before(event, data)
ble.irq(irq)
ble.config(bond=True, mitm=True, io=2, le_secure=True)
conn, found = visit(kind, who)
handle = found[UUID(0x2a6e)]
print("STRANGER", read(conn, handle))
ble.gap_pair(conn)
assert wait(31)[1] == 2
print("KEY")
ble.gap_passkey(conn, 2, int(sys.stdin.readline()))
print("PAIRED", wait(28))
print("READ", read(conn, handle))
leave(conn)
print("LEFT")
sys.stdin.readline()
kind, who = find(b"mpy-temp")
conn, found = visit(kind, who)
ble.gap_pair(conn)
print("AGAIN", wait(28))
print("READ_AGAIN", read(conn, handle))
leave(conn)
""", "mpy-temp")
    assert c.line("STRANGER", 20) in ("(261, b'')", "(271, b'')"), c.lines
    c.line("KEY")
    p.line("displaying 123456")
    c.say("123456")
    assert c.line("PAIRED").startswith("(0, 1, 1, 1, 16)"), c.lines
    assert c.line("READ").startswith("(0, b"), c.lines
    c.line("LEFT")
    lines_of(p, "set secret:", 2)
    time.sleep(0.3)                                         # its file is written in the handler
    p.kill()
    p = example("ble_bonding_peripheral")
    p.line("get secret:")
    c.say("")
    assert c.line("AGAIN", 20).startswith("(0, 1, 1, 1, 16)"), c.lines
    assert c.line("READ_AGAIN").startswith("(0, b"), c.lines
    assert not any(x.startswith("passkey action") for x in p.lines), p.lines
    c.end()
    return "refused, passkey 123456, authenticated; the same bond after a restart"


def folder_of_aioble(kind):
    return os.path.join(aioble, "micropython", "bluetooth", "aioble", kind)


def temp_sensor():
    """aioble's temp_sensor and temp_client."""
    p = example("temp_sensor", folder_of_aioble("examples"))
    c = example("temp_client", folder_of_aioble("examples"))
    values = celsius(lines_of(c, "Temperature:", 3))
    p.line("Connection from")
    c.kill()
    c = example("temp_client", folder_of_aioble("examples"))
    again = celsius(lines_of(c, "Temperature:", 1))
    assert len(lines_of(p, "Connection from", 2)) == 2
    return "%s, and a second client %s" % (values, again)


FILE = b"".join(b"line %d\n" % n for n in range(1000))


def file_server():
    """aioble's l2cap_file_server: a client of ours asks for a size, for one that is not there, and for the file."""
    place = os.path.join(scratch, "demo")
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "file.txt"), "wb") as f:
        f.write(FILE)
    p = example("l2cap_file_server", folder_of_aioble("examples"))
    c = central("""
conn, found = visit(kind, who)
control = found[UUID("0492fcec-7194-11eb-9439-0242ac130003")]
ble.gattc_write(conn, control + 1, b"\\x01\\x00", 1)
assert wait(17)[2] == 0
for _ in range(20):                                         # the server listens from its task's first turn on
    cid = ble.l2cap_connect(conn, 22, 128)
    while not any(e[0] in (23, 24) for e in events):
        time.sleep_ms(5)
    if any(e[0] == 23 for e in events):
        break
    wait(24)
    time.sleep_ms(50)
wait(23)
def command(n, path):
    ble.gattc_write(conn, control, bytes((n, 9)) + path, 1)
    assert wait(17)[2] == 0
command(3, b"demo/file.txt")
print("SIZE", wait(18)[2])
command(3, b"demo/nothing")
print("NOTHING", wait(18)[2])
command(0, b"demo/file.txt")
got, buf = b"", bytearray(128)
while len(got) < %d:
    n = ble.l2cap_recvinto(conn, cid, buf)
    if n:
        got += buf[:n]
    else:
        time.sleep_ms(1)
print("FILE", len(got), hash(got) == hash(b"".join(b"line %%d\\n" %% n for n in range(1000))))
leave(conn)
""" % len(FILE), "mpy-file")
    assert eval(c.line("SIZE", 20)) == b"\x09\x00" + len(FILE).to_bytes(4, "little"), c.lines
    assert eval(c.line("NOTHING")) == b"\x09\x02\x00\x00\x00\x00", c.lines
    assert c.line("FILE", 30) == "%d True" % len(FILE), c.lines
    c.end()
    p.line("channel accepted")
    return "size %d, not found, and the file" % len(FILE)


def file_client():
    """aioble's l2cap_file_client, with a server of ours: upstream's server has other UUIDs than upstream's client."""
    result = os.path.join(scratch, "download.txt")
    if os.path.exists(result):
        os.remove(result)
    p = Program("""
up()
FILE = b"".join(b"line %d\\n" % n for n in range(1000))
((control,),) = ble.gatts_register_services(((UUID(0x1234), ((UUID(0x1235), 0x18),)),))
ble.gatts_set_buffer(control, 100)
ble.l2cap_listen(22, 128)
ble.gap_advertise(100000, b"\\x02\\x01\\x06\\x09\\x09mpy-file\\x03\\x03\\x34\\x12")
print("READY")
conn = wait(1, 20000)[0]
cid = wait(23, 20000)[1]
def send(data):
    for n in range(0, len(data), 128):
        ble.l2cap_send(conn, cid, data[n:n + 128]) or wait(26)
while not any(e[0] == 2 for e in events):
    if not any(e[0] == 3 for e in events):
        time.sleep_ms(5)
        continue
    wait(3)
    data = ble.gatts_read(control)
    command, seq, path = data[0], data[1], data[2:].decode()
    print("COMMAND", command, seq, path)
    time.sleep_ms(50)                                       # aioble's client hears of notifications from its next step on
    if command == 3:
        there = path == "demo/file.txt"
        ble.gatts_notify(conn, control, bytes((seq, 0 if there else 2)) + (len(FILE) if there else 0).to_bytes(4, "little"))
    elif command == 0:
        send(FILE)
    elif command == 2:
        send(b"%d:file.txt\\n\\n" % len(FILE))
""")
    p.line("READY")
    c = example("l2cap_file_client", folder_of_aioble("examples"))
    c.end(60)
    assert "result: 1 0 %d" % len(FILE) in c.lines and "result: 2 2 0" in c.lines, c.lines
    assert "['%d:file.txt', '', '']" % len(FILE) in c.lines, c.lines
    with open(result, "rb") as f:
        assert f.read() == FILE
    p.end()
    return "size %d, not found, the file, its folder" % len(FILE)


def multitest(name):
    """By upstream's own runner, against the file of what it prints that lies beside it."""
    tests = os.path.join(build, "micropython-src", "tests")
    wrapper = os.path.join(scratch, "with-aioble")
    with open(wrapper, "w") as f:                           # the runner sets MICROPYPATH, without aioble
        f.write("#!/bin/sh\nMICROPYPATH=%s:%s exec %s \"$@\"\n" % (
            os.path.join(build, "micropython-src", "extmod"), os.path.join(aioble, "micropython", "bluetooth", "aioble"), micropython))
    os.chmod(wrapper, 0o755)
    test = os.path.join(folder_of_aioble("multitests"), name + ".py")
    r = subprocess.run([sys.executable, "./run-multitests.py", test], cwd=tests, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       env=dict(os.environ, MICROPY_MICROPYTHON=wrapper), timeout=120)
    out = r.stdout.decode("utf-8", "replace")
    assert r.returncode == 0 and "1 tests passed" in out, out[-3000:]
    return out.splitlines()[-1]


def cases():
    yield "ble_advertising", advertising
    yield "ble_simple", simple
    yield "ble_temperature", temperature
    yield "ble_uart_peripheral", uart
    yield "ble_uart_repl, with shims of machine.Timer and os.dupterm", uart_repl
    yield "ble_bonding_peripheral", bonding
    if aioble:
        yield "aioble temp_sensor, temp_client", temp_sensor
        yield "aioble l2cap_file_server", file_server
        yield "aioble l2cap_file_client", file_client
        for name in MULTITESTS:
            yield "aioble multitests/" + name, lambda name=name: multitest(name)


def main():
    global upstream, aioble
    upstream, aioble = (os.path.abspath(a) if a else "" for a in sys.argv[1:3])
    rounds, words = int(sys.argv[3]) if len(sys.argv) > 3 else 1, sys.argv[4:]
    nothing = [w for w in words if not any(w in name for name, _ in cases())]
    if nothing:
        print("there is no case with %s in its name" % " or ".join(repr(w) for w in nothing))
        return 2
    failed = passed = 0
    for n in range(rounds):
        for name, case in cases():
            if words and not any(w in name for w in words):
                continue
            start = time.time()
            try:
                seen = case()
                passed += 1
                print("ok   %-58s %5.1f s  %s" % (name, time.time() - start, seen), flush=True)
            except Exception as e:
                failed += 1
                print("FAIL %s: %s: %s" % (name, type(e).__name__, e), flush=True)
                for q in programs:
                    print("  its program: %s" % q.lines[-12:], flush=True)
            for q in programs:
                q.kill()
            programs.clear()
    if not aioble:
        print("aioble's have not run: AIOBLE names no checkout of micropython-lib")
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
