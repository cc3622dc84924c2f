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
                elif octets:
                    self.board.sendall(octets)
                else:
                    self.there = None

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
    assert "opened" in said, said
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


# There the central asks 2 ms after the connection for what the peripheral's program has then to say that it listens to: the
# emulated processor is too slow for it, so the air's time goes by slowly, too.
SLOWLY = ["ble_l2cap"]


def multitests(order):
    multitest(order, [t for t in MULTI if t not in SLOWLY], "1")
    multitest(order, SLOWLY, "0.2")


def multitest(order, tests, speed):
    path = os.path.join(scratch, "multi-air")
    h = hub("unix:" + path, "--quiet", "--speed", speed)
    env = dict(os.environ, WOAD_HCI="unix:" + path, MICROPY_MICROPYTHON=os.path.join(build, "micropython"))
    instances = {"board": "pyb:" + emulated(path), "pc": "micropython"}
    command = [sys.executable, "run-multitests.py"]
    for which in order:
        command += ["-i", instances[which]]
    r = subprocess.run(command + ["multi_bluetooth/%s.py" % t for t in tests], cwd=os.path.join(build, "micropython-src", "tests"),
                       env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    h.kill()
    h.wait()
    os.unlink(path)
    assert "%d tests passed" % len(tests) in r.stdout, r.stdout[-1500:]


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


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
