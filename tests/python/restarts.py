#!/usr/bin/env python3
"""A program's address on the simulated radio: it keeps it over active(), and when it is started again, and so does its bond.

restarts.py [NAME…]: those tests whose names contain one of the words.
"""
import os
import sys
import textwrap

from run import CLIENT, PRELUDE, SERVER, Program, hub, main, micropython, scratch

TELLS = """
up()
peer()
ble.active(False)
peer()
ble.active(True)
print("AGAIN", ble.config("mac")[1].hex())
peer()
"""


class Script(Program):
    """A program in a file, as users have them: without WOAD_NAME, unless `name` is it."""

    def __init__(self, path, name=None, spec=None):
        env = {"WOAD_NAME": name} if name else {}
        if spec:
            env["WOAD_HCI"] = spec
        super().__init__(None, env, command=[micropython, path])
        self.mac = self.line("MAC")

    def over(self):
        self.say("")
        self.say("")
        again = self.line("AGAIN")
        assert again == self.mac, (again, self.mac)
        self.say("")
        self.end()
        return self.mac


def script(name, code=TELLS):
    path = os.path.join(scratch, name)
    with open(path, "w") as f:
        f.write(PRELUDE + textwrap.dedent(code))
    return path


def test_a_program_keeps_its_address():
    """By the script's path, however it is written, or by WOAD_NAME; while others come and go."""
    one, other = script("one.py"), script("other.py")
    os.mkdir(os.path.join(scratch, "there"))
    first = Script(one).over()
    stays = Script(other)
    assert Script(one).over() == first != stays.mac
    assert Script(os.path.join(scratch, "there", "..", "one.py")).over() == first
    assert Script("one.py").over() == first
    named = Script(one, "a name").over()
    assert named == Script(other, "a name").over() and named not in (first, stays.mac)
    assert stays.over() == Script(other).over()


def test_two_of_the_same():
    """Programs of one name have different addresses, each its own over active(); started again in the same order, the same ones."""
    path = script("same.py")
    before = None
    for n in range(2):
        ps = [Script(path) for _ in range(3)]
        macs = [p.mac for p in ps]
        assert len(set(macs)) == 3, macs
        for p in ps:                        # all are away at the same time
            p.say("")
        for p in reversed(ps):              # and come back in another order
            p.say("")
            assert p.line("AGAIN") == p.mac
        for p in ps:
            p.say("")
            p.end()
        assert before in (None, macs), (before, macs)
        before = macs


def test_radios_are_told_apart():
    """The same program on two radios at the same time is on both the first of its name, with the same address."""
    path = script("both.py")
    specs = ["unix:" + os.path.join(scratch, "both%d.sock" % n) for n in range(2)]
    hubs = [hub(spec) for spec in specs]
    alone = [Script(path, spec=spec).over() for spec in specs]
    assert alone[0] == alone[1]
    ps = [Script(path, spec=spec) for spec in specs]
    assert [p.over() for p in ps] == alone
    for h in hubs:
        h.terminate()
        h.wait()


def test_a_bond_survives_a_restart():
    """Each side in turn is started again: the other finds it at its address, and the bond serves, with nothing paired anew."""
    stores = [os.path.join(scratch, name + ".restart") for name in "sc"]
    bonds = "    ble.config(bond=True, le_secure=True, events=(73,), bond_store=%r)\n"
    server = bonds % stores[0] + SERVER + """
    for n in range(%d):
        wait(1, 20000)
        wait(28, 20000)
        wait(2, 20000)
        ble.gap_advertise(20000)
    assert len(ble.gap_bonds()) == 1
    """
    client = bonds % stores[1] + CLIENT + """
    known = len(ble.gap_bonds())
    assert known == %d
    ble.gap_pair(conn)
    assert wait(28)[1:] == (1, 0, 1, 16)
    assert not [e for e in events if e[0] == 73], events
    ble.gap_disconnect(conn)
    wait(8)
    """
    s = Program(server % 2, {"WOAD_NAME": "server"})
    s.line("READY")
    mac = s.line("MAC")
    for known in range(2):
        c = Program(client % known, {"WOAD_NAME": "client"})
        c.say(mac)
        c.end()
    s.end()
    s = Program(server % 1, {"WOAD_NAME": "server"})
    s.line("READY")
    c = Program(client % 1, {"WOAD_NAME": "client"})
    c.say(mac)
    c.end()
    s.end()


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
