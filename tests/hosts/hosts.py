#!/usr/bin/env python3
"""Woad and two hosts in JavaScript, ble-host (central and peripheral) and noble (central), over the simulated radio.

hosts.py [ROUNDS [WORD…]]: `scripts/test-hosts` has installed them in build/hosts; only those cases whose names contain one of the words.
What passed is written to build/hosts/matrix.md.
"""
import json
import os
import shutil
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "python"), os.path.join(here, "..", "peers")]

from peers import CODE, LONG_VALUE, OTHER_VALUE, PAIRS, SERVE_GATT, SERVER, VISIT_GATT
import recorded
from run import Program, air, build, hub, programs, scratch

CENTRAL, PERIPHERAL, NOBLE = "ble-host central, Woad peripheral", "Woad central, ble-host peripheral", "noble central, Woad peripheral"
GATT = ["found by advertising and scan response", "connected", "MTU exchanged", "services, characteristics, descriptors discovered", "value read",
        "value written with response", "value written without", "long value read", "long value written", "descriptor read", "notified", "indicated", "disconnected"]
MORE = ["values written reliably", "connection parameters changed", "both reasons of a disconnection"]
PAIRINGS = {    # name: the host's capabilities, ours, who shows the number, MITM, Secure Connections
    "paired, Secure Connections, Just Works": (3, 3, None, False, True),
    "paired, Secure Connections, Numeric Comparison": (1, 1, "both", True, True),
    "paired, Secure Connections, Passkey that the other host shows": (0, 2, "host", True, True),
    "paired, Secure Connections, Passkey that Woad shows": (2, 0, "woad", True, True),
    "paired, Secure Connections, Passkey typed on both sides": (2, 2, "user", True, True),
    "paired, legacy, Just Works": (3, 3, None, False, False),
    "paired, legacy, Passkey that the other host shows": (0, 2, "host", True, False),
    "paired, legacy, Passkey that Woad shows": (2, 0, "woad", True, False),
    "paired, legacy, Passkey typed on both sides": (2, 2, "user", True, False),
}
REFUSED = ["pairing with a wrong passkey fails on both sides", "pairing with numbers that differ fails on both sides"]
REQUESTED = "paired at the peripheral's request"
BONDED = "bonded, back after the other host's restart, Woad behind a new private address"
SUBSCRIBED = "bonded and back, what the client had subscribed to holds"
CHANNEL = ["L2CAP channel that Woad opens, 256 KiB there and back", "L2CAP channel that the other host opens, 256 KiB to it",
           "L2CAP channel refused"]
ROWS = GATT + MORE + list(PAIRINGS) + [REQUESTED] + REFUSED + [BONDED, SUBSCRIBED] + CHANNEL
ADDRESS = "C0:11:22:33:44:55"
radio = os.path.join(scratch, "air")
home = os.path.join(scratch, "home")                        # ble-host keeps its bonds in the working directory
green = {}
with open(os.path.join(here, "prelude.js")) as f:
    PRELUDE = f.read()


def passed(column, row):
    green[row, column] = green.get((row, column), 0) + 1
    print("     %-34s %s" % (column, row), flush=True)


def woad(code):
    return Program(CODE + code, {"WOAD_HCI": "unix:" + radio})


def node(code):
    path = [os.path.join(build, "hosts", "node_modules"), here]
    return Program("", {"NODE_PATH": ":".join(path), "WOAD_SOCKET": radio}, command=["node", "-e", PRELUDE + "(async () => {" + code + "})();"], cwd=home)


SETTINGS = "LONG_VALUE = %r\nOTHER_VALUE = %r\nSECRET_FLAGS = 0x202\n" % (LONG_VALUE, OTHER_VALUE)
GONE = 'print("REASON", wait(64)[1])\n'


# ---- GATT ----

def gatt_server():
    s = woad(SETTINGS + SERVER.replace("up()", "up()\nble.config(events=(64, 71))") + SERVE_GATT + GONE)
    s.line("READY")
    return s


def gatt_ble_host_central():
    s = gatt_server()
    c = node("""
    const m = await BleHost.up();
    const d = await BleHost.find(m, d => d.localName === 'WoadPeer' && d.serviceUuids && d.serviceUuids.includes(SERVICE));
    assert.equal(d.address.replaceAll(':', '').toLowerCase(), await line());
    say('STEP 0');
    const conn = await ask(m, 'connect', d.type, d.address, {});
    say('STEP 1');
    await ask(conn.gatt, 'exchangeMtu');
    assert.equal(conn.gatt.currentMtu, 256);
    say('STEP 2');
    const c = await BleHost.discover(conn);
    const flags = u => Object.keys(c[u].properties).filter(p => c[u].properties[p]).sort();
    assert.deepEqual([SHORT, LONG, NOTIFY, INDICATE].map(flags),
      [['read', 'write', 'writeWithoutResponse'], ['read', 'write'], ['notify', 'read'], ['indicate', 'read']]);
    const descriptors = await ask(c[SHORT], 'discoverDescriptors');
    assert.deepEqual(descriptors.map(d => d.uuid), ['00002901-0000-1000-8000-00805F9B34FB']);
    say('STEP 3');
    assert.equal(String(value(await ask(c[SHORT], 'read'))), 'short');
    say('STEP 4');
    ok(await ask(c[SHORT], 'write', 'request'));
    say('STEP 5');
    await ask(c[SHORT], 'writeWithoutResponse', Buffer.from('command'));
    say('STEP 6');
    assert.deepEqual(value(await ask(c[LONG], 'read')), LONG_VALUE);
    say('STEP 7');
    ok(await ask(c[LONG], 'write', OTHER_VALUE));
    assert.deepEqual(value(await ask(c[LONG], 'read')), OTHER_VALUE);
    say('STEP 8');
    assert.equal(String(value(await ask(descriptors[0], 'read'))), 'a short value');
    say('STEP 9');
    for (const [n, uuid, what, text] of [[10, NOTIFY, 'notify', 'a notification'], [11, INDICATE, 'indicate', 'an indication']]) {
      ok(await ask(c[uuid], 'writeCCCD', n === 10, n === 11));
      const changed = once(c[uuid], 'change');
      ok(await ask(c[SHORT], 'write', what));
      const [got, indicated, confirm] = await changed;
      assert.equal(String(got), text);
      assert.equal(indicated, n === 11);
      if (indicated) confirm();
      say('STEP', n);
    }
    conn.gatt.beginReliableWrite();
    const written = [ask(c[LONG], 'write', 'reliable'), ask(c[SHORT], 'write', 'too')];
    ok(await ask(conn.gatt, 'commitReliableWrite'));
    (await Promise.all(written)).map(ok);
    assert.equal(String(value(await ask(c[LONG], 'read'))).slice(0, 8), 'reliable');
    assert.equal(String(value(await ask(c[SHORT], 'read'))).slice(0, 3), 'too');
    conn.gatt.beginReliableWrite();
    ok(await ask(c[SHORT], 'write', 'forgotten'));
    ok(await ask(conn.gatt, 'cancelReliableWrite'));
    assert.equal(String(value(await ask(c[SHORT], 'read'))).slice(0, 3), 'too');
    say('STEP 12');
    const updated = once(conn, 'connectionUpdate');
    conn.updateConnParams({ connIntervalMin: 40, connIntervalMax: 40, connLatency: 0, supervisionTimeout: 300 });
    assert.equal((await updated)[0], 40);
    say('STEP 13');
    conn.disconnect(0x15);
    assert.equal((await once(conn, 'disconnect'))[0], 0x16);
    say('STEP 14');
    process.exit(0);
    """)
    c.say(s.line("MAC"))
    rows = GATT[:12] + MORE[:2] + GATT[12:]
    for n, row in enumerate(rows):
        c.line("STEP %d" % n, 30)
        if n in (5, 6):
            s.line("WROTE %s 7" % ("request", "command")[n - 5])
        if n == 8:
            s.line("WROTE long %d %d" % (len(OTHER_VALUE), sum(OTHER_VALUE)))
        if n == 11:
            assert s.line("INDICATED").endswith(", 0)"), s.lines
        passed(CENTRAL, row)
    c.end()
    assert s.line("REASON") == str(0x15), s.lines
    s.end()
    s = disconnects()
    c = node("""
    const conn = await BleHost.connect(await BleHost.up(), 'WoadPeer');
    say('HERE');
    say('REASON', (await once(conn, 'disconnect'))[0]);
    process.exit(0);
    """)
    both_reasons(s, c)
    passed(CENTRAL, MORE[2])


def disconnects():
    """A Woad peripheral that ends the connection when it is asked to."""
    s = woad(SETTINGS + SERVER + "ble.config(events=(64,))\nconn = wait(1, 60000)[0]\nsys.stdin.readline()\nble.gap_disconnect(conn)\n" + GONE)
    s.line("READY")
    return s


def both_reasons(woad_side, host):
    host.line("HERE", 30)
    woad_side.say("")
    reasons = host.line("REASON", 30), woad_side.line("REASON", 30)
    assert reasons == (str(0x13), str(0x16)), reasons
    host.end()
    woad_side.end()


PEER = """
    const m = await BleHost.up();
    const note = { uuid: NOTIFY, properties: ['read', 'notify'], value: '' };
    const sure = { uuid: INDICATE, properties: ['read', 'indicate'], value: '' };
    note.onSubscriptionChange = (conn, on) => { if (on) setTimeout(() => note.notify(conn, 'a notification'), 50); };
    sure.onSubscriptionChange = (conn, _, on) => { if (on) setTimeout(() => sure.indicate(conn, 'an indication', () => say('CONFIRMED')), 50); };
    const short = { uuid: SHORT, properties: ['read', 'write', 'write-without-response'], value: Buffer.from('short'),
      descriptors: [{ uuid: '00000077-0000-4000-8000-776f6164776f', value: 'a short value' }] };
    m.gattDb.addServices([{ uuid: SERVICE, characteristics: [short, { uuid: LONG, properties: ['read', 'write'], value: LONG_VALUE }, note, sure] }]);
    const conn = await BleHost.advertise(m, 'HostPeer');
    say('PEER', conn.peerAddress);
"""


def gatt_ble_host_peripheral():
    s = node(PEER + """
    conn.on('connectionUpdate', (interval, latency, timeout) => say('UPDATED', interval, latency));
    conn.updateConnParams({ connIntervalMin: 32, connIntervalMax: 32, connLatency: 1, supervisionTimeout: 300 }, status => say('ANSWER', status));
    say('REASON', (await once(conn, 'disconnect'))[0]);
    process.exit(0);
    """)
    s.line("READY", 30)
    c = woad(SETTINGS + "NAME = b'HostPeer'\n" + FIND_PEER + VISIT_GATT.replace("up()\nWHO = peer()\n", "").replace(
        'print("GREEN", 12)', 'print("GREEN", 12)\nprint("UPDATE", [e for e in events if e[0] == 27])'))
    for n in range(13):
        if n == 6:
            c.line("COMMAND", 30)
            c.say("")
        c.line("GREEN %d" % n, 30)
        if n == 11:
            s.line("CONFIRMED")
            c.say("")
        passed(PERIPHERAL, GATT[n])
    assert s.line("REASON") == str(0x13), s.lines
    assert s.line("ANSWER") == "0" and s.line("UPDATED") == "32 1", s.lines
    assert "(0, 32, 1, 300, 0)" in c.line("UPDATE"), c.lines
    passed(PERIPHERAL, MORE[1])
    c.end()
    s.end()
    s = node(PEER + "conn.disconnect(0x14);\nsay('REASON', (await once(conn, 'disconnect'))[0]);\nprocess.exit(0);\n")
    s.line("READY", 30)
    c = woad(FIND_PEER + "ble.config(events=(64,))\nconn = connect(b'HostPeer')\n" + GONE)
    assert c.line("REASON", 30) == str(0x14) and s.line("REASON") == str(0x16), (c.lines, s.lines)
    passed(PERIPHERAL, MORE[2])
    c.end()
    s.end()


def reliable_ble_host_peripheral():
    """Woad compares each part that the server repeats; the server writes all parts at once."""
    s = node("""
    const m = await BleHost.up();
    const long = { uuid: LONG, properties: ['read', 'write', 'reliable-write'], value: LONG_VALUE,
      onWrite: (conn, needsResponse, v, answer) => { say('WROTE', v.equals(OTHER_VALUE)); answer(0); } };
    m.gattDb.addServices([{ uuid: SERVICE, characteristics: [long] }]);
    await once(await BleHost.advertise(m, 'HostPeer'), 'disconnect');
    process.exit(0);
    """)
    s.line("READY", 30)
    c = woad(SETTINGS + FIND_PEER + """
conn = connect(b"HostPeer")
ble.gattc_discover_characteristics(conn, 1, 0xffff, LONG)
long = wait(11)[2]
wait(12)
ble.gattc_write(conn, long, OTHER_VALUE, 3)
assert wait(17, 20000)[2] == 0
ble.gap_disconnect(conn)
wait(8)
""")
    c.end(60)
    s.end()
    assert [x for x in s.lines if x.startswith("WROTE")] == ["WROTE true"], s.lines
    passed(PERIPHERAL, MORE[0])


# For a Woad central: who advertises that name.
FIND_PEER = """
up()
def find(name):
    ble.gap_scan(0, 30000, 30000, True)
    while True:
        kind, who, adv, rssi, data = wait(5, 20000)
        if name in data:
            break
    ble.gap_scan(None)
    wait(6)
    events[:] = [e for e in events if e[0] != 5]
    return kind, who
def connect(name):
    ble.gap_connect(*find(name), 20000)
    return wait(7, 20000)[0]
WHO = find(b"HostPeer")[1]
"""


# ---- pairing ----

def answer(host, ours, shows):
    """The users on both sides do what they are asked, and see what they should."""
    if shows == "host":
        number = host.line("SHOWS", 30)
        ours.line("ACTION 2", 30)
        ours.say(number)
    elif shows == "woad":
        host.line("TYPES", 30)
        host.say("%06d" % int(ours.line("ACTION 3", 30)))
    elif shows == "user":
        host.line("TYPES", 30)
        ours.line("ACTION 2", 30)
        for side in (host, ours):
            side.say("314159")
    elif shows == "both":
        assert int(ours.line("ACTION 4", 30)) == int(host.line("COMPARE", 30))
        host.say("yes")


def settings(name):
    _, io, _, mitm, secure = PAIRINGS[name]
    return "IO, MITM, SECURE = %d, %r, %r\nLONG_VALUE = b''\nSECRET_FLAGS = %d\n" % (io, mitm, secure, 0x602 if mitm else 0x202)


def features(name, bond=0):
    cap, _, _, mitm, secure = PAIRINGS[name]
    return "{ ioCap: %d, bondingFlags: %d, mitm: %s, sc: %s }" % (cap, bond, json.dumps(mitm), json.dumps(secure))


def level(name):
    _, _, _, mitm, secure = PAIRINGS[name]
    return "assert.deepEqual({ ...conn.smp.currentEncryptionLevel }, { mitm: %s, sc: %s, keySize: 16 });" % (json.dumps(mitm), json.dumps(secure))


PAIR = """
    const conn = await BleHost.connect(await BleHost.up(), 'WoadPeer');
    BleHost.users(conn);
    const c = await BleHost.discover(conn);
    const [refused] = [].concat(await ask(c[SECRET], 'read'));
    assert.ok(refused === 0x05 || refused === 0x0f, `read ended with ${refused}`);
"""


def pair_ble_host_central(name):
    s = woad(settings(name) + SERVER + PAIRS + "pairs(60000)\nwait(2, 30000)\n")
    s.line("READY")
    c = node(PAIR + """
    const complete = once(conn.smp, 'pairingComplete');
    conn.smp.sendPairingRequest(%s);
    await complete;
    %s
    assert.equal(String(value(await ask(c[SECRET], 'read'))), 'for your eyes only');
    conn.disconnect();
    await once(conn, 'disconnect');
    process.exit(0);
    """ % (features(name), level(name)))
    answer(c, s, PAIRINGS[name][2])
    c.end(40)
    s.line("PAIRED")
    s.end()
    passed(CENTRAL, name)


SECRETS = """
    const m = await BleHost.up(%s);
    const note = { uuid: NOTIFY, properties: ['notify'] };
    note.onSubscriptionChange = (conn, on, _, written) => { if (on && !written) note.notify(conn, 'as before'); };
    m.gattDb.addServices([{ uuid: SERVICE, characteristics: [{ uuid: SECRET, properties: ['read'], readPerm: '%s', value: 'for your eyes only' }, note] }]);
    const conn = await BleHost.advertise(m, 'HostPeer');
    BleHost.users(conn);
"""


def pair_ble_host_peripheral(name):
    s = node(SECRETS % ("", "encrypted-mitm" if PAIRINGS[name][3] else "encrypted") + """
    conn.smp.on('pairingRequest', (request, answer) => answer(%s));
    await once(conn.smp, 'pairingComplete');
    %s
    await once(conn, 'disconnect');
    process.exit(0);
    """ % (features(name), level(name)))
    s.line("READY", 30)
    c = woad(settings(name) + FIND_PEER + PAIRS + VISIT_SECRET + """
ble.gap_pair(conn)
pairs()
ble.gattc_read(conn, secret)
assert wait(15)[2] == b"for your eyes only"
ble.gap_disconnect(conn)
wait(8)
""")
    answer(s, c, PAIRINGS[name][2])
    c.end(40)
    s.end()
    passed(PERIPHERAL, name)


VISIT_SECRET = """
conn = connect(b"HostPeer")
ble.gattc_discover_characteristics(conn, 1, 0xffff, SECRET)
secret = wait(11)[2]
wait(12)
ble.gattc_read(conn, secret)
assert wait(16)[2] in (0x105, 0x10f), events        # it asks for more than there is
"""
FAILS = """
while not any(e[0] == 28 for e in events):
    if any(e[0] == 31 for e in events):
        conn, action, number = wait(31)
        print("ACTION", action, number)
        ble.gap_passkey(conn, action, ANSWER)
    time.sleep_ms(5)
print("FAILED", wait(73)[1], wait(28)[1])
"""


def refused(column, row, name, ours, status):
    """A user types a wrong passkey, or sees that the numbers differ: both sides learn that nothing came of it."""
    begin = settings(name) + "ANSWER = %d\n" % ours
    end = "ble.config(io=IO, mitm=MITM, le_secure=SECURE, events=(73,))\n"
    if column == CENTRAL:
        w = woad(begin + SERVER + end + "wait(1, 60000)\n" + FAILS + "wait(2, 20000)\n")
        w.line("READY")
        h = node(PAIR + "conn.smp.sendPairingRequest(%s);" % features(name) + FAILED_HOST)
    else:
        h = node(SECRETS % ("", "encrypted-mitm") + "conn.smp.on('pairingRequest', (request, answer) => answer(%s));" % features(name) + FAILED_HOST)
        h.line("READY", 30)
        w = woad(begin + FIND_PEER + end + VISIT_SECRET + "ble.gap_pair(conn)\n" + FAILS + "wait(8, 20000)\n")
    if PAIRINGS[name][2] == "both":
        h.line("COMPARE", 30)
        h.say("yes")
    else:
        h.line("SHOWS", 30)
    ends = w.line("FAILED", 30).split()
    assert ends[1] == "0" and int(ends[0]) & 0xff == status, w.lines
    reason, remote = h.line("PAIRING FAILED", 30).split()
    assert int(reason) == status and (remote == "true") == (int(ends[0]) < 0x100), (w.lines, h.lines)
    h.say("leave")
    w.end()
    h.end()
    passed(column, row)


FAILED_HOST = """
    await once(conn.smp, 'pairingFail');
    await line();
    conn.disconnect();
    await once(conn, 'disconnect');
    process.exit(0);
"""


def requested(column):
    """The peripheral sends a Security Request, and the central pairs."""
    name = "paired, Secure Connections, Just Works"
    if column == CENTRAL:
        w = woad(settings(name) + SERVER + "conn = wait(1, 60000)[0]\nsys.stdin.readline()\nble.gap_pair(conn)\nprint('LEVEL', wait(28, 40000)[1:])\nwait(2, 30000)\n")
        w.line("READY")
        h = node("""
        const conn = await BleHost.connect(await BleHost.up(), 'WoadPeer');
        conn.smp.on('pairingRequest', (request, answer) => { say('REQUESTED'); answer({ bondingFlags: 0 }); });
        say('HERE');
        """ + COMPLETE + "conn.disconnect();\nawait once(conn, 'disconnect');\nprocess.exit(0);")
        h.line("HERE", 30)
        w.say("")
    else:
        h = node(SECRETS % ("", "encrypted") + """
        conn.smp.on('pairingRequest', (request, answer) => { say('REQUESTED'); answer({ bondingFlags: 0 }); });
        conn.smp.sendSecurityRequest(false, false, true, false);
        """ + COMPLETE + "await once(conn, 'disconnect');\nprocess.exit(0);")
        h.line("READY", 30)
        w = woad(FIND_PEER + "conn = connect(b'HostPeer')\nprint('LEVEL', wait(28, 40000)[1:])\nble.gap_disconnect(conn)\nwait(8)\n")
    assert w.line("LEVEL", 40) == "(1, 0, 0, 16)", w.lines
    h.line("REQUESTED")
    h.end(40)
    w.end()
    passed(column, REQUESTED)


COMPLETE = "await once(conn.smp, 'pairingComplete');\nassert.equal(conn.smp.isEncrypted, true);\n"


def bonded_ble_host_central():
    """Woad has a private address, and another one when the other host is back: the bond holds on both sides, and nobody pairs."""
    s = woad("IO, MITM, SECURE = 3, False, True\nLONG_VALUE = b''\nSECRET_FLAGS = 0x202\n" + SERVER.replace("up()", """
up()
ble.config(addr_mode=2, bond=True, events=(71,))""") + """
wait(1, 60000)
assert wait(28, 40000)[1:] == (1, 0, 1, 16)
assert wait(71)[1:] == (note, 1)
wait(2, 30000)
events.clear()
ble.config(addr_mode=0)
ble.config(addr_mode=2)
ble.gap_advertise(100000)
print("AGAIN")
conn, kind, who = wait(1, 60000)
assert wait(28, 20000)[1:] == (1, 0, 1, 16)
assert (kind, who) == ble.gap_bonds()[0][:2], (kind, who, ble.gap_bonds())
print("SUBSCRIBED", wait(71)[1:] == (note, 1))
wait(2, 30000)
""")
    s.line("READY")
    first = node("""
    const conn = await BleHost.connect(await BleHost.up('%s'), 'WoadPeer');
    const complete = once(conn.smp, 'pairingComplete');
    conn.smp.sendPairingRequest({});
    assert.equal((await complete)[0].bond, true);
    say('IDENTITY', conn.peerIdentityAddress, conn.peerAddress);
    const c = await BleHost.discover(conn);
    ok(await ask(c[NOTIFY], 'writeCCCD', true, false));
    conn.disconnect();
    await once(conn, 'disconnect');
    process.exit(0);
    """ % ADDRESS)
    first.end(40)
    identity, private = first.line("IDENTITY").split()
    assert identity.replace(":", "").lower() == s.line("MAC") and private != identity, first.lines
    s.line("AGAIN")
    c = node("""
    const conn = await BleHost.connect(await BleHost.up('%s'), 'WoadPeer');
    say('IDENTITY', conn.peerIdentityAddress, conn.peerAddress);
    assert.ok(conn.smp.hasLtk);
    conn.smp.on('pairingRequest', () => say('PAIRS AGAIN'));
    const encrypted = once(conn.smp, 'encrypt');
    conn.smp.startEncryption();
    ok((await encrypted)[0]);
    const c = await BleHost.discover(conn);
    assert.equal(String(value(await ask(c[SECRET], 'read'))), 'for your eyes only');
    conn.disconnect();
    await once(conn, 'disconnect');
    process.exit(0);
    """ % ADDRESS)
    c.end(40)
    assert c.line("IDENTITY").split()[0] == identity and c.line("IDENTITY").split()[1] != private, (first.lines, c.lines)
    assert "PAIRS AGAIN" not in c.lines, c.lines
    passed(CENTRAL, BONDED)
    assert s.line("SUBSCRIBED") == "True", s.lines
    s.end()
    passed(CENTRAL, SUBSCRIBED)


def bonded_ble_host_peripheral():
    def host():
        s = node(SECRETS % ("'%s'" % ADDRESS, "encrypted") + """
        conn.smp.on('pairingRequest', (request, answer) => { say('PAIRS'); answer({}); });
        say('IDENTITY', conn.peerIdentityAddress, conn.peerAddress);
        ok((await once(conn.smp, 'encrypt'))[0]);
        await once(conn, 'disconnect');
        process.exit(0);
        """)
        s.line("READY", 30)
        return s
    s = host()
    c = woad(FIND_PEER + """
ble.config(addr_mode=2, bond=True, events=(73,))
""" + VISIT_SECRET + """
ble.gap_pair(conn)
assert wait(28, 20000)[1:] == (1, 0, 1, 16)
ble.gattc_write(conn, secret + 3, b"\\1\\0", 1)            # the CCCD of the next characteristic
assert wait(17)[2] == 0
ble.gap_disconnect(conn)
wait(8)
print("LEFT")
sys.stdin.readline()
ble.config(addr_mode=0)
ble.config(addr_mode=2)
""" + VISIT_SECRET + """
ble.gap_pair(conn)
assert wait(28, 20000)[1:] == (1, 0, 1, 16)
ble.gattc_read(conn, secret)
assert wait(15)[2] == b"for your eyes only"
print("SUBSCRIBED", wait(18)[1:] == (secret + 2, b"as before"))
ble.gap_disconnect(conn)
wait(8)
""")
    c.line("LEFT", 40)
    s.end()
    private = s.line("IDENTITY").split()[1]
    s.line("PAIRS")
    s = host()
    c.say("")
    c.end(40)
    s.end()
    identity, again = s.line("IDENTITY").split()
    assert identity.replace(":", "").lower() == c.line("MAC") and again != private, (s.lines, c.lines)
    assert "PAIRS" not in s.lines, s.lines
    passed(PERIPHERAL, BONDED)
    assert c.line("SUBSCRIBED") == "True", c.lines
    passed(PERIPHERAL, SUBSCRIBED)


# ---- channels ----

SIZE, FIRST = 262144, 2000                                  # ble-host does not take credits for a channel that it opened
LISTENS = """
    conn.l2capCoCManager.registerLePsm(0x81, (txMtu, answer) => {
      const channel = answer(0, false, 1500);
      let octets = 0;
      channel.on('data', d => { octets += d.length; channel.send(Buffer.from(d)); });
      channel.on('disconnect', () => say('ECHOED', octets));
    });
    say('LISTENS');
    await once(conn, 'disconnect');
    process.exit(0);
"""
OPENS = """
ble.l2cap_connect(conn, 0x91, 1500)
assert wait(24, 20000)[3] == 8
print("REFUSED")
cid = ble.l2cap_connect(conn, 0x81, 1500)
assert wait(23, 20000)[2] == 0x81
sent = came = 0
ready = True
buf = bytearray(2048)
while came < SIZE:
    if ready and sent < SIZE and sent - came < 16384:
        ready = ble.l2cap_send(conn, cid, bytes((sent + i) * 31 >> 3 & 255 for i in range(1024)))
        sent += 1024
    if not ready and any(e[0] == 26 for e in events):
        assert wait(26)[2] == 0
        ready = True
    n = ble.l2cap_recvinto(conn, cid, buf)
    for i in range(n):
        assert buf[i] == (came + i) * 31 >> 3 & 255, came
    came += n
    if not n:
        time.sleep_ms(1)
    events[:] = [e for e in events if e[0] != 25]
ble.l2cap_disconnect(conn, cid)
wait(24)
"""
ADVERTISES = """
up()
ble.l2cap_listen(0x80, 1500)
ble.gap_advertise(100000, b"\\x02\\x01\\x06\\x09\\x09WoadPeer")
print("READY")
conn = wait(1, 60000)[0]
"""


def channel_that_woad_opens(column):
    if column == CENTRAL:
        w = woad("SIZE = %d\n" % SIZE + ADVERTISES + "sys.stdin.readline()\n" + OPENS + "ble.gap_disconnect(conn)\nwait(2)\n")
        w.line("READY")
        h = node("const conn = await BleHost.connect(await BleHost.up(), 'WoadPeer');" + LISTENS)
    else:
        h = node("const conn = await BleHost.advertise(await BleHost.up(), 'HostPeer');" + LISTENS)
        h.line("READY", 30)
        w = woad("SIZE = %d\n" % SIZE + FIND_PEER + "conn = connect(b'HostPeer')\nsys.stdin.readline()\n" + OPENS + "ble.gap_disconnect(conn)\nwait(8)\n")
    h.line("LISTENS", 30)
    w.say("")
    w.line("REFUSED", 30)
    passed(column, CHANNEL[2])
    w.end(120)
    assert h.line("ECHOED") == str(SIZE)
    h.end()
    passed(column, CHANNEL[0])


def channel_that_the_host_opens(column):
    server = """
cid = wait(23, 60000)[1]
buf = bytearray(2048)
got = b""
while len(got) < %d:
    n = ble.l2cap_recvinto(conn, cid, buf)
    got += buf[:n]
    if not n:
        time.sleep_ms(1)
assert all(v == i * 31 >> 3 & 255 for i, v in enumerate(got))
for sent in range(0, %d, 1024):
    ble.l2cap_send(conn, cid, bytes((sent + i) * 31 >> 3 & 255 for i in range(1024))) or wait(26, 20000)
wait(24, 20000)
wait(%d, 20000)
""" % (FIRST, SIZE, 2 if column == CENTRAL else 8)
    client = """
    const [refusal] = [].concat(await ask(conn.l2capCoCManager, 'connect', 0x90, false, 1500));
    assert.equal(refusal, 2);
    say('REFUSED');
    const [result, channel] = await ask(conn.l2capCoCManager, 'connect', 0x80, false, 1500);
    ok(result);
    assert.equal(channel.txMtu, 1500);
    const octets = n => Buffer.from(Array.from({ length: n }, (_, i) => i * 31 >> 3 & 255)), came = [];
    let count = 0;
    const all = new Promise(done => channel.on('data', d => { came.push(Buffer.from(d)); count += d.length; if (count >= %d) done(); }));
    for (let n = 0; n < %d; n += 1000) channel.send(octets(n + 1000).subarray(n));
    await all;
    assert.ok(Buffer.concat(came).equals(octets(%d)));
    channel.disconnect();
    await sleep(300);
    conn.disconnect();
    await once(conn, 'disconnect');
    process.exit(0);
    """ % (SIZE, FIRST, SIZE)
    if column == CENTRAL:
        w = woad(ADVERTISES + server)
        w.line("READY")
        h = node("const conn = await BleHost.connect(await BleHost.up(), 'WoadPeer');" + client)
    else:
        h = node("const conn = await BleHost.advertise(await BleHost.up(), 'HostPeer');" + client)
        h.line("READY", 30)
        w = woad(FIND_PEER + "ble.l2cap_listen(0x80, 1500)\nconn = connect(b'HostPeer')\n" + server)
    h.line("REFUSED", 30)
    h.end(120)
    w.end()
    passed(column, CHANNEL[1])


# ---- noble ----

NOBLE_UP = """
    const noble = require('@stoprocent/noble').withBindings('hci');
    const plain = uuid => uuid.replaceAll('-', '').toLowerCase();
    await noble.waitForPoweredOnAsync();
    const find = right => new Promise(done => {
      noble.on('discover', p => { if (right(p)) { noble.stopScanning(); done(p); } });
      noble.startScanning([], true);
    });
    const discover = async p => {
      const { characteristics } = await p.discoverSomeServicesAndCharacteristicsAsync([plain(SERVICE)], []);
      return Object.fromEntries(characteristics.map(c => [c.uuid, c]));
    };
    const at = (c, uuid) => c[plain(uuid)];
"""


def gatt_noble():
    s = gatt_server()
    c = node(NOBLE_UP + """
    const p = await find(p => p.advertisement.localName === 'WoadPeer' && p.advertisement.serviceUuids.includes(plain(SERVICE)));
    assert.equal(plain(p.address.replaceAll(':', '')), await line());
    say('STEP 0');
    await p.connectAsync();
    say('STEP 1');
    const c = await discover(p);
    assert.equal(p.mtu, 256);
    say('STEP 2');
    assert.deepEqual([SHORT, LONG, NOTIFY, INDICATE].map(u => [...at(c, u).properties].sort()),
      [['read', 'write', 'writeWithoutResponse'], ['read', 'write'], ['notify', 'read'], ['indicate', 'read']]);
    const [description] = await at(c, SHORT).discoverDescriptorsAsync();
    assert.equal(description.uuid, '2901');
    say('STEP 3');
    assert.equal(String(await at(c, SHORT).readAsync()), 'short');
    say('STEP 4');
    await at(c, SHORT).writeAsync(Buffer.from('request'), false);
    say('STEP 5');
    await at(c, SHORT).writeAsync(Buffer.from('command'), true);
    say('STEP 6');
    assert.deepEqual(await at(c, LONG).readAsync(), LONG_VALUE);
    say('STEP 7');
    await at(c, LONG).writeAsync(OTHER_VALUE, false);
    assert.deepEqual(await at(c, LONG).readAsync(), OTHER_VALUE);
    say('STEP 8');
    assert.equal(String(await description.readValueAsync()), 'a short value');
    say('STEP 9');
    for (const [n, uuid, what, text] of [[10, NOTIFY, 'notify', 'a notification'], [11, INDICATE, 'indicate', 'an indication']]) {
      await at(c, uuid).subscribeAsync();
      const changed = once(at(c, uuid), 'data');
      await at(c, SHORT).writeAsync(Buffer.from(what), false);
      assert.equal(String((await changed)[0]), text);
      say('STEP', n);
    }
    await at(c, SHORT).readAsync();                         // the confirmation is on its way before the end
    await p.disconnectAsync();
    say('STEP 12');
    process.exit(0);
    """)
    c.say(s.line("MAC"))
    for n, row in enumerate(GATT):
        c.line("STEP %d" % n, 30)
        if n == 8:
            s.line("WROTE long %d %d" % (len(OTHER_VALUE), sum(OTHER_VALUE)))
        if n == 11:
            assert s.line("INDICATED").endswith(", 0)"), s.lines
        passed(NOBLE, row)
    c.end()
    assert s.line("REASON") == str(0x13), s.lines
    s.end()
    s = disconnects()
    c = node(NOBLE_UP + """
    const p = await find(p => p.advertisement.localName === 'WoadPeer');
    p.once('disconnect', reason => { say('REASON', reason); process.exit(0); });
    await p.connectAsync();
    say('HERE');
    """)
    both_reasons(s, c)
    passed(NOBLE, MORE[2])


def pair_noble():
    """noble pairs by itself when a read is refused, by legacy Just Works, and forgets: each time it is back it pairs again."""
    name = "paired, legacy, Just Works"
    s = woad(settings(name) + SERVER + "ble.config(io=3, bond=True)\n" + """
for n in range(2):
    wait(1, 60000)
    level = wait(28, 40000)[1:]
    assert level == (1, 0, 1, 16), (level, events)
    wait(2, 30000)
    ble.gap_advertise(100000)
    print("TIMES", n + 1, len(ble.gap_bonds()))
""")
    s.line("READY")
    for n in range(2):
        c = node(NOBLE_UP + """
        const p = await find(p => p.advertisement.localName === 'WoadPeer');
        await p.connectAsync();
        const c = await discover(p);
        assert.equal(String(await at(c, SECRET).readAsync()), 'for your eyes only');
        await sleep(300);                                   // the keys that it does not keep are on their way
        await p.disconnectAsync();
        process.exit(0);
        """)
        c.end(40)
        s.line("TIMES %d" % (n + 1))
    s.end()
    passed(NOBLE, name)


def cases():
    yield "gatt-ble-host-central", gatt_ble_host_central
    yield "gatt-ble-host-peripheral", gatt_ble_host_peripheral
    yield "reliable-ble-host-peripheral", reliable_ble_host_peripheral
    for name in PAIRINGS:
        short = name.replace("paired, ", "").replace(", ", "-").replace(" ", "-")
        yield "pair-ble-host-central-" + short, lambda name=name: pair_ble_host_central(name)
        yield "pair-ble-host-peripheral-" + short, lambda name=name: pair_ble_host_peripheral(name)
    passkey = "paired, Secure Connections, Passkey that the other host shows"
    compare = "paired, Secure Connections, Numeric Comparison"
    for column, short in ((CENTRAL, "central"), (PERIPHERAL, "peripheral")):
        yield "requested-ble-host-%s" % short, lambda column=column: requested(column)
        yield "refused-ble-host-%s-passkey" % short, lambda column=column: refused(column, REFUSED[0], passkey, 1, 4)
        yield "refused-ble-host-%s-number" % short, lambda column=column: refused(column, REFUSED[1], compare, 0, 12)
    yield "bonded-ble-host-central", bonded_ble_host_central
    yield "bonded-ble-host-peripheral", bonded_ble_host_peripheral
    yield "channel-ble-host-central-woad-opens", lambda: channel_that_woad_opens(CENTRAL)
    yield "channel-ble-host-peripheral-woad-opens", lambda: channel_that_woad_opens(PERIPHERAL)
    yield "channel-ble-host-central-opens", lambda: channel_that_the_host_opens(CENTRAL)
    yield "channel-ble-host-peripheral-opens", lambda: channel_that_the_host_opens(PERIPHERAL)
    yield "gatt-noble", gatt_noble
    yield "pair-noble", pair_noble


def version(package):
    with open(os.path.join(build, "hosts", "node_modules", package, "package.json")) as f:
        return json.load(f)["version"]


def write_matrix(rounds):
    path = os.path.join(build, "hosts", "matrix.md")
    columns = (CENTRAL, PERIPHERAL, NOBLE)
    with open(path, "w") as f:
        f.write("| in %d rounds | %s |\n|---|---|---|---|\n" % (rounds, " | ".join(columns)))
        for row in ROWS:
            cells = ["%d of %d" % (green.get((row, c), 0), rounds) if (row, c) in green else "" for c in columns]
            f.write("| %s | %s |\n" % (row, " | ".join(cells)))
        runtime = subprocess.run(["node", "--version"], stdout=subprocess.PIPE).stdout.decode().strip()
        f.write("\nble-host %s, @stoprocent/noble %s, Node.js %s; MicroPython with Woad's module; all at controllers of `woad air`.\n" % (
            version("ble-host"), version("@stoprocent/noble"), runtime))
    return path


def main():
    rounds, words = int(sys.argv[1]) if len(sys.argv) > 1 else 1, sys.argv[2:]
    nothing = [w for w in words if not any(w in name for name, _ in cases())]
    if nothing:
        print("there is no case with %s in its name" % " or ".join(repr(w) for w in nothing))
        return 2
    hub("unix:" + radio, "--pcap", os.path.join(build, "hosts", "air.pcap"))
    if not os.path.exists(radio):
        print("there is no radio: does another run write build/hosts/air.pcap?")
        return 1
    recorded.begin(os.path.join(build, "hosts-logs"))
    failed = count = 0
    for n in range(rounds):
        for name, case in cases():
            if words and not any(w in name for w in words):
                continue
            shutil.rmtree(home, ignore_errors=True)
            os.mkdir(home)
            start = time.time()
            Program.case = name
            try:
                case()
                count += 1
                print("ok   %-66s %5.1f s" % (name, time.time() - start), flush=True)
            except Exception as e:
                failed += 1
                print("FAIL %s: %s: %s" % (name, type(e).__name__, e), flush=True)
                for q in programs:
                    print("  its program: %s" % q.lines[-12:], flush=True)
            for q in programs:
                q.kill()
            programs.clear()
    if os.environ.get("REPLAY"):
        same, logs = recorded.replay(air)
        failed += logs - same
    where = "" if words else "; " + os.path.relpath(write_matrix(rounds))
    print("%d passed, %d failed%s" % (count, failed, where))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
