#!/usr/bin/env python3
"""Which errors a public function of the host can return, and whether its comment says so.

  scripts/errors.py           prints each function with its errors
  scripts/errors.py check     fails if a comment lacks one

The errors are found in the sources: those in `return` statements, those of the functions that are called there, and those
that are assigned to a variable that is returned, also by a pointer to it.  That is more than can happen now and then.  What
takes another way, through a struct's field, is not seen.  A comment names an error, or refers to another function: "the
errors of woad_x()".
"""
import os
import re
import sys

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ERROR = re.compile(r"\bWOAD_E[A-Z]+\b(?!_)")
# Errors that the analysis finds and that cannot happen.  function: {error: why}
NEVER = {}


def read(path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def sources():
    for d, _, names in os.walk(os.path.join(root, "src")):
        for n in sorted(names):
            if n.endswith((".c", ".h")):
                yield os.path.join(d, n)


def without_comments(text):
    return re.sub(r'"(\\.|[^"\\])*"', '""', re.sub(r"/\*.*?\*/", " ", text, flags=re.S))


class Sources:
    def __init__(self):
        self.bodies, self.all, self.members, self.found = {}, {}, {}, {}
        for path in sources():
            text = without_comments(read(path))
            for head, name, body in re.findall(r"^([A-Za-z][\w \*]*?[ \*])(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", text, flags=re.S | re.M):
                self.all[name] = body = re.sub(r"\s+", " ", body)
                if re.search(r"\b(int|int32_t)\s*$", head.strip()):
                    self.bodies[name] = body
            for member, function in re.findall(r"\.(\w+) = (\w+)\b", text):
                self.members.setdefault(member, set()).add(function)
            # Positional initialisers of a struct of functions: each function for each member.
            for role, values in re.findall(r"static const struct (\w+) \w+ = \{([^{}]*)\};", text):
                if "." not in values:
                    for function in re.findall(r"\w+", values):
                        self.members.setdefault("struct " + role, set()).add(function)
        for path in sources():
            text = without_comments(read(path))
            for role, fields in re.findall(r"^struct (\w+) \{(.*?)^\};", text, flags=re.S | re.M):
                for member in re.findall(r"\(\*(\w+)\)\(", fields):
                    self.members.setdefault(member, set()).update(self.members.get("struct " + role, ()))

    def of_expression(self, expression, body, seen):
        errors = set(ERROR.findall(expression))
        for name in set(re.findall(r"\b(\w+)\(", expression)):
            errors |= self.of(name, seen)
        for member in set(re.findall(r"(?:->|\.)(\w+)\(", expression)):
            for function in self.members.get(member, ()):
                errors |= self.of(function, seen)
        for name in set(re.findall(r"(?<![\w>.])([a-z_]\w*)\b(?!\()", expression)):
            if ("variable", name, id(body)) not in seen:
                again = seen | {("variable", name, id(body))}
                for value in re.findall(r"(?<![\w>.])%s = ([^;]+);" % name, body):
                    errors |= self.of_expression(value, body, again)
                for call in re.findall(r"\b(\w+)\([^;]*&%s\b[^;]*\);" % name, body):
                    errors |= self.written_by(call, again)
        return errors

    def written_by(self, name, seen):
        """Errors that a function may write by a pointer."""
        body = self.all.get(name, "")
        errors = set()
        for value in re.findall(r"\*\w+ = ([^;]+);", body):
            errors |= self.of_expression(value, body, seen)
        for call in re.findall(r"\b(\w+)\([^;]*\berr\b[^;]*\);", body):
            if call != name and ("written", call) not in seen:
                errors |= self.written_by(call, seen | {("written", call)})
        return errors

    def of(self, name, seen=frozenset()):
        if name in self.found:
            return self.found[name]
        if name in seen or name not in self.bodies:
            return set()
        body, errors = self.bodies[name], set()
        for expression in re.findall(r"\breturn\b([^;]*);", body):
            errors |= self.of_expression(expression, body, seen | {name})
        if not seen:
            self.found[name] = errors
        return errors


def comments():
    """function: the comment above its declaration, for those that return a number.  A comment holds for all declarations up
    to the next comment or empty line."""
    found = {}
    for name in sorted(os.listdir(os.path.join(root, "include", "woad"))):
        text = read(os.path.join("include", "woad", name))
        comment = ""
        for part in re.findall(r"/\*.*?\*/|^\n|(?:int|int32_t) woad_\w+\(", re.sub(r"^\s+\n", "\n", text, flags=re.M), flags=re.S | re.M):
            if part.startswith("/*"):
                comment = part
            elif part == "\n":
                comment = ""
            else:
                found[part.split()[1][:-1]] = re.sub(r"\s*\n \*\s*", " ", comment)
    return found


def documented(name, all_comments, seen=frozenset()):
    text = all_comments.get(name, "")
    errors = set(ERROR.findall(text))
    for sentence in re.findall(r"[Tt]he errors of ((?:woad_\w+\(\)(?:, | and )?)+)", text):
        for other in re.findall(r"woad_\w+", sentence):
            if other not in seen:
                errors |= documented(other, all_comments, seen | {name})
    return errors


def problems():
    found, said = Sources(), comments()
    for name in sorted(said):
        if name in found.bodies:
            lacks = found.of(name) - documented(name, said) - set(NEVER.get(name, ()))
            if lacks:
                yield "%s can return %s: its comment does not say so" % (name, ", ".join(sorted(lacks)))


LETTERS = dict(zip("NIADMBLCSEXTO", "ENOTCONN EINVAL EAGAIN ENODEV ENOMEM EBUSY EALREADY EACCES ENOTSUP ENOENT EISCONN ETIMEDOUT EIO".split()))


def not_in_storm():
    """What the random application (tests/storm) takes for allowed, with every call of millions, and no comment names."""
    said = comments()
    for name in sorted(os.listdir(os.path.join(root, "tests", "storm"))):
        text = read(os.path.join("tests", "storm", name)) if name.endswith(".c") else ""
        for letters, function in re.findall(r'"([%s+]*)",\s*"(woad_\w+)\(' % "".join(LETTERS), text):
            lacks = {"WOAD_" + LETTERS[c] for c in letters if c in LETTERS} - documented(function, said)
            if function in said and lacks:
                yield "tests/storm/%s lets %s return %s: its comment does not say so" % (name, function, ", ".join(sorted(lacks)))


def main():
    if sys.argv[1:] == ["check"]:
        wrong = list(problems()) + list(not_in_storm())
        print("\n".join(wrong) or "each error is documented")
        return 1 if wrong else 0
    found = Sources()
    for name in sorted(comments()):
        if name in found.bodies:
            print("%-34s %s" % (name, " ".join(sorted(found.of(name)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
