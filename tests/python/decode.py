#!/usr/bin/env python3
"""`woad decode` from outside, and beside tshark.

decode.py [NAME…]: those tests whose names contain one of the words.
"""
import glob
import json
import os
import shutil
import struct
import subprocess
import sys
import time

from scaffold import main, root, scratch, woad


def run(*args, code=0, data=None, **env):
    r = subprocess.run([woad, *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                       env=dict(os.environ, **env))
    assert r.returncode == code, (args, r.returncode, r.stderr[-300:])
    return r.stdout.decode(), r.stderr.decode()


def pairs_once(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def packets(path):
    text, _ = run("decode", "--json", path)
    return [json.loads(line, object_pairs_hook=pairs_once) for line in text.splitlines()]


# --- beside tshark --------------------------------------------------------------------------------------------------

COMMON = {
    "cid": "btl2cap.cid", "l2cap_len": "btl2cap.length", "signal": "btl2cap.cmd_code", "att": "btatt.opcode", "handle": "btatt.handle",
    "smp": "btsmp.opcode",
}
HCI = {
    "type": "hci_h4.type", "opcode": "bthci_cmd.opcode", "command_len": "bthci_cmd.param_length", "code": "bthci_evt.code",
    "event_len": "bthci_evt.param_length", "subevent": "bthci_evt.le_meta_subevent", "returned": "bthci_evt.opcode",
    "acl": "bthci_acl.chandle", "acl_len": "bthci_acl.length", **COMMON,
}
AIR = {
    "aa": "btle.access_address", "adv": "btle.advertising_header.pdu_type", "adv_len": "btle.advertising_header.length",
    "llid": "btle.data_header.llid", "data_len": "btle.data_header.length", "control": "btle.control_opcode", **COMMON,
}
# Responses for which tshark repeats the request's handle, when it has seen the request.
REPEATED = (0x0b, 0x0d, 0x13, 0x1e)


def theirs(path, fields):
    """The numbers that tshark shows, by our keys, a dict for each packet."""
    args = ["tshark", "-r", path, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=,"]
    for name in fields.values():
        args += ["-e", name]
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert r.returncode == 0, r.stderr
    for line in r.stdout.decode().splitlines():
        row = dict(zip(fields, line.split("\t")))
        yield {k: [int(v, 0) for v in text.split(",")] for k, text in row.items() if text}


def handles(value, key=""):
    """Handles of attributes, in order."""
    if isinstance(value, dict):
        return [h for k, v in value.items() for h in handles(v, k)]
    if isinstance(value, list):
        return [h for v in value for h in handles(v)]
    return [value] if key in ("handle", "value_handle") else []


def ours(p):
    """The same of one of our packets."""
    found = {}
    hci = p.get("hci", {})
    if hci.get("type") == "command":
        found.update(type=1, opcode=hci["opcode"], command_len=hci["len"])
    elif hci.get("type") == "acl":
        found.update(type=2, acl=hci["handle"], acl_len=hci["len"])
    elif hci.get("type") == "event":
        found.update(type=4, code=hci["code"], event_len=hci["len"], subevent=hci.get("subevent"))
        if hci["code"] in (0x0e, 0x0f):
            found.update(returned=hci["opcode"])
    elif hci.get("type") == "iso":
        found.update(type=5)
    if "aa" in p:
        found.update(aa=p["aa"])
    if "adv" in p:
        found.update(adv=p["adv"]["type"], adv_len=p["adv"]["len"])
    for layer in ("data", "control", "iso", "encrypted"):
        if layer in p:
            found.update(llid=p[layer]["llid"], data_len=p[layer]["len"], control=p[layer].get("opcode"))
    if "l2cap" in p:
        found.update(cid=p["l2cap"]["cid"], l2cap_len=p["l2cap"]["len"])
    found.update(signal=p.get("signal", {}).get("code"), smp=p.get("smp", {}).get("code"), att=p.get("att", {}).get("opcode"))
    found = {k: [v] for k, v in found.items() if v is not None}
    if handles(p.get("att", {})):
        found["handle"] = handles(p["att"])
    return found


def compare(path):
    """Compares type, opcode, handle and length of each packet.  Returns the number of packets, and what differs."""
    fields = AIR if path.endswith("pcap") else HCI
    here, there = packets(path), list(theirs(path, fields))
    assert len(here) == len(there), (path, len(here), len(there))
    differences = []
    for p, t in zip(here, there):
        o = {k: v for k, v in ours(p).items() if k in fields}
        if "cid" in t:                              # tshark shows those in signals, too
            del t["cid"][1:]
        if o.get("cid", [0])[0] >= 0x40:            # and no bearer of Enhanced ATT as such
            o, t = ({k: v for k, v in each.items() if k not in ("att", "handle")} for each in (o, t))
        if o.get("att", [0])[0] in REPEATED and ("handle" not in t or "handle" not in o):
            o.pop("handle", None)
            t.pop("handle", None)
        if o != t:
            differences.append((p["n"], {k: (o.get(k), t.get(k)) for k in {*o, *t} if o.get(k) != t.get(k)}))
    return len(here), differences



def agree(path):
    count, differences = compare(path)
    assert not differences, (path, differences[:5])
    return count


def test_agrees_with_tshark_on_logs_of_programs():
    """What scripts/demo has logged."""
    logs = sorted(glob.glob(os.path.join(root, "build", "demo", "*.btsnoop")))
    assert len(logs) == 2, "scripts/demo makes them"
    assert sum(agree(path) for path in logs) > 100


def test_agrees_with_tshark_on_captures_of_the_air():
    """Every procedure of the link layer, extended and periodic advertising, streams, privacy."""
    for name in ("procedures", "extended", "periodic", "upkeep", "iso", "privacy"):
        path, program = os.path.join(root, "build", "test", "air-%s.pcap" % name), os.path.join(root, "build", "tests", "test-" + name)
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(program):     # scripts/test has made it
            path = os.path.join(scratch, name + ".pcap")
            subprocess.run([program], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env=dict(os.environ, PCAP=path, PCAP_KEYS="1"))
        assert agree(path) > 3000


def test_agrees_with_tshark_on_logs_of_pairs():
    """GATT, Enhanced ATT, and pairing, of two hosts and more."""
    for name in ("gatt", "eatt", "services", "early_values", "found_and_subscribed", "secrets"):
        logs = os.path.join(scratch, name)
        os.mkdir(logs)
        subprocess.run([os.path.join(root, "build", "tests", "test-" + name)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, cwd=scratch, env=dict(os.environ, WORLD_BTSNOOP=logs, SEEDS="2"))
        paths = [p for p in sorted(glob.glob(logs + "/*")) if os.path.getsize(p) < 500_000]
        assert len(paths) > 1, name
        for path in paths[:6] + paths[-6:]:
            agree(path)
        shutil.rmtree(logs)


# --- what it prints -------------------------------------------------------------------------------------------------

DEMO = os.path.join(root, "build", "demo", "sensor.btsnoop")


def snoop(*records, kind=1002):
    """A log of (packet, received) or (packet, flags)."""
    out = b"btsnoop\0" + struct.pack(">II", 1, kind)
    for n, (packet, flags) in enumerate(records):
        out += struct.pack(">IIIIQ", len(packet), len(packet), flags, 0, 0x00dcddb30f2f8000 + n * 1000) + packet
    return out


def decode(data, *options, code=0):
    return run("decode", "--colour", "never", *options, "-", data=data, code=code)


def test_a_line_for_each_packet():
    text, _ = run("decode", DEMO)
    lines = text.splitlines()
    assert lines[0] == "     0.000000 tx Command Reset", lines[0]
    for part in ("Event Command Complete command=\"Read BD_ADDR\" status=Success address=56:4F:41",
                 "ATT Find By Type Value Request start=0x0001 end=0xffff type=2800 \"Primary Service\" value=180d \"Heart Rate\"",
                 "ATT Read Request handle=0x000f of=2a38 \"Body Sensor Location\"",
                 "ATT Read Response handle=0x000f of=2a38 \"Body Sensor Location\" value=02",
                 "ATT Handle Value Notification handle=0x000c of=2a37 \"Heart Rate Measurement\" value=06",
                 "{type=\"Complete Local Name\" text=\"Woad heart\"}",
                 "reason=\"Remote User Terminated Connection\""):
        assert part in text, (part, text)
    assert "malformed" not in text and "\33" not in text


def test_json_has_the_same():
    found = packets(DEMO)
    assert [p["n"] for p in found] == list(range(1, len(found) + 1))
    assert found[0] == {"n": 1, "time": 0.0, "dir": "tx", "hci": {"type": "command", "opcode": 0x0c03, "name": "Reset", "len": 0}}, found[0]
    read = [p for p in found if p.get("att", {}).get("opcode") == 0x0b]
    assert read and read[0]["att"]["of_name"] == "Body Sensor Location" and read[0]["att"]["value"] == "02"
    assert read[0]["hci"]["device"].startswith("56:4F:41")


def test_colours():
    text, _ = run("decode", "--colour", "always", DEMO)
    assert "\33[34mCommand\33[0m" in text
    plain, _ = run("decode", "--colour", "auto", DEMO)
    assert "\33" not in plain and len(plain.splitlines()) == len(text.splitlines())
    _, err = run("decode", "--colour", "red", DEMO, code=2)
    assert "always, never or auto" in err
    if shutil.which("script"):
        for setting, coloured in (("", True), ("1", False)):
            r = subprocess.run(["script", "-qec", "%s decode %s" % (woad, DEMO), "/dev/null"], stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, env=dict(os.environ, NO_COLOR=setting))
            assert (b"\33[34mCommand" in r.stdout) == coloured, r.stdout[:200]


def test_long_pdus_are_put_together():
    """An ATT PDU in three ACL packets; the parts say what they are parts of."""
    value = bytes(range(65, 65 + 26)) * 2
    pdu = struct.pack("<HH", 3 + len(value), 4) + b"\x1b\x10\x00" + value
    parts = [(b"\x02" + struct.pack("<HH", 0x0040 | flags << 12, len(part)) + part, 1)
             for flags, part in ((2, pdu[:3]), (1, pdu[3:30]), (1, pdu[30:]))]
    text, _ = decode(snoop(*parts))
    lines = text.splitlines()
    assert "Part of a PDU len=3 received=3 of=4" in lines[0] and "Part of a PDU len=27 received=30 of=59" in lines[1], lines
    assert 'Handle Value Notification handle=0x0010 value=%s "%s"' % (value.hex(), value.decode()) in lines[2], lines
    text, _ = decode(snoop(parts[0], parts[0], parts[1]))
    assert "[malformed: the PDU before it has no end]" in text.splitlines()[1]
    text, _ = decode(snoop(parts[1]))
    assert "Rest of a PDU without a beginning" in text


def test_content_that_is_encrypted():
    """A capture without the keys: what cannot be read is not guessed at, and before and after pauses all is read."""
    path = os.path.join(scratch, "encrypted.pcap")
    subprocess.run([os.path.join(root, "build", "tests", "test-procedures")], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env=dict(os.environ, PCAP=path))
    found = packets(path)
    names = [p["control"]["name"] for p in found if "control" in p]
    assert sum("encrypted" in p for p in found) > 50
    assert names.count("LL_START_ENC_REQ") > 5 and "LL_PAUSE_ENC_RSP" in names, set(names)
    assert "LL_START_ENC_RSP" not in names and "LL_PAUSE_ENC_REQ" not in names, set(names)
    wrong = [p for p in found if "malformed" in p and "length" not in p["malformed"]]
    assert not wrong, wrong[:2]


def test_text_of_strangers():
    """A name that would move the cursor, end the string or turn the line around."""
    name = b'a\x1b[2J"\\\xe2\x80\xaeb\xff'
    data = bytes((len(name) + 1, 9)) + name
    report = b"\x02\x01\x00\x00" + bytes(6) + bytes((len(data),)) + data + b"\xd8"
    event = b"\x04\x3e" + bytes((len(report),)) + report
    text, _ = decode(snoop((event, 1)))
    assert 'text="a?[2J\\"\\\\?b?"' in text and "\33" not in text, text
    text, _ = decode(snoop((event, 1)), "--json")
    assert json.loads(text)["hci"]["reports"][0]["data"][0]["text"] == 'a?[2J"\\?b?'


def test_packets_that_break_their_format():
    cases = (
        (b"", "it is no HCI packet"), (b"\x09\x01", "it is no HCI packet"), (b"\x01\x03", "it is too short"),
        (b"\x01\x03\x0c\x01", "it is shorter than its length"), (b"\x01\x03\x0c\x00\x00", "octets behind the packet's end"),
        (b"\x01\x03\x0c\x01\x00", "octets behind the last field"), (b"\x01\x06\x04\x03\x40\x00", "it is shorter than its length"),
        (b"\x04\x13\x03\x02\x40\x00", "it is too short"), (b"\x04\x3e\x00", "it is too short"), (b"\x04\x0e\x01\x01", "it is too short"),
        (b"\x02\x40\x20\x05\x00\x01\x00\x04\x00", "it is shorter than its length"),
        (b"\x02\x40\x20\x06\x00\x01\x00\x04\x00\x0a\x0b", "octets behind the PDU's end"),
        (b"\x02\x40\x20\x04\x00\x00\x00\x04\x00", "it is too short"), (b"\x02\x40\x20\x04\x00\x00\x00\x06\x00", "it is too short"),
        (b"\x02\x40\x20\x08\x00\x04\x00\x05\x00\x12\x01\x08\x00", "a wrong length"),
        (b"\x02\x40\x20\x08\x00\x04\x00\x04\x00\x09\x05\x01\x00", "rows of a wrong length"),
        (b"\x05\x40\x20\x02\x00\x01\x00", "it is too short"),
    )
    for packet, reason in cases:
        text, _ = decode(snoop((packet, 1)))
        assert "[malformed: %s]" % reason in text, (packet, text)
        text, _ = decode(snoop((packet, 1)), "--json")
        assert json.loads(text)["malformed"] == reason


def test_every_table_row():
    """All commands, events and PDUs with parameters of zeros and ones: no key twice in an object."""
    records = []
    for fill in (0, 1, 0x41):
        for opcode in [ogf << 10 | ocf for ogf in (1, 3, 4, 5, 8) for ocf in range(256)]:
            records.append((b"\x01" + struct.pack("<HB", opcode, 64) + bytes((fill,)) * 64, 0))
            records.append((b"\x04\x0e" + struct.pack("<BBHB", 68, 1, opcode, 0) + bytes((fill,)) * 64, 1))
        for number in range(256):
            records.append((b"\x04" + struct.pack("<BB", number, 64) + bytes((fill,)) * 64, 1))
            records.append((b"\x04\x3e" + struct.pack("<BB", 65, number) + bytes((fill,)) * 64, 1))
            for cid, head in ((4, b""), (5, struct.pack("<BH", 1, 62)), (6, b"")):
                pdu = bytes((number,)) + head + bytes((fill,)) * 62
                records.append((b"\x02\x40\x20" + struct.pack("<HHH", 4 + len(pdu), len(pdu), cid) + pdu, 1))
    text, _ = decode(snoop(*records), "--json")
    for line in text.splitlines():
        json.loads(line, object_pairs_hook=pairs_once)
    decode(snoop(*records))


# --- files ----------------------------------------------------------------------------------------------------------

def test_cut_and_spoilt_files():
    """What there is, then a sentence and 1."""
    whole = open(DEMO, "rb").read()
    for cut in range(16, 200):
        text, err = run("decode", "-", data=whole[:cut], code=1 if cut not in ends(whole) else 0)
        assert len(text.splitlines()) == sum(end <= cut for end in ends(whole)) - 1, (cut, text)
        assert cut in ends(whole) or "the file is cut after" in err, err
    for data, message in ((b"", "too short"), (b"hello", "too short"), (b"x" * 99, "neither btsnoop, pcap nor pcapng"),
                          (b"btsnoop\0" + struct.pack(">II", 2, 1002), "of version 2 and kind 1002"),
                          (snoop() + struct.pack(">IIIIQ", 9, 1 << 30, 0, 0, 0), "a record is too long"),
                          (b"\x0a\x0d\x0d\x0a" + bytes(30), "no byte order")):
        text, err = run("decode", "-", data=data, code=1)
        assert message in err and text == "" and err.count("\n") == 1, err
    _, err = run("decode", "/nowhere/log", code=1)
    assert err == "woad decode: /nowhere/log: No such file or directory\n", err
    _, err = run("decode", scratch, code=1)
    assert "Is a directory" in err, err


def ends(log):
    """Where the records of a log end."""
    at, found = 16, [16]
    while at < len(log):
        at += 24 + int.from_bytes(log[at + 4:at + 8], "big")
        found.append(at)
    return found


def test_the_recording_has_only_the_beginning():
    packet = b"\x01\x03\x0c\x00"
    data = b"btsnoop\0" + struct.pack(">IIIIIIQ", 1, 1002, 40, 4, 2, 0, 0) + packet
    text, _ = decode(data)
    assert "Command Reset [malformed: the recording has only its beginning]" in text


def test_other_kinds_of_files():
    """Un-encapsulated HCI, Linux's monitor, pcap in both byte orders and both resolutions, pcapng."""
    reset, answer = b"\x03\x0c\x00", b"\x0e\x04\x01\x03\x0c\x00"
    expect = ["tx Command Reset", "rx Event Command Complete command=Reset status=Success"]

    def shown(data, **more):
        text, _ = decode(data)
        return [line[14:] for line in text.splitlines()]
    assert shown(snoop((reset, 2), (answer, 3), kind=1001)) == expect
    monitor = snoop((reset, 2), (answer, 3), (b"a note\0", 12), (b"\x06\x04log\0text", 13), (b"", 0), kind=2001)
    assert shown(monitor) == expect + ['Note text="a note"', 'Note text="text"', "Other"], shown(monitor)
    for order in "<>":
        for magic, tick in ((0xa1b2c3d4, 1), (0xa1b23c4d, 1000)):
            data = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 0xffff, 201)
            for us, head, packet in ((5, 0, b"\x01" + reset), (250, 1, b"\x04" + answer)):
                packet = struct.pack(">I", head) + packet
                data += struct.pack(order + "IIII", 7, us * tick, len(packet), len(packet)) + packet
            text, _ = decode(data)
            assert [line[14:] for line in text.splitlines()] == expect and "0.000245 rx" in text, text
        block = lambda kind, body: struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))
        name = struct.pack(order + "HH", 2, 6) + b"sensor\0\0" + struct.pack(order + "HH", 0, 0)
        data = block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
        data += block(1, struct.pack(order + "HHI", 187, 0, 0) + name) + block(1, struct.pack(order + "HHI", 201, 0, 0)) + block(99, b"abcd")
        data += block(6, struct.pack(order + "IIIII", 0, 0, 1000, 4, 4) + b"\x01" + reset)
        data += block(6, struct.pack(order + "IIIII", 1, 0, 1500, 11, 11) + b"\0\0\0\1\x04" + answer + b"\0")
        assert "0.000500 from=" in decode(data)[0].splitlines()[1]
        assert shown(data) == ['from="sensor" ' + expect[0], 'from="" ' + expect[1]], shown(data)


def test_a_log_through_a_pipe():
    """A program that runs: each packet is printed when it is sent."""
    pipe = os.path.join(scratch, "pipe")
    os.mkfifo(pipe)
    radio = os.path.join(scratch, "radio")
    os.mkdir(radio, 0o700)
    environment = {**os.environ, "XDG_RUNTIME_DIR": radio, "WOAD_BTSNOOP": pipe}
    environment.pop("WOAD_HCI", None)
    start = time.time()
    program = subprocess.Popen(["timeout", "8", os.path.join(root, "build", "examples", "beacon")], stdout=subprocess.DEVNULL, env=environment)
    p = subprocess.Popen([woad, "decode", pipe], stdout=subprocess.PIPE)
    for line in p.stdout:
        if b"Command Complete" in line and b"Advertising Enable" in line:
            break
    assert time.time() - start < 8                   # not at the program's end, by its time limit
    program.terminate()
    program.wait(5)
    assert p.wait(5) == 0


def test_usage():
    for args in ((), ("a", "b"), ("--what", "a")):
        run("decode", *args, code=2)
    text, _ = run("decode", "--help")
    assert "woad decode --json air.pcap" in text
    with open("/dev/full", "wb") as full:
        r = subprocess.run([woad, "decode", DEMO], stdout=full, stderr=subprocess.PIPE)
    assert r.returncode == 1 and b"No space left" in r.stderr, r


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
