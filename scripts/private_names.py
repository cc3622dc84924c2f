#!/usr/bin/env python3
"""Gives the functions and constants that the sources share among themselves the library's prefix.

In C a name that two files share is seen by the whole program: a `wipe` of ours and a `wipe` of the application's do not
link.  The sources keep short names; a header for each room says `#define wipe woad__wipe`.

  scripts/private_names.py          writes the headers, from the archives in build/: after a new function, or one that went
  scripts/private_names.py check    fails if an archive has a global name without the prefix, or a header one too many
"""
import os
import re
import subprocess
import sys

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PREFIX = "woad__"
ROOMS = {"src/base/private_names.h": ("libwoad.a", "src/"),
         "air/world/private_names.h": ("libwoad-air.a", "air/"),
         "transport/private_names.h": ("libwoad-posix.a", "transport/, hub/, store/ and ports/posix/")}
TEXT = """\
/* The prefix for names that files share among themselves and the application does not see: those of
 * %s.  Written by scripts/private_names.py. */
#ifndef WOAD_%s_H
#define WOAD_%s_H

%s
#endif
"""


def symbols(archive, member=None):
    """Names with external linkage that the archive, or an object in it, defines."""
    at = os.path.join(root, "build", archive)
    r = subprocess.run(["nm", "-g", "--defined-only", at], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode:
        sys.exit("scripts/private_names.py: %s is missing: make build first" % at)
    found, at = set(), None
    for line in r.stdout.splitlines():
        parts = line.split()
        if line.endswith(":"):
            at = line[:-1]
        elif len(parts) == 3 and member in (None, at):
            found.add(parts[2])
    return found


def public(symbol):
    return symbol.startswith("woad_") and not symbol.startswith(PREFIX)


def private(archive):
    """The sources' names of what is not public."""
    return {s[len(PREFIX):] if s.startswith(PREFIX) else s for s in symbols(archive) if not public(s)}


def listed(header):
    with open(os.path.join(root, header), encoding="utf-8") as f:
        return set(re.findall(r"^#define (\w+) " + PREFIX, f.read(), flags=re.M))


def write():
    for header, (archive, folders) in ROOMS.items():
        guard = "PRIVATE_NAMES" if header.startswith("src/") else header.split("/")[0].upper() + "_PRIVATE_NAMES"
        lines = "".join("#define %s %s%s\n" % (n, PREFIX, n) for n in sorted(private(archive)))
        text = TEXT % (folders, guard, guard, lines)
        with open(os.path.join(root, header), "w", encoding="utf-8") as f:
            f.write(text)


def problems():
    """What scripts/check reports."""
    found = []
    words = {}
    for name in sorted(os.listdir(os.path.join(root, "include/woad"))):
        with open(os.path.join(root, "include/woad", name), encoding="utf-8") as f:
            for w in re.findall(r"\w+", re.sub(r"/\*.*?\*/|//[^\n]*", "", f.read(), flags=re.S)):
                words[w] = name
    for header, (archive, _) in ROOMS.items():
        have, names = symbols(archive), listed(header)
        found += ["%s: %s is global: scripts/private_names.py" % (archive, s) for s in sorted(have) if not s.startswith("woad_")]
        found += ["%s: %s is not in %s" % (header, n, archive) for n in sorted(names) if PREFIX + n not in have]
        # A field of a public struct would have two names, one before this header and one behind it.
        found += ["%s: %s is a name in woad/%s" % (header, n, words[n]) for n in sorted(names) if n in words]
    found += ["libwoad-testing.a: %s is global" % s for s in sorted(symbols("libwoad-testing.a")) if not public(s)]
    return found


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        print("\n".join(problems()))
        sys.exit(1 if problems() else 0)
    write()
