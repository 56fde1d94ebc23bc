#!/usr/bin/env python3
"""Rules about the tree that no compiler checks. usage: layout_test.py [ROOT]

Exceptions: tests/layout/exceptions.txt, one line each: rule | path | why.
"""
import os
import re
import subprocess
import sys

from rooms import COROUTINE_ROOMS, EVERYWHERE, MESHES, THIRD_PARTY, room_of, rules_of

MAX_LINES = 800
SOURCE = (".h", ".cpp")
COUNTED = SOURCE + (".py", ".sh", ".proto", ".go", ".cmake", ".ts", ".tsx", ".css")
CODES = {
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"}


class Findings:
    def __init__(self, root):
        self.lines = []
        self.exceptions = set()
        self.used = set()
        path = os.path.join(root, "tests/layout/exceptions.txt")
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    rule, name, why = [part.strip() for part in line.split("|", 2)]
                    assert why, f"an exception without a reason: {line}"
                    self.exceptions.add((rule, name))

    def add(self, rule, path, number, text):
        if (rule, path) in self.exceptions:
            self.used.add((rule, path))
            return
        self.lines.append(f"{path}:{number}: [{rule}] {text}")


def files_of(root):
    """Tracked and new files, not what git ignores."""
    listing = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if listing.returncode == 0:
        return [name for name in listing.stdout.splitlines() if os.path.isfile(os.path.join(root, name))]
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in ("build", ".git", ".meshplay", "node_modules")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return found


def without_comments(text):
    """Comments blanked, line numbers kept. A '//' inside a string literal (a URL) stays."""
    pattern = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
    return pattern.sub(lambda m: m.group(0) if m.group(0)[0] == '"' else re.sub(r"[^\n]", " ", m.group(0)), text)


def each_match(pattern, text):
    for match in re.finditer(pattern, text, re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, match


def check_includes(path, text, findings):
    room = room_of(path)
    if room is None:
        return
    rooms, in_headers, in_sources = rules_of(room)
    libraries = EVERYWHERE | in_headers | (set() if path.endswith(".h") else in_sources)
    # A header in internal/, or of the one database backend, serves the room's own .cpp files only.
    if "/internal/" in path or path.startswith("server/store/sqlite/"):
        libraries |= in_sources
    for number, match in each_match(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', "\n" + text):
        number -= 1
        kind, name = match.groups()
        if kind == '"':
            other = room_of(name)
            if name.startswith("meshplay/"):
                if "proto" not in rooms and room != "proto":
                    findings.add("include", path, number, f"{room} may not use proto ({name})")
            elif other is None:
                findings.add("include", path, number, f'"{name}" is not a path from the root to a room')
            elif other != room:
                if not any(other == allowed or allowed.endswith("/") and other.startswith(allowed) for allowed in rooms):
                    findings.add("include", path, number, f"{room} may not use {other}")
                if "/internal/" in name:
                    findings.add("include", path, number, f"{name} is internal to {other}")
            continue
        for library, starts in THIRD_PARTY.items():
            if name.startswith(starts) and library not in libraries:
                where = "in headers of " if path.endswith(".h") else "in "
                findings.add("third-party", path, number, f"<{name}> is not allowed {where}{room}")


def check_coroutines(path, text, findings):
    for number, match in each_match(r"\bco_await\b([^;]*);", text):
        room = room_of(path) or ""
        if not room.startswith(COROUTINE_ROOMS) and not path.startswith("tests/"):
            findings.add("co_await", path, number, "coroutines are allowed in " + ", ".join(COROUTINE_ROOMS))
        operand = match.group(1)
        if "{" in operand or re.search(r"\[[^\]]*\]\s*(\(|\{|mutable)", operand):
            findings.add("co_await", path, number,
                         "no '{' and no lambda in the operand: name the object on the line before and std::move it")
    for number, match in each_match(r"\bauto\s*\[[^\]]*\]\s*=\s*co_await\b", text):
        findings.add("co_await", path, number, "no structured binding of co_await")


def check_words(path, text, findings):
    in_store = path.startswith("server/store/")
    if not in_store:
        sql = r'"[^"\n]*\b(?:SELECT\s[^"\n]*\sFROM\s|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+TABLE\s)'
        for number, _ in each_match(sql, text):
            findings.add("sql", path, number, "SQL belongs to server/store")
    if path.startswith("server/") and not path.startswith("server/catalog/"):
        for number, match in each_match(r'"(?:\\.|[^"\\\n])*"', text):
            # A literal without blanks is a name or an identifier; a sentence may give an example.
            word = not re.search(r"\s", match.group(0)) and re.search(r"(?<![a-z0-9])(" + "|".join(MESHES) + r")(?![a-z0-9])", match.group(0).lower())
            if word and not re.match(r"^[ \t]*#", text.splitlines()[number - 1]):
                findings.add("mesh-name", path, number, f"the server must not know {word.group(1)}")
    for number, _ in each_match(r"\b(?:system|popen)\s*\(\s*\"", text):
        findings.add("shell", path, number, "no shell for child processes")


def read_reasons(root, files, findings):
    codes = {}
    for path in files:
        if not re.fullmatch(r"docs/reasons/[^/]+\.txt", path):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip() or line.startswith("#"):
                    continue
                parts = [part.strip() for part in line.split(" | ")]
                if len(parts) != 4 or not all(parts):
                    findings.add("reasons", path, number, "a line is: REASON | CODE | what it means | what to do")
                    continue
                if not re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", parts[0]):
                    findings.add("reasons", path, number, f"{parts[0]} is not UPPER_SNAKE")
                unknown = [code for code in re.split(r"[,/] *", parts[1]) if code not in CODES]
                if unknown:
                    findings.add("reasons", path, number, f"unknown code {', '.join(unknown)}")
                codes.setdefault(parts[0], set()).update(re.split(r"[,/] *", parts[1]))
    return codes


def check_reasons(path, text, codes, findings):
    """Reasons given as a literal where an Error is made."""
    if path.startswith("tests/"):
        return
    made = (r'\b(?:InvalidArgument|NotFound|FailedPrecondition|Aborted|Internal|Unavailable)\s*\(\s*"([A-Z][A-Z0-9_]*)"'
            r'|\bErrorCode::k\w+\s*,\s*"([A-Z][A-Z0-9_]*)"')
    for number, match in each_match(made, text):
        reason = match.group(1) or match.group(2)
        if reason not in codes:
            findings.add("reasons", path, number, f"{reason} is not listed in docs/reasons/*.txt")


# Where diagnostics are made, and words in capitals there that are neither diagnostics nor reasons.
DIAGNOSTIC_ROOMS = re.compile(r"libs/(smi|facts)/|adapters/(translate|gamma|envoy|controller|[a-z]+/emitter)/|server/policy/internal/losses")
OTHER_WORDS = {"CONNECT", "DELETE", "FAILED", "HTTP_FILTER", "INSERT_BEFORE", "INVALID", "IN_STEP", "OPTIONS", "PARTIAL",
               "SIDECAR_INBOUND", "STRICT", "WARNING"}


def read_diagnostics(root):
    """The codes of docs/smi-diagnostics.md: of its table, which tests/unit/translate compares with cases, and of its lists."""
    with open(os.path.join(root, "docs/smi-diagnostics.md"), encoding="utf-8") as file:
        text = file.read()
    rows = ", ".join(re.findall(r"^\| ([A-Z][A-Z0-9_, ]+) \|", text, re.MULTILINE))
    return set(rows.split(", ")) | set(re.findall(r"^\* `([A-Z][A-Z0-9_]+)`", text, re.MULTILINE))


def check_diagnostics(path, text, known, findings):
    if not DIAGNOSTIC_ROOMS.match(path):
        return
    for number, match in each_match(r'"([A-Z]{6,}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', text):
        if match.group(1) not in known:
            findings.add("diagnostics", path, number, f"{match.group(1)} is in neither docs/smi-diagnostics.md nor docs/reasons/*.txt")


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../.."))
    findings = Findings(root)
    files = files_of(root)
    codes = read_reasons(root, files, findings)
    diagnostics = read_diagnostics(root) | set(codes) | OTHER_WORDS
    checked = 0
    for path in files:
        if not path.endswith(COUNTED):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        checked += 1
        lines = text.count("\n")
        if lines > MAX_LINES:
            findings.add("length", path, 1, f"{lines} lines; {MAX_LINES} is the most: find the second reason to change")
        if not path.endswith(SOURCE):
            continue
        code = without_comments(text)
        check_includes(path, code, findings)
        check_coroutines(path, code, findings)
        if not path.startswith("tests/"):
            check_words(path, code, findings)
        check_reasons(path, code, codes, findings)
        check_diagnostics(path, code, diagnostics, findings)
    for rule, name in sorted(findings.exceptions - findings.used):
        findings.lines.append(f"tests/layout/exceptions.txt: the exception '{rule} | {name}' is not needed any more")
    print("\n".join(findings.lines))
    print(f"{checked} files, {len(codes)} reasons, {len(findings.lines)} findings")
    return 1 if findings.lines or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
