#!/usr/bin/env python3
"""The module from outside: MicroPython programs, each a process, over the simulated radio.

run.py [NAME…]: those tests whose names contain one of the words; =NAME: that one.
JOBS=N: so many tests at a time (4 unless told otherwise).
STARVE=N: each program is stopped for up to 0.3 s again and again, by seed N, as on a machine that has no time for it.
"""
import atexit
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import recorded

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))
build = os.path.join(root, "build")
micropython = os.environ.get("MICROPYTHON_PROGRAM") or os.path.join(build, "micropython")
air = os.path.join(build, "woad")
scratch = tempfile.mkdtemp(prefix="woad-test-")
# A shell ignores them for what it starts in the background, nohup one of them, and programs inherit that.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
# A radio of this run's own, whoever else uses one.
radio = os.path.join(scratch, "run")
os.mkdir(radio, 0o700)
os.environ["XDG_RUNTIME_DIR"] = radio

# What the programs below share.
PRELUDE = """
import bluetooth, sys, time
from bluetooth import BLE, UUID
ble = BLE()
events = []
def irq(event, data):
    events.append((event, tuple(bytes(x) if isinstance(x, memoryview) else UUID(x) if isinstance(x, UUID) else x for x in data)))
def wait(event, ms=5000):
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        for i, e in enumerate(events):
            if e[0] == event:
                return events.pop(i)[1]
        time.sleep_ms(1)
    raise Exception("no event %d in %r" % (event, events))
def raises(errno, f, *a, **k):
    try:
        f(*a, **k)
    except OSError as e:
        assert e.errno == errno, (e.errno, errno, e.args)
        return e
    raise Exception("no OSError %d" % errno)
def up():
    ble.active(True)
    ble.irq(irq)
    print("MAC", ble.config("mac")[1].hex())
def peer():
    return bytes.fromhex(sys.stdin.readline().strip())
U = UUID("a5a5a5a5-ffff-9999-1111-5a5a5a5a5a5a")
C = UUID(0x2a37)
"""


STARVE = int(os.environ.get("STARVE", 0))


def starve(process, chance):
    """Stops a process at random until it has ended."""
    while process.poll() is None:
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(signal.SIGCONT)


class Program:
    """A MicroPython process: it runs `code` after the prelude; or another `command`.  It is a device of its own, whose address no
    other has, unless `env` or the command names it."""

    case = ""                               # what runs, for messages

    def __init__(self, code, env=None, stdin=True, command=None, cwd=scratch, stderr=subprocess.STDOUT):
        environ = dict(os.environ)
        for name in ("WOAD_HCI", "WOAD_BTSNOOP", "WOAD_NAME", "MICROPYPATH"):
            environ.pop(name, None)
        if not command and "WOAD_HCI" not in (env or {}):   # of a radio of its own the first is always the same, and the second
            environ["WOAD_NAME"] = "test %d" % len(programs)
        environ.update(env or {})
        self.lines = []
        self.record = None
        argv = command or [micropython, "-c", PRELUDE + textwrap.dedent(code)]
        if recorded.folder and not command:
            self.record = recorded.Record(Program.case, argv, cwd, environ)
        self.p = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=stderr, env=environ, cwd=cwd,
        )
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.changed = threading.Condition()
        self.ended = False
        self.thread.start()
        if STARVE:
            threading.Thread(target=starve, args=(self.p, random.Random(STARVE + len(programs))), daemon=True).start()
        programs.append(self)

    def read(self):
        for line in self.p.stdout:
            with self.changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def line(self, start, timeout=30):
        """The rest of the first line that starts so."""
        def look():
            return next((x for x in self.lines if x.startswith(start)), None)
        with self.changed:
            self.changed.wait_for(lambda: look() is not None or self.ended, timeout)
            found = look()
        assert found is not None, "no line %r in:\n%s" % (start, "\n".join(self.lines))
        return found[len(start):].strip()

    def say(self, text):
        if self.record:
            self.record.said(text)
        self.p.stdin.write((text + "\n").encode())
        self.p.stdin.flush()

    def end(self, timeout=60, code=0):
        self.p.wait(timeout)
        self.thread.join(timeout)
        assert self.p.returncode == code, "exit %s, output:\n%s" % (self.p.returncode, "\n".join(self.lines))
        return self.lines

    def kill(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()


programs = []


def hub(spec, *options):
    p = subprocess.Popen([air, "air", spec, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    atexit.register(p.kill)
    p.stdout.readline()
    return p


def pair(server, client, env=None):
    """A peripheral and a central that is told the peripheral's address."""
    s = Program(server, env)
    s.line("READY")
    c = Program(client, env)
    c.say(s.line("MAC"))
    c.end()
    return s, c


SERVER = """
    up()
    ((char, desc),) = ble.gatts_register_services(((U, ((C, 0x3a, ((UUID(0x2901), 0x0a),)),)),))
    ble.gap_advertise(20000, b"\\x02\\x01\\x06")
    print("READY")
"""
CLIENT = """
    up()
    ble.gap_connect(0, peer())
    conn, _, _ = wait(7)
"""


def test_arguments_as_upstream():
    """Every argument of every method: the same as MicroPython's own front end (bar 3)."""
    oracle = os.path.join(build, "oracle", "unix", "micropython")
    outputs = []
    for program in (oracle, micropython):
        r = subprocess.run([program, os.path.join(here, "api.py")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        assert r.returncode == 0, r.stdout[-2000:]
        outputs.append(r.stdout.decode().splitlines())
    assert len(outputs[0]) > 2000
    for ours, theirs in zip(outputs[1], outputs[0]):
        assert ours == theirs, "ours:   %s\ntheirs: %s" % (ours, theirs)
    assert len(outputs[0]) == len(outputs[1])


def test_life():
    Program("""
        assert ble.active() is False
        raises(19, ble.gap_scan, 0)
        raises(19, ble.config, "mac")
        assert ble.gatts_read(12) == b""
        for i in range(20):
            assert ble.active(True) is True
            assert ble.active(True) is True
            assert ble.config("mac")[0] == 0
            assert ble.config("mtu") == 256
            ble.config(mtu=100)
            ble.gap_advertise(100000, b"x")
            ble.gap_scan(0)
            assert ble.active(False) is False
            assert ble.active(False) is False
        raises(19, ble.gap_advertise, 100000)
        ble.gap_advertise(None)
        ble.config(gap_name="kept")
        ble.active(True)
        assert ble.config("gap_name") == b"kept" and ble.config("mtu") == 256
        assert hasattr(BLE, "l2cap_connect") and not hasattr(BLE, "hci_cmd")
        for key in ("bond", "mitm", "io", "le_secure"):
            ble.config(**{key: 1})
            try:
                ble.config(key)
                assert False, key
            except ValueError:
                pass
        ble.config(rxbuf=500)
        assert ble.config("rxbuf") == 500 and ble.config("dropped") == 0
        try:
            ble.config(mtu=99, bogus=1)
        except ValueError:
            pass
        assert ble.config("mtu") == 256
    """).end()


def test_absurd_arguments():
    """Numbers that fit nothing, while active: an exception each, and it works afterwards (bar 5)."""
    Program("""
        up()
        ((h,),) = ble.gatts_register_services(((U, ((C, 0x1a),)),))
        huge = (-1, 0, 65535, 65536, -65536, 1 << 31, -(1 << 31), 1 << 62, -(1 << 62))
        for n in huge:
            for f in (
                lambda: ble.gap_advertise(n), lambda: ble.gap_scan(n, n, n), lambda: ble.gap_scan(0, n, 30000),
                lambda: ble.gap_scan(0, 30000, n), lambda: ble.gap_connect(n, b"123456"),
                lambda: ble.gap_connect(0, b"123456", n), lambda: ble.gap_connect(0, b"123456", 10, n, n),
                lambda: ble.gap_disconnect(n), lambda: ble.gatts_write(n, b"x"), lambda: ble.gatts_read(n),
                lambda: ble.gatts_notify(n, n, b"x"), lambda: ble.gatts_indicate(n, n), lambda: ble.gatts_set_buffer(h, n),
                lambda: ble.gattc_read(n, n), lambda: ble.gattc_write(n, n, b"x", n), lambda: ble.config(mtu=n),
                lambda: ble.gap_pair(n), lambda: ble.gap_passkey(n, n, n), lambda: ble.gap_passkey(0, 2, n),
                lambda: ble.gap_unpair((n, b"123456")), lambda: ble.config(io=n),
                lambda: ble.config(addr_mode=n), lambda: ble.gattc_discover_characteristics(n, n, n),
                lambda: ble.gattc_discover_descriptors(n, n, n), lambda: ble.gattc_exchange_mtu(n),
                lambda: ble.gattc_discover_services(n), lambda: ble.config(rxbuf=n),
            ):
                try:
                    f()
                except (OSError, ValueError, OverflowError) as e:
                    pass
                try:
                    ble.gap_scan(None)
                    ble.gap_connect(None)
                except OSError:
                    pass
        raises(22, ble.gap_advertise, 100000, b"x" * 32)
        raises(22, lambda: ble.gap_advertise(100000, resp_data=b"x" * 32))
        raises(22, ble.gap_advertise, 19999)
        raises(22, ble.gap_advertise, 10250000)
        raises(22, ble.gap_scan, 0, 30000, 40000)
        raises(22, ble.gatts_write, 999, b"x")
        raises(22, ble.gap_connect, 4, b"123456")
        raises(22, lambda: ble.config(gap_name="x" * 32))
        ble.gatts_write(h, b"x" * 60000)
        assert len(ble.gatts_read(h)) == 60000
        ble.active(False)
        ble.active(True)
        ble.gap_advertise(100000)
    """).end()


def test_values():
    """What a peer writes, reads and gets, to the octet."""
    s, c = pair(SERVER + """
    ble.gatts_write(char, b"first")
    n = 0
    def handler(event, data):
        global n
        irq(event, data)
        if event != 3:
            return
        conn, handle = data
        if n != 3:                  # the next write finds this one's octets still there
            print("WROTE", handle == char, ble.gatts_read(handle))
        if n == 1:
            ble.gatts_write(char, b"y" * 30)
        if n == 2:
            ble.gatts_set_buffer(char, 50, True)
            assert ble.gatts_read(char) == b""
            ble.gatts_notify(conn, char, b"append")
        if n == 5:
            ble.gatts_set_buffer(char, 512)
            ble.gatts_notify(conn, char, b"n" * 600)
        n += 1
    ble.irq(handler)
    wait(2, 20000)
    assert [e for e in events if e[0] not in (1, 3, 4, 21)] == [], events
    assert ble.config("dropped") == 0
    """, CLIENT + """
    ble.config(long_reads=True)
    def write(data, mode=1):
        ble.gattc_write(conn, 12, data, mode)
        if mode:
            assert wait(17) == (conn, 12, 0)
    def read():
        ble.gattc_read(conn, 12)
        r = wait(15)
        assert wait(16) == (conn, 12, 0) and r[:2] == (conn, 12)
        return r[2]
    assert read() == b"first"
    write(b"0123456789012345678901234567")        # cut at the MTU
    assert read() == b"01234567890123456789"
    write(b"second")                              # then the program makes room
    assert read() == b"y" * 30                    # longer than an answer: whole
    write(b"third")
    assert wait(18)[2] == b"append"
    write(b"aa")
    write(b"bb", 0)
    write(b"cc")
    assert wait(18)[2] == b"n" * 20
    write(bytes(range(256)) * 2, 3)
    assert read() == bytes(range(256)) * 2
    ble.gattc_write(conn, 999, b"x", 1)
    assert wait(17) == (conn, 999, 0x101)
    ble.gattc_read(conn, 999)
    assert wait(16) == (conn, 999, 0x101)
    raises(22, ble.gattc_write, conn, 12, b"x", 5)
    raises(107, ble.gattc_read, conn + 1, 12)
    raises(22, ble.gattc_discover_characteristics, conn, 5, 4)
    assert ble.gap_disconnect(conn) is True
    wait(8)
    assert ble.gap_disconnect(conn) is False
    raises(107, ble.gattc_read, conn, 12)
    """)
    wrote = [x for x in s.end() if x.startswith("WROTE")]
    assert wrote[:5] == [
        "WROTE True b'01234567890123456789'", "WROTE True b'second'", "WROTE True b'third'",
        "WROTE True b'aabb'", "WROTE True b'cc'",
    ], wrote
    assert wrote[5] == "WROTE True " + repr(bytes(range(256)) * 2)


def test_what_is_dropped_is_counted():
    """A write that is longer than the value's room is cut without an error, and counted."""
    s, c = pair(SERVER + """
    ble.gatts_set_buffer(char, 4)
    wait(2, 20000)
    assert ble.gatts_read(char) == b"0123"
    assert ble.config("dropped") == 2, ble.config("dropped")
    """, CLIENT + """
    for data in (b"01234", b"0123", b"0123456"):
        ble.gattc_write(conn, 12, data, 1)
        assert wait(17)[2] == 0
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_read_request():
    """The handler is asked once a read, may change the value, and may refuse."""
    s, c = pair(SERVER + """
    n = 0
    def handler(event, data):
        global n
        irq(event, data)
        if event == 4:
            n += 1
            ble.gatts_write(data[1], b"read %d" % n if n < 3 else b"z" * 100)
            return (0, None, "x", True, 0x80)[n - 1]
    ble.irq(handler)
    wait(2, 10000)
    assert n == 5, n
    """, CLIENT + """
    ble.config(long_reads=True)
    got = []
    for i in range(5):
        ble.gattc_read(conn, 12)
        d = wait(16)
        got.append(wait(15)[2] if d[2] == 0 else d[2])
    print(got)
    assert got == [b"read 1", b"read 2", b"z" * 100, 0x101, 0x180], got
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_subscriptions_back_pressure():
    """send_update to a queue that is full: the last value arrives; notify says ENOMEM, and none is lost."""
    s, c = pair(SERVER + """
    wait(1)
    conn = wait(3, 10000)[0]
    sent = 0
    full = 0
    while sent < 300:
        try:
            ble.gatts_notify(conn, char, b"%d" % sent)
            sent += 1
        except OSError as e:
            assert e.errno == 12
            full += 1
            time.sleep_ms(1)
    assert full
    for i in range(300):
        ble.gatts_write(char, b"value %d" % i, True)
    print("SENT")
    wait(2, 20000)
    """, CLIENT + """
    ble.gattc_write(conn, 13, b"\\x01\\x00", 1)
    assert wait(17)[2] == 0
    ble.gattc_write(conn, 12, b"go", 1)
    for i in range(300):
        assert wait(18)[2] == b"%d" % i
    while wait(18)[2] != b"value 299":
        pass
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_events_while_python_blocks():
    """In readline(), sleep() and sleep_ms() events arrive and peers are served."""
    for block in ("sys.stdin.readline()", "time.sleep(3)", "time.sleep_ms(3000)"):
        s = Program(textwrap.dedent("""
        seen = []
        def handler(event, data):
            seen.append((event, time.ticks_ms()))
        """) + textwrap.dedent(SERVER) + textwrap.dedent("""
        ble.irq(handler)
        start = time.ticks_ms()
        %s
        print("BLOCKED", time.ticks_diff(time.ticks_ms(), start))
        assert [e for e, t in seen] == [1, 4, 3, 2], seen
        """ % block))
        s.line("READY")
        c = Program(CLIENT + """
    ble.gattc_read(conn, 12)
    wait(16)
    ble.gattc_write(conn, 12, b"x", 1)
    wait(17)
    ble.gap_disconnect(conn)
    wait(8)
        """)
        c.say(s.line("MAC"))
        c.end()
        time.sleep(0.3)
        s.say("")
        s.end()
        if "sleep" in block:
            assert 2990 <= int(s.line("BLOCKED")) <= 3200, s.lines


def test_asyncio_wakes():
    """A ThreadSafeFlag set in the handler wakes its task within milliseconds."""
    s = Program("""
        import asyncio
        flag = asyncio.ThreadSafeFlag()
        stamp = 0
        def handler(event, data):
            global stamp
            if event == 6:
                stamp = time.ticks_us()
                flag.set()
        async def main():
            late = []
            for i in range(20):
                ble.gap_scan(20)
                await flag.wait()
                late.append(time.ticks_diff(time.ticks_us(), stamp))
            print("LATE", max(late))
        ble.active(True)
        ble.irq(handler)
        asyncio.run(main())
    """)
    s.end()
    assert int(s.line("LATE")) < 20000, s.lines


def test_handler_rules():
    """Scan stopped in the handler, advertising from it, exceptions in it, recursion in it."""
    s = Program(SERVER + """
    wait(1, 20000)
    wait(2, 20000)
    """)
    s.line("READY")
    c = Program("""
    order = []
    found = None
    def recurse():
        recurse()
    def handler(event, data):
        global found
        order.append(event)
        if event == 5 and found is None:
            found = data[0], bytes(data[1])
            ble.gap_scan(None)
            order.append("stopped")
            ble.gap_advertise(100000, b"x")
            try:
                recurse()
            except RuntimeError:
                order.append("deep")
        elif event == 6:
            ble.gap_connect(*found)
        elif event == 7:
            1 / 0
    ble.active(True)
    ble.irq(handler)
    ble.gap_scan(0, 30000, 30000)
    time.sleep_ms(2000)
    print(order)
    assert order == [5, 6, "stopped", "deep", 7], order
    ble.irq(irq)
    ble.active(False)
    """)
    lines = c.end()
    assert "Unhandled exception in IRQ callback handler" in lines and "ZeroDivisionError: divide by zero" in lines, lines
    s.end()


def test_active_from_the_handler():
    s = Program(SERVER + """
    wait(1, 20000)
    wait(2, 20000)
    """)
    s.line("READY")
    c = Program("""
    def handler(event, data):
        if event == 7:
            print("ACTIVE", ble.active(False), ble.active())
            raises(19, ble.gap_scan, 0)
            raises(16, ble.active, True)
    ble.active(True)
    ble.irq(handler)
    ble.gap_connect(0, peer())
    time.sleep_ms(2000)
    ble.active(True)
    ble.gap_scan(10)
    """)
    c.say(s.line("MAC"))
    c.end()
    assert c.line("ACTIVE") == "False False"
    s.end()


def test_advertising_data():
    """None keeps, b'' clears, types and scan responses are what programs expect."""
    s = Program("""
        up()
        for step in range(5):
            sys.stdin.readline()
            if step == 0:
                ble.gap_advertise(50000, b"\\x02\\x01\\x06", resp_data=b"\\x03\\x09ab", connectable=False)
            elif step == 1:
                ble.gap_advertise(None)
                ble.gap_advertise(50000)
            elif step == 2:
                ble.gap_advertise(50000, b"", resp_data=b"")
            elif step == 3:
                ble.gap_advertise(None)
                ble.gap_advertise(None)
            print("STEP", step)
    """)
    mac = s.line("MAC")
    c = Program("""
        up()
        me = peer()
        for step in range(4):
            sys.stdin.readline()
            events.clear()
            ble.gap_scan(500, 30000, 30000, True)
            wait(6)
            assert not [e for e in events if e[0] == 6]
            print("SAW", step, sorted(set((e[1][2], e[1][4]) for e in events if e[1][1] == me)))
    """)
    c.say(mac)
    for step in range(4):
        s.say("")
        s.line("STEP %d" % step)
        c.say("")
        c.line("SAW %d" % step)
    s.say("")
    s.end()
    c.end()
    saw = [c.line("SAW %d" % i) for i in range(4)]
    assert saw == [
        "[(2, b'\\x02\\x01\\x06'), (4, b'\\x03\\tab')]", "[(0, b'\\x02\\x01\\x06'), (4, b'\\x03\\tab')]",
        "[(0, b''), (4, b'')]", "[]",
    ], saw


def test_connecting():
    """Time-out, cancel, refusals: the events and errors that programs know."""
    Program("""
        up()
        t = time.ticks_ms()
        ble.gap_connect(0, b"nobody", 500)
        raises(114, ble.gap_connect, 0, b"nobody")
        raises(16, ble.gap_scan, 0)
        assert wait(8) == (65535, 255, bytes(6))
        assert 480 < time.ticks_diff(time.ticks_ms(), t) < 700
        raises(114, ble.gap_connect, None)
        ble.gap_connect(0, b"nobody")
        ble.gap_connect(None)
        assert wait(8) == (65535, 255, bytes(6))
        ble.gap_scan(0)
        raises(114, ble.gap_scan, 0)
        ble.gap_connect(0, b"nobody", 100)
        assert events[0] == (6, ())
        wait(8)
        assert events == [(6, ())], events
        ble.gap_scan(None)
        assert events == [(6, ())], events
    """).end()


def test_events_beyond_upstream_are_asked_for():
    """None of them comes unasked; config(events=…) takes what it knows and nothing else."""
    Program("""
        assert ble.config("events") == ()
        raises(22, lambda: ble.config(events=(63,)))
        raises(22, lambda: ble.config(events=(64, 99)))
        for bad in (1, None, (None,), ("x",)):
            try:
                ble.config(events=bad)
            except TypeError:
                pass
            else:
                raise Exception(bad)
        ble.config(events=[70, 64])
        assert ble.config("events") == (64, 70)
        ble.config(events=())
        up()
        ble.gap_connect(0, b"nobody", 100)
        assert wait(8) == (65535, 255, bytes(6)) and events == []
        ble.config(events=(65,))
        ble.gap_connect(0, b"nobody", 100)
        assert wait(65) == (0, b"nobody", 13)
        assert wait(8) == (65535, 255, bytes(6)) and events == []
    """).end()
    s, c = pair(SERVER + """
    ble.config(events=(64, 70, 71))
    wait(1)
    conn, handle, bits = wait(71)
    assert (handle, bits) == (char, 1)
    ble.gatts_notify(conn, char, b"x")
    assert wait(70) == (conn,)
    assert wait(64) == (conn, 0x13)
    wait(2)
    assert [e for e in events if e[0] > 63] == [], events
    """, CLIENT + """
    ble.config(events=(64,))
    ble.gattc_write(conn, 13, b"\\x01\\x00", 1)
    wait(18)
    time.sleep_ms(100)
    ble.gap_disconnect(conn)
    wait(8)
    assert events[-1] == (64, (conn, 0x16)), events
    """)
    s.end()


def test_back_pressure():
    """A program that wants TX_READY gets EAGAIN when a queue is full, and hears when to go on: nothing is polled, nothing lost."""
    s, c = pair(SERVER + """
    ble.config(events=(69, 70))
    wait(1)
    conn = wait(3, 10000)[0]
    waited = 0
    for i in range(300):
        while True:
            try:
                ble.gatts_notify(conn, char, b"%d" % i)
                break
            except OSError as e:
                assert e.errno == 11, e
                assert wait(69) == (conn,)
                waited += 1
    assert waited
    wait(70)
    for i in range(500):
        ble.gatts_notify_latest(conn, char, b"latest %d" % i)
    wait(2, 20000)
    """, CLIENT + """
    ble.gattc_write(conn, 12, b"go", 1)
    for i in range(300):
        assert wait(18)[2] == b"%d" % i
    n = 0
    while wait(18)[2] != b"latest 499":
        n += 1
    assert n < 490, n
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_services_come_and_go():
    """Added and removed while connected: handles, values, Service Changed for who asked."""
    s, c = pair(SERVER + """
    wait(1)
    wait(3, 10000)
    ((more,),) = ble.gatts_add_services(((UUID(0x180f), ((UUID(0x2a19), 0x12),)),))
    assert more == char + 5, (char, more)
    ble.gatts_write(more, b"\\x63")
    assert ble.gatts_read(more) == b"\\x63" and ble.gatts_read(char) == b"go"
    wait(3)
    ble.gatts_remove_services(more)
    raises(22, ble.gatts_write, more, b"")
    raises(22, ble.gatts_remove_services, more)
    raises(22, ble.gatts_add_services, ())
    raises(16, ble.gatts_register_services, ())
    assert ble.gatts_read(more) == b"" and ble.gatts_read(char) == b"2"
    wait(2, 20000)
    ble.gatts_add_services(((UUID(0x180f), ((UUID(0x2a19), 0x12),)),))
    ble.gap_advertise(None)
    assert ble.gatts_register_services(((UUID(0x180f), ((UUID(0x2a19), 0x12),)),)) == ((12,),)
    raises(22, ble.gatts_write, more, b"")
    """, CLIENT + """
    ble.gattc_write(conn, 9, b"\\x02\\x00", 1)
    assert wait(17)[2] == 0
    ble.gattc_write(conn, 12, b"go", 1)
    assert wait(19)[1:] == (8, b"\\x0f\\x00\\x12\\x00")
    ble.gattc_discover_services(conn, UUID(0x180f))
    _, start, end, uuid = wait(9)
    assert uuid == UUID(0x180f) and end == start + 3
    wait(10)
    ble.gattc_read(conn, start + 2)
    assert wait(15)[2] == b"\\x63" and wait(16)[2] == 0
    ble.gattc_write(conn, 12, b"2", 1)
    wait(19)
    ble.gattc_read(conn, start + 2)
    assert wait(16)[2] == 0x101
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_more_of_the_client():
    """Values by UUID, several at once, secondary and included services, giving up."""
    s, c = pair("""
    up()
    ble.gatts_register_services(((U, ((C, 2), (C, 2), (UUID(0x2a38), 2))),))
    for h, v in ((12, b"one"), (14, b"two"), (16, b"three")):
        ble.gatts_write(h, v)
    ble.gap_advertise(20000)
    print("READY")
    wait(2, 20000)
    """, CLIENT + """
    ble.gattc_read_uuid(conn, 1, 0xffff, C)
    assert wait(15)[1:] == (12, b"one") and wait(15)[1:] == (14, b"two")
    assert wait(16)[2] == 0
    ble.gattc_read_multiple(conn, (16, 12))
    assert wait(15)[1:] == (16, b"three") and wait(15)[1:] == (12, b"one")
    assert wait(16)[2] == 0
    raises(22, ble.gattc_read_multiple, conn, (16,))
    ble.gattc_discover_secondary(conn)
    assert wait(10)[1] == 0
    raises(22, ble.gattc_discover_included, conn, 1, 0xffff)
    ble.config(events=(67, 68))
    ble.gattc_discover_included(conn, 1, 0xffff)
    assert wait(68)[1] == 0
    ble.gattc_cancel(conn)
    for i in range(5):
        ble.gattc_read(conn, 12)
    ble.gattc_cancel(conn)
    for i in range(5):
        assert wait(16) == (conn, 12, 29)
    ble.gattc_read(conn, 12)
    assert wait(15)[2] == b"one" and wait(16)[2] == 0
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_links():
    """What a link is like; parameters asked for by either side; connections listed."""
    s, c = pair(SERVER + """
    wait(1)
    (conn,) = ble.gap_connections()
    assert not ble.gap_connection(conn)[2]
    wait(3, 20000)
    ble.gap_update(conn, 30000, 30000, 0, 3000)
    assert wait(27) == (conn, 24, 0, 300, 0)
    raises(22, ble.gap_update, conn, 1, 2)
    raises(107, ble.gap_update, 77, 30000, 30000)
    wait(2, 20000)
    assert ble.gap_connections() == ()
    raises(107, ble.gap_connection, conn)
    """, CLIENT + """
    kind, addr, central, interval, latency, timeout, mtu = ble.gap_connection(conn)
    assert kind == 0 and central and interval == 50000 and mtu == 23 and timeout == 2560
    raises(22, ble.gap_link, conn, 0)
    ble.config(events=(66,))
    time.sleep_ms(200)  # until something has been heard
    ble.gap_link(conn, 0)
    while True:
        c, item, status, value = wait(66)
        if item == 0:
            break
    assert status == 0 and -128 < value < 20, value
    ble.gap_link(conn, 6)
    assert wait(66)[1:3] == (6, 0)
    raises(22, ble.gap_link, conn, 4)
    raises(22, ble.gap_link, conn, -1)
    raises(107, ble.gap_link, 77, 0)
    ble.gap_data_length(conn, 100)
    assert wait(66)[1:] == (4, 0, (100, 251))
    raises(22, ble.gap_data_length, conn, 300)
    raises(22, ble.gap_phy, conn, 8, 0)
    ble.gattc_write(conn, 12, b"go", 1)
    assert wait(27)[1:] == (24, 0, 300, 0)
    assert ble.gap_connection(conn)[3:6] == (30000, 0, 3000)
    ble.gap_disconnect(conn)
    wait(8)
    """)
    s.end()


def test_accept_list_and_directed():
    """Advertising for one peer, scanning for some, connecting to any of them."""
    s = Program("""
    up()
    ble.gap_advertise(20000)
    print("READY")
    friend = peer()
    wait(1)
    wait(2, 20000)
    ble.gap_advertise(20000, peer=(0, friend))
    print("AGAIN")
    wait(1)
    wait(2, 20000)
    ble.gap_advertise(20000, b"\\x02\\x01\\x06", connectable=False, scannable=False)
    print("THIRD")
    sys.stdin.readline()
    for bad in ({"channels": 0}, {"channels": 8}, {"accept": 4}, {"accept": -1}):
        raises(22, lambda: ble.gap_advertise(20000, **bad))
    try:
        ble.gap_advertise(20000, peer=(0, b"short"))
    except ValueError:
        pass
    """)
    s.line("READY")
    c = Program("""
    up()
    other = peer()
    ble.gap_accept_list(((0, other), (1, b"nobody")))
    raises(12, ble.gap_accept_list, [(0, b"nobody")] * 17)
    ble.gap_scan(300, 30000, 30000, accept_list=True, filter_duplicates=True)
    wait(6)
    assert [e for e in events if e[0] == 5] and all(e[1][1] == other for e in events if e[0] == 5), events
    events.clear()
    ble.gap_connect_any(5000)
    conn, kind, addr = wait(7)
    assert addr == other
    ble.gap_disconnect(conn)
    wait(8)
    print("GONE")
    sys.stdin.readline()
    ble.gap_scan(200, 30000, 30000)
    assert wait(5)[2] == 1
    wait(6)
    ble.gap_connect(0, other)
    ble.gap_disconnect(wait(7)[0])
    wait(8)
    print("GONE2")
    sys.stdin.readline()
    events.clear()
    ble.gap_scan(200, 30000, 30000)
    assert wait(5)[2] == 3
    """)
    c.say(s.line("MAC"))
    s.say(c.line("MAC"))
    c.line("GONE")
    s.line("AGAIN")
    c.say("")
    c.line("GONE2")
    s.line("THIRD")
    c.say("")
    c.end()
    s.say("")
    s.end()


def test_channels():
    """Several L2CAP channels at once, both ways; what can't be; refusals; a channel that stalls; soft limits gone."""
    a = Program("""
        up()
        MTU = 65535
        for psm in (0x80, 0x81, 22):
            ble.l2cap_listen(psm, 512 if psm == 22 else MTU)
        raises(114, ble.l2cap_listen, 0x80, 100)
        raises(22, ble.l2cap_listen, 0, 100)
        raises(22, ble.l2cap_listen, 0x100, 100)
        raises(22, ble.l2cap_listen, -1, 100)
        raises(2, ble.l2cap_listen, 0x90, None)
        def handler(event, data):
            irq(event, data)
            if event == 22 and data[2] == 0x81:
                return 1
        ble.irq(handler)
        ble.gap_advertise(20000, b"\x02\x01\x06")
        conn = wait(1)[0]
        opened = []
        while len(opened) < 4:
            c, cid, psm, mine, its = wait(23)
            assert c == conn and mine == (512 if psm == 22 else MTU), (psm, mine)
            opened.append(cid)
        assert len(set(opened)) == 4
        sums = dict.fromkeys(opened, 0)
        buf = bytearray(3000)
        while sum(sums.values()) < 4 * 40000:
            c, cid = wait(25)
            assert ble.l2cap_recvinto(conn, cid, None) > 0
            while True:
                n = ble.l2cap_recvinto(conn, cid, buf)
                if not n:
                    break
                assert all(b == cid & 255 for b in buf[:n])
                sums[cid] += n
        assert all(n == 40000 for n in sums.values()), sums
        print("GOT")
        ble.l2cap_listen(0x80, None)
        raises(2, ble.l2cap_listen, 0x80, None)
        print("STOPPED")
        for _ in opened:
            assert wait(24)[3] == 0
        raises(22, ble.l2cap_recvinto, conn, opened[0], buf)
        c, cid, psm, mine, its = wait(23)
        time.sleep_ms(500)                      # reads nothing: the other one stalls
        print("STALLS", ble.l2cap_recvinto(conn, cid, None))
        total = 0
        while total < 30 * 512:
            n = ble.l2cap_recvinto(conn, cid, buf)
            total += n
            if not n:
                wait(25)
        wait(2)
        ble.active(False)
        print("DONE")
    """)
    mac = a.line("MAC")
    b = Program("""
        up()
        ble.gap_connect(0, peer())
        conn = wait(7)[0]
        raises(107, ble.l2cap_connect, 77, 0x80, 100)
        raises(22, ble.l2cap_connect, conn, 0, 100)
        raises(22, ble.l2cap_send, conn, 0x40, b"x")
        raises(22, ble.l2cap_recvinto, conn, 0x40, bytearray(5))
        raises(22, ble.l2cap_disconnect, conn, 0x40)
        cids = [ble.l2cap_connect(conn, 0x80, 65535) for _ in range(4)]
        for _ in cids:
            c, cid, psm, mine, its = wait(23)
            assert (c, psm, mine, its) == (conn, 0x80, 65535, 65535) and cid in cids
        ours = ble.l2cap_connect(conn, 0x81, 100)
        assert wait(24) == (conn, ours, 0x81, 24)           # its program did not want it
        ours = ble.l2cap_connect(conn, 0x99, 100)
        assert wait(24) == (conn, ours, 0x99, 8)            # no such PSM
        raises(22, ble.l2cap_send, conn, cids[0], bytes(65536))
        try:
            ble.l2cap_recvinto(conn, cids[0], b"12345")
            assert False
        except TypeError:
            pass
        busy = []
        for part in range(2):
            for cid in cids:
                if not ble.l2cap_send(conn, cid, bytes([cid & 255]) * 20000):
                    raises(16, ble.l2cap_send, conn, cid, b"more")
                    busy.append(cid)
            while busy:
                c, cid, status = wait(26)
                assert status == 0
                busy.remove(cid)
        sys.stdin.readline()
        for cid in cids:
            ble.l2cap_disconnect(conn, cid)
            assert wait(24) == (conn, cid, 0x80, 0)
        raises(22, ble.l2cap_disconnect, conn, cids[0])
        ours = ble.l2cap_connect(conn, 0x80, 100)
        assert wait(24) == (conn, ours, 0x80, 8)            # it listens no more
        cid = ble.l2cap_connect(conn, 22, 512)
        assert wait(23) == (conn, cid, 22, 512, 512)
        stalls = 0
        for n in range(30):
            if not ble.l2cap_send(conn, cid, bytes(512)):
                stalls += 1
                wait(26)
        assert stalls
        time.sleep_ms(300)
        ble.active(False)
        print("DONE")
    """)
    b.say(mac)
    a.line("STOPPED", 30)
    b.say("go on")
    b.end(40)
    a.end(40)
    assert int(a.line("STALLS")) > 512 and int(a.line("STALLS")) < 4096


def test_the_radio_is_lost():
    """A program that wants to know is told when the controller has gone, and may begin again."""
    sock = os.path.join(scratch, "lost.sock")
    h = hub("unix:" + sock)
    p = Program("""
    up()
    ble.config(events=(72,))
    print("READY")
    errno = wait(72, 10000)[0]
    assert errno > 0, errno
    assert not ble.active()
    sys.stdin.readline()
    ble.active(True)
    assert ble.active() and ble.config("events") == (72,)
    """, {"WOAD_HCI": "unix:" + sock})
    p.line("READY")
    h.kill()
    h.wait()
    time.sleep(0.3)
    h = hub("unix:" + sock)
    p.say("")
    p.end()
    h.kill()
    h.wait()


def test_wrong_hci():
    """A WOAD_HCI that names nothing: an OSError that says what is wrong (bar 5)."""
    for spec, errno in (
        ("bogus", 22), ("unix:", 22), ("unix:/nowhere", 19), ("tcp:127.0.0.1:1", 111), ("tcp:x", 22), ("uart:/dev/nothing@115200", 2),
        ("uart:/dev/null@115200", 25), ("uart:/dev/null@7", 22), ("hcix", 22), ("", 22),
    ):
        c = Program("""
            e = raises(%d, ble.active, True)
            print("SAYS", e.args[1])
            assert ble.active() is False
            raises(19, ble.gap_scan, 0)
        """ % errno, {"WOAD_HCI": spec})
        c.end()
        assert len(c.line("SAYS")) > 8


def test_hub_dies():
    """The hub is killed: events, errors, and active(True) works again with the next hub."""
    path = os.path.join(scratch, "dies")
    env = {"WOAD_HCI": "unix:" + path}
    h = hub("unix:" + path)
    s = Program(SERVER + """
    conn = wait(1)[0]
    print("JOINED")
    assert wait(2)[0] == conn
    assert raises(19, ble.gap_advertise, 100000).args[1] == "the controller is gone"
    assert ble.active() is False
    print("LOST")
    sys.stdin.readline()                 # its socket may outlive its connections for a moment
    e = raises(19, ble.active, True)
    print("WAITING")
    sys.stdin.readline()
    assert ble.active(True) is True
    ble.gap_scan(100)
    wait(6)
    """, env)
    s.line("READY")
    c = Program(CLIENT + """
    ble.gattc_read(conn, 12)
    wait(16)
    print("JOINED")
    events.clear()
    ble.gattc_read(conn, 12)
    time.sleep_ms(1)
    print(wait(8, 20000))
    """, env)
    c.say(s.line("MAC"))
    s.line("JOINED")
    c.line("JOINED")
    h.kill()
    h.wait()
    c.end()
    s.line("LOST")
    s.say("")
    s.line("WAITING")
    h = hub("unix:" + path)
    s.say("")
    s.end()
    h.terminate()
    h.wait()


def fake_controller(path, talk):
    """A socket behind which `talk` plays the controller."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def serve():
        conn, _ = server.accept()
        with conn:
            talk(conn)

    threading.Thread(target=serve, daemon=True).start()
    return {"WOAD_HCI": "unix:" + path}


def test_silent_controller():
    env = fake_controller(os.path.join(scratch, "silent"), lambda conn: time.sleep(10))
    Program("""
        t = time.ticks_ms()
        raises(110, ble.active, True)
        assert 1900 < time.ticks_diff(time.ticks_ms(), t) < 2600
        assert ble.active() is False
    """, env).end()


def test_garbage_from_the_controller():
    """Octets that are not H4, at once and later; packets that are nonsense: an error, no hang (bar 5)."""
    def at_once(conn):
        conn.recv(100)
        conn.sendall(bytes(range(200, 256)) * 20)
        time.sleep(5)
    Program("raises(5, ble.active, True)", fake_controller(os.path.join(scratch, "g1"), at_once)).end()

    def closed(conn):
        conn.recv(100)
    Program("raises(5, ble.active, True)", fake_controller(os.path.join(scratch, "g2"), closed)).end()

    path = os.path.join(scratch, "g3-air")
    h = hub("unix:" + path)

    def between(conn):
        """An honest controller, until the program has its services: then garbage."""
        real = socket.socket(socket.AF_UNIX)
        real.connect(path)
        real.settimeout(0.05)
        conn.settimeout(0.05)
        end = time.time() + 1.5
        while time.time() < end:
            for a, b in ((conn, real), (real, conn)):
                try:
                    b.sendall(a.recv(4096))
                except socket.timeout:
                    pass
        for nonsense in (b"\x04\x3e\x01\x02", b"\x04\x0e\x00", b"\x02\x40\x20\x02\x00\x01\x02", b"\x04\x13\x01\x09"):
            conn.sendall(nonsense)
        time.sleep(0.5)
        conn.sendall(b"\x99\x98\x97garbage")
        time.sleep(5)
    Program("""
        up()
        ble.gap_scan(0)
        time.sleep_ms(1700)
        assert ble.active() is True
        wait(6, 4000)
        assert "not HCI" in raises(19, ble.gap_scan, 0).args[1]
    """, fake_controller(os.path.join(scratch, "g3"), between)).end()
    h.terminate()
    h.wait()


def test_the_controller_dies_while_a_method_waits():
    """In the middle of gap_advertise: an OSError, then the events, then active(True) works again."""
    path = os.path.join(scratch, "mid-air")
    h = hub("unix:" + path)

    def until_advertising(conn):
        real = socket.socket(socket.AF_UNIX)
        real.connect(path)
        real.settimeout(0.02)
        conn.settimeout(0.02)
        while True:
            for a, b in ((conn, real), (real, conn)):
                try:
                    data = a.recv(4096)
                    if a is conn and b"\x01\x39\x20" in data:
                        return
                    b.sendall(data)
                except socket.timeout:
                    pass
    fake = os.path.join(scratch, "mid")
    c = Program("""
        up()
        ble.gap_scan(0)
        raises(5, ble.gap_advertise, 100000)
        assert ble.active() is False
        wait(6, 1000)
        raises(19, ble.gap_scan, 0)
        print("WAITING")
        sys.stdin.readline()
        assert ble.active(True) is True
        ble.gap_scan(50)
        wait(6)
    """, fake_controller(fake, until_advertising))
    c.line("WAITING")
    os.unlink(fake)
    other = hub("unix:" + fake)
    c.say("")
    c.end()
    for p in (h, other):
        p.terminate()
        p.wait()


def test_a_program_that_ends():
    """Exit, exception, Ctrl-C, SIGTERM, SIGKILL: the peer is told at once, and the interpreter exits as always."""
    for how, code in (("sys.exit(3)", 3), ("1/0", 1), ("INT", 1), ("TERM", -signal.SIGTERM), ("KILL", -signal.SIGKILL)):
        s = Program(SERVER + """
    conn, _, _ = wait(1)
    t = time.ticks_ms()
    wait(2, 10000)
    print("TOLD", time.ticks_diff(time.ticks_ms(), t))
        """)
        s.line("READY")
        c = Program(CLIENT + """
    print("JOINED")
    time.sleep_ms(200)
    %s
        """ % (how if not how.isupper() else "time.sleep(20)"))
        c.say(s.line("MAC"))
        c.line("JOINED")
        if how.isupper():
            time.sleep(0.2)
            c.p.send_signal(getattr(signal, "SIG" + how))
        c.end(code=code)
        s.end()
        assert int(s.line("TOLD")) < 1500, s.lines


def hubs():
    """Processes that were started with this run's folder for the radio, and are nobody's child here."""
    found = []
    ours = {p.p.pid for p in programs} | {os.getpid()}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as f:
                if radio.encode() in f.read() and int(pid) not in ours:
                    found.append(pid)
        except OSError:
            pass
    return found


def test_the_radio_ends_with_its_last_user():
    a = Program("up(); sys.stdin.readline()")
    b = Program("up(); sys.stdin.readline()")
    a.line("MAC")
    b.line("MAC")
    assert a.line("MAC") != b.line("MAC")
    a.say("")
    a.end()
    c = Program("up(); ble.gap_scan(100); wait(6)")
    c.end()
    b.say("")
    b.end()
    for _ in range(50):
        if not hubs():
            return
        time.sleep(0.1)
    raise AssertionError("still there: %s" % hubs())


def test_the_demo_and_ctrl_c():
    """Ctrl-C in the middle of the demo leaves no process behind."""
    for sign in (b"Two MicroPython programs", b"bpm"):
        p = subprocess.Popen([os.path.join(root, "scripts", "demo")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True)
        for line in p.stdout:
            if sign in line:
                break
        os.killpg(p.pid, signal.SIGINT)
        p.communicate(timeout=10)
        assert p.returncode == 130, p.returncode
        for _ in range(60):
            left = hubs()
            if not left:
                break
            time.sleep(0.1)
        assert not left, left


def test_many_start_at_once():
    """Twelve programs at the same moment, again and again: one radio for them all."""
    for _ in range(5):
        ps = [Program("up(); sys.stdin.readline()") for _ in range(12)]
        macs = [p.line("MAC") for p in ps]
        assert len(set(macs)) == 12, macs
        for p in ps:
            p.say("")
        for p in ps:
            p.end()


def test_idle_costs_nothing():
    """Less than 1 % of a core, however a program waits; of an interpreter that is not made slow on purpose."""
    if os.environ.get("SLOW"):
        return
    for block in ("time.sleep(4)", "time.sleep_ms(4000)", "import asyncio\nasync def m():\n    await asyncio.sleep(4)\nasyncio.run(m())", "\n".join((
        "import asyncio", "f = asyncio.ThreadSafeFlag()", "async def w():", "    await f.wait()", "async def m():",
        "    asyncio.create_task(w())", "    await asyncio.sleep(4)", "asyncio.run(m())",
    ))):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        Program("up()\nble.gap_advertise(None)\n" + block).end()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert spent < 0.04 + 0.015, "%.3f s of CPU in 4 s of %r" % (spent, block)


SECRETS = """
    secrets, calls = {}, []
    try:
        secrets = eval(open(FILE).read())
    except OSError:
        pass
    def keep(event, data):
        if event == 29:
            kind, index, key = data
            if key is None:
                all = sorted(k for k in secrets if k[0] == kind)
                return secrets[all[index]] if index < len(all) else None
            return secrets.get((kind, bytes(key)))
        if event == 30:
            kind, key, value = data
            calls.append((kind, value is None))
            if value is None:
                return secrets.pop((kind, bytes(key)), None) is not None
            secrets[(kind, bytes(key))] = bytes(value)
            with open(FILE, "w") as f:
                f.write(repr(secrets))
            return True
        irq(event, data)
    ble.irq(keep)
    ble.active(True)
    print("MAC", ble.config("mac")[1].hex())
"""


def test_pair_by_numbers():
    """Both display six digits and say yes; a characteristic that asks for it can be read then, and not before."""
    server = """
        ble.config(io=1, mitm=True, bond=False)
        up()
        ((c,),) = ble.gatts_register_services(((U, ((C, 0x2 | 0x200 | 0x400),)),))
        ble.gatts_write(c, b"for your eyes")
        ble.gap_advertise(20000)
        print("READY")
        conn, action, number = wait(31)
        print("NUMBER", action, number)
        raises(22, ble.gap_passkey, conn, 2, 5)
        ble.gap_passkey(conn, action, 1)
        raises(114, ble.gap_passkey, conn, action, 1)
        assert wait(28)[1:] == (1, 1, 0, 16)
        wait(2)
    """
    client = CLIENT + """
    ble.config(io=4, mitm=True)
    ble.gattc_read(conn, 12)
    assert wait(16) == (conn, 12, 0x105)
    raises(2, ble.gap_passkey, conn, 4, 1)
    raises(107, ble.gap_pair, 77)
    ble.gap_pair(conn)
    raises(114, ble.gap_pair, conn)
    conn, action, number = wait(31)
    print("NUMBER", action, number)
    ble.gap_passkey(conn, action, 1)
    assert wait(28) == (conn, 1, 1, 0, 16)
    ble.gattc_read(conn, 12)
    assert wait(15) == (conn, 12, b"for your eyes")
    """
    s, c = pair(server, client)
    assert s.line("NUMBER") == c.line("NUMBER") and s.line("NUMBER").startswith("4 ")
    s.end()


def test_pair_by_passkey():
    """One displays a number, of the application's choice, the other types it: first a wrong one."""
    server = """
        ble.config(io=0, mitm=True, events=(73,))
        up()
        ble.gap_advertise(20000)
        print("READY")
        for key in (123456, 42):
            conn, action, shown = wait(31)
            assert action == 3 and 0 <= shown <= 999999
            raises(22, ble.gap_passkey, conn, 3, 1000000)
            ble.gap_passkey(conn, 3, key)
            print("STATUS", wait(28)[1:])
        wait(2)
    """
    client = CLIENT + """
    ble.config(io=2, mitm=True, events=(73,))
    ble.gap_pair(conn)
    assert wait(31) == (conn, 2, 0)
    ble.gap_passkey(conn, 2, 123457)
    status = wait(73)[1]
    assert status & 0xff == 4, status
    assert wait(28) == (conn, 0, 0, 0, 0)
    ble.gap_pair(conn)
    assert wait(31) == (conn, 2, 0)
    ble.gap_passkey(conn, 2, 42)
    assert wait(28) == (conn, 1, 1, 0, 16)
    """
    s, c = pair(server, client)
    s.end()
    assert "STATUS (0, 0, 0, 0)" in s.lines and "STATUS (1, 1, 0, 16)" in s.lines, s.lines


def test_bonds_outlive_processes():
    """Paired in two processes, both gone; two others use the bond, are told so, and pair no more.  Then it is let go."""
    kept = {"s": os.path.join(scratch, "s.bonds"), "c": os.path.join(scratch, "c.bonds")}
    server = "FILE = %r" % kept["s"] + SECRETS + """
    ((c,),) = ble.gatts_register_services(((U, ((C, 0x2 | 0x200),)),))
    ble.gatts_write(c, b"bonded")
    ble.gap_advertise(20000)
    print("READY")
    print("LEVEL", wait(28)[1:])
    wait(2)
    print("CALLS", calls)
    """
    client = "FILE = %r" % kept["c"] + SECRETS + """
    ble.config(events=(73,))
    ble.gap_connect(0, peer())
    conn, _, _ = wait(7)
    if FORGET:
        assert len(ble.gap_bonds()) == 1
        ble.gap_unpair((0, ble.gap_bonds()[0][1]))
        assert ble.gap_bonds() == ()
        raises(2, ble.gap_unpair, (0, bytes(6)))
        ble.gap_unpair()
    elif EXPECT:
        ble.gattc_read(conn, 12)
        assert wait(16) == (conn, 12, 0x10f)        # there is a key: it is to be used
    ble.gap_pair(conn)
    print("LEVEL", wait(28)[1:])
    ble.gattc_read(conn, 12)
    assert wait(15) == (conn, 12, b"bonded")
    print("CALLS", calls)
    """
    for round in range(3):
        spec = "unix:" + os.path.join(scratch, "bonds-%d.sock" % round)
        h = hub(spec)
        extra = "ble.config(bond=True)\n    EXPECT, FORGET = %r, %r\n    " % (round == 1, round == 2)
        s, c = pair("    " + extra + server, "    " + extra + client, {"WOAD_HCI": spec})
        s.end()
        assert s.line("LEVEL") == c.line("LEVEL") == "(1, 0, 1, 16)"
        new = "(1, False), (2, False)]"
        assert s.line("CALLS") == ("[(10, False), " + new, "[]", "[" + new)[round], s.lines
        gone = "[(1, True), (2, True), (1, True), (2, True), "
        assert c.line("CALLS") == ("[(10, False), " + new, "[]", gone + new)[round], c.lines
        h.terminate()
        h.wait()


def test_bonds_in_a_file():
    """No handler, a file: paired in two processes, used by two others, let go."""
    kept = {k: os.path.join(scratch, k + ".store") for k in "sc"}
    server = """
        ble.config(bond=True, bond_store=%r)
        up()
        ((c,),) = ble.gatts_register_services(((U, ((C, 0x2 | 0x200),)),))
        ble.gap_advertise(20000)
        print("READY")
        print("LEVEL", wait(28)[1:], len(ble.gap_bonds()))
        wait(2)
    """ % kept["s"]
    client = """
        up()
        ble.config(bond=True, bond_store=%r)
        print("KNOWN", len(ble.gap_bonds()))
        ble.gap_connect(0, peer())
        conn, _, _ = wait(7)
        ble.gap_pair(conn)
        print("LEVEL", wait(28)[1:])
        if LAST:
            ble.gap_unpair()
        ble.config(bond_store=None)
    """ % kept["c"]
    for round in range(2):
        spec = "unix:" + os.path.join(scratch, "store-%d.sock" % round)
        h = hub(spec)
        s, c = pair(server, "        LAST = %r" % (round == 1) + client, {"WOAD_HCI": spec})
        s.end()
        assert c.line("KNOWN") == "%d" % round
        assert c.line("LEVEL") == "(1, 0, 1, 16)" and s.line("LEVEL") == "(1, 0, 1, 16) 1"
        h.terminate()
        h.wait()
    c = Program("""
        up()
        ble.config(bond_store=%r)
        assert ble.gap_bonds() == ()
        with open("junk", "w") as f:
            f.write("not bonds")
        raises(74, ble.config, bond_store="junk")
        raises(21, ble.config, bond_store="/")
    """ % kept["c"])
    c.end()


def test_private_addresses():
    """config(addr_mode=2): nobody knows who it is but the bonded peer, which connects to who it is."""
    server = """
        ble.config(bond=True)
        up()
        ble.config(addr_mode=2)
        assert ble.config("mac")[0] == 1 and ble.config("mac")[1][0] >> 6 == 1, ble.config("mac")
        print("RPA", ble.config("mac")[1].hex())
        print("READY")
        for n in range(2):
            ble.gap_advertise(20000)
            assert wait(28)[1:] == (1, 0, 1, 16)
            print("PEER", wait(2, 9000)[2].hex())
            ble.config(addr_mode=3)
            assert ble.config("mac")[1][0] >> 6 == 0
            ble.config(addr_mode=2)
            print("AGAIN", ble.config("mac")[1].hex())
        ble.config(addr_mode=1)
        assert ble.config("mac")[1][0] >> 6 == 3
        ble.config(addr_mode=0)
        print("OWN", ble.config("mac")[1].hex())
        raises(22, ble.config, addr_mode=4)
    """
    client = """
        ble.config(bond=True)
        up()
        ble.gap_connect(1, peer())
        conn, _, _ = wait(7)
        ble.gap_pair(conn)
        assert wait(28) == (conn, 1, 0, 1, 16)
        (kind, who, _, _, _), = ble.gap_bonds()
        ble.gap_disconnect(conn)
        wait(8)
        peer()
        ble.gap_scan(3000, 30000, 30000)
        while True:
            kind2, seen, *_ = wait(5)
            if seen == who:
                break
        assert kind2 == kind == 0
        ble.gap_scan(None)
        ble.gap_connect(kind, who)
        conn, kind2, again = wait(7)
        assert again == who and kind2 == kind
        ble.gap_pair(conn)
        assert wait(28) == (conn, 1, 0, 1, 16)
        print("WHO", who.hex())
    """
    s, c = Program(server), None
    s.line("READY")
    c = Program(client)
    c.say(s.line("RPA"))
    again = s.line("AGAIN")
    c.say(again)
    c.end()
    s.end(30)
    assert again != s.line("RPA") and c.line("WHO") == s.line("OWN") != again
    assert s.line("PEER") == c.line("MAC")


def test_pair_out_of_band():
    """One gives its numbers by another way than the radio; and a key for legacy pairing that both know."""
    for secure in (True, False):
        server = "    SECURE = %r" % secure + """
    import sys
    up()
    raises(22, ble.gap_oob, 1)
    raises(22, ble.gap_oob, 1, b"short")
    raises(22, ble.gap_oob, 77, bytes(16))      # zeros are no secret
    raises(107, ble.gap_oob, 77, bytes(range(16)))
    if SECURE:
        r, c = ble.gap_oob()
        print("OOB", r.hex() + c.hex())
    ble.gap_advertise(20000)
    print("READY")
    conn, _, _ = wait(1)
    if not SECURE:
        ble.gap_oob(conn, bytes(range(16)))
    print("CONNECTED")
    print("LEVEL", wait(28)[1:])
    wait(2)
    """
        client = "    SECURE = %r" % secure + CLIENT + """
    import sys
    if SECURE:
        oob = bytes.fromhex(sys.stdin.readline().strip())
        ble.gap_oob(conn, oob[:16], oob[16:])
    else:
        ble.config(le_secure=False)
        ble.gap_oob(conn, bytes(range(16)))
        time.sleep_ms(300)
    ble.gap_pair(conn)
    print("LEVEL", wait(28)[1:])
    """
        s = Program(server)
        s.line("READY")
        c = Program(client)
        c.say(s.line("MAC"))
        s.line("CONNECTED")
        if secure:
            c.say(s.line("OOB"))
        c.end()
        s.end()
        assert s.line("LEVEL") == c.line("LEVEL") == "(1, 1, 0, 16)"


def test_keys_that_are_pressed():
    server = """
        ble.config(io=0, mitm=True, events=(75,))
        up()
        ble.gap_advertise(20000)
        print("READY")
        conn, action, shown = wait(31)
        for n in range(5):
            assert wait(75) == (conn, n)
        print("KEY", shown)
        ble.gap_passkey(conn, action, shown)
        assert wait(28)[1:] == (1, 1, 0, 16)
        wait(2)
    """
    client = CLIENT + """
    import sys
    ble.config(io=2, mitm=True, events=(75,))
    raises(2, ble.gap_keypress, conn, 0)
    ble.gap_pair(conn)
    assert wait(31) == (conn, 2, 0)
    raises(22, ble.gap_keypress, conn, 5)
    for n in range(5):
        ble.gap_keypress(conn, n)
        time.sleep_ms(100)
    ble.gap_passkey(conn, 2, int(sys.stdin.readline()))
    assert wait(28) == (conn, 1, 1, 0, 16)
    """
    s = Program(server)
    s.line("READY")
    c = Program(client)
    c.say(s.line("MAC"))
    c.say(s.line("KEY"))
    c.end()
    s.end()


def test_the_program_authorizes():
    """Flags 0x0800 and 0x4000 are the program's to decide, once it wants event 74; before, they do nothing."""
    server = """
        up()
        ((a,),) = ble.gatts_register_services(((U, ((C, 0x2 | 0x8 | 0x800 | 0x4000),)),))
        ble.gatts_write(a, b"open")
        asked, allow = [], False
        def ask(event, data):
            if event == 74:
                asked.append(data[1:])
                return allow
            return irq(event, data)
        ble.irq(ask)
        ble.gap_advertise(20000)
        print("READY")
        conn, _, _ = wait(1)
        wait(3)
        assert asked == []
        ble.config(events=(74,))
        print("WANTED")
        while len(asked) < 2:
            time.sleep_ms(10)
        assert asked == [(a, False), (a, True)], asked
        allow = True
        print("ALLOWED")
        wait(3)
        wait(2)
        assert len(asked) == 4
    """
    client = CLIENT + """
    import sys
    ble.gattc_read(conn, 12)
    assert wait(15) == (conn, 12, b"open") and wait(16) == (conn, 12, 0)
    for status in (0, 0x108, 0):
        if status == 0x108:
            sys.stdin.readline()
            ble.gattc_read(conn, 12)
            assert wait(16) == (conn, 12, status)
        ble.gattc_write(conn, 12, b"x", 1)
        assert wait(17) == (conn, 12, status)
        if status == 0x108:
            sys.stdin.readline()
            ble.gattc_read(conn, 12)
            assert wait(15) == (conn, 12, b"x")
    """
    s = Program(server)
    s.line("READY")
    c = Program(client)
    c.say(s.line("MAC"))
    s.line("WANTED")
    c.say("")
    s.line("ALLOWED")
    c.say("")
    c.end()
    s.end()


def test_kept_with_the_bond():
    """In two other processes: what the client had subscribed to is so again, and it may sign instead of encrypting."""
    kept = {k: os.path.join(scratch, k + ".more") for k in "sc"}
    server = "FILE = %r" % kept["s"] + SECRETS + """
    ble.config(bond=True, events=(71,))
    ((a, b),) = ble.gatts_register_services(((U, ((C, 0x12), (UUID(0x2a38), 0x44))),))
    ble.gap_advertise(20000)
    print("READY")
    if FIRST:
        wait(28)
        assert wait(71)[1:] == (a, 1)
    else:
        assert wait(3)[1] == b and ble.gatts_read(b) == b"signed"
        assert wait(28)[1:] == (1, 0, 1, 16)
        assert wait(71)[1:] == (a, 1)
    wait(2)
    print("CALLS", [k for k, gone in calls])
    """
    client = "FILE = %r" % kept["c"] + SECRETS + """
    ble.config(bond=True)
    ble.gap_connect(0, peer())
    conn, _, _ = wait(7)
    if FIRST:
        raises(13, ble.gattc_write, conn, 15, b"signed", 4)
        ble.gap_pair(conn)
        wait(28)
        ble.gattc_write(conn, 13, b"\\1\\0", 1)
        wait(17)
    else:
        ble.gattc_write(conn, 15, b"signed", 4)
        time.sleep_ms(300)
        ble.gap_pair(conn)
        assert wait(28)[1:] == (1, 0, 1, 16)
        time.sleep_ms(300)
    print("CALLS", [k for k, gone in calls])
    """
    for round in range(2):
        spec = "unix:" + os.path.join(scratch, "more-%d.sock" % round)
        h = hub(spec)
        first = "    FIRST = %r\n    " % (round == 0)
        s, c = pair(first + server, first + client, {"WOAD_HCI": spec})
        s.end()
        assert s.line("CALLS") == ("[10, 1, 2, 11]", "[11]")[round], s.lines
        assert c.line("CALLS") == ("[10, 1, 2]", "[11]")[round], c.lines
        h.terminate()
        h.wait()


def test_le_secure_means_it():
    server = """
        ble.config(le_secure=True, events=(73,))
        up()
        ble.gap_advertise(20000)
        print("READY")
        assert wait(73)[1] == 3
        assert wait(28)[1:] == (0, 0, 0, 0)
        wait(2)
    """
    client = CLIENT + """
    ble.config(le_secure=False, events=(73,))
    ble.gap_pair(conn)
    assert wait(73) == (conn, 0x103)
    assert wait(28) == (conn, 0, 0, 0, 0)
    raises(22, ble.config, io=5)
    """
    s, c = pair(server, client)
    s.end()


def test_btsnoop():
    log = os.path.join(scratch, "log.btsnoop")
    Program("up(); ble.gap_scan(50); wait(6)", {"WOAD_BTSNOOP": log}).end()
    r = subprocess.run(["tshark", "-r", log], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    text = r.stdout.decode()
    assert "LE Set Extended Scan Enable" in text and "Malformed" not in text, text
    c = Program("""
        e = raises(2, ble.active, True)
        assert "WOAD_BTSNOOP" in e.args[1]
    """, {"WOAD_BTSNOOP": "/nowhere/log"})
    c.end()


def test_btsnoop_of_each_controller():
    where = os.path.join(scratch, "logs")           # which it makes
    spec = "unix:" + os.path.join(scratch, "logged.sock")
    p = subprocess.Popen([air, "air", spec, "--quiet", "--btsnoop", where], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    p.stdout.readline()
    Program("up(); ble.gap_scan(50); wait(6)", {"WOAD_HCI": spec}).end()
    Program("up(); ble.gap_advertise(50000)", {"WOAD_HCI": spec}).end()
    p.terminate()
    p.wait()
    for name, what in (("1", "LE Set Extended Scan Enable"), ("2", "LE Set Extended Advertising Parameters")):
        log = os.path.join(where, name + ".btsnoop")
        r = subprocess.run(["tshark", "-r", log], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        text = r.stdout.decode()
        assert what in text and "Command Complete" in text and "Malformed" not in text, text
    r = subprocess.run([air, "air", "pty", "--btsnoop", "/nowhere/x"], stderr=subprocess.PIPE, timeout=10)
    assert r.returncode == 2 and b"/nowhere/x: No such file" in r.stderr, r
    r = subprocess.run([air, "air", "pty", "--btsnoop", air], stderr=subprocess.PIPE, timeout=10)
    assert r.returncode == 2 and b"woad: Not a directory" in r.stderr, r


def test_extended_advertising():
    """Sets, long data in order, a connection to one, the coded PHY; old programs hear nothing of it."""
    s = Program("""
        up()
        ble.config(events=(76,))
        raises(22, ble.gap_advertise_set, 2, 100000)
        raises(22, ble.gap_advertise_set, 0, 100)
        raises(22, ble.gap_advertise_set, 0, 100000, bytes(1651))
        raises(22, ble.gap_advertise_set, 0, 100000, connectable=True, scannable=True)
        ble.gap_advertise_set(0, 50000, bytes(range(250)) * 4, sid=3, secondary_phy=2)
        assert wait(76) == (0, True, 0, 65535)
        ble.gap_advertise_set(1, 50000, b"coded", connectable=True, primary_phy=3, secondary_phy=3)
        assert wait(76) == (1, True, 0, 65535)
        ble.gap_advertise(50000, b"\x02\x01\x06", connectable=False)
        print("READY")
        done = wait(76, 30000)
        assert done[:3] == (1, False, 0) and done[3] == wait(1)[0], done
        ble.gap_advertise_set(0, None)
        assert wait(76) == (0, False, 0, 65535)
        ble.gap_advertise_set(0, 20000, duration_ms=100)
        assert wait(76) == (0, True, 0, 65535)
        assert wait(76) == (0, False, 0x23c, 65535)
        wait(2, 10000)
    """)
    s.line("READY")
    c = Program("""
        up()
        addr = peer()
        raises(22, ble.config, scan_phys=2)
        raises(22, ble.config, connect_phys=8)
        ble.gap_scan(600, 30000, 30000)
        wait(6)
        assert any(e[0] == 5 for e in events) and not any(e[0] == 77 for e in events)
        events.clear()
        ble.config(events=(77,), scan_phys=5)
        ble.gap_scan(3000, 30000, 30000)
        wait(6)
        value = b""
        whole = 0
        coded = False
        for e, d in events:
            if e == 77 and d[1] == addr and d[6] == 3:
                assert d[4:6] == (1, 2), d
                value += d[8]
                if d[7] == 0 and value == bytes(range(250)) * 4:
                    whole += 1
                if d[7] != 1:
                    value = b""
            coded = coded or (e == 77 and d[4] == 3 and d[8] == b"coded" and d[2] & 1)
        assert whole > 0, whole
        assert coded
        events.clear()
        ble.config(connect_phys=4)
        ble.gap_connect(0, addr)
        conn = wait(7)[0]
        time.sleep_ms(500)
        ble.gap_disconnect(conn)
        wait(8)
    """)
    c.say(s.line("MAC"))
    c.end(40)
    s.end(40)


def test_pty_and_tcp():
    """The same program over a pty and over TCP."""
    p = subprocess.Popen([air, "air", "pty", "tcp:127.0.0.1:0", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    spec = p.stdout.readline().decode().strip()
    Program("up(); ble.gap_scan(50); wait(6)", {"WOAD_HCI": spec}).end()
    p.terminate()
    p.wait()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    h = hub("tcp:%d" % port)
    Program("up(); ble.gap_scan(50); wait(6)", {"WOAD_HCI": "tcp:127.0.0.1:%d" % port}).end()
    h.terminate()
    h.wait()


def test_the_tool():
    """`woad` says what is wrong."""
    for args, code in (([], 2), (["help"], 0), (["bogus"], 2), (["air"], 2), (["air", "x"], 1), (["air", "--loss", "x"], 2),
                       (["air", "--help"], 0), (["air", "unix:/nowhere/x"], 1), (["scan", "0"], 2), (["scan", "--help"], 0)):
        r = subprocess.run([air] + args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10)
        assert r.returncode == code, (args, r)
        assert r.stdout or r.stderr
    r = subprocess.run([air, "scan", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10, env={"WOAD_HCI": "bogus"})
    assert r.returncode == 1 and b"names no controller" in r.stderr, r
    s = Program("up(); ble.gap_advertise(50000, b'\\x05\\x09Woad'); print('READY'); sys.stdin.readline()")
    s.line("READY")
    r = subprocess.run([air, "scan", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10)
    assert r.returncode == 0 and b"Woad" in r.stdout and b"dBm" in r.stdout, r
    s.say("")
    s.end()


def chosen(tests, words):
    """The tests whose names contain a word, or are "=word"; and the words that no test has."""
    tests = [(n, f) for n, f in tests.items() if n.startswith("test_")]
    def has(name, word):
        return name == word[1:] if word.startswith("=") else word in name
    return ([(n, f) for n, f in tests if not words or any(has(n, w) for w in words)],
            [w for w in words if not any(has(n, w) for n, _ in tests)])


def run_here(name, f):
    """Runs a test in this process: whether it passed."""
    start = time.time()
    passed = True
    try:
        f()
        print("ok   %-36s %5.1f s" % (name, time.time() - start), flush=True)
    except Exception as e:
        passed = False
        print("FAIL %s: %s: %s" % (name, type(e).__name__, e), flush=True)
        for p in programs:
            if p.p.poll() is None:
                print("  still running, its output: %s" % p.lines)
    for p in programs:
        p.kill()
    programs.clear()
    return passed


def run_beside(names, jobs):
    """Runs each test in a process of its own, with a radio of its own, `jobs` at a time: how many failed."""
    failed, lock, waiting = [], threading.Lock(), list(names)

    def work():
        while True:
            with lock:
                if not waiting:
                    return
                name = waiting.pop(0)
            r = subprocess.run([sys.executable, sys.argv[0], "=" + name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            with lock:
                print(r.stdout.rsplit("\n", 2)[0], flush=True)     # without the sum
                if r.returncode:
                    failed.append(name)

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return len(failed)


def main(tests, words, jobs=4):
    """Runs the chosen tests.  They wait more than they calculate, and keep the air's time however slow the machine is: several
    run at a time; JOBS=1: one by one, in this process."""
    wanted, nothing = chosen(tests, words)
    jobs = min(int(os.environ.get("JOBS", jobs)), len(wanted))
    if nothing:
        print("there is no test with %s in its name" % " or ".join(repr(w) for w in nothing))
        shutil.rmtree(scratch, ignore_errors=True)
        return 2
    if jobs > 1:
        failed = run_beside([n for n, _ in wanted], jobs)
    else:
        failed = sum(not run_here(n, f) for n, f in wanted)
    shutil.rmtree(scratch, ignore_errors=True)
    print("%d passed, %d failed" % (len(wanted) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
