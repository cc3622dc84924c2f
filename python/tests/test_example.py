"""examples/testing, as its users run it.  WOAD_ROUNDS=20: so many times."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import woad

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/testing"


def run(tmp_path, *options):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p",
         "woad.testing.plugin", *options], cwd=EXAMPLE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(woad.__file__).parents[1]),
             "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("number", range(int(os.environ.get("WOAD_ROUNDS", "1"))))
def test_thirty_tests(tmp_path, number):
    captures = []
    for folder in ("a", "b"):
        output = run(tmp_path, "--woad-pcap", str(tmp_path / folder), "-n", "2")
        assert int(re.search(r"(\d+) passed", output)[1]) >= 30, output
        captures.append({p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()})
    assert captures[0] == captures[1] and len(captures[0]) >= 30


def test_they_hold_with_other_seeds(tmp_path):
    for seed in ("2", "3"):
        run(tmp_path, "--woad-seed", seed, "-n", "2")
