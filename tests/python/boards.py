#!/usr/bin/env python3
"""Programs for microcontrollers, run in QEMU, with a UART each to a controller of `woad air`.

boards.py [NAME…]: those tests whose names contain one of the words.
"""
import atexit
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

from run import PRELUDE, Program, build, hub, main, scratch

LOCKS = {
    "m0plus": ["qemu-system-arm", "-M", "mps2-an385"],
    "m3": ["qemu-system-arm", "-M", "mps2-an385"],
    "m4": ["qemu-system-arm", "-M", "mps2-an386"],
    "riscv": ["qemu-system-riscv32", "-M", "virt", "-bios", "none"],
}


class Uart:
    """Between a board and its controller: what has no hang-up.  Without a controller it is silent."""

    def __init__(self, path, air):
        self.path, self.air, self.there, self.board = path, air, None, None
        self.stalled = None                 # octets of the controller that wait for go_on()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen()
        threading.Thread(target=self.carry, daemon=True).start()

    def carry(self):
        self.board, _ = self.server.accept()
        while True:
            ends = [self.board] + ([self.there] if self.there else [])
            for end in select.select(ends, [], [], 0.05)[0]:
                try:
                    octets = end.recv(4096)
                except OSError:
                    octets = b""
                if end is self.board:
                    if not octets:
                        return
                    if self.there:
                        self.there.sendall(octets)
                        self.asked = True
                elif octets and self.stalled is not None:
                    self.stalled += octets
                elif octets:
                    self.board.sendall(octets)
                else:
                    self.there = None

    def stall(self):
        self.asked, self.stalled = False, b""

    def go_on(self):
        octets, self.stalled = self.stalled, None
        self.board.sendall(octets)

    def plug(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.air)
        self.there = s


class Board:
    """An elf in QEMU; what it prints is in a file."""

    def __init__(self, name, path):
        self.out = os.path.join(scratch, name + ".out")
        line = ["-chardev", "socket,id=hci,path=%s" % path, "-serial", "chardev:hci"]
        if name == "riscv":                 # it prints by semihosting
            serial = ["-semihosting-config", "enable=on,target=native,chardev=text", "-chardev", "file,id=text,path=" + self.out]
        else:
            serial = ["-serial", "file:" + self.out]
        self.q = subprocess.Popen(LOCKS[name] + ["-kernel", os.path.join(build, "baremetal", name + ".elf"), "-display", "none", "-monitor", "none"]
                                  + serial + line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(self.q.kill)

    def text(self):
        try:
            return open(self.out).read()
        except OSError:
            return ""

    def wait(self, pattern, timeout=15, after=0):
        """The first match behind `after`."""
        end = time.time() + timeout
        while time.time() < end:
            found = re.compile(pattern).search(self.text(), after)
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError("no %r in %r" % (pattern, self.text()[after:]))

    def end(self):
        self.q.kill()
        self.q.wait()


def lock(name):
    """Paired by a passkey with examples/c/key, then with a MicroPython program, which comes back with its bond; refused with a
    wrong number; and it goes on when its controller has been away."""
    path = os.path.join(scratch, name + "-air")
    h = hub("unix:" + path)
    uart = Uart(os.path.join(scratch, name + "-uart"), path)
    uart.plug()
    b = Board(name, uart.path)
    b.wait("shut")
    env = {"WOAD_HCI": "unix:" + path}
    key = subprocess.Popen([os.path.join(build, "examples", "key"), os.path.join(scratch, name + ".bonds")], env=env,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said, _ = key.communicate(b.wait(r"type (\d{6})").group(1) + "\n", timeout=20)
    assert "opening: success" in said, said
    b.wait("it is one who may\nopen\ngone")
    at = len(b.text())
    p = Program("""
        S, B = UUID(0xfff0), UUID(0xfff1)
        up()
        ble.config(bond=True, mitm=True, le_secure=True, io=2)
        def found():
            ble.gap_scan(5000, 30000, 30000)
            while True:
                data = wait(5)
                if b"Woad lock" in data[4]:
                    ble.gap_scan(None)
                    wait(6)
                    return data[0], data[1]
        def come():
            ble.gap_connect(*found())
            conn = wait(7)[0]
            ble.gattc_discover_characteristics(conn, 1, 0xffff, B)
            bolt = wait(11)[2]
            wait(12)
            return conn, bolt
        def go(conn):
            ble.gap_disconnect(conn)
            wait(8)
        # A wrong number
        conn, bolt = come()
        ble.gap_pair(conn)
        assert wait(31)[1] == 2
        print("WRONG")
        ble.gap_passkey(conn, 2, (int(sys.stdin.readline()) + 1) % 1000000)
        assert not wait(28)[1]
        ble.gattc_write(conn, bolt, b"\\1", 1)
        assert wait(17)[2] in (0x105, 0x10f)
        go(conn)
        time.sleep_ms(600)                  # who fails waits
        conn, bolt = come()
        ble.gap_pair(conn)
        assert wait(31)[1] == 2
        print("RIGHT")
        ble.gap_passkey(conn, 2, int(sys.stdin.readline()))
        assert wait(28)[1:4] == (1, 1, 1)
        ble.gattc_write(conn, bolt, b"\\1", 1)
        assert wait(17)[2] == 0
        go(conn)
        # Again, by the bond
        conn, bolt = come()
        ble.gap_pair(conn)
        assert wait(28)[1:4] == (1, 1, 1)
        ble.gattc_write(conn, bolt, b"\\0", 1)
        assert wait(17)[2] == 0
        ble.gattc_write(conn, bolt, b"too long", 1)
        assert wait(17)[2] == 0x10d
        ble.gattc_read(conn, bolt)
        assert wait(15)[2] == b"\\0"
        go(conn)
        assert not any(e[0] == 31 for e in events)
    """, env)
    p.line("WRONG", 20)
    number = b.wait(r"type (\d{6})", after=at)
    p.say(number.group(1))
    p.line("RIGHT", 20)
    p.say(b.wait(r"type (\d{6})", after=number.end()).group(1))
    p.end(30)
    b.wait(r"not paired\n(.*\n)*.*it is one who may\nopen\ngone\nit is one who may\nshut\ngone", after=at)
    # The controller goes, another comes: the lock finds out.
    at = len(b.text())
    c = Program("""
        up()
        ble.gap_scan(5000, 30000, 30000)
        while True:
            data = wait(5)
            if b"Woad lock" in data[4]:
                break
        ble.gap_connect(data[0], data[1])
        wait(7)
        print("THERE")
        sys.stdin.readline()
    """, env)
    c.line("THERE")
    h.kill()
    h.wait()
    os.unlink(path)
    c.say("")
    c.end()
    h = hub("unix:" + path)
    b.wait("no controller\n", timeout=20, after=at)
    uart.plug()
    b.wait("no controller\nshut", after=at)
    b.end()
    h.kill()
    h.wait()


def test_lock_on_a_cortex_m0plus():
    lock("m0plus")


def test_lock_on_a_cortex_m3():
    lock("m3")


def test_lock_on_a_cortex_m4():
    lock("m4")


def test_lock_on_a_risc_v():
    lock("riscv")


# MicroPython's own tests, with one instance on the board and one on this machine.
MULTI = ("ble_characteristic ble_descriptor ble_gap_advertise ble_gap_connect ble_gap_device_name ble_gap_pair ble_gap_pair_bond "
         "ble_gatt_data_transfer ble_gattc_discover_services ble_irq_calls ble_mtu ble_mtu_peripheral ble_l2cap ble_subscribe "
         "perf_gatt_char_write perf_gatt_notify perf_l2cap").split()


def emulated(path):
    """What pyboard.py is to start: the firmware, its console here, its second UART a controller of the air."""
    script = path + ".sh"                   # by a file: the runner takes commas apart
    with open(script, "w") as f:
        f.write("#!/bin/sh\nexec qemu-system-arm -M mps2-an385 -kernel %s -display none -monitor none -semihosting -serial stdio "
                "-chardev socket,id=hci,path=%s -serial chardev:hci 2>/dev/null\n"
                % (os.path.join(build, "firmware", "qemu", "firmware.elf"), path))
    os.chmod(script, 0o755)
    return "exec:" + script


def multitests(order):
    path = os.path.join(scratch, "multi-air")
    h = hub("unix:" + path, "--quiet")
    env = dict(os.environ, WOAD_HCI="unix:" + path, MICROPY_MICROPYTHON=os.path.join(build, "micropython"))
    instances = {"board": "pyb:" + emulated(path), "pc": "micropython"}
    command = [sys.executable, "run-multitests.py"]
    for which in order:
        command += ["-i", instances[which]]
    r = subprocess.run(command + ["multi_bluetooth/%s.py" % t for t in MULTI], cwd=os.path.join(build, "micropython-src", "tests"),
                       env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    h.kill()
    h.wait()
    os.unlink(path)
    assert "%d tests passed" % len(MULTI) in r.stdout, r.stdout[-1500:]


def test_multi_bluetooth_board_first():
    multitests(["board", "pc"])


def test_multi_bluetooth_pc_first():
    multitests(["pc", "board"])


def on_board(path, code, timeout=30):
    """A program on the board, whole: what it prints."""
    tool = os.path.join(build, "micropython-src", "tools", "pyboard.py")
    with tempfile.NamedTemporaryFile("w", suffix=".py") as f:
        f.write(PRELUDE + textwrap.dedent(code))
        f.flush()
        r = subprocess.run([sys.executable, tool, "-d", emulated(path), f.name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=timeout)
    assert r.returncode == 0, r.stdout
    return r.stdout


def test_on_the_board():
    """What there is room for; errors; memory that comes back; what isn't there says so."""
    path = os.path.join(scratch, "board-air")
    h = hub("unix:" + path)
    text = on_board(path, """
        import gc
        raises(95, ble.config, bond_store="bonds")
        for i in range(10):
            up()
            ble.gap_scan(30)
            wait(6)
            ble.gap_advertise(50000, b"\x02\x01\x06")
            ble.l2cap_listen(0x85, 200)
            ble.active(False)
        gc.collect()
        free = gc.mem_free()
        for i in range(10):
            up()
            ble.l2cap_listen(0x85, 200)
            ((h,),) = ble.gatts_register_services(((U, ((C, 0x3a),)),))
            ble.gatts_set_buffer(h, 500)
            ble.gatts_write(h, bytes(500))
            ble.active(False)
            events.clear()
        gc.collect()
        assert gc.mem_free() > free - 2000, (free, gc.mem_free())
        up()
        raises(107, ble.gatts_notify, 0, 12)
        print("TIME", time.ticks_ms() > 0)
        print("WELL")
    """)
    assert "WELL" in text, text
    h.kill()
    h.wait()


class Console:
    """MicroPython's raw REPL on the board: programs one after the other, Ctrl-C and Ctrl-D in between."""

    def __init__(self, path):
        self.q = subprocess.Popen([emulated(path)[5:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        atexit.register(self.q.kill)
        self.text = b""
        self.type(b"\r\x03\x03\x01")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")

    def type(self, octets):
        for at in range(0, len(octets), 128):
            self.q.stdin.write(octets[at:at + 128])
            time.sleep(0.02)

    def until(self, end, timeout=30):
        limit = time.time() + timeout
        while end not in self.text:
            assert select.select([self.q.stdout], [], [], max(0, limit - time.time()))[0], self.text
            octets = os.read(self.q.stdout.fileno(), 4096)
            assert octets, self.text
            self.text += octets
        before, _, self.text = self.text.partition(end)
        return before.decode()

    def begin(self, code):
        self.type((PRELUDE + textwrap.dedent(code)).encode() + b"\x04")
        self.until(b"OK")

    def line(self, start, timeout=30):
        self.until(start.encode(), timeout)
        return self.until(b"\r\n", timeout).strip()

    def end(self, timeout=30):
        said = self.until(b"\x04", timeout)
        failed = self.until(b"\x04>", timeout)
        assert not failed, (said, failed)
        return said

    def soft_reset(self):
        self.type(b"\x04")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")

    def kill(self):
        self.q.kill()
        self.q.wait()


def test_nothing_comes_between_the_octets_of_a_packet():
    """A driver that handles pending events while it writes: packets that come, scheduled functions and Ctrl-C wait until it has written."""
    path = os.path.join(scratch, "between-air")
    env = {"WOAD_HCI": "unix:" + path}
    h = hub("unix:" + path)
    b = Console(path)
    b.begin("""
        import micropython
        up()
        ((h,),) = ble.gatts_register_services(((U, ((C, 0x1e),)),))
        ble.gap_advertise(50000, b"x")
        while not ble.gap_connections():
            time.sleep_ms(1)
        def work(n):
            ble.gatts_write(h, b"%d" % n)
            try:
                ble.gatts_notify(0, h)
            except OSError:
                pass
        n = raised = 0
        def send():
            global n
            while ble.gap_connections():
                events.clear()              # event 4 of each gatts_notify() without a value
                try:
                    micropython.schedule(work, n)
                    for k in range(5):
                        n += 1
                        ble.gatts_notify(0, h, bytes(80))
                except (OSError, RuntimeError):
                    pass                    # no room; the scheduler is full
        while True:
            try:
                send()
                break
            except KeyboardInterrupt:
                raised += 1
        ble.irq(irq)                        # an interrupt in the middle of it has taken it out
        events.clear()
        print("RAISED", raised, n)
        assert ble.active() and raised
        ble.gap_advertise(50000, b"x")
        print("AGAIN")
        while not ble.gap_connections():
            time.sleep_ms(1)
        ble.gatts_write(h, b"well")
        wait(2, 20000)
    """)
    mac = b.line("MAC ")
    client = """
        up()
        ble.gap_connect(0, peer())
        conn, _, _ = wait(7)
        ble.gattc_exchange_mtu(conn)
        wait(21)
        ble.gattc_discover_characteristics(conn, 1, 0xffff, C)
        value = wait(11)[2]
        wait(12)
    """
    c = Program(client + """
        print("THERE")
        end = time.ticks_add(time.ticks_ms(), 5000)
        sent = 0
        while time.ticks_diff(end, time.ticks_ms()) > 0:
            ble.gattc_write(conn, value, bytes(20))
            sent += 1
            time.sleep_ms(10)
        assert len([e for e in events if e[0] == 18]) > 10, len(events)
        ble.gap_disconnect(conn)
        wait(8)
    """, env)
    c.say(mac)
    c.line("THERE", 30)
    for _ in range(12):
        time.sleep(0.31)
        b.type(b"\x03")
    c.end(30)
    b.line("AGAIN")
    c = Program(client + """
        time.sleep_ms(500)
        ble.gattc_read(conn, value)
        assert wait(15)[2] == b"well"
        ble.gap_disconnect(conn)
        wait(8)
    """, env)
    c.say(mac)
    c.end(30)
    b.end()
    b.kill()
    h.kill()
    h.wait()


def test_soft_reset_with_unread_data():
    """Ctrl-D while a channel has a whole SDU that nobody has read, and again: the heap that begins is whole, and the radio works."""
    path = os.path.join(scratch, "reset-air")
    env = {"WOAD_HCI": "unix:" + path}
    h = hub("unix:" + path)
    b = Console(path)
    for n in range(2):
        b.begin("""
        import gc
        gc.collect()
        hoard = [bytes((k,)) * 50 for k in range(200)]
        up()
        ((h,),) = ble.gatts_register_services(((U, ((C, 0x1e),)),))
        ble.l2cap_listen(0x80, 512)
        ble.gap_advertise(50000, b"x")
        wait(25, 20000)
        assert all(x == bytes((k,)) * 50 for k, x in enumerate(hoard))
        print("COME")
        """)
        mac = b.line("MAC ")
        c = Program("""
        up()
        ble.gap_connect(0, peer())
        conn, _, _ = wait(7)
        ble.l2cap_connect(conn, 0x80, 512)
        cid = wait(23)[1]
        if not ble.l2cap_send(conn, cid, b"\\xee" * 400):
            wait(26)
        wait(8, 20000)
        """, env)
        c.say(mac)
        b.line("COME")
        b.end()
        b.soft_reset()
        c.end(30)
    b.kill()
    h.kill()
    h.wait()


def test_a_program_begins_with_no_settings_of_the_last():
    """Ctrl-D after a program that has set all there is to set: the name, rxbuf and events are as at the first start, and so is pairing."""
    path = os.path.join(scratch, "settings-air")
    env = {"WOAD_HCI": "unix:" + path}
    h = hub("unix:" + path)
    b = Console(path)
    b.begin("""
    ble.config(gap_name="another", rxbuf=300, events=(64, 73), long_reads=True, bond=True, mitm=True, io=4, le_secure=True)
    """)
    b.end()
    b.soft_reset()
    b.begin("""
    assert ble.config("gap_name") == b"MPY WOAD", ble.config("gap_name")
    assert ble.config("rxbuf") == 128
    assert ble.config("events") == ()
    up()
    ble.gap_advertise(50000, b"x")
    wait(1, 20000)
    assert wait(28, 20000)[1:] == (1, 0, 0, 16), events
    """)
    mac = b.line("MAC ")
    c = Program("""
    ble.config(le_secure=False)
    up()
    ble.gap_connect(0, peer())
    conn, _, _ = wait(7)
    ble.gap_pair(conn)
    assert wait(28, 20000)[1:] == (1, 0, 0, 16), events
    """, env)
    c.say(mac)
    c.end(30)
    b.end()
    b.kill()
    h.kill()
    h.wait()


def test_what_is_lost_ends():
    """With the heap full, more comes while a method waits than there is room for, and the end of the connection is lost: its handle is free."""
    path = os.path.join(scratch, "lost-air")
    env = {"WOAD_HCI": "unix:" + path}
    h = hub("unix:" + path)
    uart = Uart(os.path.join(scratch, "lost-uart"), path)
    uart.plug()
    b = Console(uart.path)
    s = Program("""
        up()
        ((h,),) = ble.gatts_register_services(((U, ((C, 0x1e),)),))
        ble.gap_advertise(50000, b"x")
        print("READY")
        conn, _, _ = wait(1, 60000)
        peer()
        for n in range(100):
            while True:
                try:
                    ble.gatts_notify(conn, h, b"%d" % n)
                    break
                except OSError:
                    time.sleep_ms(10)
        time.sleep_ms(1000)
        ble.gap_disconnect(conn)
        wait(2)
        ble.gap_advertise(50000, b"x")
        print("OVER")
        wait(2, 60000)
    """, env)
    s.line("READY")
    b.begin("""
        up()
        who = bytes.fromhex(%r)
        ble.gap_connect(0, who)
        wait(7, 20000)
        def nothing(event, data):
            pass
        ble.irq(nothing)                    # which needs no memory
        hoard = None
        for size in (16384, 1024, 64, 16, 1024, 16):
            try:
                while True:
                    hoard = (bytearray(size), hoard)
            except MemoryError:
                pass
        print("FULL")
        time.sleep_ms(4000)
        for n in range(50):
            try:
                ble.gap_advertise(100000)
                break
            except OSError:
                pass
        hoard = None
        time.sleep_ms(500)
        ble.irq(irq)
        dropped = ble.config("dropped")
        assert dropped > 10, dropped
        assert ble.gap_connections() == ()
        ble.gap_advertise(None)
        events.clear()
        ble.gap_connect(0, who)
        conn, _, _ = wait(7, 20000)
        assert conn == 0, conn
        ble.gap_disconnect(conn)
        wait(8)
    """ % s.line("MAC"))
    b.line("FULL")
    uart.stall()
    s.say("")
    s.line("OVER", 30)
    uart.asked = False
    while not uart.asked:                   # the board is in gap_advertise()
        time.sleep(0.01)
    time.sleep(0.5)
    uart.go_on()
    b.end()
    s.end()
    b.kill()
    h.kill()
    h.wait()


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:], jobs=1))     # QEMU keeps a core busy, and waits for nobody
