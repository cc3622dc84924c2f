"""A simulated radio in virtual time, of which this process and its programs are part."""
from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Coroutine, Optional, Type, TypeVar, Union

from .._native import lib
from ..host import Host
from ..ports import PortLoop, join, open_host
from .capture import Capture
from .program import Program

T = TypeVar("T")
Device = Union[Host, Program, str]
_PATIENCE_S = 30  # of the machine's time, for a program that computes
_START_S = 20.0  # within which a program joins the air


class TestSetupError(RuntimeError):
    """What a test needs is missing, or a program does not join the air; the text says what to do."""

    __test__ = False


def find_program(name: str, variable: str) -> str:
    """The path of `woad` or `micropython`: by an environment variable, in PATH, or in the tree's
    build/."""
    given = os.environ.get(variable)
    near = [p / "build" / name for p in Path(__file__).resolve().parents]
    paths: list[Optional[str]] = [given] if given else [shutil.which(name), *map(str, near)]
    for path in paths:
        if path and os.access(path, os.X_OK) and Path(path).is_file():
            return path
    raise TestSetupError(f"there is no program {given or name!r}: build Woad, put its build/ into "
                         f"PATH, or set {variable} to the program's path")


class Link:
    """What the packets of two devices meet, in both directions."""

    def __init__(self, air: Air, a: str, b: str) -> None:
        self._air, self._a, self._b = air, a, b
        self._loss, self._db, self._delay = 0.0, 0, 0

    def _set(self) -> None:
        for one, other in ((self._a, self._b), (self._b, self._a)):
            self._air.control(f"link {_quoted(one)} {_quoted(other)} {self._db} "
                              f"{round(self._loss * 1000)} {self._delay}")

    @property
    def loss(self) -> float:
        """The share of packets that are lost at random, 0 to 1."""
        return self._loss

    @loss.setter
    def loss(self, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"the loss is 0 to 1, not {share}")
        self._loss = share
        self._set()

    @property
    def attenuation(self) -> int:
        """Decibels that the signal loses beside those of the distance."""
        return self._db

    @attenuation.setter
    def attenuation(self, db: int) -> None:
        if not -1000 <= db <= 1000:
            raise ValueError(f"the attenuation is -1000 to 1000 dB, not {db}")
        self._db = db
        self._set()


def _quoted(name: str) -> str:
    if '"' in name or "\n" in name:
        raise ValueError(f"a name has no quotes and no line breaks: {name!r}")
    return f'"{name}"'


class Air:
    """A radio of `woad air` in virtual time, the programs on it, and an event loop in its time.

        with woad.testing.Air(seed=1) as air:
            air.do(test(air))

    Time passes only while all of them wait.  Equal tests with an equal seed send equal packets."""

    def __init__(self, seed: int = 1, loss: float = 0.0, limit: float = 3600.0) -> None:
        if not 0 <= seed < 1 << 64:
            raise ValueError(f"the seed is 0 to 2**64 - 1, not {seed}")
        self.seed, self.limit = seed, limit
        self.programs = {"woad": find_program("woad", "WOAD_PROGRAM")}
        self.started: list[Program] = []
        self._names: set[str] = set()
        self._links: dict[frozenset[str], Link] = {}
        self._alive = False
        self._bleak = self._was_installed = False
        self._phone: Optional[Host] = None
        self.folder = Path(tempfile.mkdtemp(prefix="woad-"))
        try:
            self._start()
            self.capture = Capture(self)
            if loss:
                self.control(f"loss {round(loss * 1000)}")
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self.spec = f"unix:{self.folder}/air"
        self._process = subprocess.Popen(
            [self.programs["woad"], "air", "--clock", "virtual", "--seed", str(self.seed),
             "--quiet", "--keys", "--patience", str(_PATIENCE_S), "--pcap",
             str(self.folder / "0.pcap"), "--control", f"unix:{self.folder}/control", self.spec],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        assert self._process.stderr is not None
        self._alive = True
        said = self._process.stderr.readline().decode()
        if not said.startswith("serving "):
            raise TestSetupError(f"woad air has not started: {said}")
        self._control = socket.socket(socket.AF_UNIX)
        self._connect_control()
        self._answers = self._control.makefile("rb")
        join(self.spec, "test")
        self._runner = asyncio.Runner(loop_factory=PortLoop)

    def _connect_control(self) -> None:
        """The control socket is there a moment after the others."""
        until = time.monotonic() + _START_S
        while True:
            try:
                self._control.connect(str(self.folder / "control"))
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.001)

    # --- life ---------------------------------------------------------------------------------

    def do(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the air's time, `limit` seconds of it at most; may be called again
        and again."""
        async def limited() -> T:
            try:
                async with asyncio.timeout(self.limit) as limit:
                    return await main
            except TimeoutError as error:
                if limit.expired():
                    raise TimeoutError(f"the test has not ended in {self.limit:g} s of the air's "
                                       f"time") from error
                raise
        return self._runner.run(limited())

    def close(self) -> None:
        """Ends the programs and the air; a second call has no effect."""
        if not self._alive:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self) -> None:
        """Ends the programs and the air; the capture can be read until close()."""
        if not self._alive:
            return
        self._end_bleak()
        if hasattr(self, "_runner"):
            self._runner.close()
        for program in self.started:
            program._close()
        self._alive = False
        for file in (getattr(self, "_answers", None), getattr(self, "_control", None)):
            if file is not None:
                file.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
        if hasattr(self, "capture"):
            self.capture._end()

    def __enter__(self) -> Air:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    @property
    def time(self) -> float:
        """The air's clock, in seconds."""
        return float(lib.pump_clock_us()) / 1e6

    @staticmethod
    async def sleep(seconds: float) -> None:
        """As asyncio.sleep()."""
        await asyncio.sleep(seconds)

    def control(self, line: str) -> dict[str, Any]:
        """Sends a line to the air (docs/air.md), and returns its answer.  ValueError if the air
        refuses it."""
        self._control.sendall(line.encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._answers.readline())
        if not answer["ok"]:
            raise ValueError(f"{line}: {answer['error']}")
        return answer

    # --- devices ------------------------------------------------------------------------------

    def _name(self, name: str) -> str:
        _quoted(name)
        if name in self._names or not name or name.isdigit():
            raise ValueError(f"a device's name is not empty, no number, and not another's: {name!r}")
        self._names.add(name)
        return name

    def _spec(self, name: str, address: Optional[str]) -> str:
        if "," in name:
            raise ValueError(f"a device's name has no comma: {name!r}")
        return f"{self.spec},name={name}" + (f",addr={address}" if address else "")

    async def host(self, name: str = "phone", *, address: Optional[str] = None,
                   place: Optional[tuple[float, float]] = None, connections: int = 4,
                   mtu: int = 247) -> Host:
        """A host of this process (docs/python.md).  place: metres east and north."""
        self._name(name)
        self._place(name, place)
        return await open_host(self._spec(name, address), name=name, program=name,
                               connections=connections, mtu=mtu)

    async def micropython(self, script: Union[str, "os.PathLike[str]"], *arguments: str,
                          name: Optional[str] = None, address: Optional[str] = None,
                          place: Optional[tuple[float, float]] = None, stdin: bool = False,
                          env: Optional[dict[str, str]] = None) -> Program:
        """Starts a script in MicroPython; it is on the air when this returns.  name: the script's,
        without .py."""
        program = find_program("micropython", "MICROPYTHON_PROGRAM")
        path = Path(script)
        if not path.exists():
            raise FileNotFoundError(f"there is no script {str(path)!r} in {os.getcwd()}")
        return await self.run(program, str(path), *arguments, name=name or path.stem,
                              address=address, place=place, stdin=stdin, env=env)

    async def run(self, *command: str, name: Optional[str] = None, address: Optional[str] = None,
                  place: Optional[tuple[float, float]] = None, stdin: bool = False,
                  env: Optional[dict[str, str]] = None, joins: bool = True) -> Program:
        """Starts a command: words, or one string as in a shell.  Programs for bleak run on Woad's
        hosts.  It has joined the air, or has ended, when this returns.  joins=False: for what is
        no program on the air, as a shell script that prints; nothing waits for it."""
        if len(command) == 1:
            command = tuple(shlex.split(command[0]))
        if not command:
            raise ValueError("a command is needed")
        if command[0] == "python3":
            command = (sys.executable, *command[1:])
        name = self._name(name or Path(command[0]).stem)
        self._place(name, place)
        known = self._joined()
        lib.pump_fix_addresses(True)
        try:
            process = subprocess.Popen(
                command, env=self._environment(name, address, env),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True)
        finally:
            lib.pump_fix_addresses(False)
        program = Program(self, name, process)
        self.started.append(program)
        if joins:
            self._await(program, known)
        return program

    def _environment(self, name: str, address: Optional[str],
                     more: Optional[dict[str, str]]) -> dict[str, str]:
        package = Path(__file__).resolve().parents[1]
        paths = [str(package / "site"), str(package.parent), os.environ.get("PYTHONPATH", "")]
        return {**os.environ, "WOAD_HCI": self._spec(name, address), "WOAD_NAME": name,
                "WOAD_CLOCK": "virtual", "WOAD_BLEAK": "1", "PYTHONHASHSEED": "0",
                "PYTHONUNBUFFERED": "1", "PYTHONPATH": ":".join(p for p in paths if p),
                **(more or {})}

    def _joined(self) -> set[int]:
        return {p["pid"] for p in self.control("list")["programs"]}

    def _await(self, program: Program, known: set[int]) -> None:
        """Waits until a program has joined the air.  This process does not wait for the air
        meanwhile, so time stands still."""
        until = time.monotonic() + _START_S
        while not program.ended and self._joined() <= known:
            if time.monotonic() > until:
                raise TestSetupError(program._text(
                    f"has not joined the air in {_START_S:g} s: is it a program on the air?  "
                    f"run(…, joins=False) is for others"))
            time.sleep(0.001)

    def _place(self, name: str, place: Optional[tuple[float, float]]) -> None:
        if place is not None:
            self.control(f"place {_quoted(name)} {place[0]} {place[1]}")

    # --- the world ----------------------------------------------------------------------------

    def _known(self, device: Device) -> str:
        name = device if isinstance(device, str) else device.name
        if name not in self._names:
            raise ValueError(f"no device of this air is called {name!r}")
        return name

    def link(self, a: Device, b: Device) -> Link:
        """The link between two devices: `air.link(sensor, phone).loss = 0.2`."""
        names = frozenset((self._known(a), self._known(b)))
        if len(names) != 2:
            raise ValueError("a link is between two devices")
        if names not in self._links:
            self._links[names] = Link(self, *sorted(names))
        return self._links[names]

    def move(self, device: Device, x: float, y: float) -> None:
        """To another place, in metres."""
        self.control(f"move {_quoted(self._known(device))} {x} {y}")

    def off(self, device: Device) -> None:
        """As in a metal box: it hears nobody, and nobody hears it."""
        self.control(f"off {_quoted(self._known(device))}")

    def on(self, device: Device) -> None:
        """Takes it out of the box."""
        self.control(f"on {_quoted(self._known(device))}")

    # --- bleak --------------------------------------------------------------------------------

    @property
    def bleak(self) -> Any:
        """The module bleak, on a host of this air, which is the device "bleak".  From the first use
        to the end of the test, also what imports bleak by itself runs on it."""
        import bleak

        from .. import bleak as backend
        if not self._bleak:
            self._bleak, self._was_installed = True, backend.installed()
            self._names.add("bleak")
            backend.install(air_time=False)
            backend.adapter.default_spec = self._spec("bleak", None)
        return bleak

    def _end_bleak(self) -> None:
        if self._bleak:
            from .. import bleak as backend
            backend.adapter.default_spec = None
            if not self._was_installed:
                backend.uninstall()
            self._bleak = False
