#!/usr/bin/env python3
"""`woad run`: programs on an air of their own, what they print, how they end, and that nothing is left.

run_command.py [NAME…]: those tests whose names contain one of the words.
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

from scaffold import main, root, scratch, woad

temporary = os.path.join(scratch, "tmp")
os.makedirs(temporary, exist_ok=True)
examples = os.path.join(root, "examples", "python")


def begin(*args, **more):
    env = dict(os.environ, TMPDIR=temporary, **more.pop("env", {}))
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([woad, "run", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, **more)


def run(*args, code=0, timeout=20, **more):
    """The lines without their time, and standard error."""
    p = begin(*args, **more)
    out, err = p.communicate(timeout=timeout)
    assert p.returncode == code, (p.returncode, out, err)
    assert os.listdir(temporary) == [], os.listdir(temporary)
    return [re.sub(r"^ *\d+\.\d{6} ", "", x) for x in out.decode().splitlines()], err.decode()


def script(name, text):
    path = os.path.join(scratch, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def alive(mark):
    """Processes with this word among their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().split(b"\0")
            if mark.encode() in words and int(pid) != os.getpid():
                found.append(int(pid))
        except OSError:
            pass
    return found


def all_end(mark):
    for _ in range(150):
        if not alive(mark):
            return
        time.sleep(0.02)
    raise AssertionError("still there: %s" % alive(mark))


def sleeper(mark):
    """A command that can be found by its mark, with a child that can be, too."""
    return ["sh", "-c", 'sh -c "sleep 60; :" "$1" & echo up; wait', "sh", mark]


def test_two_programs_meet():
    """MicroPython's examples: names, the air's time in order, the air's own lines."""
    p = begin(os.path.join(examples, "heart_rate_sensor.py"), "1", "--", os.path.join(examples, "heart_rate_monitor.py"), "2")
    out, err = p.communicate(timeout=30)
    lines = out.decode().splitlines()
    assert p.returncode == 0 and err == b"", (p.returncode, out, err)
    times = [re.match(r"^ {0,2}(\d+\.\d{6}) (\S+) +\| ", x) for x in lines]
    assert all(times), lines
    assert [float(m[1]) for m in times] == sorted(float(m[1]) for m in times), lines
    assert {m[2] for m in times} == {"air", "heart_rate_sensor", "heart_rate_monitor"}, lines
    assert len({x.index("|") for x in lines}) == 1 and sum("bpm" in x for x in lines) == 2, lines
    assert b"\033" not in out


def test_what_a_line_is():
    """Without an end, empty, with CR, tabs, of two writes, too long; escape sequences are made safe, UTF-8 is not."""
    text = r"""printf 'one\n\n'; printf 'two\r\n'; printf 'a\tb\n'; printf 'ha'; sleep 0.1; printf 'lf\n'; printf 'e\033[31mf\a\233\n' >&2
        printf 'K\303\266ln \303\n'; printf last"""
    lines, err = run("sh", "-c", text, "--", "python3", "-c", "print('x' * 1022 + 'ö' * 1000)", "--quiet")
    assert err == ""
    mine = [x.split("| ", 1)[1] for x in lines if x.startswith("sh ")]
    assert mine == ["one", "", "two", "a       b", "half", "e?[31mf??", "Köln ?", "last"], mine
    long = [x.split("| ", 1)[1] for x in lines if x.startswith("python3 ")]
    assert "".join(long) == "x" * 1022 + "ö" * 1000 and len(long) == 3, [len(x) for x in long]


def test_lines_come_when_they_are_printed():
    """Of MicroPython, of CPython, of the examples in C."""
    mine = script("prints.py", "import time\nprint('here')\ntime.sleep(60)\n")
    seen, start = set(), time.time()
    p = begin("--quiet", mine, "--", "python3", mine, "--", os.path.join(root, "build", "examples", "observer"), "--", os.path.join(
        root, "build", "examples", "peripheral"))
    while seen != {b"prints", b"python3", b"observer"}:
        seen.add(p.stdout.readline().split()[1])
    assert time.time() - start < 2.5, time.time() - start   # the observer ends after three seconds
    p.terminate()
    p.communicate(timeout=5)


def test_the_status_is_the_first_failure():
    """An exit status, a signal, a command that is not there, a Python error: the others are ended."""
    for args, code, said in (
        (["sh", "-c", "exit 7"], 7, "sh: exit status 7"), (["sh", "-c", "kill -SEGV $$"], 139, "sh: signal 11"),
        (["/nowhere/x"], 127, "x: exit status 127"), ([script("raises.py", "raise ValueError(5)")], 1, "raises: exit status 1"),
        (["sh", "-c", "sleep 0.3; exit 4", "--", "sh", "-c", "exit 0"], 4, "sh: exit status 4"),
    ):
        start = time.time()
        lines, err = run(*args, "--", *sleeper("first-failure"), code=code)
        assert said in err and len(err.splitlines()) == 1, err
        assert time.time() - start < 3
        all_end("first-failure")
        if args[0] == "/nowhere/x":
            assert any("woad run: /nowhere/x: No such file or directory" in x for x in lines), lines


def test_one_that_ignores_sigterm():
    """It gets SIGKILL a second later; what it prints in that second is shown."""
    stubborn = "trap 'echo no' TERM; echo up; while :; do sleep 0.1; done"
    start = time.time()
    lines, _ = run("sh", "-c", "sleep 0.5; exit 5", "--", "sh", "-c", stubborn, "ignores", code=5)
    assert 1.2 < time.time() - start < 4 and "sh 2 | no" in lines, lines
    all_end("ignores")


def test_names():
    """By the file, made different, given; bounded; and they are the programs' WOAD_NAME."""
    show = ["sh", "-c", 'echo "$WOAD_NAME"']
    lines, _ = run(*show, "--", *show, "--", *show)
    assert sorted(lines) == ["sh   | sh", "sh 2 | sh 2", "sh 3 | sh 3"], lines
    lines, _ = run("--name", "a,,b\033[2J", *show, "--", *show, "--", *show)
    assert sorted(lines) == ["a     | a", "b?[2J | b?[2J", "sh    | sh"], lines
    lines, _ = run("--name", "x" * 200, *show)
    assert re.match(r"^x{40,47} \| x{40,47}$", lines[0]), lines
    lines, _ = run(script("b.py", "import os; print(os.getenv('WOAD_NAME'))"), "--", os.path.join(scratch, "b.py"))
    assert sorted(lines) == ["b   | b", "b 2 | b 2"], lines


def test_what_programs_are_given():
    """Their place on the command line, the clock, the air's socket; nothing of the caller's."""
    show = ["sh", "-c", 'echo "$WOAD_SEAT ${WOAD_CLOCK-none} $WOAD_HCI"']
    lines, _ = run(*show, "--", *show, env={"WOAD_SEAT": "9", "WOAD_CLOCK": "x", "WOAD_HCI": "unix:/nowhere"})
    seats = {x.split(" | ")[0].strip(): x.split(" | ")[1].split() for x in lines}
    assert [seats["sh"][:2], seats["sh 2"][:2]] == [["1", "none"], ["2", "none"]], lines
    assert all(x[2].startswith("unix:" + temporary + "/woad-run-") for x in seats.values()), lines


def test_options_that_are_none():
    for args in ([], ["--"], ["a", "--"], ["a", "--", "--", "b"], [""], ["--name", "a,b", "true"], ["--stdin", "x", "true"], ["--until", "0", "true"],
                 ["--until", "x", "true"], ["--until", "-1", "true"], ["--clock", "x", "true"], ["--speed", "0", "true"], ["--patience", "0", "true"],
                 ["--patience", "x", "true"], ["--nonsense", "true"]):
        r = subprocess.run([woad, "run", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=5)
        assert r.returncode == 2 and r.stderr, (args, r)
    r = subprocess.run([woad, "run", "--help"], stdout=subprocess.PIPE, timeout=5)
    assert r.returncode == 0 and r.stdout.startswith(b"usage: woad run ") and b"--until" in r.stdout
    r = subprocess.run([woad, "--help"], stdout=subprocess.PIPE, timeout=5)
    assert b"\n  run " in r.stdout


def test_standard_input():
    """Of the one that --stdin names; for the others it is empty."""
    p = begin("--stdin", "sh 2", "sh", "-c", "cat; echo end", "--", "sh", "-c", "cat", stdin=subprocess.PIPE)
    out, _ = p.communicate(b"hello\nyou\n", timeout=10)
    assert p.returncode == 0 and out.count(b"hello") == 1 and b"sh 2 | you" in out and b"sh   | end" in out, out


def test_until():
    """Air time, whatever the speed: the programs end, and that is no failure."""
    for speed, seconds, least in (("1", "0.5", 0.5), ("20", "10", 0.5)):
        start = time.time()
        lines, err = run("--speed", speed, "--until", seconds, *sleeper("until"))
        assert least <= time.time() - start < 3 and err == "" and lines == ["sh  | up"], (lines, err)
        all_end("until")


def test_virtual_time():
    """An hour in no time; the same lines and captures twice; the end at a time; failures; commands that only pass by."""
    hour = script("hour.py", "import time\ntime.sleep(3600)\nprint('an hour')\n")
    pair = (os.path.join(examples, "heart_rate_sensor.py"), "1", "--", os.path.join(examples, "heart_rate_monitor.py"), "8")
    start = time.time()
    p = begin("--clock", "virtual", hour)
    out, err = p.communicate(timeout=20)
    assert p.returncode == 0 and out.startswith(b"3600.") and out.endswith(b"| an hour\n"), (out, err)
    seen = set()
    for n in range(2):
        capture = os.path.join(scratch, "virtual%d.pcap" % n)
        p = begin("--clock", "virtual", "--quiet", "--pcap", capture, *pair)
        out, err = p.communicate(timeout=20)
        assert p.returncode == 0 and out.count(b"bpm") == 8, (out, err)
        with open(capture, "rb") as f:
            seen.add((tuple(sorted(out.splitlines())), f.read()))
    assert len(seen) == 1
    lines, _ = run("--clock", "virtual", "--until", "10", hour)
    assert lines == [], lines
    lines, err = run("--clock", "virtual", script("raises.py", "raise ValueError(5)"), "--", hour, code=1)
    assert "exit status 1" in err, err
    ends = script("ends.py", "import sys\nsys.exit(4)\n")    # time reaches 30 s before the exit status is there
    late = "%s %s; sleep 0.1; exit 4" % (os.path.join(root, "build", "micropython"), ends)
    for command in ([ends], ["sh", "-c", late]):
        lines, err = run("--clock", "virtual", "--until", "30", *command, code=4)
        assert "exit status 4" in err, err
    for passing in (["true"], ["sh", "-c", "sleep 0.3"]):      # they join no clock
        lines, _ = run("--clock", "virtual", "--quiet", hour, "--", *passing)
        assert lines[-1].endswith("an hour"), lines
    assert time.time() - start < 15


def test_signals():
    """Ctrl-C, SIGTERM, SIGHUP: all end, at once, and the status says which."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        p = begin(*sleeper("signals"), "--", *sleeper("signals"))
        assert b"up" in p.stdout.readline() and b"up" in p.stdout.readline()
        assert len(os.listdir(temporary)) == 1
        start = time.time()
        p.send_signal(number)
        p.communicate(timeout=5)
        assert p.returncode == 128 + number and time.time() - start < 1, p.returncode
        assert os.listdir(temporary) == []
        all_end("signals")


def test_a_kill_leaves_no_program():
    """SIGKILL of woad: its programs and theirs get one, too, and the folder goes."""
    p = begin(*sleeper("killed"), "--", "sh", "-c", "trap '' TERM; echo up; exec sleep 61.5")
    assert b"up" in p.stdout.readline() and b"up" in p.stdout.readline()
    assert len(os.listdir(temporary)) == 1
    p.kill()
    p.communicate(timeout=5)
    all_end("killed")
    all_end("61.5")
    for _ in range(50):
        if os.listdir(temporary) == []:
            return
        time.sleep(0.02)
    raise AssertionError(os.listdir(temporary))


def test_what_a_program_leaves_behind():
    """A child of a program that ended holds its output: it ends, and nobody waits for it."""
    start = time.time()
    lines, _ = run("sh", "-c", 'sh -c "sleep 60; :" left-behind & echo over')
    assert lines == ["sh  | over"] and time.time() - start < 3, lines
    all_end("left-behind")


def test_a_reader_that_pauses():
    """The air goes on, and its programs; all that they print comes, in order, when the reader goes on."""
    p = begin("sh", "-c", 'i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done', "--", "sh", "-c", "sleep 0.6; touch $0",
              os.path.join(scratch, "done"))
    for _ in range(100):
        if os.path.exists(os.path.join(scratch, "done")):
            break
        time.sleep(0.1)
    assert os.path.exists(os.path.join(scratch, "done"))
    out, _ = p.communicate(timeout=20)
    mine = [int(x.rsplit(b" ", 1)[1]) for x in out.splitlines() if b"| line " in x]
    assert p.returncode == 0 and mine == list(range(20000)), (len(mine), p.returncode)


def test_a_reader_that_goes():
    """woad run | head: it ends with its reader, and its programs do."""
    for program in (["yes", "reader-goes"], ["sh", "-c", "echo up; exec sleep 62.5"]):
        p = begin(*program)
        p.stdout.readline()
        p.stdout.close()
        assert p.wait(5) == 128 + signal.SIGPIPE
        all_end("reader-goes")
        all_end("62.5")
        assert os.listdir(temporary) == []


def test_without_standard_files():
    """Started with 0, 1 and 2 closed, what it prints goes nowhere."""
    shown = os.path.join(scratch, "shown")
    program = "readlink /proc/$PPID/fd/0 /proc/$PPID/fd/1 /proc/$PPID/fd/2 >%s; echo a; exit 3" % shown
    p = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", woad, "run", "sh", "-c", program], env=dict(os.environ, TMPDIR=temporary))
    assert p.wait(5) == 3 and os.listdir(temporary) == []
    assert open(shown).read() == "/dev/null\n" * 3


def test_a_terminal():
    """Colours, unless NO_COLOR; the one that reads the terminal is not stopped by it; Ctrl-C ends all."""
    for env, colors in (({}, True), ({"NO_COLOR": "1"}, False)):
        at, its = pty.openpty()
        env = {k: v for k, v in dict(os.environ, **env).items() if k != "NO_COLOR" or env.get("NO_COLOR") == "1" and not colors}

        def own():
            os.setsid()
            import fcntl
            import termios
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        p = subprocess.Popen([woad, "run", "--stdin", "sh", "sh", "-c", "read a; echo \"got $a\"; sleep 60", "--", "sleep", "60"],
                             stdin=its, stdout=its, stderr=its, env=dict(env, TMPDIR=temporary), preexec_fn=own)
        os.close(its)
        os.write(at, b"word\n")
        seen = b""
        while b"got word" not in seen:
            assert select.select([at], [], [], 5)[0], seen
            seen += os.read(at, 4096)
        assert (b"\033[36m" in seen) == colors, seen
        os.write(at, b"\x03")
        assert p.wait(5) == 130, p.returncode
        os.close(at)


def test_captures_and_logs():
    """The options of an air: a capture, logs, a world, loss, a profile, a seed."""
    capture, logs = os.path.join(scratch, "run.pcap"), os.path.join(scratch, "logs")
    world = script("world", "noise -98\nat 0.2 link sensor \"../monitor\" 10 0\n")
    lines, _ = run("--name", "sensor,../monitor", "--pcap", capture, "--btsnoop", logs, "--world", world, "--loss", "1", "--profile", "5.4", "--seed", "3", "--keys", "--speed", "5",
        os.path.join(examples, "heart_rate_sensor.py"), "1", "--", os.path.join(examples, "heart_rate_monitor.py"), "1", timeout=60)
    assert os.path.getsize(capture) > 1000 and sorted(os.listdir(logs)) == ["_._monitor.btsnoop", "sensor.btsnoop"], os.listdir(logs)
    assert re.search(r"air +\| controller [12] \(sensor\) attached", "\n".join(lines)), lines
    notes = script("notes.txt", "precious")
    _, err = run("--pcap", notes, "touch", os.path.join(scratch, "started"), code=1)
    assert "something else than a capture" in err and open(notes).read() == "precious"
    assert not os.path.exists(os.path.join(scratch, "started"))


def test_a_world_by_names():
    """A program is where the world file puts its name, whichever connects first."""
    heard = script("heard.py", """if True:
        import bluetooth, time
        ble = bluetooth.BLE()
        ble.active(True)
        found = {}
        ble.irq(lambda e, d: found.__setitem__(bytes(d[4])[5:], d[3]) if e == 5 and d[2] in (0, 2, 3) else None)
        ble.gap_scan(600, 30000, 30000)
        time.sleep(0.8)
        print(sorted(found.items()))
    """)
    speaks = script("speaks.py", """if True:
        import bluetooth, os, time
        ble = bluetooth.BLE()
        ble.active(True)
        name = os.getenv("WOAD_NAME").encode()
        ble.gap_advertise(20000, b"\\2\\1\\6" + bytes((len(name) + 1, 9)) + name)
        time.sleep(1)
    """)
    world = script("places", "place ear 0 0\nplace near 1 0\nplace far 30 0\nlink gone ear 200 0\n")
    lines, _ = run("--quiet", "--world", world, "--name", "far,ear,gone,near", speaks, "--", heard, "--", speaks, "--", speaks)
    power = dict(eval(lines[0].split("| ")[1]))
    assert set(power) == {b"near", b"far"} and power[b"near"] - power[b"far"] in (29, 30), lines


def test_lines_of_one_program():
    """--only: its lines as they are, and its end is the end, with its status."""
    other = "echo other; exec sleep 60"
    lines, err = run("--name", "a,b", "--only", "b", "sh", "-c", other, "--", "sh", "-c", "printf 'x\\ty\\nz'")
    assert lines == ["x\ty", "z"] and err == "", (lines, err)
    lines, err = run("--name", "a,b", "--only", "b", "sh", "-c", other, "--", "sh", "-c", "exit 4", code=4)
    assert lines == [] and "exit status 4" in err, (lines, err)
    _, err = run("--only", "c", "true", code=2)
    assert 'there is no program "c"' in err, err


def test_the_interpreter():
    """MICROPYTHON_PROGRAM, else the one beside woad."""
    fake = script("fake", "#!/bin/sh\necho fake \"$@\"\n")
    os.chmod(fake, 0o755)
    lines, _ = run("x.py", "1", env={"MICROPYTHON_PROGRAM": fake})
    assert lines == ["x   | fake x.py 1"], lines
    lines, _ = run(script("which.py", "import sys; print(sys.implementation.name, sys.argv[1:])"), "a b")
    assert lines == ["which | micropython ['a b']"], lines


if __name__ == "__main__":
    sys.exit(main(globals(), sys.argv[1:]))
