#!/usr/bin/env python3
"""The layers of src/: a table of the folders from which each folder includes headers, and the circles of objects.

  scripts/layers.py          prints both
  scripts/layers.py --docs   puts the table into docs/design.md
"""
import collections
import glob
import os
import re
import subprocess
import sys

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# From the bottom to the top: a file includes headers of its own folder and of those before it.
LAYERS = ("base", "core", "hci", "l2cap", "att", "gatt_server", "gatt_client", "smp", "gap", "host")
ROOMS = ("world", "ll", "hci")           # of air/, from the bottom


def includes():
    """(file, its layer, the layer of a header it includes)"""
    for path in sorted(glob.glob(os.path.join(root, "src", "*", "*.[ch]"))):
        folder = os.path.basename(os.path.dirname(path))
        for name in re.findall(r'^#include "([^"]+)"', open(path, encoding="utf-8").read(), flags=re.M):
            target = os.path.normpath(os.path.join(os.path.dirname(path), name))
            yield os.path.relpath(path, root), folder, os.path.basename(os.path.dirname(target))


def upward_in_air():
    """Headers of a higher room that a file of air/ includes."""
    bad = []
    for path in sorted(glob.glob(os.path.join(root, "air", "*", "*.[ch]"))):
        room = os.path.basename(os.path.dirname(path))
        for name in re.findall(r'^#include "([^"]+)"', open(path, encoding="utf-8").read(), flags=re.M):
            to = os.path.basename(os.path.dirname(os.path.normpath(os.path.join(os.path.dirname(path), name))))
            if to in ROOMS and ROOMS.index(to) > ROOMS.index(room):
                bad.append("%s includes a header of %s" % (os.path.relpath(path, root), to))
    return bad


def upward():
    return ["%s includes a header of %s" % (path, to) for path, layer, to in includes()
            if layer not in LAYERS or to not in LAYERS or LAYERS.index(to) > LAYERS.index(layer)]


def table():
    """A row for each layer, from the top: how many of its files' includes are of each layer."""
    count = collections.Counter((layer, to) for _, layer, to in includes())
    lines = ["| | " + " | ".join(LAYERS) + " |", "|---|" + "--:|" * len(LAYERS)]
    for layer in reversed(LAYERS):
        lines.append("| %s | " % layer + " | ".join(str(count[layer, to] or "") for to in LAYERS) + " |")
    return "\n".join(lines)


def documented(write=False):
    """Whether docs/design.md shows the current table; with `write` it is put there first."""
    path = os.path.join(root, "docs/design.md")
    text = open(path, encoding="utf-8").read()
    shown = re.sub(r"(<!-- scripts/layers.py -->\n)(\|[^\n]*\n)*", lambda m: m.group(1) + table() + "\n", text)
    if write:
        open(path, "w", encoding="utf-8").write(shown)
    return write or shown == text


def calls(lib):
    """object -> objects whose functions it calls, by nm."""
    out = subprocess.run(["nm", "-A", os.path.join(root, "build", lib)], stdout=subprocess.PIPE).stdout.decode()
    defined, wanted = {}, collections.defaultdict(set)
    for line in out.splitlines():
        m = re.match(r"[^:]*:(\w+)\.c\.o:\s*\w*\s+([A-Za-z])\s+(\S+)", line)
        if m:
            (defined.__setitem__(m.group(3), m.group(1)) if m.group(2) in "TRDB" else
             wanted[m.group(1)].add(m.group(3)) if m.group(2) == "U" else None)
    return {o: {defined[s] for s in names if s in defined} - {o} for o, names in wanted.items()}


def circles(lib):
    """Objects that call each other in a circle: strongly connected ones, by Tarjan's algorithm."""
    graph, index, low, stack, found = calls(lib), {}, {}, [], []

    def visit(o):
        index[o] = low[o] = len(index)
        stack.append(o)
        for to in sorted(graph.get(o, ())):
            if to not in index:
                visit(to)
                low[o] = min(low[o], low[to])
            elif to in stack:
                low[o] = min(low[o], index[to])
        if low[o] == index[o]:
            circle = []
            while not circle or circle[-1] != o:
                circle.append(stack.pop())
            if len(circle) > 1:
                found.append(sorted(circle))

    for o in sorted(graph):
        if o not in index:
            visit(o)
    return sorted(found, key=len, reverse=True)


def upward_calls_in_air():
    """Objects of a lower room of air/ that need a symbol of a higher one."""
    rooms = {os.path.basename(p)[:-2]: os.path.basename(os.path.dirname(p)) for p in glob.glob(os.path.join(root, "air", "*", "*.c"))}
    return ["%s/%s.c calls %s/%s.c" % (rooms[o], o, rooms[to], to) for o, called in sorted(calls("libwoad-air.a").items()) for to in sorted(called)
            if o in rooms and to in rooms and ROOMS.index(rooms[to]) > ROOMS.index(rooms[o])]


if __name__ == "__main__" and sys.argv[1:] == ["--docs"]:
    documented(write=True)
elif __name__ == "__main__":
    print("Includes, row by column:\n")
    print(table())
    for lib in ("libwoad.a", "libwoad-air.a"):
        print("\n%s: circles of objects: %s" % (lib, "; ".join("%d: %s" % (len(c), " ".join(c)) for c in circles(lib)) or "none"))
