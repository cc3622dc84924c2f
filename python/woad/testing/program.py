"""A program on the air of a test: a process in lock-step."""
from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import subprocess
from typing import TYPE_CHECKING, Optional, Union

if TYPE_CHECKING:
    from .air import Air

_LOOK = 0.02  # seconds of the air's time between two looks at what a program prints
_PF_EXITING = 4  # of the flags in /proc/PID/stat
_TERM_S = 1.0  # of the machine's time


class ProgramFailed(AssertionError):
    """A program has ended by itself, with a status that is not 0; the text has its last lines."""


class Program:
    """A process that Air.run() or Air.micropython() has started."""

    def __init__(self, air: Air, name: str, process: subprocess.Popen[bytes]) -> None:
        self._air, self.name, self.process = air, name, process
        #: all that it has printed so far, on standard output and standard error
        self.lines: list[str] = []
        self._partial, self._open = b"", True
        self._next = 0  # the first line that line() has not looked at
        self._expected = False  # its end is no surprise
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        self._stat = os.open(f"/proc/{process.pid}/stat", os.O_RDONLY)

    def _look(self) -> None:
        """Reads what it has printed.  What it did before this moment of the air is there."""
        assert self.process.stdout is not None
        while self._open:
            octets = self.process.stdout.read(65536)
            if octets is None and not self._is_exiting():
                return
            if octets is None:  # it has left the air, and its output is closed in a moment
                select.select([self.process.stdout], [], [])
                continue
            if not octets:
                self._open = False
                # Its output is closed as it ends: its status follows at once.
                self.process.wait()
                octets = b"\n" if self._partial else b""
            *whole, self._partial = (self._partial + octets).split(b"\n")
            self.lines += [line.decode(errors="replace").rstrip("\r") for line in whole]

    def _is_exiting(self) -> bool:
        """Whether the process ends: it may have left the air before its output is closed."""
        try:
            text = os.pread(self._stat, 512, 0)
        except ProcessLookupError:
            return True
        state, *_, flags = text[text.rindex(b")") + 2:].split()[:7]
        return state in (b"Z", b"X") or bool(int(flags) & _PF_EXITING)

    @property
    def ended(self) -> bool:
        self._look()
        return not self._open

    @property
    def status(self) -> Optional[int]:
        """Its exit status, negative for a signal; None while it runs."""
        return self.process.returncode if self.ended else None

    async def line(self, pattern: Union[str, "re.Pattern[str]"] = "",
                   timeout: float = 60.0) -> str:
        """The next line that it prints, or the next in which the pattern is found.  TimeoutError
        after so many seconds of the air; ProgramFailed if it ends before."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            self._look()
            while self._next < len(self.lines):
                line = self.lines[self._next]
                self._next += 1
                if re.search(pattern, line):
                    return line
            if not self._open:
                raise ProgramFailed(self._text(f"has ended without {pattern!r}"))
            if loop.time() >= until:
                raise TimeoutError(self._text(f"has not printed {pattern!r} in {timeout:g} s"))
            await asyncio.sleep(_LOOK)

    async def wait(self, timeout: float = 3600.0) -> int:
        """Waits until it ends, and returns its status, which may be any."""
        self._expected = True
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while not self.ended:
            if loop.time() >= until:
                raise TimeoutError(self._text(f"has not ended in {timeout:g} s"))
            await asyncio.sleep(_LOOK)
        return int(self.process.returncode)

    def write(self, text: str) -> None:
        """To its standard input, if it was started with stdin=True."""
        if self.process.stdin is None:
            raise ValueError(f"{self.name} reads no input: start it with stdin=True")
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def kill(self) -> None:
        """Ends it at once, as without power."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends it by SIGTERM; by SIGKILL if that has no effect within a second of the machine's."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        self._look()
        self._expected = True
        if self._open:
            self.process.send_signal(number)
            try:
                self.process.wait(_TERM_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._look()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def _close(self) -> None:
        self._end(signal.SIGKILL)
        assert self.process.stdout is not None
        if not self.process.stdout.closed:
            self.process.stdout.close()
            os.close(self._stat)
        self._open = False

    def _text(self, what: str) -> str:
        """A sentence about it, and its last lines."""
        status = "" if self.process.returncode is None else f" (status {self.process.returncode})"
        return "\n".join([f"{self.name} {what}{status}; its last lines:", *self.lines[-20:]])

    def _check(self) -> None:
        self._look()
        if not self._open and self.process.returncode and not self._expected:
            raise ProgramFailed(self._text("has failed"))
