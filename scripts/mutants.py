"""Reads tests/storm/mutants.  A text there is found by its tokens: comments and white space may differ."""
import os
import re

GAP = r"(?:\s|/\*.*?\*/)*"


def mutants(root):
    """For each mutant: its name, what it removes, and (file, text, replacement) for each edit."""
    text = open(os.path.join(root, "tests/storm/mutants"), encoding="utf-8").read()
    for block in re.split(r"^===\n", text, flags=re.M)[1:]:
        head, *edits = re.split(r"^--- (\S+)\n", block, flags=re.M)
        name, what = head.strip().split(": ", 1)
        yield name, " ".join(what.split()), [(edits[n], *edits[n + 1].split("+++\n", 1)) for n in range(0, len(edits), 2)]


def pattern(text):
    code = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return re.compile(GAP.join(re.escape(t) for t in re.findall(r"\w+|[^\w\s]", code)), re.S)


def lost(root):
    """Texts that do not occur exactly once in their file."""
    for name, _, edits in mutants(root):
        for path, wanted, _ in edits:
            full = os.path.join(root, path)
            n = len(pattern(wanted).findall(open(full, encoding="utf-8").read())) if os.path.exists(full) else 0
            if n != 1:
                yield "%s: %d times in %s: %s" % (name, n, path, wanted.strip().split("\n")[0])
