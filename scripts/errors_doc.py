#!/usr/bin/env python3
"""docs/errors.md from docs/reasons/*.txt. usage: errors_doc.py [--check]

Writes the file, or with --check ends with 1 when it differs. Fails when two rows give a reason different codes.
"""
import glob
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
OUTPUT = os.path.join(ROOT, "docs/errors.md")
HEAD = """# Errors

Generated from `docs/reasons/*.txt` by `scripts/errors_doc.py`; do not edit. An error has a `code` of gRPC, a stable `reason`,
a message, metadata, violations with JSON pointers, and a remediation where one exists. Over HTTP it is `application/problem+json`
with the status below; the form is in [api.md](api.md). Reasons may be added; one that exists keeps its meaning. A reason that
an adapter reports stands in the `error` of an operation; there the code is how the adapter's own call failed and the status is
that of the rare case in which a request meets it directly.

| reason | code | HTTP | meaning | what to do |
|---|---|---|---|---|
"""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def statuses():
    """The HTTP status of each reason and code, from the REST door's source."""
    text = read("server/rest/problem.cpp")
    by_reason = {name: int(status) for name, status in re.findall(r'\{"([A-Z_]+)", (\d{3})\}', text)}
    by_code, waiting = {}, []
    body = text[text.index("int StatusOfCode"):]
    for label, status in re.findall(r"case ErrorCode::k(\w+):|return (\d{3});", body[:body.index("\n}")]):
        if label:
            waiting.append(re.sub(r"(?<!^)(?=[A-Z])", "_", label).upper())
        else:
            by_code.update({code: int(status) for code in waiting})
            waiting = []
    for path in sorted(glob.glob(os.path.join(ROOT, "server/rest/*.cpp"))):
        for status, name in re.findall(r'\bHttpProblem\(\s*(\d{3}), "([A-Z_]+)"', read(os.path.relpath(path, ROOT))):
            by_reason[name] = int(status)
    return by_reason, by_code


def sentence(text):
    """First letter upper case; a table cell may not hold a bare bar."""
    text = text.replace("|", "\\|")
    return text if re.match(r"(on a|on an|meshplay|/|`)", text) else text[0].upper() + text[1:]


def rows():
    found, faults = {}, []
    for path in sorted(glob.glob(os.path.join(ROOT, "docs/reasons/*.txt"))):
        for number, line in enumerate(read(os.path.relpath(path, ROOT)).splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            where = f"{os.path.relpath(path, ROOT)}:{number}"
            parts = [part.strip() for part in line.split(" | ")]
            if len(parts) != 4:
                faults.append(f"{where}: a line is REASON | CODE | what it means | what to do")
                continue
            reason, codes, meaning, advice = parts
            row = found.setdefault(reason, (codes, [], [], where))
            if row[0] != codes:
                faults.append(f"{where}: {reason} is {codes} here and {row[0]} in {row[3]}")
            for texts, text in ((row[1], sentence(meaning)), (row[2], sentence(advice))):
                if text not in texts:
                    texts.append(text)
    return found, faults


def document():
    found, faults = rows()
    by_reason, by_code = statuses()
    text = HEAD
    for reason in sorted(found):
        codes, meanings, advice, where = found[reason]
        status = []
        for code in re.split(r"[,/] *", codes):
            if code not in by_code:
                faults.append(f"{where}: no HTTP status for {code}")
                continue
            number = str(by_reason.get(reason, by_code[code]))
            if number not in status:
                status.append(number)
        text += f"| {reason} | {codes} | {', '.join(status)} | {' / '.join(meanings)} | {' / '.join(advice)} |\n"
    return text, faults


def main():
    text, faults = document()
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    if "--check" in sys.argv[1:]:
        current = os.path.exists(OUTPUT) and read("docs/errors.md") == text
        if not current:
            print("docs/errors.md is not current: run scripts/errors_doc.py", file=sys.stderr)
        return 0 if current else 1
    with open(OUTPUT, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
