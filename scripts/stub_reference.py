#!/usr/bin/env python3
"""The reference of the module `bluetooth` from typings/bluetooth.pyi: docs/bluetooth.md, and the texts of help() on PCs.

  scripts/stub_reference.py          writes them
  scripts/stub_reference.py check    fails if they are not current
"""
import ast
import os
import re
import sys
import textwrap

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STUB = os.path.join(root, "typings", "bluetooth.pyi")
PAGE = os.path.join(root, "docs", "bluetooth.md")
HELP = os.path.join(root, "ports", "micropython", "unix_help_text.h")
HEAD = """\
# The module `bluetooth`

All of it: what upstream has, and what Woad adds, which says so. Upstream's programs run unchanged. Details of the
additions, errors, and what holds for handlers and memory: [module.md](module.md). A first program:
[tutorial_python.md](tutorial_python.md). Written by `scripts/stub_reference.py` from
`typings/bluetooth.pyi`, which editors and type checkers read.

<!-- run by: build/micropython -->

```python
import bluetooth

ble = bluetooth.BLE()
ble.active(True)
print(ble.config("mac"))
```

`help(bluetooth.BLE)` lists the methods on a PC, `help()` of a method has its text of this page:

```console
$ micropython -c "import bluetooth; help(bluetooth.BLE.gap_pair); help(bluetooth.BLE().irq)" | head -n 6
gap_pair(conn_handle)

Makes the connection as secure as config() asks for: by a bond's key, else by pairing.  Event 28 follows.
irq(handler)

Sets the handler of events.  None removes it; an exception in it does, too.
```

A call with an argument that makes no sense raises an exception at once. What a call starts ends by an
event, which the handler of `irq()` gets. `OSError` has an errno; on a PC also the reason in words:

| errno | |
|---|---|
| 11, 12 | a queue or the memory is full |
| 16 | busy |
| 19 | `active(True)` has not been called, or the controller has failed |
| 22 | an argument that makes no sense |
| 95 | the controller or this build does not have it |
| 107 | no such connection |
| 114 | it runs already |

## Constants and types

| | |
|---|---|
| `FLAG_READ` 0x02, `FLAG_WRITE_NO_RESPONSE` 0x04, `FLAG_WRITE` 0x08, `FLAG_NOTIFY` 0x10, `FLAG_INDICATE` 0x20 | of characteristics and descriptors |
| `UUID(value)` | %s |
| `bytes(uuid)` | its octets, the least significant one first |
| `BLE()` | %s |
"""


def signature(f):
    """Its arguments without types, in upstream's order; `/` is not shown."""
    f = ast.parse(ast.unparse(f)).body[0]
    a = f.args
    for x in a.posonlyargs + a.args + a.kwonlyargs:
        x.annotation = None
    a.args = (a.posonlyargs + a.args)[1:]
    a.posonlyargs = []
    return "%s(%s)" % (f.name, ast.unparse(a))


def cell(text):
    return " ".join(text.split()).replace("|", "\\|")


def events(doc):
    yield from ("## Events", "", "The handler of `irq(handler)` gets an event's number and a tuple. What is in the tuple changes with",
                "the next event: a program copies what it keeps, `bytes(data)`.", "", "| | event | data | |", "|---|---|---|---|")
    for number, name, data, rest in re.findall(r"^(\d+) ([A-Z0-9_]+) (\(.*?\))(?:: (.*))?$", doc, re.M):
        yield "| %s | `%s` | `%s` | %s |" % (number, name, data, rest)
    yield from ("", "64 to 78 are Woad's, and raised only after `config(events=…)` has named them: [module.md](module.md#events).", "")


def forms_of(cls):
    """Each method's definitions: those with overloads have several."""
    methods = {}
    for f in cls.body:
        if isinstance(f, ast.FunctionDef) and not f.name.startswith("_"):
            methods.setdefault(f.name, []).append(f)
    return methods


def literal(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def help_header():
    """A macro of rows, name, first sentence, text."""
    with open(STUB, encoding="utf-8") as f:
        tree = ast.parse(f.read())
    ble = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "BLE")
    out = ["/* Texts of help(): written by scripts/stub_reference.py from typings/bluetooth.pyi. */", "/* clang-format off */",
           "#ifndef WOAD_UNIX_HELP_TEXT_H", "#define WOAD_UNIX_HELP_TEXT_H", "", "#define HELP_TEXTS \\"]
    for name, forms in forms_of(ble).items():
        docs = [ast.get_docstring(f) for f in forms if ast.get_docstring(f)]
        first = " ".join(re.split(r"(?<=[a-z0-9)])[.:;] |\n\n", re.sub("^Woad: ", "", docs[0]) + " ")[0].split()).rstrip(".")
        text = [x for s in dict.fromkeys(map(signature, forms)) for x in textwrap.wrap(s, 80, subsequent_indent="    ")] + [""] + "\n\n".join(docs).split("\n")
        pieces = [literal(x) for line in text for x in re.findall(r".{1,79}(?: |\n|$)", line + "\n") or ["\n"]]
        out += ["    { %s, \\" % literal(name), "      %s, \\" % literal(textwrap.shorten(first, 85, placeholder=" …"))] + ["      %s \\" % x for x in pieces] + ["    }, \\"]
    out[-1] = out[-1][:-2]
    return "\n".join(out + ["", "#endif", ""])


def markdown():
    with open(STUB, encoding="utf-8") as f:
        source = f.read()
    tree = ast.parse(source)
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    uuid = next(f for f in classes["UUID"].body if getattr(f, "name", "") == "__init__")
    out = [HEAD % (cell(ast.get_docstring(uuid)), cell(ast.get_docstring(classes["BLE"])))]
    lines, methods = source.split("\n"), forms_of(classes["BLE"])
    section = None
    for name, forms in methods.items():
        above = [l[6:] for l in lines[:forms[0].lineno] if l.startswith("    # ")]
        title = above[-1] if above else "The radio"
        if title != section:
            section = title
            out += ["## " + title, ""]
        out += ["### %s" % name, "", "```python"] + list(dict.fromkeys(signature(f) for f in forms)) + ["```", ""]
        docs = [ast.get_docstring(f) for f in forms if ast.get_docstring(f)]
        if name == "irq":
            out += [docs[0].split("\n\n")[0], ""]
            event_doc = docs[0]
            continue
        for doc in docs:
            out += [re.sub(r"(?<![\w`])([a-z0-9]+_[a-z_]+(?:\(\))?|config\([^)]*\))", r"`\1`", doc), ""]
    out += events(event_doc)
    # Signatures are shown, not run.
    text = "\n".join(out).rstrip() + "\n"
    return re.sub(r"(### \w+\n\n)```python", r"\1<!-- shown: signatures -->\n\n```python", text)


def current():
    bad = []
    for path, text in ((PAGE, markdown()), (HELP, help_header())):
        with open(path, encoding="utf-8") as f:
            if f.read() != text:
                bad.append("%s is not what typings/bluetooth.pyi says: scripts/stub_reference.py" % os.path.relpath(path, root))
    return bad


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        sys.exit("\n".join(current()))
    for path, text in ((PAGE, markdown()), (HELP, help_header())):
        with open(path, "w", encoding="utf-8") as page:
            page.write(text)
