"""crowd.py PATH N: N hosts on the air at PATH that advertise ten times a second; `ready` when all do."""
import os
import signal
import socket
import sys


class Host:
    def __init__(self, path, n):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind("\0woad/crowd/%d/%d//device %d" % (os.getpid(), n, n))
        self.s.connect(path)
        self.command(0x0c03)
        self.command(0x2006, b"\xa0\x00\xa0\x00\x03\x00\x00" + bytes(6) + b"\x07\x00")
        data = b"\x02\x01\x06\x05\x09" + b"%04d" % n
        self.command(0x2008, bytes((len(data),)) + data.ljust(31, b"\0"))
        self.command(0x200a, b"\x01")

    def command(self, opcode, params=b""):
        self.s.sendall(b"\x01" + opcode.to_bytes(2, "little") + bytes((len(params),)) + params)
        got = b""
        while len(got) < 7 or len(got) < got[2] + 3:
            got += self.s.recv(260)
        assert got[1] == 0x0e and got[6] == 0, got


hosts = [Host(sys.argv[1], n + 1) for n in range(int(sys.argv[2]))]
print("ready", flush=True)
signal.pause()
