#!/usr/bin/env python3
"""Starts board.mjs on a controller of the air that WOAD_HCI names: launch.py FILE.uf2 [OPTION…]; options: board.mjs.

Node.js cannot bind a socket's own name before it connects, by which the air knows the connection for its time (docs/clock.md): the
sockets are made here, the first message is sent, which a busy machine's Node.js would send too late, and the process goes on as
Node.js.
"""
import os
import socket
import struct
import sys

COMMAND, JOIN, VERSION, NAME_MAX = 1, 0xffc1, 1, 32     # transport/clock_messages.c

spec = os.environ.get("WOAD_HCI", "")
if not spec.startswith("unix:"):
    sys.exit("launch.py: WOAD_HCI=unix:/path says where the air is; `woad run --clock virtual` sets it")
if len(sys.argv) < 2:
    sys.exit("launch.py: which program?  launch.py build/baremetal/rp2040.uf2")
if not os.path.exists(sys.argv[1]):
    sys.exit("launch.py: there is no %s: `make baremetal` makes build/baremetal/rp2040.uf2" % sys.argv[1])
clock, hci = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
clock.bind(b"\0woad-clock/%d/%d" % (os.getpid(), clock.fileno()))
name = os.environ.get("WOAD_NAME", "board").encode()[:NAME_MAX - 1]
try:
    clock.connect(spec[5:])
    clock.sendall(struct.pack("<BHB4sBH32s", COMMAND, JOIN, 7 + NAME_MAX, b"WOAD", VERSION, int(os.environ.get("WOAD_SEAT", 0)), name))
    hci.connect(spec[5:])
except OSError as e:
    sys.exit("launch.py: there is no air at %s: %s" % (spec, e.strerror))
for s in (clock, hci):
    os.set_inheritable(s.fileno(), True)
os.set_blocking(hci.fileno(), False)
here = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("WOAD_RP2040JS", os.path.join(here, "..", "..", "..", "build", "rp2040"))
os.execvp("node", ["node", os.path.join(here, "board.mjs"), str(clock.fileno()), str(hci.fileno())] + sys.argv[1:])
