#!/usr/bin/env python3
"""`woad` and the scripts from outside, without MicroPython.

tools.py [NAME…]: those tests whose names contain one of the words.
"""
import fcntl
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

from scaffold import Host, ended, hub, main, name_of, root, scratch, serves, start, woad

F_SETPIPE_SZ = 1031
RESET = b"\x01\x03\x0c\x00"


def scan(spec, seconds="1"):
    return subprocess.run([woad, "scan", seconds], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20,
                          env=dict(os.environ, WOAD_HCI=spec))


def test_serving_is_said_beside_the_names():
    """What a script reads, the names of lines, stands on standard output alone."""
    path = os.path.join(scratch, "s")
    p = start([woad, "air", "unix:" + path, "pty", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.stderr.readline() == b"serving unix:%s\n" % path.encode()
    assert p.stdout.readline().startswith(b"pty:/dev/pts/")
    p.terminate()
    assert p.stdout.read() == b"" and ended(p) == b""
    assert not os.path.exists(path)


def test_a_signal_is_never_slept_through():
    """SIGTERM just as the hub has answered and is about to wait."""
    path = os.path.join(scratch, "s")
    for n in range(40):
        p = hub("unix:" + path)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(RESET)
            s.recv(64)
            p.send_signal((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)[n % 3])
            ended(p)
        assert not os.path.exists(path)


def test_it_removes_nothing_of_others():
    """A file in its place; a path with a comma; another's socket by the same name."""
    notes = os.path.join(scratch, "notes.txt")
    with open(notes, "w") as f:
        f.write("precious")
    r = subprocess.run([woad, "air", "unix:" + notes], stderr=subprocess.PIPE, timeout=5)
    assert r.returncode == 1 and b"is no socket" in r.stderr, r
    p = hub("unix:" + notes + ",b")
    p.terminate()
    ended(p)
    assert open(notes).read() == "precious" and not os.path.exists(notes + ",b")
    path = os.path.join(scratch, "s")
    a = hub("unix:" + path)
    os.unlink(path)
    b = hub("unix:" + path)
    a.terminate()
    ended(a)
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    b.terminate()
    ended(b)
    assert not os.path.exists(path)
    r = subprocess.run([woad, "air", "unix:" + path, "--pcap", notes], stderr=subprocess.PIPE, timeout=5)
    assert r.returncode == 1 and b"something else than a capture" in r.stderr, r
    assert open(notes).read() == "precious" and not os.path.exists(path)


def test_a_capture_that_can_not_be_written():
    path = os.path.join(scratch, "s")
    r = subprocess.run([woad, "air", "unix:" + path, "--pcap", "/dev/full"], stderr=subprocess.PIPE, timeout=5)
    assert r.returncode == 1 and b"/dev/full: No space left" in r.stderr, r


def test_without_standard_files():
    """Started with 0, 1 and 2 closed, what it prints goes to no host."""
    path = os.path.join(scratch, "s")
    p = start(["sh", "-c", 'exec "$0" air "unix:$1" <&- >&- 2>&-', woad, path])
    serves(path)
    h = Host(path)
    h.advertise(name_of(b"x"))
    p.terminate()
    assert p.wait(3) == 0


def test_scan_shows_what_there_is():
    """Legacy and extended advertising, which radio it was; and that nobody was there."""
    path = os.path.join(scratch, "s")
    spec = "unix:" + path
    p = hub(spec)
    r = scan(spec)
    assert r.returncode == 0 and r.stdout == b"" and b"no device advertises there" in r.stderr and spec.encode() in r.stderr, r
    legacy, extended = Host(path), Host(path)
    legacy.advertise(name_of(b"old"))
    extended.advertise_extended(name_of(b"new") + b"\xff\xff" * 1 + bytes(254) + name_of(b"not this"))
    r = scan(spec)
    lines = r.stdout.decode().splitlines()
    assert r.returncode == 0 and b"no device" not in r.stderr, r
    assert any("C0:05:04:03:02:01 random" in x and x.endswith("old") for x in lines), r
    assert any("C0:05:04:03:02:09 random" in x and x.endswith("new  extended, set 5, 271 octets") for x in lines), r
    p.terminate()
    ended(p)


def test_a_strangers_name_does_not_reach_the_terminal():
    """Controls of one and of two octets, what turns a line around, what is no UTF-8."""
    path = os.path.join(scratch, "s")
    spec = "unix:" + path
    p = hub(spec)
    h = Host(path)
    for name, shown in ((b"\x1b[2Jx", "?[2Jx"), (b"a\x9bb", "a?b"), ("a\u009b1mb".encode(), "a?1mb"), ("\u009d0;b".encode(), "?0;b"),
                        ("a\u202eb\u2066c".encode(), "a?b?c"), (b"\xc0\x9b\xff\xe2\x80", "?????"), (b"\xed\xa0\x80", "???"),
                        ("Köln \u96ea \U0001f409".encode(), "Köln \u96ea \U0001f409"), (b"a\nb\x7f", "a?b?")):
        h.command(0x200a, b"\x00")
        h.advertise(name_of(name))
        r = scan(spec)
        line = r.stdout.decode().splitlines()
        assert len(line) == 1 and line[0].endswith(" dBm  " + shown), (name, r)
    p.terminate()
    ended(p)


def test_seconds():
    for text in ("0", "-1", "x", "5x", "86401", "4294968", "99999999999999999999", ""):
        r = subprocess.run([woad, "scan", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=5)
        assert r.returncode == 2 and b"usage" in r.stderr, (text, r)


def test_speeds_that_are_none():
    for text in ("1abc", "2x", "", "x", "nan", "0", "-1", "101", "1 "):
        r = subprocess.run([woad, "air", "unix:" + scratch + "/s", "--speed", text], stderr=subprocess.PIPE, timeout=5)
        assert r.returncode == 2 and b"the speed is from" in r.stderr, (text, r)


def test_a_reader_that_pauses_does_not_stop_the_air():
    """Standard output, and the capture: pipes that are full.  What could not be written is told at the end."""
    path, pipe = os.path.join(scratch, "s"), os.path.join(scratch, "cap")
    os.mkfifo(pipe)
    capture = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(capture, F_SETPIPE_SZ, 4096)
    p = start([woad, "air", "unix:" + path, "--pcap", pipe], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    fcntl.fcntl(p.stdout, F_SETPIPE_SZ, 4096)
    assert p.stderr.readline().startswith(b"serving ")
    for n in range(150):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
    a, b = Host(path), Host(path)
    a.advertise(name_of(b"a"))
    b.advertise(name_of(b"b"))
    end = time.time() + 2
    while time.time() < end:
        a.command(0x0c03)                   # it answers all the time
        a.advertise(name_of(b"a"))
        time.sleep(0.05)
    p.terminate()
    assert b"its reader is too slow" in ended(p, 1)
    assert p.stdout.read().startswith(b"controller 1 attached")
    assert os.read(capture, 4)
    os.close(capture)


def test_worlds_that_are_none():
    for world, why in (("/", b"directory"), ("/dev/zero", b"a line of text"), ("/nowhere/x", b"No such file")):
        r = subprocess.run([woad, "air", "unix:" + scratch + "/s", "--world", world], stderr=subprocess.PIPE, timeout=5)
        assert r.returncode == 2 and why in r.stderr, r


def test_its_version_is_the_headers():
    said = subprocess.run([woad, "--version"], stdout=subprocess.PIPE, encoding="utf-8", timeout=20).stdout
    header = open(os.path.join(root, "include/woad/version.h"), encoding="utf-8").read()
    numbers = re.findall(r"define WOAD_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header)
    assert said == "woad %s\n" % ".".join(numbers), said


def test_what_other_systems_call_packages():
    """scripts/deps where nothing is there, on systems whose packages have other names."""
    for name, known, clang, wanted, not_wanted in (
        ("debian12", "libclang-rt-14-dev", 14, "libclang-rt-14-dev", "riscv "),
        ("debian13", "libclang-rt-19-dev qemu-system-riscv", 19, "libclang-rt-19-dev qemu-system-riscv", "qemu-system-misc"),
        ("ubuntu22", "libclang-common-14-dev", 14, "libclang-common-14-dev", "libclang-rt-14-dev"),
    ):
        at = os.path.join(scratch, name)
        os.mkdir(at)
        for tool in ("sh", "dirname", "cut", "sed", "head", "cat", "grep", "nproc", "env"):
            os.symlink(shutil.which(tool), os.path.join(at, tool))
        for tool, text in (
            ("id", "echo 1000"), ("sudo", 'exec "$@"'), ("apt-get", 'echo "$@" >>%s/log' % at),
            ("apt-cache", "case $1 in depends) echo '  Depends: clang-%d' ;; show) case ' %s ' in *\" $2 \"*) ;; *) exit 100 ;; esac ;; esac" % (clang, known)),
        ):
            with open(os.path.join(at, tool), "w") as f:
                f.write("#!%s/sh\n%s\n" % (at, text))
            os.chmod(os.path.join(at, tool), 0o755)
        r = subprocess.run([os.path.join(at, "sh"), os.path.join(root, "scripts", "deps"), "test"], env={"PATH": at, "HOME": at},
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        assert r.returncode == 0, r
        said = open(os.path.join(at, "log")).read().splitlines()
        assert said[0] == "update -qq" and "install" in said[1] and " clang " in said[1], said
        assert all(" %s" % w in said[1] for w in wanted.split()) and not_wanted not in said[1] + " ", said


def test_what_is_there_is_not_installed():
    """All that this machine has, for these tests have run on it: apt-get is not called."""
    at = os.path.join(scratch, "there")
    os.mkdir(at)
    with open(os.path.join(at, "apt-get"), "w") as f:
        f.write("#!/bin/sh\necho called >%s/log\nexit 1\n" % at)
    os.chmod(os.path.join(at, "apt-get"), 0o755)
    r = subprocess.run([os.path.join(root, "scripts", "deps"), "build"], env=dict(os.environ, PATH=at + ":" + os.environ["PATH"]),
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    assert r.returncode == 0 and r.stdout == b"" and not os.path.exists(os.path.join(at, "log")), r


def test_a_demo_builds_no_tests():
    """What scripts/build asks cmake for."""
    at = os.path.join(scratch, "cmake")
    os.mkdir(at)
    shutil.copytree(os.path.join(root, "scripts"), os.path.join(at, "scripts"))
    with open(os.path.join(at, "cmake"), "w") as f:
        f.write("#!/bin/sh\necho \"$@\" >>%s/log\n" % at)
    os.chmod(os.path.join(at, "cmake"), 0o755)
    for goals, restricted in (("demo", True), ("test", False), ("demo test", False), ("", False)):
        subprocess.run([os.path.join(at, "scripts", "build"), *goals.split()], env=dict(os.environ, PATH=at + ":" + os.environ["PATH"]),
                       check=True, timeout=20)
        last = open(os.path.join(at, "log")).read().splitlines()[-1]
        assert last.startswith("--build ") and last.endswith(" --target programs") == restricted, (goals, last)


def test_a_field_too_far_for_its_macro_does_not_compile():
    """ARENA_SLOT() of src/core/arena.h has an octet for the offset of the pointer in its struct."""
    program = os.path.join(scratch, "far.c")
    with open(program, "w") as f:
        f.write('#include "src/core/arena.h"\nstruct far { uint8_t pad[SIZE]; void *mem; };\nvoid f(struct woad *h, struct far *all);\n'
                "void f(struct woad *h, struct far *all) { arena_alloc_slots(h, 1, 1, ARENA_SLOT(all, mem)); }\n")
    for size, well in ((248, True), (256, False)):
        r = subprocess.run(["cc", "-std=c99", "-fsyntax-only", "-Iinclude", "-I.", "-DSIZE=%d" % size, program], cwd=root,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert (r.returncode == 0) == well, r


def test_a_word_that_names_no_test_is_an_error():
    """Also here, and where it would take minutes to find out."""
    for program, *args in (("python/tools.py",), ("python/run.py",), ("peers/peers.py", "no_image", "1"),
                           ("hosts/hosts.py", "1"), ("programs/programs.py", "no_source", "", "1")):
        r = subprocess.run([sys.executable, os.path.join(root, "tests", program), *args, "no_such_test"], stdout=subprocess.PIPE, timeout=20)
        assert r.returncode == 2 and b"no_such_test" in r.stdout, r


def test_hosts_that_can_not_be_had_are_an_error():
    """Without Node.js, and without npm's registry: never a silent pass."""
    tree, bin = os.path.join(scratch, "tree"), os.path.join(scratch, "bin")
    for part in ("scripts", os.path.join("tests", "hosts")):
        shutil.copytree(os.path.join(root, part), os.path.join(tree, part))
    os.makedirs(os.path.join(tree, "build"))
    os.symlink("/bin/true", os.path.join(tree, "build", "micropython"))
    os.makedirs(bin)
    for name in ("bash", "dirname", "nproc"):
        os.symlink(shutil.which(name), os.path.join(bin, name))
    offline = dict(os.environ, npm_config_registry="http://127.0.0.1:9", npm_config_fetch_retries="0", npm_config_cache=os.path.join(scratch, "npm"))
    cases = [(dict(os.environ, PATH=bin), b"Debian's package nodejs")]
    if shutil.which("npm"):
        cases.append((offline, b"is its registry reached"))
    for env, said in cases:
        r = subprocess.run([os.path.join(tree, "scripts", "test-hosts"), "1"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        assert r.returncode == 1 and said in r.stdout, r


def test_checkouts_that_are_none():
    for name in ("MICROPYTHON_SOURCE", "AIOBLE"):
        r = subprocess.run([os.path.join(root, "scripts", "test-programs"), "1"], env=dict(os.environ, **{name: scratch}),
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        assert r.returncode == 1 and name.encode() + b"=" + scratch.encode() in r.stdout, r


def test_aioble_is_put_where_micropython_looks():
    """Of a checkout, in the place of an older one; of what is none, nothing is changed."""
    checkout, home = os.path.join(scratch, "lib"), os.path.join(scratch, "home")
    for part, file in (("aioble", "__init__.py"), ("aioble-central", "central.py")):
        at = os.path.join(checkout, "micropython", "bluetooth", part, "aioble")
        os.makedirs(at)
        open(os.path.join(at, file), "w").close()
    there = os.path.join(home, ".micropython", "lib", "aioble")
    os.makedirs(there)
    open(os.path.join(there, "old.py"), "w").close()
    command = [os.path.join(root, "scripts", "aioble")]
    r = subprocess.run(command, env=dict(os.environ, HOME=home, AIOBLE=scratch), stderr=subprocess.PIPE, timeout=20)
    assert r.returncode == 1 and b"is no checkout of micropython-lib" in r.stderr and os.listdir(there) == ["old.py"], r
    r = subprocess.run(command, env=dict(os.environ, HOME=home, AIOBLE=checkout), stderr=subprocess.PIPE, timeout=20)
    assert r.returncode == 0 and sorted(os.listdir(there)) == ["__init__.py", "central.py"], r


def test_man_pages():
    """They are what --help says, each command has one, and `man` has nothing to say about them."""
    r = subprocess.run([os.path.join(root, "scripts", "man"), "check"], stdout=subprocess.PIPE, timeout=20)
    assert r.returncode == 0, r.stdout
    if shutil.which("man"):
        at = os.path.join(root, "packaging", "man")
        for name in os.listdir(at):
            r = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", os.path.join(at, name)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, timeout=20)
            assert r.returncode == 0 and not r.stderr and r.stdout, (name, r.stderr)


def test_each_help_has_examples():
    text = subprocess.run([woad, "--help"], stdout=subprocess.PIPE).stdout.decode()
    commands = re.findall(r"^  ([a-z0-9]+) +", text, re.M)
    assert len(commands) >= 13
    for command in commands:
        text = subprocess.run([woad, command, "--help"], stdout=subprocess.PIPE).stdout.decode()
        assert "\nExamples:\n  woad %s" % command in text or "\nExamples:\n  echo" in text, text


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
