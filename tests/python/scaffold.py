"""What the tests of `woad` share: a radio, a host of a few commands, and the loop that runs the tests.

Each test is a function test_…; main() runs them and ends what a failed one has started.
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
woad = os.environ.get("WOAD", os.path.join(root, "build", "woad"))
# Under nohup SIGHUP is ignored, in what a shell starts in the background the two others; programs would inherit that.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
scratch = tempfile.mkdtemp(prefix="woad-test-")

started = []                                # what the test that runs has started; main() ends it when the test failed


def start(command, **more):
    p = subprocess.Popen(command, **more)
    started.append(p)
    return p


def serves(path, seconds=5):
    """Waits until somebody accepts connections there: between bind() and listen() the name exists and refuses.

    Who serves has closed this connection when it returns, so that none but the test's own are counted afterwards.
    """
    end = time.monotonic() + seconds
    while True:
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(path)
                s.settimeout(seconds)
                s.shutdown(socket.SHUT_WR)
                assert s.recv(1) == b""
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > end:
                    raise
        time.sleep(0.01)


def hub(spec, *options):
    p = start([woad, "air", spec, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    line = p.stderr.readline()
    assert line.startswith(b"serving "), line
    return p


def ended(p, code=0, timeout=3):
    p.wait(timeout)
    text = p.stderr.read()
    assert p.returncode == code, (p.returncode, text)
    return text


class Host:
    """Speaks HCI by itself."""

    def __init__(self, path, name=None):
        self.s = socket.socket(socket.AF_UNIX)
        if name:
            self.s.bind("\0woad-%d-%d/%s" % (os.getpid(), id(self), name))     # the hub reads the name of the line here
        self.s.connect(path)                # it waits while the backlog is full; with a time limit it would not
        self.s.settimeout(3)
        self.command(0x0c03)

    def command(self, opcode, params=b""):
        self.s.sendall(b"\x01" + opcode.to_bytes(2, "little") + bytes((len(params),)) + params)
        got = b""
        while not (len(got) > 6 and got[0] == 4 and got[1] == 0x0e):
            got += self.s.recv(1)
        self.s.recv(got[2] + 3 - len(got)) if got[2] + 3 > len(got) else b""
        assert got[6] == 0, (hex(opcode), got)

    def advertise(self, data, octet=1):
        """`octet`: the last one of its address."""
        self.command(0x2005, bytes((octet,)) + b"\x02\x03\x04\x05\xc0")
        self.command(0x2006, b"\xa0\x00\xa0\x00\x03\x01\x00" + bytes(6) + b"\x07\x00")
        self.command(0x2008, bytes((len(data),)) + data.ljust(31, b"\0"))
        self.command(0x200a, b"\x01")

    def advertise_extended(self, data):
        self.command(0x2036, b"\x00\x00\x00\xa0\x00\x00\xa0\x00\x00\x07\x01\x00" + bytes(6) + b"\x00\x7f\x01\x00\x01\x05\x00")
        self.command(0x2035, b"\x00\x09\x02\x03\x04\x05\xc0")
        for at in range(0, len(data), 250):
            first, last = at == 0, at + 250 >= len(data)
            part = data[at:at + 250]
            self.command(0x2037, bytes((0, (3 if last else 1) if first else (2 if last else 0), 1, len(part))) + part)
        self.command(0x2039, b"\x01\x01\x00\x00\x00\x00")


def name_of(octets):
    return bytes((len(octets) + 1, 9)) + octets


def main(tests, words):
    tests = [(n, f) for n, f in tests.items() if n.startswith("test_")]
    nothing = [w for w in words if not any(w in n for n, _ in tests)]
    tests = [(n, f) for n, f in tests if not words or any(w in n for w in words)]
    if nothing:
        print("there is no test with %s in its name" % " or ".join(repr(w) for w in nothing))
        return 2
    failed = 0
    for name, f in tests:
        since = time.time()
        try:
            f()
            print("ok   %-50s %5.1f s" % (name, time.time() - since), flush=True)
        except Exception as e:
            failed += 1
            print("FAIL %s: %s: %s" % (name, type(e).__name__, e), flush=True)
        for p in started:
            if p.poll() is None:
                p.kill()
                p.wait()
        started.clear()
    shutil.rmtree(scratch, ignore_errors=True)
    print("%d passed, %d failed" % (len(tests) - failed, failed))
    return 1 if failed else 0
