#!/usr/bin/env python3
"""Every listing and command of README.md and docs/*.md: run, or marked with the reason why not.

Above a block (indented, or fenced) stands a mark, a comment of HTML:

  <!-- run -->                  its commands are run, one after the other, in the page's folder
  <!-- run until N -->          a command that still runs after N seconds is ended by Ctrl-C
  <!-- run beside: A | B -->    while these programs run; also after "until N"
  <!-- run by: COMMAND -->      the block is the command's last argument, a file (of Python or C)
  <!-- file: NAME -->           the block is this file of the page's folder
  <!-- tested by: FILE -->      another test or script runs it
  <!-- shown: WHY -->           it is none to run: output, a sketch
  <!-- not run: WHY -->         it needs what is not here: hardware, another project

A block ```console needs none: lines with "$ " are commands, the others what they print; "…" is anything.
A page's folder is a temporary one with the tree's folders in it.  Commands of a `run` have a radio of their own,
$WOAD_HCI.
"""
import glob
import html
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
build = os.path.join(root, "build")
PAGES = ["README.md", "CONTRIBUTING.md"] + sorted(os.path.relpath(p, root) for p in glob.glob(os.path.join(root, "docs", "*.md")))
MARK = re.compile(r"<!-- (run by|run|file|tested by|shown|not run)(:? .*?|) -->$")
RUN = re.compile(r"(?: until (?P<until>\d+))?(?: beside: (?P<beside>.*))?$")
LIMIT = 60


class Block:
    def __init__(self, line, kind, mark, text):
        self.line, self.kind, self.mark, self.text = line, kind, mark, text


def blocks(text):
    """The blocks of a page.  An indented block follows an empty line, outside a list."""
    lines = text.split("\n")
    marks, i, in_list = [], 0, False
    while i < len(lines):
        line = lines[i]
        if MARK.match(line):
            marks.append((MARK.match(line).group(1), MARK.match(line).group(2).removeprefix(": ")))
        elif line.startswith("```"):
            end = next(k for k in range(i + 1, len(lines)) if lines[k].startswith("```"))
            yield Block(i + 1, line[3:] or "text", marks, "\n".join(lines[i + 1:end]) + "\n")
            marks, i = [], end
        elif line.startswith("    ") and not lines[i - 1].strip() and not in_list:
            end = next((k for k in range(i, len(lines)) if lines[k].strip() and not lines[k].startswith("    ")), len(lines))
            yield Block(i + 1, "indented", marks, "\n".join(x[4:] for x in lines[i:end]).rstrip() + "\n")
            marks, i = [], end - 1
        elif line.strip():
            if not re.match(r"  +\S", line):
                in_list = bool(re.match(r"([-*]|\d+\.) ", line))
            marks = []
        i += 1


def read(page):
    with open(os.path.join(root, page), encoding="utf-8") as f:
        return f.read()


def slug(heading):
    """As GitHub makes the anchor of a heading."""
    text = html.unescape(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip().lower()
    return re.sub(r"[^\w\- ]", "", text.replace("`", "")).replace(" ", "-")


def prose(text):
    return re.sub(r"^```.*?^```|^(?:    |\t).*?$", "", text, flags=re.S | re.M)


def links(pages):
    """Links of pages that lead nowhere."""
    bad = []
    anchors = {p: {slug(h) for h in re.findall(r"^#+ (.*)$", prose(read(p)), re.M)} for p in pages}
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(read(page))):
            if re.match(r"\w+:", target):
                continue
            path, _, anchor = target.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(os.path.join(root, path)):
                bad.append("%s: there is no %s" % (page, target))
            elif anchor and path in anchors and anchor not in anchors[path]:
                bad.append("%s: %s has no heading #%s" % (page, path, anchor))
    return bad


def unmarked(page, block):
    """What is wrong with a block's mark, or None."""
    if block.kind == "console" and not block.mark:
        return None
    if len(block.mark) != 1:
        return "has %d marks: tests/python/listings.py explains them" % len(block.mark)
    verb, what = block.mark[0]
    if verb in ("shown", "not run") and len(what) < 4:
        return "%s: why?" % verb
    if verb == "run" and not RUN.match(what):
        return "run%s: is not understood" % what
    if verb == "tested by" and not os.path.exists(os.path.join(root, what)):
        return "is tested by %s, which is not there" % what
    return None


def unready(pages):
    """What is wrong before anything runs: links and marks."""
    marks = ((page, block.line, unmarked(page, block)) for page in pages for block in blocks(read(page)))
    return links(pages) + ["%s:%d %s" % m for m in marks if m[2]]


class Folder:
    """A page's folder, its radio, and the programs beside a block."""

    def __init__(self):
        self.at = tempfile.mkdtemp(prefix="woad-page-")
        for name in os.listdir(root):
            if name not in (".git", "examples", "build"):
                os.symlink(os.path.join(root, name), os.path.join(self.at, name))
        shutil.copytree(os.path.join(root, "examples"), os.path.join(self.at, "examples"))
        os.symlink(build, os.path.join(self.at, "build"))
        self.cd, self.air = "", os.path.join(self.at, "page.radio")
        hidden = ("WOAD_HCI", "WOAD_NAME", "WOAD_BTSNOOP", "WOAD_LOG", "PYTHONPATH")
        self.env = {k: v for k, v in os.environ.items() if k not in hidden}
        # The package is where scripts/python-package has put it; pip would put it into the path.
        self.env.update(PATH=build + ":" + self.env["PATH"], XDG_RUNTIME_DIR=self.at, HOME=self.at, NO_COLOR="1", WOAD=root,
                        PKG_CONFIG_PATH=os.path.join(build, "installed", "lib", "pkgconfig"))

    def start(self, command):
        return subprocess.Popen(["bash", "-c", self.cd + command], cwd=self.at, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def run(self, command, limit=LIMIT):
        """Its status and what it has printed; status None: it was ended at the limit."""
        p = self.start(command)
        try:
            text, _ = p.communicate(timeout=limit)
            return p.returncode, text
        except subprocess.TimeoutExpired:
            return None, self.end(p)

    def end(self, p):
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(p.pid, number)
                return p.communicate(timeout=5)[0]
            except ProcessLookupError:
                return p.communicate()[0]
            except subprocess.TimeoutExpired:
                pass
        return ""

    def remove(self):
        shutil.rmtree(self.at, ignore_errors=True)


def commands(text):
    """Commands of an indented block: lines, continued by a backslash."""
    return [c for c in re.sub(r"\\\n\s*", "", text).split("\n") if c.strip() and not c.lstrip().startswith("#")]


def printed(expected, text):
    """Whether a text is as expected, line by line; "…" in a line is anything, alone any lines."""
    parts = []
    for line in expected:
        parts.append("(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n")
    return re.fullmatch("".join(parts), text) is not None


def run_console(folder, block):
    steps = []
    for line in block.text.rstrip("\n").split("\n"):
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif line.startswith("> "):
            steps[-1] = (steps[-1][0] + "\n" + line[2:], [])
        else:
            steps[-1][1].append(line)
    for command, expected in steps:
        status, text = folder.run(command)
        if status != 0:
            return "%s: status %s\n%s" % (command, status, text)
        if not printed(expected, text):
            return "%s: has printed\n%s" % (command, text)
    return None


def run_lines(folder, block, until):
    for command in commands(block.text):
        if command.startswith("cd "):
            folder.cd += command + "\n"
            continue
        status, text = folder.run(command, until or LIMIT)
        if status != 0 and not (until and status is None):
            return "%s: status %s\n%s" % (command, status, text)
    return None


def run_block(folder, block):
    """What is wrong with it, or None; False: it is none to run."""
    verb, what = block.mark[0] if block.mark else ("console", "")
    if verb in ("tested by", "shown", "not run"):
        return False
    if verb == "file":
        path = os.path.join(folder.at, what)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "w", encoding="utf-8") as f:
            f.write(block.text)
        return None
    if verb == "console":
        return run_console(folder, block)
    if verb == "run by":
        name = "listing." + {"python": "py", "c": "c"}.get(block.kind, "txt")
        with open(os.path.join(folder.at, name), "w", encoding="utf-8") as f:
            f.write(block.text)
        status, text = folder.run("%s %s" % (what, name))
        return None if status == 0 else "status %s\n%s" % (status, text)
    from scaffold import serves             # makes a folder, which scripts/check has no use for
    how = RUN.match(what)
    beside = [folder.start("build/woad air --quiet unix:" + folder.air)]
    serves(folder.air)
    folder.env["WOAD_HCI"] = "unix:" + folder.air
    beside += [folder.start(c) for c in (how["beside"] or "").split(" | ") if c]
    try:
        return run_lines(folder, block, float(how["until"] or 0))
    finally:
        del folder.env["WOAD_HCI"]
        for p in reversed(beside):
            folder.end(p)


def main(words):
    failed = run = 0
    pages = [p for p in PAGES if not words or any(w in p for w in words)]
    for problem in links(PAGES):
        failed += 1
        print("FAIL " + problem)
    for page in pages:
        since, folder, here = time.monotonic(), Folder(), 0
        for block in blocks(read(page)):
            problem = unmarked(page, block) or run_block(folder, block)
            here += problem is not False
            if problem:
                failed += 1
                print("FAIL %s:%d %s" % (page, block.line, problem), flush=True)
        folder.remove()
        run += here
        print("ok   %-28s %3d listings run  %5.1f s" % (page, here, time.monotonic() - since), flush=True)
    print("%d passed, %d failed" % (run - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
