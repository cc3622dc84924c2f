#!/usr/bin/env python3
"""Programs for microcontrollers, run in QEMU, with a UART each to a controller of `woad air`.

boards.py [NAME…]: those tests whose names contain one of the words; JOBS=N: so many at a time; STARVE=N: as run.py.

The boards keep the air's time, by tests/boards/lock_step.c: however slow the machine is, they miss nothing.  What the tests here
themselves wait for is limited by the machine's time, and only so that they do not hang.
"""
import atexit
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

from run import PRELUDE, STARVE, Program, build, main, root, scratch, starve
from run import hub as any_hub

LOCKS = {
    "m0plus": ["qemu-system-arm", "-M", "mps2-an385"],
    "m3": ["qemu-system-arm", "-M", "mps2-an385"],
    "m4": ["qemu-system-arm", "-M", "mps2-an386"],
    "riscv": ["qemu-system-riscv32", "-M", "virt", "-bios", "none"],
}


HANG = 120      # seconds


def hub(spec, *options):
    """An air that loses patience with nobody: what it should not wait for ends in a test that hangs."""
    return any_hub(spec, "--patience", str(HANG), *options)


def lock_step(path):
    """The environment of a QEMU whose UART is a controller of the air at `path`."""
    return {"WOAD_HCI": "unix:" + path, "LD_PRELOAD": os.path.join(build, "tests", "lock_step.so")}


def starve_board(process, seed):
    """A machine that has no time for the board, of which the rest is not short: it stands still nearly half of the time."""
    threading.Thread(target=starve, args=(process, random.Random(seed)), daemon=True).start()


class Board:
    """An elf in QEMU; what it prints is in a file.  Its UART has no hang-up: without a controller it is silent."""

    def __init__(self, name, path, seed=STARVE):
        self.out = os.path.join(scratch, name + ".out")
        line = ["-chardev", "socket,id=hci,path=%s,reconnect=1" % path, "-serial", "chardev:hci"]
        if name == "riscv":                 # it prints by semihosting
            serial = ["-semihosting-config", "enable=on,target=native,chardev=text", "-chardev", "file,id=text,path=" + self.out]
        else:
            serial = ["-serial", "file:" + self.out]
        self.q = subprocess.Popen(LOCKS[name] + ["-kernel", os.path.join(build, "baremetal", name + ".elf"), "-display", "none", "-monitor", "none"]
                                  + serial + line, env=dict(os.environ, **lock_step(path)),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(self.q.kill)
        if seed:
            starve_board(self.q, seed)

    def text(self):
        try:
            return open(self.out).read()
        except OSError:
            return ""

    def wait(self, pattern, timeout=HANG, after=0):
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


def lock(name, seed=STARVE):
    """Paired by a passkey with examples/c/key, then with a MicroPython program, which comes back with its bond; refused with a
    wrong number; and it goes on when its controller has been away."""
    path = os.path.join(scratch, name + "-air")
    h = hub("unix:" + path)
    b = Board(name, path, seed)
    b.wait("shut")
    env = {"WOAD_HCI": "unix:" + path}
    key = subprocess.Popen([os.path.join(build, "examples", "key"), os.path.join(scratch, name + ".bonds")], env=env,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said, _ = key.communicate(b.wait(r"type (\d{6})").group(1) + "\n", timeout=HANG)
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
        time.sleep_ms(3000)                 # who fails waits; a starved board loses ticks of its clock
        conn, bolt = come()
        ble.gap_pair(conn)
        assert wait(31)[1] == 2
        print("RIGHT")
        ble.gap_passkey(conn, 2, int(sys.stdin.readline()))
        assert wait(28, 20000)[1:4] == (1, 1, 1)        # twenty rounds: 4.5 s on an RP2040
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
    p.line("WRONG", HANG)
    number = b.wait(r"type (\d{6})", after=at)
    p.say(number.group(1))
    p.line("RIGHT", HANG)
    p.say(b.wait(r"type (\d{6})", after=number.end()).group(1))
    p.end(HANG)
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
    c.line("THERE", HANG)
    h.kill()
    h.wait()
    os.unlink(path)
    c.say("")
    c.end(HANG)
    b.wait("no controller\n", after=at)
    h = hub("unix:" + path)
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


def test_lock_on_a_starved_board():
    """The programs beside it have all the time of the machine, and wait for 5 s of the air's time at most."""
    lock("m3", seed=1)


# Mistakes in a build of examples/baremetal: what is changed, what make gets, what the sentence says.
MISTAKES = [
    (None, ["BOARD=m7"], r"there is no board m7: build one of m0plus m3 m4 riscv rp2040, or add a line"),
    (None, ["m7"], r"there is no board m7: build one of"),
    (None, ["m3", "ARM=no-such-"], r"there is no no-such-gcc: install Debian's package gcc-arm-none-eabi, or give another prefix, as in make m3 ARM=/"),
    (None, ["riscv", "RISCV=no-such-"], r"there is no no-such-gcc: install Debian's package gcc-riscv64-unknown-elf, .* make riscv RISCV=/"),
    (None, ["m3", "WOAD=/nowhere"], r"there is no host in WOAD=/nowhere: give the folder of Woad, as in make WOAD=/"),
    (("Makefile", "TARGETS := ", "TARGETS := mine "), ["mine"], r"mine is in TARGETS and has no line: add \"mine := "),
    (("Makefile", "m3 := $(ARM) mps2", "m3 := $(ARM) mine"), ["m3"], r"there is no board_mine.c: write the functions of board.h in it"),
    (("memory-mps2.ld", None, None), ["m3"], r"there is no memory-mps2.ld: say in it where the flash and the RAM are"),
    (("memory-mps2.ld", "128K", "8K"), ["m3"], r"m3 is not linked. overflowed: give more in memory-mps2.ld"),
    (("main.c", "#define WOAD_USE_CONTROLLER_CRYPTO 1\n", ""), ["m3"], r"pairing: define WOAD_USE_CONTROLLER_CRYPTO 1, or set config.crypto in run"),
    (None, ["rp2040", "CFLAGS_EXTRA=-DHCI_BAUD=9000000"], r"HCI_BAUD: 300 to 3,000,000"),
    (("memory-rp2040.ld", "KEEP(*(.boot2))", ""), ["rp2040"], r"no second stage at the beginning of the flash: link it with memory-rp2040.ld"),
    (("board_mps2.c", "uint32_t board_now_ms(void)", "uint32_t board_now(void);\nuint32_t board_now(void)"), ["m3"],
     r"undefined reference to `board_now_ms'(.|\n)*undefined: write it in board_mps2.c or mem.c"),
]


def test_a_mistake_in_a_build_says_what_to_do():
    """And nothing of it is left to be taken for a program: the file that was to be made is not there."""
    source, at = os.path.join(root, "examples", "baremetal"), os.path.join(scratch, "mistakes")
    out = os.path.join(scratch, "mistakes-out")     # the host's objects are the same
    for change, arguments, sentence in MISTAKES:
        shutil.rmtree(at, ignore_errors=True)
        shutil.copytree(source, at)
        if change and change[1] is None:
            os.unlink(os.path.join(at, change[0]))
        elif change:
            file, old, new = os.path.join(at, change[0]), change[1], change[2]
            text = open(file).read()
            assert old in text, change
            with open(file, "w") as f:
                f.write(text.replace(old, new, 1))
        r = subprocess.run(["make", "-s", "-j2", "-C", at, "WOAD=" + root, "OUT=" + out, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert r.returncode and re.search(sentence, r.stdout), (change, arguments, r.stdout[-1500:])
        made = arguments[0] + (".uf2" if arguments[0] == "rp2040" else ".elf")
        assert not os.path.exists(os.path.join(out, made)), (change, arguments)



# MicroPython's own tests, with one instance on the board and one on this machine.
MULTI = ("ble_characteristic ble_descriptor ble_gap_advertise ble_gap_connect ble_gap_device_name ble_gap_pair ble_gap_pair_bond "
         "ble_gatt_data_transfer ble_gattc_discover_services ble_irq_calls ble_mtu ble_mtu_peripheral ble_l2cap ble_subscribe "
         "perf_gatt_char_write perf_gatt_notify perf_l2cap").split()


def emulated(path):
    """What pyboard.py is to start: the firmware, its console here, its second UART a controller of the air."""
    script = path + ".sh"                   # by a file: the runner takes commas apart
    with open(script, "w") as f:
        f.write("#!/bin/sh\nexec env %s qemu-system-arm -M mps2-an385 -kernel %s -display none -monitor none -semihosting -serial stdio "
                "-chardev socket,id=hci,path=%s -serial chardev:hci 2>/dev/null\n"
                % (" ".join("%s=%s" % e for e in lock_step(path).items()), os.path.join(build, "firmware", "qemu", "firmware.elf"), path))
    os.chmod(script, 0o755)
    return "exec:" + script


# The runner gives an instance up that has printed nothing for ten seconds of the machine's time.  It starts the second instance
# when the first waits already, for a second of the air's time in some tests: how long the runner takes is not the air's affair.
PATIENT = """
import sys
sys.argv[0] = "run-multitests.py"
text = open(sys.argv[0]).read()
assert "INSTANCE_READ_TIMEOUT_S = 10\\n" in text
__file__ = sys.argv[0]
exec(compile(text.replace("INSTANCE_READ_TIMEOUT_S = 10\\n", "INSTANCE_READ_TIMEOUT_S = %d\\n"), sys.argv[0], "exec"))
""" % HANG


def patient_test(name):
    """A copy of a test, which waits so long only that it does not hang; and what it is to print."""
    here = os.path.join(build, "micropython-src", "tests", "multi_bluetooth", name + ".py")
    copy = os.path.join(scratch, name + ".py")
    with open(copy, "w") as f:
        text = re.sub(r"(?m)^TIMEOUT_MS = \d+$", "TIMEOUT_MS = %d" % (HANG * 1000), open(here).read())
        f.write(text.replace("ADV_TIME_MS = 3000", "ADV_TIME_MS = 6000"))
    shutil.copy(here + ".exp", copy + ".exp")
    return copy


def multitests(order):
    path = os.path.join(scratch, "multi-air")
    h = any_hub("unix:" + path, "--quiet")          # perf_gatt_char_write tries again and again, and is let go after a second
    env = dict(os.environ, WOAD_HCI="unix:" + path, MICROPY_MICROPYTHON=os.path.join(build, "micropython"))
    instances = {"board": "pyb:" + emulated(path), "pc": "micropython"}
    command = [sys.executable, "-c", PATIENT]
    for which in order:
        command += ["-i", instances[which]]
    r = subprocess.run(command + [patient_test(t) for t in MULTI], cwd=os.path.join(build, "micropython-src", "tests"),
                       env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20 * HANG)
    h.kill()
    h.wait()
    os.unlink(path)
    assert "%d tests passed" % len(MULTI) in r.stdout, r.stdout[-1500:]


def test_multi_bluetooth_board_first():
    multitests(["board", "pc"])


def test_multi_bluetooth_pc_first():
    multitests(["pc", "board"])


def on_board(path, code, timeout=HANG):
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
        if STARVE:
            starve_board(self.q, STARVE)
        self.text = b""
        self.type(b"\r\x03\x03\x01")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")

    def type(self, octets):
        for at in range(0, len(octets), 128):
            self.q.stdin.write(octets[at:at + 128])
            time.sleep(0.02)

    def until(self, end, timeout=HANG):
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

    def line(self, start, timeout=HANG):
        self.until(start.encode(), timeout)
        return self.until(b"\r\n", timeout).strip()

    def end(self, timeout=HANG):
        said = self.until(b"\x04", timeout)
        failed = self.until(b"\x04>", timeout)
        assert not failed, (said, failed)
        return said

    def hold(self):
        """The board gets no octet of its controller; the second time: until it sends one."""
        self.q.send_signal(signal.SIGUSR2)

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
            except KeyboardInterrupt as e:
                raised += 1
                print(repr(e))
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
        import select
        told = select.poll()
        told.register(sys.stdin, select.POLLIN)
        print("THERE")
        while not told.poll(10):
            ble.gattc_write(conn, value, bytes(20))
        assert len([e for e in events if e[0] == 18]) > 10, len(events)
        ble.gap_disconnect(conn)
        wait(8)
    """, env)
    c.say(mac)
    c.line("THERE", HANG)
    for _ in range(12):
        time.sleep(0.31)
        b.type(b"\x03")
        b.until(b"KeyboardInterrupt")       # raised in the program, or in a handler, which is printed
    c.say("")
    c.end(HANG)
    b.line("AGAIN")
    c = Program(client + """
        time.sleep_ms(500)
        ble.gattc_read(conn, value)
        assert wait(15)[2] == b"well"
        ble.gap_disconnect(conn)
        wait(8)
    """, env)
    c.say(mac)
    c.end(HANG)
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
        c.end(HANG)
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
    c.end(HANG)
    b.end()
    b.kill()
    h.kill()
    h.wait()


def test_what_is_lost_ends():
    """With the heap full, more comes while a method waits than there is room for, and the end of the connection is lost: its handle is free."""
    path = os.path.join(scratch, "lost-air")
    env = {"WOAD_HCI": "unix:" + path}
    h = hub("unix:" + path)
    b = Console(path)
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
    s.line("READY", HANG)
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
        try:
            while True:
                time.sleep_ms(10)
        except KeyboardInterrupt:
            pass
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
    """ % s.line("MAC", HANG))
    b.line("FULL")
    b.hold()
    s.say("")
    s.line("OVER", HANG)
    b.hold()                                # until it is in gap_advertise()
    b.type(b"\x03")
    b.end()
    s.end(HANG)
    b.kill()
    h.kill()
    h.wait()


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
