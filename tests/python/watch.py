#!/usr/bin/env python3
"""`woad watch` from outside.

watch.py [NAME…]: those tests whose names contain one of the words.
"""
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import time

from scaffold import Host, main, root, scratch, serves, start, woad

run_dir = os.path.join(scratch, "run")
os.mkdir(run_dir, 0o700)
environment = dict(os.environ, XDG_RUNTIME_DIR=run_dir)
for name in ("WOAD_HCI", "WOAD_NAME", "WOAD_BTSNOOP"):
    environment.pop(name, None)


def radio(name, *options):
    """A radio with a control socket, at the path of hosts and at that of users."""
    path, control = os.path.join(scratch, name), os.path.join(scratch, name + ".control")
    p = start([woad, "air", "unix:" + path, "--control", "unix:" + control, "--quiet", *options],
              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    line = p.stderr.readline()
    assert line.startswith(b"serving "), line
    serves(control)                                  # it comes after that line
    return p, path, control


def watch(*args):
    return start([woad, "watch", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


class Beacon(Host):
    """Not connectable, with the public address."""

    def advertise(self, data):
        self.command(0x2006, b"\xa0\x00\xa0\x00\x03\x00\x00" + bytes(6) + b"\x07\x00")
        self.command(0x2008, bytes((len(data),)) + data.ljust(31, b"\0"))
        self.command(0x200a, b"\x01")


def lines_until(p, text, count=1):
    """Reads lines until so many have the text."""
    found = []
    for line in p.stdout:
        found.append(line.decode())
        count -= text in found[-1]
        if count == 0:
            return found
    raise AssertionError("the watch ended: %s %s" % (found[-3:], p.stderr.read()))


def end(p, number=signal.SIGINT):
    p.send_signal(number)
    out, err = p.communicate(timeout=5)
    assert p.returncode == 0, (p.returncode, err)
    return out, err


def test_air_and_hci_of_a_named_radio():
    air, path, control = radio("both")
    host = Beacon(path)
    w = watch("unix:" + control)
    host.advertise(b"\x05\x09Woad")
    lines = lines_until(w, 'text="Woad"', 3)
    assert any("from=\"air\" adv channel=37" in line and "ADV_NONCONN_IND" in line for line in lines), lines
    out, err = end(w)
    assert err == b"", err
    host.s.close()
    air.terminate()
    air.wait(5)


def test_hci_of_one_host():
    air, path, control = radio("one")
    a, b = Beacon(path), Beacon(path)
    w = watch("--hci", "2", "--json", "unix:" + control)
    found = []
    for n in range(300):
        a.command(0x1001)
        b.command(0x1009)
        if n % 20 == 0 and select_readable(w):
            break
        time.sleep(0.01)
    found = [json.loads(line) for line in lines_until(w, "Read BD_ADDR", 2)]
    assert {p["from"] for p in found} == {"2"} and {p["hci"]["type"] for p in found} <= {"command", "event"}, found
    end(w, signal.SIGTERM)
    w = watch("--hci", "nowhere", "unix:" + control)
    out, err = w.communicate(timeout=5)
    assert w.returncode == 1 and err == b"woad watch: there is no controller nowhere\n" and out == b"", err
    for h in (a, b):
        h.s.close()
    air.terminate()
    air.wait(5)


def select_readable(p):
    import select
    return bool(select.select([p.stdout], [], [], 0)[0])


def test_the_radio_ends():
    """A watch of a named radio ends with it, and has all that was sent."""
    air, path, control = radio("ends")
    w = watch("--hci", "all", "unix:" + control)
    host = Beacon(path)
    for _ in range(300):
        host.command(0x1001)
        if select_readable(w):
            break
        time.sleep(0.01)
    air.terminate()
    air.wait(5)
    out, err = w.communicate(timeout=5)
    assert w.returncode == 0 and b"Read Local Version Information" in out and err == b"", (w.returncode, err)


def test_this_users_radio():
    """It waits for a program that starts it, sees it end, and waits for the next."""
    w = watch("--air")
    assert w.stderr.readline().startswith(b"woad watch: no program uses this user's radio yet")
    for n in range(2):
        program = subprocess.Popen([os.path.join(root, "build", "examples", "beacon")], env=environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        lines_until(w, "ADV_", 3)
        assert os.stat(os.path.join(run_dir, "woad", "control")).st_mode & 0o077 == 0
        program.terminate()
        program.wait(5)
        assert w.stderr.readline().startswith(b"woad watch: no program uses"), n
    end(w)
    assert not os.path.exists(os.path.join(run_dir, "woad", "control"))


def test_a_capture_for_other_programs():
    """--pcapng: tshark reads it, names and all."""
    air, path, control = radio("raw")
    host = Beacon(path)
    file = os.path.join(scratch, "raw.pcapng")
    with open(file, "wb") as out:
        w = start([woad, "watch", "--pcapng", "unix:" + control], stdout=out, stderr=subprocess.PIPE)
    host.advertise(b"\x05\x09Woad")
    while os.path.getsize(file) < 2000:
        time.sleep(0.01)
    w.send_signal(signal.SIGINT)
    assert w.wait(5) == 0 and w.stderr.read() == b""
    whole = open(file, "rb").read()
    at, good = 0, 0                                   # it ends where it was stopped
    while at + 8 <= len(whole):
        at += int.from_bytes(whole[at + 4:at + 8], "little")
        good = at if at <= len(whole) else good
    open(file, "wb").write(whole[:good])
    r = subprocess.run(["tshark", "-r", file, "-T", "fields", "-e", "frame.interface_name", "-e", "btcommon.eir_ad.entry.device_name"],
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert b"air\tWoad" in r.stdout, r.stdout
    text = subprocess.run([woad, "decode", file], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert 'from="air" adv channel=37' in text and len(text.splitlines()) == len(r.stdout.splitlines())
    host.s.close()
    air.terminate()
    air.wait(5)


def test_a_reader_that_is_too_slow():
    """The radio keeps 1 MiB for it, serves its hosts, and says how much is missing."""
    air, path, control = radio("slow")
    s = socket.socket(socket.AF_UNIX)
    s.connect(control)
    s.sendall(b"watch hci\n")
    assert s.recv(12, socket.MSG_WAITALL) == b'{"ok":true}\n'
    host = Beacon(path)
    for _ in range(20000):
        host.command(0x1002)
    size = int(open("/proc/%d/statm" % air.pid).read().split()[1]) * 4096
    assert size < 30 << 20, size
    got = b""
    s.settimeout(0.3)
    for _ in range(2):                               # what the radio has kept; then what is sent now
        try:
            while True:
                got += s.recv(1 << 16)
        except socket.timeout:
            host.command(0x1001)
    file = os.path.join(scratch, "slow.pcapng")
    open(file, "wb").write(got)
    text = subprocess.run([woad, "decode", file], stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout.decode()
    missing = [line for line in text.splitlines() if " missing=" in line]
    assert missing and "Read Local Version Information" in missing[-1], (len(got), missing, text[-300:])
    count = sum(int(line.split("missing=")[1].split()[0]) for line in missing)
    assert count + len(text.splitlines()) == 2 + 40000 + 2, (count, len(text.splitlines()))
    host.s.close()
    s.close()
    air.terminate()
    air.wait(5)


def test_keys_are_zeros():
    """LE Encrypt's key, without --keys and with."""
    for options, key in (((), "00" * 16), (("--keys",), "5a" * 16)):
        air, path, control = radio("keys%d" % len(options), *options)
        host = Beacon(path)
        w = watch("--hci", "all", "unix:" + control)
        for _ in range(300):
            host.command(0x2017, b"\x5a" * 32)
            if select_readable(w):
                break
            time.sleep(0.01)
        line = lines_until(w, "Command LE Encrypt")[-1]
        assert "key=" + key in line, line
        end(w)
        host.s.close()
        air.terminate()
        air.wait(5)


def test_a_packet_that_is_cut():
    """The radio ends in the middle of a packet: 1 and a sentence.  Ctrl-C there: 0, and nothing of it."""
    block = bytes.fromhex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000" "0600000030000000")
    for stops in (True, False):
        path = os.path.join(scratch, "cut-%d" % stops)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen(1)
            w = watch("unix:" + path)
            s, _ = server.accept()
            assert s.recv(100) == b"watch\n"
            s.sendall(b'{"ok":true}\n' + block)
            if stops:
                while any(fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4))):
                    time.sleep(0.01)                 # until it has read that
                assert end(w) == (b"", b"")
            s.close()
            if not stops:
                out, err = w.communicate(timeout=5)
                assert w.returncode == 1 and err == b"woad watch: the radio: the file is cut after 0 packets\n", err


def test_usage():
    for args in (("--air", "--hci", "all"), ("--json", "--pcapng"), ("tcp:1",), ("unix:/a", "unix:/b"), ("--hci", ""), ("--colour", "red"), ("--no",)):
        r = subprocess.run([woad, "watch", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=5)
        assert r.returncode == 2 and r.stderr, (args, r)
    r = subprocess.run([woad, "watch", "unix:" + os.path.join(scratch, "nothing")], stderr=subprocess.PIPE, timeout=5)
    assert r.returncode == 1 and b"woad watch: " in r.stderr, r
    r = subprocess.run([woad, "watch", "--help"], stdout=subprocess.PIPE, timeout=5)
    assert r.returncode == 0 and b"woad watch --hci sensor" in r.stdout


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
