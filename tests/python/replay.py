#!/usr/bin/env python3
"""`woad replay`: recorded logs are reproduced, and each way in which a program can differ from its log is told.

replay.py [NAME…]: those tests whose names contain one of the words.
"""
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

from scaffold import hub, main, root, scratch, start, woad

temporary = os.path.join(scratch, "tmp")
home = os.path.join(scratch, "home")
environment = dict(os.environ, TMPDIR=temporary, HOME=home, XDG_DATA_HOME=home)
environment.pop("WOAD_HCI", None)
os.makedirs(temporary)
python = os.path.join(root, "examples", "python")
micropython = os.environ.get("MICROPYTHON_PROGRAM") or os.path.join(root, "build", "micropython")
c = os.path.join(root, "build", "examples")
SERVE = (woad, "serve", "battery")
GATT = (woad, "gatt", "Woad battery", "subscribe", "battery level", "--for", "12")


def fresh():
    """No bonds of an earlier run."""
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home)


def record(name, *programs, options=(), until=20):
    """Runs the programs, named a, b, … on one air in virtual time; the folder of their logs."""
    fresh()
    folder = os.path.join(scratch, name)
    argv = [woad, "run", "--quiet", "--clock", "virtual", "--until", str(until), "--btsnoop", folder, *options]
    argv += ["--name", ",".join("abcdefgh"[:len(programs)])]
    for i, program in enumerate(programs):
        argv += (["--"] if i else []) + list(program)
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                       cwd=home, timeout=60)
    assert r.returncode == 0, r
    return folder


def replay(log, program, *options, code=0, timeout=60, **more):
    """Standard output and standard error; and that nothing is left."""
    fresh()
    r = subprocess.run([woad, "replay", *options, log, "--", *program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, env=dict(environment, **more), cwd=home, timeout=timeout)
    out, err = r.stdout.decode(), r.stderr.decode()
    assert r.returncode == code, (r.returncode, out, err)
    assert os.listdir(temporary) == [], os.listdir(temporary)
    return out, err


def packets(path):
    """Of a log: [flags, us, octets]."""
    data = open(path, "rb").read()
    found, at = [], 16
    while at < len(data):
        _, kept, flags, _, us = struct.unpack_from(">IIIIQ", data, at)
        found.append([flags, us, bytearray(data[at + 24:at + 24 + kept])])
        at += 24 + kept
    return data[:16], found


def write(path, header, records):
    with open(path, "wb") as f:
        f.write(header)
        for flags, us, octets in records:
            f.write(struct.pack(">IIIIQ", len(octets), len(octets), flags, 0, us) + octets)
    return path


def script(name, text):
    path = os.path.join(scratch, name)
    with open(path, "w") as f:
        f.write(text)
    return path


# For logs of the wall's clock: of a machine that may have given a program no time for so long.
BUSY = "--tolerance", "500", "--late", "20"
kept = {}


def battery():
    """The folder of a log of each side, written once."""
    if "battery" not in kept:
        kept["battery"] = record("battery", SERVE, GATT)
    return kept["battery"]


def test_a_good_log():
    """Both sides, in text and JSON, to the microsecond and in the recorded order."""
    for n, (name, program) in enumerate((("a", SERVE), ("b", GATT))):
        log = os.path.join(battery(), name + ".btsnoop")
        _, all_packets = packets(log)
        host = sum(not flags & 1 for flags, _, _ in all_packets)
        options = ("--tolerance", "0", "--seat", str(n + 1))
        out, err = replay(log, program, *options)
        last = out.splitlines()[-1]
        assert re.match(r"reproduced: %d packets of the host, %d of the controller, \d+\.\d{6} s$" % (
            host, len(all_packets) - host), last) and err == "", (out, err)
        assert any("battery as" in x or "%" in x for x in out.splitlines()[:-1]), out
        out, err = replay(log, program, "--json", *options)
        said = json.loads(out)
        assert said["result"] == "reproduced" and said["host_packets"] == said["of"] == host, said
        assert said["packets"] == len(all_packets) and not said["cut"] and not said["after_end"], said
        assert said["most_early_us"] == said["most_late_us"] == said["without_keys"] == 0, said
        out, err = replay(log, program, "--quiet", *options)
        assert len(out.splitlines()) == 1 and err == "", (out, err)


def test_random_numbers_of_pairing():
    """Keys are of the seed and of the seat: the same again, or what differs is a packet of pairing."""
    programs = (os.path.join(python, "hid_keyboard.py"), "k.bonds", "hello"), (os.path.join(python, "hid_host.py"), "h.bonds")
    folder = record("pairing", *programs, options=("--keys", "--seed", "5"), until=6)
    for n, name in enumerate("ab"):
        log = os.path.join(folder, name + ".btsnoop")
        out, _ = replay(log, programs[n], "--seed", "5", "--tolerance", "0", "--seat", str(n + 1))
        assert "reproduced: " in out, out
        out, err = replay(log, programs[n], "--seed", "6", "--seat", str(n + 1), code=1)
        assert 'from="sent" tx' in out and "SMP" in out and "--seed" in err, (out, err)


def test_a_log_without_keys():
    """What is of keys alone is not compared; where random numbers are missing, the advice says how to record."""
    program = os.path.join(python, "hid_host.py"), "h.bonds"
    folder = record("zeros", (os.path.join(python, "hid_keyboard.py"), "k.bonds", "hello"), program, until=6)
    without = os.path.join(folder, "b.btsnoop")
    said = json.loads(replay(without, program, "--seat", "2", "--json")[0])
    assert said["result"] == "reproduced" and said["without_keys"] == 4, said
    log, _, _ = changed("other-random", without, lambda p: p[0] == 0 and p[2][7] == 6 and p[2][9] == 4, 12)
    out, err = replay(log, program, "--seat", "2", "--json", code=1)
    assert json.loads(out.splitlines()[-1])["result"] == "differs" and "WOAD_BTSNOOP_KEYS=1" in err, (out, err)
    keys = record("keys", (os.path.join(python, "hid_keyboard.py"), "k.bonds", "hello"), program, options=("--keys",), until=6)
    header, all_packets = packets(os.path.join(keys, "b.btsnoop"))
    for flags, _, octets in all_packets:
        if not flags & 1 and octets[:3] == b"\x01\x19\x20":    # LE Enable Encryption
            octets[-16:] = bytes(16)
    log = write(os.path.join(scratch, "one"), header, all_packets)
    said = json.loads(replay(log, program, "--seat", "2", "--json")[0])
    assert said["result"] == "reproduced" and said["without_keys"] == 1, said


def changed(name, log, chosen, at, bit=1):
    header, all_packets = packets(log)
    index = [k for k, p in enumerate(all_packets) if chosen(p)][-1]
    all_packets[index][2][at] ^= bit
    return write(os.path.join(scratch, name), header, all_packets), index, all_packets


def test_an_octet_of_the_host():
    """The packets before, the recorded one, the one that was sent, and the first octet that differs."""
    log, index, all_packets = changed("host.btsnoop", os.path.join(battery(), "a.btsnoop"),
                                      lambda p: p[0] == 0 and p[2][9] == 0x1b, 12)
    out, err = replay(log, SERVE, "--quiet", "--context", "2", code=1)
    lines = out.splitlines()
    assert [re.search(r'from="(\w+)"', x)[1] for x in lines[:4]] == ["log", "log", "recorded", "sent"], out
    assert "Handle Value Notification" in lines[2] and lines[2].split()[0] == lines[3].split()[0], out
    want = all_packets[index][2]
    assert lines[4] == "octet 12 of the packet: recorded %s; sent %02x" % (want[12:].hex(), want[12] ^ 1), out
    assert lines[5].startswith("differs: packet %d of the log, 1 differences" % (index + 1)) and "--seed" in err, (out, err)
    out, err = replay(log, SERVE, "--json", code=1)
    objects = [json.loads(x) for x in out.splitlines()]
    assert [x.get("from") for x in objects] == ["log"] * 4 + ["recorded", "sent", None], out
    said = objects[-1]
    assert said["result"] == "differs" and said["packet"] == index + 1 and said["offset"] == 12, said
    assert objects[4]["att"]["value"] != objects[5]["att"]["value"], objects[4:6]


def test_going_on():
    """With --keep-going one octet is one difference, and the rest is compared."""
    log, _, _ = changed("more.btsnoop", os.path.join(battery(), "a.btsnoop"), lambda p: p[0] == 0 and p[2][9] == 0x1b, 12)
    header, all_packets = packets(log)
    all_packets[0][2][1] ^= 1                    # and the first of all
    write(log, header, all_packets)
    out, _ = replay(log, SERVE, "--json", "--keep-going", code=1)
    said = json.loads(out.splitlines()[-1])
    assert said["result"] == "differs" and said["packet"] == 1 and said["host_packets"] == said["of"] - 2, said


def test_an_octet_of_the_controller():
    """What the host answers to it is what differs."""
    log, index, all_packets = changed("controller.btsnoop", os.path.join(battery(), "a.btsnoop"),
                                      lambda p: p[0] == 1 and p[2][0] == 2 and p[2][9] == 0x12, 10, 0x40)
    out, _ = replay(log, SERVE, "--json", code=1)
    said = json.loads(out.splitlines()[-1])
    answer = next(k for k in range(index, len(all_packets)) if not all_packets[k][0] & 1)
    assert said["result"] == "differs" and said["packet"] == answer + 1, (said, answer)
    sent = json.loads(out.splitlines()[-2])
    assert sent["from"] == "sent" and sent["att"]["name"] == "Error Response", sent


def test_a_cut_log():
    """What there is is replayed; then it is said that it is cut."""
    whole = open(os.path.join(battery(), "a.btsnoop"), "rb").read()
    log = os.path.join(scratch, "cut.btsnoop")
    with open(log, "wb") as f:
        f.write(whole[:-3])
    out, err = replay(log, SERVE, "--quiet", code=1)
    assert out.startswith("reproduced: ") and "the log ends early: " in err, (out, err)
    assert json.loads(replay(log, SERVE, "--json", code=1)[0])["cut"] is True


def test_what_is_no_log():
    """Each with a sentence: no file, another file, a capture of the air, an empty log, a packet that is not whole."""
    air = os.path.join(scratch, "air.pcap")
    subprocess.run([woad, "run", "--quiet", "--clock", "virtual", "--until", "1", "--pcap", air, *SERVE], env=environment,
                   stdout=subprocess.DEVNULL, timeout=20, check=True)
    header, all_packets = packets(os.path.join(battery(), "a.btsnoop"))
    empty = write(os.path.join(scratch, "empty"), header, [])
    short = os.path.join(scratch, "short")
    with open(short, "wb") as f:
        f.write(header + struct.pack(">IIIIQ", 9, 4, 0, 0, 0) + bytes(4))
    for path, said in (("/nowhere/x", "No such file"), (__file__, ""), (air, "only logs of HCI"), (empty, "no packet"),
                       (short, "is not whole"), (scratch, "directory")):
        out, err = replay(path, SERVE, code=1)
        assert err.startswith("woad replay: %s: " % path) and said.lower() in err.lower() and out == "", (path, out, err)


def test_the_log_of_another_program():
    out, _ = replay(os.path.join(battery(), "b.btsnoop"), SERVE, "--quiet", code=1)
    assert "differs: packet " in out and 'from="sent"' in out, out
    other = script("other.py", "import bluetooth\nbluetooth.BLE().active(True)\nbluetooth.BLE().gap_advertise(100000, b'x')\n"
                   "import time\ntime.sleep(9)\n")
    out, _ = replay(os.path.join(battery(), "a.btsnoop"), (other,), "--quiet", code=1)
    assert "differs: packet " in out, out


def test_a_program_that_ends_early():
    """By itself, with a status, by a signal; and one that is not there."""
    log = os.path.join(battery(), "a.btsnoop")
    up = "import bluetooth, sys, os\nbluetooth.BLE().active(True)\n"
    for name, text, said in (("ends.py", "", ""), ("fails.py", "sys.exit(7)\n", "exit status 7"),
                             ("raises.py", "raise ValueError('a reason')\n", "exit status 1")):
        out, err = replay(log, (script(name, up + text),), "--late", "60", code=1)
        # MicroPython's bring-up is another than that of the recorded program: it may differ before it ends.
        assert "differs: " in out or ("ended: packet " in out and "ended before the log" in err), (name, out, err)
        assert "differs: " in out or said in err, (name, err)
    out, err = replay(log, ("sh", "-c", "exit 7"), code=1)
    assert out.startswith("ended: packet 1 of the log; 0 of ") and "exit status 7" in err and "ended before the log" in err, err
    out, err = replay(log, ("sh", "-c", "kill -SEGV $$"), code=1)
    assert "signal 11" in err and "ended before the log" in err, err
    out, err = replay(log, ("/nowhere/x",), code=1)
    assert "/nowhere/x: No such file" in out and "exit status 127" in err, (out, err)
    out, _ = replay(log, ("sh", "-c", "exit 7"), "--json", code=1)
    assert json.loads(out)["result"] == "ended" and json.loads(out)["packet"] == 1, out


SLEEPER = """import bluetooth, sys, time
ble = bluetooth.BLE()
ble.active(True)
time.sleep(1)
%s
ble.gap_advertise(100000, b"\\x02\\x01\\x06")
time.sleep(1)
"""


def sleeper():
    if "sleeper" not in kept:
        kept["sleeper"] = os.path.join(record("sleeper", (script("sleeper.py", SLEEPER % ""),)), "a.btsnoop")
    return kept["sleeper"]


def test_a_program_that_does_not_send():
    """It waits, it computes without an end, it sends too late, it sends at another time than recorded."""
    log = sleeper()
    for name, text, options in (("waits.py", "time.sleep(100)", ()), ("computes.py", "while True: pass", ("--patience", "0.2")),
                                ("late.py", "time.sleep(1.5)", ())):
        out, err = replay(log, (script(name, SLEEPER % text),), *options, code=1)
        assert "missing: packet " in out and 'from="recorded" tx Command ' in out, (name, out)
        assert "did not send the recorded packet" in err, err
    out, _ = replay(log, (script("late.py", SLEEPER % "time.sleep(1.5)"),), "--late", "2")
    assert re.search(r"and 1500\.\d+ ms later than recorded", out), out
    out, _ = replay(log, (script("early.py", (SLEEPER % "").replace("sleep(1)", "sleep(0.25)", 1)),))
    assert re.search(r"up to 750\.\d+ ms earlier and 0\.000 ms later than recorded", out), out


def test_a_program_without_a_radio():
    """It is given up after ten seconds of the machine's time; one with two radios at once."""
    out, err = replay(sleeper(), ("sleep", "60"), code=1)
    assert out.startswith("no radio: ") and "opened no radio" in err, (out, err)
    both = "woad=%s; $woad info & $woad info & wait" % woad
    out, err = replay(os.path.join(battery(), "a.btsnoop"), ("sh", "-c", both), "--quiet", code=1)
    assert "two radios: " in out or "\ndiffers: " in out, (out, err)         # the first may already have sent another command


def test_the_order_of_directions():
    """A packet of the host that overtakes: refused where the log has the controller's long before it."""
    header, all_packets = packets(sleeper())
    after = next(k for k, p in enumerate(all_packets) if p[1] >= all_packets[0][1] + 900000)
    assert not all_packets[after][0] & 1                                    # the first command behind the sleep
    event = [3, all_packets[after][1] - 5000, bytearray(b"\x04\xff\x01\x00")]
    log = write(os.path.join(scratch, "order"), header, all_packets[:after] + [event] + all_packets[after:])
    program = (os.path.join(scratch, "sleeper.py"),)
    assert "reproduced" in replay(log, program)[0]
    early = (script("sooner.py", (SLEEPER % "").replace("sleep(1)", "sleep(0.9)", 1)),)
    assert "reproduced" in replay(log, early)[0]
    out, err = replay(log, early, "--tolerance", "0", code=1)
    assert "differs: packet %d" % (after + 2) in out and "--tolerance allows that" in err, (out, err)
    out, err = replay(log, early, "--tolerance", "4.9", code=1)
    assert "--tolerance allows that" in err, err
    assert "reproduced" in replay(log, early, "--tolerance", "5.1")[0]


def test_a_log_of_the_wall_clock():
    """Of a program's own WOAD_BTSNOOP, on a radio by the wall's clock."""
    path, log = os.path.join(scratch, "s"), os.path.join(scratch, "wall.btsnoop")
    read = woad, "gatt", "Woad battery", "read", "battery level"
    p = hub("unix:" + path)
    env = dict(environment, WOAD_HCI="unix:" + path)
    fresh()
    peer = start([*SERVE, "--for", "20"], env=env, stdout=subprocess.PIPE)
    assert peer.stdout.readline().startswith(b"battery as")
    r = subprocess.run(list(read),
                       env=dict(env, WOAD_BTSNOOP=log), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    assert r.returncode == 0, r
    peer.terminate()
    p.terminate()
    peer.wait(5)
    p.wait(5)
    out, _ = replay(log, read, *BUSY)
    assert "reproduced: " in out and r.stdout.decode().strip().split()[0] in out, out
    out, _ = replay(log, read, *BUSY, "--clock", "wall")
    assert "reproduced: " in out, out


def test_a_pairing_on_the_wall_clock():
    """A program's random numbers are of WOAD_SEED where it is set: pairing is reproduced with it alone."""
    path, log = os.path.join(scratch, "s"), os.path.join(scratch, "paired.btsnoop")
    p = hub("unix:" + path)
    env = dict(environment, WOAD_HCI="unix:" + path)
    program = woad, "pair", "Woad UART"
    fresh()
    peer = start([woad, "serve", "uart", "--for", "60"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert b"Woad UART" in peer.stdout.readline()
    r = subprocess.run(program, env=dict(env, WOAD_BTSNOOP=log, WOAD_BTSNOOP_KEYS="1", WOAD_SEED="77"), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    assert r.returncode == 0, r
    peer.terminate()
    p.terminate()
    peer.wait(5)
    p.wait(5)
    assert "reproduced: " in replay(log, program, *BUSY, WOAD_SEED="77")[0]
    out, err = replay(log, program, *BUSY, code=1)
    assert "SMP" in out and "WOAD_SEED" in err, (out, err)


def test_input():
    """A program that waits for lines gets them at their times; one too early, wrong files, virtual time."""
    path, log = os.path.join(scratch, "s"), os.path.join(scratch, "input.btsnoop")
    program = (micropython, script("reads.py", SLEEPER % "x = sys.stdin.readline()\nprint('got', x)\n" +
                                   "ble.config(rxbuf=100)\nble.gap_advertise(200000, sys.stdin.readline().encode())\n"))
    p = hub("unix:" + path)
    q = start(program, env=dict(environment, WOAD_HCI="unix:" + path, WOAD_BTSNOOP=log), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    times = []
    for text in (b"one\n", b"two\n"):
        time.sleep(1.2 if times else 0.3)
        times.append(time.time())
        q.stdin.write(text)
        q.stdin.flush()
    assert q.wait(10) == 0
    p.terminate()
    p.wait(5)
    zero = packets(log)[1][0][1] / 1e6 - 0x00dcddb30f2f8000 / 1e6
    lines = script("lines", "%f one\n%f two\n" % tuple(t - zero for t in times))
    wall = *BUSY, "--clock", "wall", "--input"
    out, _ = replay(log, program, *wall, lines)
    assert "got one" in out and "reproduced: " in out, out
    out, _ = replay(log, program, *wall, script("other", "0 one\n1 too\n"), code=1)
    assert 'from="sent" tx Command LE Set ' in out and 'Data' in out, out
    _, err = replay(log, program, *wall, script("wrong", "0 one\ntwo\n"), code=2)
    assert "wrong: line 2 is not SECONDS TEXT" in err, err
    _, err = replay(log, program, *wall, "/nowhere/x", code=2)
    assert "/nowhere/x: No such file" in err, err
    _, err = replay(log, program, "--input", lines, code=2)
    assert "--input needs --clock wall" in err, err


def test_interrupted():
    """By each signal: its status, and nothing is left."""
    log = sleeper()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        fresh()
        p = start([woad, "replay", "--patience", "60", log, "--", script("busy.py", "while True: pass")], cwd=home,
                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        end = time.monotonic() + 5
        while not os.listdir(temporary) and time.monotonic() < end:
            time.sleep(0.01)
        p.send_signal(number)
        out, err = p.communicate(timeout=10)
        assert p.returncode == 128 + number and out == err == b"", (p.returncode, out, err)
        assert os.listdir(temporary) == [], os.listdir(temporary)


def test_wrong_words():
    """Status 2, and what to write."""
    log = sleeper()
    for words, said in (((), "usage: woad replay"), ((log,), "which program wrote"), ((log, "--"), "which program wrote"),
                        (("--seed", "x", log, "--", "a"), "--seed: a number"), (("--no-such", log, "--", "a"), "no-such"),
                        (("--tolerance", "-1", log, "--", "a"), "--tolerance: a number"),
                        (("--clock", "x", log, "--", "a"), "wall or virtual"), (("--late",), "late")):
        r = subprocess.run([woad, "replay", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10)
        assert r.returncode == 2 and said in r.stderr.decode() and r.stdout == b"", (words, r)
    r = subprocess.run([woad, "replay", "--help"], stdout=subprocess.PIPE, timeout=10)
    assert r.returncode == 0 and b"Examples:\n  woad replay " in r.stdout, r


if __name__ == "__main__":
    sys.exit(main(dict(globals()), sys.argv[1:]))
