#!/usr/bin/env python3
"""The C examples and the README's programs, run."""
import glob
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import tty
import zlib

from run import Program, hub

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
build = os.path.join(root, "build")
examples = os.path.join(build, "examples")
passed = 0


def transfer(mib):
    """A file from one program to another: both say how far they are, and that the sum is right."""
    with tempfile.TemporaryDirectory() as at:
        spec, path, copy = "unix:%s/air" % at, at + "/file", at + "/copy"
        with open(path, "wb") as f:
            for _ in range(mib):
                f.write(os.urandom(1 << 20))
        air = subprocess.Popen([os.path.join(build, "woad"), "air", "--quiet", spec], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
        assert "serving" in air.stdout.readline()
        program = [os.path.join(build, "micropython"), os.path.join(root, "examples", "python", "transfer.py")]
        env = dict(os.environ, WOAD_HCI=spec)
        got = subprocess.Popen(program + ["receive", copy], stdout=subprocess.PIPE, text=True, env=env)
        sent = subprocess.run(program + ["send", path], stdout=subprocess.PIPE, text=True, env=env, timeout=60 + 20 * mib)
        shown, _ = got.communicate(timeout=30)
        air.terminate()
        air.wait(10)
        digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
        for said, rc in ((sent.stdout, sent.returncode), (shown, got.returncode)):
            assert rc == 0 and "it is the same" in said and digest in said, said
            assert all("%3d %%  %d of %d octets" % (n, d, mib << 20) in said for n, d in ((100, mib << 20),)) and said.count("%") > 50, said
        assert hashlib.sha256(open(copy, "rb").read()).hexdigest() == digest
        return re.findall(r"\[#+\] 100 % .*/s", sent.stdout)[-1]


# A receiver that is quick: its answer comes before SEND_READY tells the sender that its last SDU has left.
QUICK = """
import time
import ubluetooth
from ubluetooth import UUID
class BLE:
    def __init__(self):
        self.ble = ubluetooth.BLE()
    def irq(self, handler):
        self.handler = handler
        self.ble.irq(handler)
    def l2cap_send(self, conn, cid, data):
        self.ble.l2cap_send(conn, cid, data)
        if len(data) != 32:
            return True
        time.sleep_ms(500)
        self.handler(26, (conn, cid, 0))
        return False
    def __getattr__(self, name):
        return getattr(self.ble, name)
"""


def quick_answer():
    with tempfile.TemporaryDirectory() as at:
        spec, path, copy = "unix:%s/air" % at, at + "/file", at + "/copy"
        open(path, "wb").write(b"some octets")
        open(at + "/bluetooth.py", "w").write(QUICK)
        air = subprocess.Popen([os.path.join(build, "woad"), "air", "--quiet", spec], stderr=subprocess.PIPE)
        assert b"serving" in air.stderr.readline()
        program = [os.path.join(build, "micropython"), os.path.join(root, "examples", "python", "transfer.py")]
        env = dict(os.environ, WOAD_HCI=spec)
        got = subprocess.Popen(program + ["receive", copy], stdout=subprocess.PIPE, env=env)
        sent = subprocess.run(program + ["send", path], stdout=subprocess.PIPE, env=dict(env, MICROPYPATH=at), timeout=60)
        got.communicate(timeout=30)
        air.terminate()
        air.wait(10)
        assert sent.returncode == 0 and b"it is the same" in sent.stdout, sent.stdout


def passer_by():
    with tempfile.TemporaryDirectory() as at:
        env = {"WOAD_HCI": "unix:%s/air" % at}
        h = hub(env["WOAD_HCI"])
        open(at + "/file", "wb").write(b"some octets")
        program = [os.path.join(build, "micropython"), os.path.join(root, "examples", "python", "transfer.py")]
        got = Program("", command=program + ["receive", at + "/copy"], env=env)
        Program(FINDS % "transfer" + "    ble.gap_disconnect(conn)\n    wait(8)\n", env).end()
        Program("", command=program + ["send", at + "/file"], env=env).end()
        assert "it is the same" in got.end() and open(at + "/copy", "rb").read() == b"some octets"
        h.terminate()
        h.wait()


def build_c(program):
    """As the README says."""
    return (["cc", "-std=c99", "-no-pie", "-I", os.path.join(root, "include"), "-o", program, program + ".c"]
            + [os.path.join(build, "lib%s.a" % lib) for lib in ("woad-testing", "woad-posix", "woad-air", "woad")] + ["-lmbedcrypto", "-lusb-1.0"])


def threads(at, program, env):
    """The tasks' example as a peripheral, on an air of its own."""
    spec = "unix:%s/air" % at
    air = subprocess.Popen([os.path.join(build, "woad"), "air", "--quiet", spec], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    assert "serving" in air.stdout.readline()
    env = dict(os.environ, WOAD_HCI=spec, **env)
    p = subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    c = subprocess.run([os.path.join(examples, "central")], stdout=subprocess.PIPE, text=True, env=env, timeout=30)
    said, _ = p.communicate(timeout=30)
    air.terminate()
    air.wait(10)
    assert c.returncode == 0 and c.stdout.count("%") == 5, c
    octets, calls = map(int, re.fullmatch(r"(\d+) octets from the interrupt, (\d+) calls from the sensor task\n", said).groups())
    assert p.returncode == 0 and octets > 300 and calls >= 4, said


def race_free():
    """Compiled with the host for ThreadSanitizer, which ends the program at the first race.  Where the sensor's task
    writes what the host's task reads, it has one: the sanitizer sees what it is to see."""
    with tempfile.TemporaryDirectory() as at:
        source = os.path.join(root, "examples", "threads", "main.c")
        host = glob.glob(os.path.join(root, "src", "*", "*.c")) + [os.path.join(root, "transport", "h4.c")]
        tsan = ["cc", "-std=gnu99", "-O1", "-g", "-fsanitize=thread", "-I", os.path.join(root, "include")]
        subprocess.run(tsan + ["-c"] + host, cwd=at, check=True)
        host = glob.glob(at + "/*.o")
        subprocess.run(tsan + ["-o", at + "/threads", source] + host + ["-lpthread"], check=True)
        threads(at, at + "/threads", {"TSAN_OPTIONS": "halt_on_error=1"})
        code = open(source).read()
        racy = code.replace("post(set_level, percent);", "app.percent = (uint8_t)percent;\n        post(set_level, percent);")
        assert racy != code
        open(at + "/main.c", "w").write(racy)
        subprocess.run(tsan + ["-I", os.path.dirname(source), "-o", at + "/racy", at + "/main.c"] + host + ["-lpthread"], check=True)
        try:
            threads(at, at + "/racy", {"TSAN_OPTIONS": "halt_on_error=1"})
        except (AssertionError, AttributeError):
            return
        raise AssertionError("a race was not seen")


def file_over_a_channel():
    with tempfile.TemporaryDirectory() as at:
        data = os.urandom(300001)
        open(at + "/file", "wb").write(data)
        env = dict(os.environ, WOAD_NAME="receiver")
        got = subprocess.Popen([os.path.join(examples, "file_receive"), at + "/copy"], stdout=subprocess.PIPE, text=True, env=env)
        sent = subprocess.run([os.path.join(examples, "file_send"), at + "/file"], stdout=subprocess.PIPE, text=True, timeout=60)
        shown, _ = got.communicate(timeout=30)
        assert sent.returncode == 0 and sent.stdout == "300001 octets, it is the same\n", sent
        assert got.returncode == 0 and "300001 of 300001 octets, CRC-32 %08x" % zlib.crc32(data) in shown, shown
        assert re.findall(r"(\d+) %", shown) == [str(n) for n in range(10, 101, 10)], shown
        assert open(at + "/copy", "rb").read() == data


# Connects to the device that advertises `name`, whatever its address.
FINDS = """
    up()
    found = []
    def seen(event, data):
        if event == 5 and b"%s" in bytes(data[4]):
            found.append((data[0], bytes(data[1])))
        irq(event, data)
    ble.irq(seen)
    ble.gap_scan(20000, 30000, 30000)
    while not found:
        time.sleep_ms(5)
    ble.gap_connect(*found[0])
    conn = wait(7)[0]
"""


def strangers_to_the_receiver():
    """SDUs that file_send would not send: the program says so at once, by its status, and writes no more than was said."""
    with tempfile.TemporaryDirectory() as at:
        for n, (target, sdus, answer, status, copy) in enumerate((
                ("copy", (b"\0\0\0\0",), 4, 0, b""), ("copy", (b"\0\0\0\0", b"x"), 4, 1, b""),
                ("copy", (b"\5", b"hello"), 0, 1, b""), ("copy", (b"\5\0\0\0\0", b"hello"), 0, 1, b""),
                ("copy", (b"\5\0\0\0", b"hello"), 4, 0, b"hello"), ("copy", (b"\5\0\0\0", b"hello world"), 0, 1, b""),
                ("copy", (b"\5\0\0\0", b"hel"), 0, 1, b"hel"), ("/dev/full", (b"\5\0\0\0", b"hello"), 0, 1, None))):
            env = {"WOAD_HCI": "unix:%s/%d" % (at, n)}
            h = hub(env["WOAD_HCI"])
            r = Program("", command=[os.path.join(examples, "file_receive"), os.path.join(at, target)], env=env)
            c = Program(FINDS % "Woad file" + """
    answer = 0
    def answered(event, data):
        global answer
        if event == 25:
            answer += ble.l2cap_recvinto(data[0], data[1], bytearray(9))
        irq(event, data)
    ble.irq(answered)
    ble.l2cap_connect(conn, 0x80, 200)
    cid = wait(23)[1]
    for sdu in %r:
        try:
            if not ble.l2cap_send(conn, cid, sdu):
                wait(26)
        except OSError:
            pass                        # it has ended
        time.sleep_ms(200)
    ble.gap_disconnect(conn)
    wait(8)
    print("ANSWER", answer)
    """ % (sdus,), env=env)
            lines = r.end(30, status)
            assert c.line("ANSWER") == str(answer), (sdus, c.lines, lines)
            if copy is not None:
                assert open(os.path.join(at, target), "rb").read() == copy, sdus
            c.end()
            h.terminate()
            h.wait()


def strangers_to_the_sender():
    """A receiver with smaller SDUs gets the file; one without the channel, and one that answers early or too little: its status is 1."""
    with tempfile.TemporaryDirectory() as at:
        octets = os.urandom(3000)
        open(at + "/file", "wb").write(octets)
        for n, (listens, answer, status) in enumerate((
                ("ble.l2cap_listen(0x80, 100)", "binascii.crc32(data).to_bytes(4, 'little')", 0), ("pass", "b''", 1),
                ("ble.l2cap_listen(0x80, 2048)", "b'x'", 1))):
            env = {"WOAD_HCI": "unix:%s/%d" % (at, n)}
            h = hub(env["WOAD_HCI"])
            s = Program("""
    import binascii
    up()
    data, buf = b"", bytearray(3000)
    def receives(event, d):
        global data
        if event == 25:
            data += buf[:ble.l2cap_recvinto(d[0], d[1], buf)]
        irq(event, d)
    ble.irq(receives)
    %s
    ble.gap_advertise(20000, b"\\x02\\x01\\x06\\x0a\\x09Woad file")
    print("READY")
    wait(1, 20000)
    if %d != 1:
        cid = wait(23)[1]
        while len(data) < 3004:
            wait(25)
        data = data[4:]
        ble.l2cap_send(0, cid, %s)
    wait(2, 20000)
    """ % (listens, n, answer), env)
            s.line("READY")
            p = subprocess.run([os.path.join(examples, "file_send"), at + "/file"], stdout=subprocess.PIPE, text=True, timeout=40,
                               env=dict(os.environ, **env))
            assert p.returncode == status and ("it is the same" in p.stdout) == (status == 0), (n, p, s.lines)
            s.end()
            h.terminate()
            h.wait()


def monitor_beside(n, device, status, said):
    """The heart rate monitor with one other device in range, and what it says at the end."""
    with tempfile.TemporaryDirectory() as at:
        env = {"WOAD_HCI": "unix:%s/%d" % (at, n)}
        h = hub(env["WOAD_HCI"])
        s = Program("    up()\n" + device + "    print('READY')\n    sys.stdin.readline()\n", env)
        s.line("READY")
        p = subprocess.run([os.path.join(build, "micropython"), os.path.join(root, "examples", "python", "heart_rate_monitor.py"), "2"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=50, env=dict(os.environ, **env))
        s.kill()
        h.terminate()
        h.wait()
        assert p.returncode == status and said in p.stdout and "Traceback" not in p.stdout, (device, p.returncode, p.stdout)


def strangers_to_the_monitor():
    """Devices that the monitor meets: it ends with a reason, or shows what there is."""
    advertises = "    ble.gap_advertise(20000, b'\\x02\\x01\\x06\\x03\\x03\\x0d\\x18')\n"
    serves = "    h = ble.gatts_register_services(((UUID(%s), (%s)),))[0]\n" + advertises
    beats = """
    import micropython
    def tick(_):
        for value in (b"", b"\\0", b"\\1\\x40", b"\\0\\x40", b"\\1\\x2c\\1"):
            ble.gatts_notify(0, h[0], value)
    def subscribed(event, data):
        if event == 71 and data[2]:
            micropython.schedule(tick, 0)
    ble.config(events=(71,))
    ble.irq(subscribed)
"""
    rate, place = "(UUID(0x2a37), 0x10),", "(UUID(0x2a38), 2),"
    for n, (device, status, said) in enumerate((
            ((serves % ("0x180d", rate)).replace("x06", "x06\\x03\\x09\\xff\\xfe") + beats, 0, "found '??'"),
            (serves % ("0x180f", rate), 1, "it has no heart rate service"),
            (serves % ("0x180d", place), 1, "it has no measurement"),
            (serves % ("0x180d", "(UUID(0x2a37), 2),"), 1, "nobody can subscribe"),
            (serves % ("0x180d", rate) + beats, 0, " 64 bpm"),
            (serves % ("0x180d", rate + place) + beats, 0, "300 bpm"),
            (serves % ("0x180d", rate + place) + "    ble.gatts_write(h[1], b'\\x09')\n" + beats, 0, "subscribed"))):
        monitor_beside(n, device, status, said)


def console():
    """Lines both ways, longer than a packet; both end when the central's input does."""
    to_central, to_peripheral = "".join("line %d of the peripheral\n" % n for n in range(30)), "".join("%d\n" % n for n in range(200))
    p = subprocess.Popen([os.path.join(examples, "console")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    c = subprocess.Popen([os.path.join(examples, "console_connect")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    p.stdin.write(to_central)
    p.stdin.flush()
    assert "".join(c.stdout.readline() for _ in range(30)) == to_central
    assert c.communicate(to_peripheral, timeout=30)[0] == ""
    assert p.communicate(timeout=30)[0] == to_peripheral
    assert (p.returncode, c.returncode) == (0, 0)


def ok(name):
    global passed
    passed += 1
    print("ok  ", name, flush=True)


def main():
    for name in ("observer", "peripheral", "central", "world", "lock", "key", "beacon", "keyboard", "console", "console_connect",
                 "file_send", "file_receive"):
        lines = len(open(os.path.join(root, "examples", "c", name + ".c")).read().splitlines())
        assert lines < 80, "%s has %d lines" % (name, lines)
    p = subprocess.Popen([os.path.join(examples, "peripheral")], stdout=subprocess.PIPE)
    c = subprocess.run([os.path.join(examples, "central")], stdout=subprocess.PIPE, timeout=30)
    p.wait(10)
    text, served = c.stdout.decode(), p.stdout.read().decode()
    assert c.returncode == 0 and p.returncode == 0, (c.returncode, p.returncode, text, served)
    assert "found it" in text and "100 %" in text and text.count("%") == 5, text
    assert "it has gone: reason 0x13" in served, served
    ok("peripheral and central")
    worlds = [subprocess.run([os.path.join(examples, "world"), "3", "50"], stdout=subprocess.PIPE, timeout=60) for _ in range(2)]
    assert worlds[0].returncode == 0 and re.match(rb"34\d\d values", worlds[0].stdout) and worlds[0].stdout == worlds[1].stdout, worlds
    ok("an hour of virtual time, twice the same")
    lost = subprocess.run([os.path.join(examples, "lost")], stdout=subprocess.PIPE, timeout=60)
    stories = lost.stdout.decode().splitlines()
    assert lost.returncode == 0 and len(stories) == 13, lost
    assert sum("never read" in s for s in stories) == 1 and len(set(s[41:] for s in stories)) >= 4, lost
    ok("one moment, another packet lost each time")

    with tempfile.TemporaryDirectory() as bonds:
        for again in (False, True):
            lock = subprocess.Popen([os.path.join(examples, "lock"), bonds + "/lock"], stdout=subprocess.PIPE, text=True)
            assert lock.stdout.readline() == "shut\n"           # so that it has the same address each time
            key = subprocess.Popen([os.path.join(examples, "key"), bonds + "/key"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            number = "" if again else re.match(r"to open it, type (\d{6})", lock.stdout.readline()).group(1)
            text, _ = key.communicate(number, timeout=30)
            shown, _ = lock.communicate(timeout=10)
            assert text == "opening: success\n" and shown == "pairing: success\nopen\n", (text, shown)
        assert oct(os.stat(bonds + "/lock").st_mode)[-3:] == "600"
    ok("a lock and its key, by a number and then by the bond")

    file_over_a_channel()
    ok("a file over a channel, its progress and its sum")
    strangers_to_the_receiver()
    strangers_to_the_sender()
    strangers_to_the_monitor()
    ok("strangers: SDUs, answers and sensors that are not as they should be")
    console()
    ok("a console, both ways")
    with tempfile.TemporaryDirectory() as at:
        threads(at, os.path.join(examples, "threads"), {})
    ok("tasks, an interrupt, and a queue of calls")
    race_free()
    ok("they are free of data races")

    for n, code in enumerate(re.findall("```c\n(.*?)```", open(os.path.join(root, "docs", "porting.md")).read(), re.S)):
        subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-I", os.path.join(root, "include"), "-x", "c",
                        "-c", "-o", os.path.join(build, "porting-%d.o" % n), "-"], input=code, text=True, check=True)
    assert n == 2
    ok("docs/porting.md's programs compile")
    porting = os.path.join(build, "porting")
    subprocess.run(["cc", "-std=c99", "-no-pie", "-o", porting, porting + "-0.o", os.path.join(root, "tests", "programs", "silent_board.c"),
                    os.path.join(build, "libwoad.a")], check=True)
    subprocess.run([porting], check=True, timeout=30)
    ok("its first program starts again while the controller is silent")
    readme = open(os.path.join(root, "README.md")).read()
    python, c_code = (re.search("```%s\n(.*?)```" % lang, readme, re.S).group(1) for lang in ("python", "c"))
    at = os.path.join(build, "readme")
    os.makedirs(at, exist_ok=True)
    open(os.path.join(at, "program.py"), "w").write(python)
    open(os.path.join(at, "program.c"), "w").write(c_code)
    subprocess.run(build_c(os.path.join(at, "program")), check=True)
    p = subprocess.Popen([os.path.join(build, "micropython"), os.path.join(at, "program.py")], stdout=subprocess.PIPE)
    c = subprocess.run([os.path.join(at, "program")], stdout=subprocess.PIPE, timeout=30)
    p.terminate()
    p.wait(10)
    assert c.returncode == 0 and b"dBm" in c.stdout, c.stdout
    ok("the README's programs see each other")
    # A config that no host can have: every program says so, and why.
    for name, code in [("larger", c_code)] + [(n, open(os.path.join(root, "examples", "c", n + ".c")).read())
                                              for n in ("peripheral", "central", "lock", "key", "observer", "world", "lost")]:
        larger = re.sub(r"(struct woad_config \w+ = {)", r"\1 .mtu = 600,", re.sub(r"\s*\.mtu = \d+,", "", code))
        assert larger != code, name
        open(os.path.join(at, name + ".c"), "w").write(larger)
        subprocess.run(build_c(os.path.join(at, name)), check=True)
        c = subprocess.run([os.path.join(at, name)], cwd=at, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=30)
        assert c.returncode == (-signal.SIGABRT if name == "world" else 1) and b"mtu is 600" in c.stderr, (name, c)
    ok("a config that is not valid is told")
    # A controller that does not answer: a UART with nothing at its other end.
    for name, args in [("beacon", []), ("observer", []), ("peripheral", []), ("central", ["x"]), ("console", []), ("lock", ["x"])]:
        ours, its = os.openpty()
        tty.setraw(its)
        c = subprocess.run([os.path.join(examples, name), *args], cwd=at, env=dict(os.environ, WOAD_HCI="uart:" + os.ttyname(its)),
                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, timeout=20)
        assert c.returncode == 1 and b"the controller has failed: " in c.stderr, (name, c)
        os.close(ours)
        os.close(its)
    ok("a controller that does not answer is told")
    r = subprocess.run([os.path.join(build, "micropython"), os.path.join(root, "examples", "python", "transfer.py")], stdout=subprocess.PIPE)
    assert r.returncode == 2 and b"usage: transfer.py send|receive FILE" in r.stdout, r
    ok("transfer.py says how it is used")
    quick_answer()
    ok("transfer.py hears an answer that is quick")
    passer_by()
    ok("transfer.py waits on when one comes that sends nothing")
    o = subprocess.run([os.path.join(examples, "observer")], stdout=subprocess.PIPE, timeout=30)
    assert o.returncode == 0
    ok("observer")
    mib = int(os.environ.get("MIB", "1"))
    ok("%d MiB over a channel: %s" % (mib, transfer(mib)))
    print("%d passed, 0 failed" % passed)


sys.exit(main())
