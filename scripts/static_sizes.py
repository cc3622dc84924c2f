#!/usr/bin/env python3
"""The sizes of the host's structs, from which static memory is computed: include/woad/sizes.h.

  scripts/static_sizes.py          writes it, for pointers of 64 and of 32 bits: after a struct of the host has changed
  scripts/static_sizes.py check    fails if it is not current
  CC="avr-gcc -mmcu=..." scripts/static_sizes.py FILE
                                   writes one for a target where the sources do not compile, because a size is another

A file is compiled for the target and read; nothing runs.  CMake does the same for its target (CMakeLists.txt).
"""
import os
import re
import subprocess
import sys
import tempfile

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEADER = os.path.join(root, "include", "woad", "sizes.h")
COMPILERS = {"gcc": ["gcc"], "arm-none-eabi-gcc": ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"]}
TEXT = """\
/* Octets of the host's structs, for static.h.  Written by scripts/static_sizes.py. */
#ifndef WOAD_SIZES_H
#define WOAD_SIZES_H

%s
#endif
"""


def sizes(compiler):
    """Names and sizes in the object of scripts/static_sizes.c."""
    with tempfile.TemporaryDirectory() as d:
        at = os.path.join(d, "sizes.o")
        subprocess.run(compiler + ["-std=c99", "-DWOAD_MEASURE_SIZES", "-I" + os.path.join(root, "include"), "-c", "-o", at,
                                   os.path.join(root, "scripts", "static_sizes.c")], check=True)
        with open(at, "rb") as f:
            found = re.findall(rb"(WOAD_SIZE_[A-Z_]+)=(\d{5})", f.read())
    return {name.decode(): int(n) for name, n in found}


def text():
    wide, narrow = (sizes(c) for c in COMPILERS.values())
    lines = ["#define WOAD_WIDTH(on_64, on_32) (sizeof(void *) == 8 ? (on_64) : (on_32))"]
    for name in sorted(wide):
        value = str(wide[name]) if wide[name] == narrow[name] else "WOAD_WIDTH(%d, %d)" % (wide[name], narrow[name])
        lines.append("#define %s %s" % (name, value))
    return TEXT % "\n".join(lines + [""])


def current():
    """What is wrong with the header; nothing without the compiler for 32 bits."""
    if subprocess.run(["sh", "-c", "command -v arm-none-eabi-gcc"], stdout=subprocess.DEVNULL).returncode:
        return []
    with open(HEADER, encoding="utf-8") as f:
        return [] if f.read() == text() else ["include/woad/sizes.h is not current: scripts/static_sizes.py"]


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "check":
        wrong = current()
        print("\n".join(wrong) or "include/woad/sizes.h is current")
        return 1 if wrong else 0
    if what:
        found = sizes(os.environ["CC"].split())
        lines = ["#define %s %d" % pair for pair in sorted(found.items())]
        with open(what, "w", encoding="utf-8") as f:
            f.write(TEXT % "\n".join(lines + [""]))
        return 0
    new = text()
    with open(HEADER, "w", encoding="utf-8") as f:
        f.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
