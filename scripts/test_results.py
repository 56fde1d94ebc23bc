#!/usr/bin/env python3
"""Reads what ctest knows and what it wrote, for ./meshplay test.

usage: test_results.py targets BUILD NAME LABEL...   executables of the tests with one of the labels, one a line;
                                                  NAME is a regular expression found in the test's name ("" for any)
       test_results.py any BUILD LABEL          exit code 0 when a test carries the label
       test_results.py summary RESULTS          counts over all *.xml (JUnit) and *.failed files of the folder
Labels are regular expressions for the whole label.
"""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree


def tests_with(build, labels):
    listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, capture_output=True, text=True)
    # ctest prints a line about the folder before the document.
    document = json.loads(listing.stdout[listing.stdout.index("{"):])
    wanted = [re.compile(label) for label in labels]
    for test in document["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        if any(w.fullmatch(label) for w in wanted for label in properties.get("LABELS", [])):
            yield test


def targets(build, name, labels):
    # Before the build ctest does not know the commands, but an executable is named as its test.
    for test in tests_with(build, labels):
        properties = {p["name"]: p["value"] for p in test["properties"]}
        if "executable" in properties["LABELS"] and re.search(name, test["name"]):
            print(test["name"])


def summary(results):
    passed, failed, skipped = 0, [], []
    for name in sorted(os.listdir(results)):
        path = os.path.join(results, name)
        if name.endswith(".failed"):
            with open(path, encoding="utf-8") as file:
                failed.append(file.read().strip())
        if not name.endswith(".xml"):
            continue
        level = name[: -len(".xml")]
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            label = f"{level}: {case.get('name')}"
            if case.find("skipped") is not None and case.find("failure") is None:
                reason = case.find("skipped").get("message", "")
                text = case.findtext("system-out") or ""
                said = re.search(r"^SKIPPED: (.*)$", text, re.MULTILINE)
                if reason.startswith("SKIP_RETURN_CODE"):
                    skipped.append(f"{label} ({said.group(1) if said else 'no reason given'})")
                elif "Disabled" in reason:
                    skipped.append(f"{label} (disabled)")
                else:  # ctest could not run it: not built, no such command.
                    failed.append(f"{label} ({reason})")
            elif case.get("status") == "run":
                passed += 1
            else:
                failed.append(label)
    for title, names in (("Skipped", skipped), ("Failed", failed)):
        if names:
            print(f"\n{title}:")
            for name in names:
                print(f"  {name}")
    print(f"\n{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or passed == 0 and not skipped else 0


def main(arguments):
    if len(arguments) >= 4 and arguments[0] == "targets":
        targets(arguments[1], arguments[2], arguments[3:])
    elif len(arguments) == 3 and arguments[0] == "any":
        return 0 if any(True for _ in tests_with(arguments[1], [arguments[2]])) else 1
    elif len(arguments) == 2 and arguments[0] == "summary":
        return summary(arguments[1])
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
