#!/usr/bin/env python3
"""The C reference: a page for each header of include/woad, of its declarations and the comments above them.

  scripts/c_reference.py FOLDER    writes the pages there

A header is blocks with empty lines between them.  A comment that stands alone is prose, with ` --- title ---` a
heading; one above declarations describes them.  Guards, includes and internal macros (static.h) are left out.
"""
import os
import re
import sys

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INCLUDE = os.path.join(root, "include", "woad")
# What a header is for, in the order in which a program meets them.  sizes.h is generated, and part of static.h.
HEADERS = (("woad", "the host: its config, events, errors, the calls that move packets and time"),
           ("gap", "advertising, scanning, connections"),
           ("gatt", "services and clients"),
           ("smp", "pairing, encryption, bonds, privacy"),
           ("l2cap", "channels with credits"),
           ("uuid", "UUIDs"),
           ("hci", "reasons and errors of controllers"),
           ("vendor", "commands of manufacturers, and quirks"),
           ("static", "a host in static memory, sized by the compiler"),
           ("crypto", "the three functions that pairing needs"),
           ("h4", "packets in a UART's octets"),
           ("flash_bonds", "bonds in two sectors of flash"),
           ("btsnoop", "logs that Wireshark opens"),
           ("port", "on POSIX: controllers, a program's loop, bonds in a file"),
           ("testing", "tests in virtual time"),
           ("air", "the simulated radio"),
           ("version", "the version"))
NAME = re.compile(r"(?<![\w`])(woad_\w+(?:\(\))?|WOAD_\w+(?:…|\(\))?|struct woad_\w+|config\.\w+)(?![\w`])")


def blocks(text):
    """(comment or None, code or None) of each block; brackets hold a block together."""
    text = re.sub(r"^#(ifndef|define) WOAD_\w+_H.*\n|^#include.*\n", "", text, flags=re.M)
    text = re.sub(r'^#ifdef __cplusplus\n.*?^#endif[^\n]*\n', "", text, flags=re.M | re.S)
    text = re.sub(r"\n#endif[^\n]*\s*\Z", "\n", text)
    part = []
    for line in text.split("\n") + [""]:
        if line.strip() or part and unfinished("\n".join(part)):
            part.append(line)
        elif part:
            yield from pieces("\n".join(part))
            part = []


def unfinished(code):
    if code.rfind("/*") > code.rfind("*/"):
        return True
    bare = re.sub(r"/\*.*?\*/", "", code, flags=re.S)
    return bare.count("{") > bare.count("}") or bare.count("(") > bare.count(")")


def pieces(block):
    at = [m.start() for m in re.finditer(r"^/\*", block, re.M)]
    if not at or at[0]:
        at.insert(0, 0)
    for start, end in zip(at, at[1:] + [len(block)]):
        piece = block[start:end]
        m = re.match(r"/\*.*?\*/(?=[ \t]*(\n|\Z))", piece, re.S)
        comment, code = (m.group(0), piece[m.end():]) if m else (None, piece)
        yield comment, code.strip("\n") or None


def described(code):
    """The names that a piece of code declares: functions, structs, enumerations, macros, constants."""
    bare = re.sub(r"/\*.*?\*/", "", code, flags=re.S)
    names = re.findall(r"^#define (\w+)", bare, re.M)
    names += ["%s %s" % x for x in re.findall(r"^(struct|union|enum) (\w+)\s*\{", bare, re.M)]
    outside = re.sub(r"\{.*?\n?\}", "", re.sub(r"^#define (?:.*\\\n)*.*", "", bare, flags=re.M), flags=re.S)
    names += [n + "()" for n in re.findall(r"^[a-z][\w \t*]*?\b(woad_\w+)\(", outside, re.M)]
    for listed in re.findall(r"^extern const struct \w+ ([^;]+);", bare, re.M):
        names += re.split(r",\s*", listed.strip())
    return list(dict.fromkeys(names))


def constants(code):
    bare = re.sub(r"/\*.*?\*/", "", code, flags=re.S)
    return [n for body in re.findall(r"enum\s*\w*\s*\{(.*?)\}", bare, re.S) for n in re.findall(r"\b(WOAD_\w+)\s*(?:=|,|$|\n)", body)]


def label(name):
    """A target's name: docutils does not tell upper case from lower, and a struct may have a function's name."""
    kind = "f" if name.endswith("()") else name.split()[0] if " " in name else "m" if name.isupper() else "v"
    return kind + "-" + re.sub(r"^(struct|union|enum) |\W", "", name).lower().replace("_", "-")


def prose(comment, known):
    """A comment as Markdown: its indented lines are code, names of the reference are links."""
    lines = [re.sub(r"^ \* ?|^/\* ?", "", l).rstrip() for l in comment[:-2].rstrip().split("\n")]
    out, code = [], False
    for line in lines:
        deep = line.startswith("    ")
        if deep != code:
            out.append("```" if code else "```c")
            if code:
                out.append("")
            else:
                out.insert(-1, "")
            code = deep
        out.append(line if deep else marked(line, known))
    return "\n".join(out + ["```"] * code).strip()


def marked(line, known):
    line = re.sub(r"([*<>\[\]])", r"\\\1", line)

    def link(m):
        name = m.group(1)
        return "[`%s`](%s)" % (name, known[name]) if name in known else "`%s`" % name
    return NAME.sub(link, re.sub(r"^([-+#]|\d+\.) ", r"\\\1 ", line) if re.match(r"[+#]", line) else line)


def internal(header, code):
    return header == "static" and bool(re.match(r"#define WOAD_STATIC_|#if|#undef|#e", code.strip()))


def scan(header):
    with open(os.path.join(INCLUDE, header + ".h"), encoding="utf-8") as f:
        return [(comment, code) for comment, code in blocks(f.read()) if not (code and internal(header, code))]


def page(header, title, found, known):
    out = ["# woad/%s.h: %s" % (header, title), ""]
    for n, (comment, code) in enumerate(found):
        section = comment and re.match(r"/\* -{3,} *(.*?)[ -]*(?:\*/|\n)", comment)
        if section and not code:
            text = section.group(1)[0].upper() + section.group(1)[1:]
            out += ["## " + re.sub(r"\s+", " ", re.sub(r"(woad_\w+)", r"`\1`", text)), ""]
            continue
        names = described(code) if code and n else []
        all_names = names + (constants(code) if code else [])
        targets = list(dict.fromkeys(known[x] for x in all_names if known.get(x) == label(x)))
        out += ["(%s)=" % x for x in targets]
        if names:
            out += ["### " + ", ".join("`%s`" % x for x in names[:3]) + (" …" if len(names) > 3 else ""), ""]
        if all_names:
            out += ["```{index} " + "; ".join(re.sub(r"^(struct|union|enum) ", "", x) for x in all_names) + "\n```", ""]
        if code:
            out += ["```c", code, "```", ""]
        if comment:
            out += [prose(comment, known), ""]
    return "\n".join(out)


def write(folder):
    os.makedirs(folder, exist_ok=True)
    headers = {h: scan(h) for h, _ in HEADERS}
    known = {}
    for found in headers.values():
        for n, (_, code) in enumerate(found):
            names = described(code) if code and n else []
            for name in names:
                known.setdefault(name, label(name))
            inside = constants(code) if code else []
            for name in inside:
                known.setdefault(name, label((names or inside)[0]))
    for header, title in HEADERS:
        with open(os.path.join(folder, header + ".md"), "w", encoding="utf-8") as f:
            f.write(page(header, title, headers[header], known))
    index = ["# The headers", "", "From the comments of `include/woad`. `#include <woad/woad.h>` includes those marked *.", "",
             "| header | |", "|---|---|"]
    with open(os.path.join(INCLUDE, "woad.h"), encoding="utf-8") as f:
        included = set(re.findall(r'#include "(\w+)\.h"', f.read())) | {"uuid"}
    index += ["| [`woad/%s.h`](%s.md)%s | %s |" % (h, h, "*" if h in included else "", t) for h, t in HEADERS]
    index += ["", "All names are in the {ref}`index <genindex>`.", "", "```{toctree}", ":hidden:"] + [h for h, _ in HEADERS] + ["```", ""]
    with open(os.path.join(folder, "index.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(index))


if __name__ == "__main__":
    write(sys.argv[1])
