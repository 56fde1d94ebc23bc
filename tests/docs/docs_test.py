#!/usr/bin/env python3
"""What the documents say about the tree is true. usage: docs_test.py

Paths in backticks and relative links lead to something; README.md is short; docs/errors.md is current; the tables of rooms and
of operation states in docs/architecture.md are those of the code. In a path, <word>, * and NNNN stand for anything.
"""
import glob
import os
import re
import subprocess
import sys
import textwrap

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/layout"))
from rooms import rules_of  # noqa: E402

README_LINES = 150
# First parts of names with a slash that are not paths of this tree.
ELSEWHERE = (
    "/", "~", "./.meshplay", ".meshplay", "build", "v1", "application", "text", "meshplay.dev", "meshplay.io", "rbac.authorization.k8s.io",
    "coordination.k8s.io", "kube-system", "ca", "keys", "grpc", "spiffe:", "http:", "https:", "$", "unix:", "debian", "meshplay")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def documents():
    names = ["README.md", "CONTRIBUTING.md"] + [
        os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs/**/*.md"), recursive=True)]
    return sorted(name for name in names if os.path.exists(os.path.join(ROOT, name)))


def without_fences(text):
    """Blocks of code blanked, line numbers kept."""
    return re.sub(r"^```.*?^```[^\n]*$", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.DOTALL | re.MULTILINE)


def exists(path):
    pattern = re.sub(r"<[a-z-]+>", "*", path).replace("NNNN", "[0-9]*").rstrip("/")
    if pattern != path.rstrip("/") or "*" in path:
        return bool(glob.glob(os.path.join(ROOT, pattern)))
    return os.path.exists(os.path.join(ROOT, path))


def is_path(token):
    """A token that claims to be a path below the root of the tree."""
    if not re.fullmatch(r"[A-Za-z0-9_.<>*/+-]+", token) or "/" not in token.rstrip("/") + ("/" if token.endswith("/") else ""):
        return False
    first = token[2:] if token.startswith("./") and not token.startswith("./.") else token
    return not token.startswith(ELSEWHERE[:2]) and first.split("/")[0] not in ELSEWHERE


def check_paths(name, text, faults):
    for match in re.finditer(r"`([^`\n]+)`", text):
        token = match.group(1)
        if is_path(token) and not exists(token):
            faults.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {token} does not exist")
    for match in re.finditer(r"\]\(([^)\s]+)\)", text):
        target = match.group(1)
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        line = text.count("\n", 0, match.start()) + 1
        if not os.path.exists(os.path.join(ROOT, file)):
            faults.append(f"{name}:{line}: the link {target} leads nowhere")
        elif anchor and anchor not in anchors(read(file)):
            faults.append(f"{name}:{line}: {file} has no heading {anchor}")


def anchors(text):
    titles = re.findall(r"^#+ (.+)$", without_fences(text), flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


def table_after(text, heading):
    """Rows of the first table below a heading, without head and rule."""
    part = text[text.index(heading):]
    lines = re.search(r"(?:^\|.*\n)+", part, flags=re.MULTILINE).group(0).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def check_rooms(architecture, faults):
    told = {row[0].strip("`").rstrip("/"): row for row in table_after(architecture, "## Rooms")}
    there = {}
    for path in glob.glob(os.path.join(ROOT, "*/**/CMakeLists.txt"), recursive=True):
        if "/build/" in path:
            continue
        with open(path, encoding="utf-8") as file:
            for room, folder in re.findall(r"^mp_room\((\w+) DIR (\S+)", file.read(), flags=re.MULTILINE):
                there[folder] = f"meshplay_{room}"
    there["proto"] = "meshplay_proto"
    known = set(there)
    for folder, target in sorted(there.items()):
        row = told.pop(folder, None)
        if row is None:
            faults.append(f"docs/architecture.md: the room {folder} is not in the table")
            continue
        if row[1].strip("`") != target:
            faults.append(f"docs/architecture.md: the target of {folder} is {target}")
        may = {name.rstrip("/") for name in re.findall(r"`([^`]+)`", row[3])}
        allowed = {name.rstrip("/") for name in rules_of(folder)[0] if name.endswith("/") or name in known}
        if may != allowed:
            faults.append(f"docs/architecture.md: {folder} may use {', '.join(sorted(allowed)) or 'nothing'} (tests/layout/rooms.py)")
    faults.extend(f"docs/architecture.md: there is no room {folder}" for folder in told)


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name)


def check_states(architecture, faults):
    source = read("server/engine/transitions.cpp")
    made = {(int(number), snake(start).upper(), snake(end).upper(), snake(trigger).lower()) for number, start, end, trigger in
            re.findall(r"Transition\{(\d+), S::k(\w+), S::k(\w+), T::k(\w+),", source)}
    if not made or len(made) != source.count("Transition{"):
        faults.append("server/engine/transitions.cpp is not written as this test reads it")
    told = set()
    for number, starts, ends, triggers, _ in table_after(architecture, "## Operation states"):
        if starts == "-" or ends.startswith("("):
            continue
        for start in starts.split(", "):
            for end in [start] if ends == "the same" else ends.split(", "):
                told |= {(int(number), start, end, trigger) for trigger in triggers.split(", ")}
    for row in sorted(made - told):
        faults.append(f"docs/architecture.md: the table of operation states lacks {row}")
    for row in sorted(told - made):
        faults.append(f"docs/architecture.md: the code has no transition {row}")


def check_quotes(name, text, faults):
    """<!-- quote FILE NAME --> stands before a block that is the part of FILE between two lines // [NAME]."""
    for path, part, block in re.findall(r"<!-- quote (\S+) (\w+) -->\n```\w*\n(.*?)\n```", text, flags=re.DOTALL):
        found = re.search(rf"^ *// \[{part}\]\n(.*?)^ *// \[{part}\]\n", read(path), flags=re.DOTALL | re.MULTILINE)
        if not found or textwrap.dedent(found.group(1)).strip("\n") != block:
            faults.append(f"{name}: the quote of {path} is not its part {part}")


def check_numbers(faults):
    """Decisions are numbered without holes and say what was decided and why."""
    names = sorted(os.path.basename(path) for path in glob.glob(os.path.join(ROOT, "docs/decisions/*.md")))
    for index, name in enumerate(names, 1):
        if not re.fullmatch(f"{index:04d}-[a-z0-9-]+\\.md", name):
            faults.append(f"docs/decisions/{name}: the next name begins with {index:04d}-")


def main():
    faults = []
    names = documents()
    for name in names:
        check_paths(name, without_fences(read(name)), faults)
        check_quotes(name, read(name), faults)
    lines = read("README.md").count("\n")
    if lines >= README_LINES:
        faults.append(f"README.md has {lines} lines; less than {README_LINES} is wanted")
    architecture = read("docs/architecture.md")
    check_rooms(architecture, faults)
    check_states(architecture, faults)
    check_numbers(faults)
    for script in ("errors_doc.py",):
        check = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", script), "--check"], capture_output=True, text=True)
        if check.returncode != 0:
            faults.append(check.stderr.strip())
    print("\n".join(faults))
    print(f"{len(names)} documents, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
