"""The plugin of pytest: the fixture `air`, coroutines as tests and fixtures, and what was on the
air in the report of a test that fails."""
from __future__ import annotations

import functools
import inspect
import random
import re
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest

from .air import Air

_key = pytest.StashKey[Air]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("woad", "tests of Bluetooth programs")
    group.addoption("--woad-seed", metavar="N", default="1",
                    help="of everything random on the air; or random, which is printed (default: 1)")
    group.addoption("--woad-pcap", metavar="DIR",
                    help="keep each test's capture of the air, for Wireshark")
    group.addoption("--woad-packets", metavar="N", type=int, default=40,
                    help="how many packets the report of a test that fails has (default: 40)")
    group.addoption("--woad-limit", metavar="SECONDS", type=float, default=3600.0,
                    help="of the air's time, for one test (default: 3600)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "air(seed=N, loss=SHARE): what the fixture `air` is made with")


def _seed(config: pytest.Config) -> int:
    text = config.getoption("--woad-seed")
    if text == "random":
        return random.SystemRandom().randrange(1 << 32)
    try:
        seed = int(text, 0)
        if 0 <= seed < 1 << 64:
            return seed
    except ValueError:
        pass
    raise pytest.UsageError(f"--woad-seed is a number from 0 to 2**64 - 1, or random, not {text!r}")


@pytest.fixture
def air(request: pytest.FixtureRequest) -> Iterator[Air]:
    """A simulated radio of this test alone, in virtual time (woad.testing.Air)."""
    marker = request.node.get_closest_marker("air")
    options: dict[str, Any] = dict(marker.kwargs) if marker is not None else {}
    options.setdefault("seed", _seed(request.config))
    options.setdefault("limit", request.config.getoption("--woad-limit"))
    with Air(**options) as made:
        request.node.stash[_key] = made
        yield made
        try:
            for program in made.started:
                program._check()
        finally:
            made.end()
            folder = request.config.getoption("--woad-pcap")
            if folder:
                Path(folder).mkdir(parents=True, exist_ok=True)
                name = re.sub(r"[^\w.\[\]-]+", "_", request.node.nodeid)
                made.capture.save(Path(folder) / f"{name}.pcap")


# --- coroutines -----------------------------------------------------------------------------------

def _air_of(item: Any) -> Optional[Air]:
    found: Optional[Air] = item.stash.get(_key, None)
    return found


@pytest.hookimpl(tryfirst=True)  # type: ignore[misc]
def pytest_pyfunc_call(pyfuncitem: Any) -> Optional[bool]:
    """A test that is a coroutine, and has an air, runs in its time."""
    made = _air_of(pyfuncitem)
    if made is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    made.do(pyfuncitem.obj(**arguments))
    return True


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Iterator[None]:
    """So does a fixture that is one, and uses `air`."""
    before = fixturedef.func
    if "air" in fixturedef.argnames:
        if inspect.isasyncgenfunction(before):
            fixturedef.func = _generator(before)
        elif inspect.iscoroutinefunction(before):
            fixturedef.func = _coroutine(before)
    yield
    fixturedef.func = before


def _coroutine(function: Any) -> Any:
    @functools.wraps(function)
    def fixture(*positional: Any, air: Air, **named: Any) -> Any:
        return air.do(function(*positional, air=air, **named))
    return fixture


def _generator(function: Any) -> Any:
    @functools.wraps(function)
    def fixture(*positional: Any, air: Air, **named: Any) -> Iterator[Any]:
        generator = function(*positional, air=air, **named)

        async def step() -> Any:
            return await generator.__anext__()

        yield air.do(step())
        try:
            air.do(step())
        except StopAsyncIteration:
            return
        raise ValueError(f"the fixture {function.__name__} yields more than once")
    return fixture


# --- reports --------------------------------------------------------------------------------------

@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    made = _air_of(item)
    if made is None or not report.failed:
        return
    for program in made.started:
        if made._alive:
            program._look()
        text = "\n".join(program.lines[-40:])
        report.sections.append((f"{program.name} has printed", text))
    last = item.config.getoption("--woad-packets")
    if last and made.folder.exists():
        report.sections.append((f"the last packets on the air (--woad-seed {made.seed}, now "
                                f"{made.time:.6f} s)", made.capture.text(last)))
