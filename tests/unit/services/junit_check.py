#!/usr/bin/env python3
"""Reads JUnit XML from standard input and checks what its readers rely on. Ends with 1 and a line a fault."""
import sys
import xml.etree.ElementTree as xml

RESULTS = ("failure", "error", "skipped")
FAULTS = []


def expect(good, text):
    if not good:
        FAULTS.append(text)


def count(cases, result):
    return sum(1 for case in cases if case.find(result) is not None)


def check_counts(element, cases, attributes):
    for attribute, number in attributes.items():
        told = element.get(attribute)
        expect(told == str(number), f"{element.tag} {element.get('name')} says {attribute}={told}, there are {number}")
    expect(float(element.get("time", "-1")) >= 0, f"{element.tag} {element.get('name')} has no time")


def main():
    root = xml.fromstring(sys.stdin.read())
    expect(root.tag == "testsuites", f"the root is {root.tag}")
    everything = root.findall("./testsuite/testcase")
    check_counts(root, everything, {"tests": len(everything), "failures": count(everything, "failure"),
                                    "errors": count(everything, "error")})
    names = set()
    for suite in root:
        expect(suite.tag == "testsuite" and suite.get("name"), f"{suite.tag} is no testsuite with a name")
        cases = list(suite)
        check_counts(suite, cases, {"tests": len(cases), "failures": count(cases, "failure"),
                                    "errors": count(cases, "error"), "skipped": count(cases, "skipped")})
        for case in cases:
            expect(case.tag == "testcase" and case.get("name") and case.get("classname"), "a testcase has no name")
            expect(case.get("name") not in names, f"{case.get('name')} is told twice")
            names.add(case.get("name"))
            expect(float(case.get("time", "-1")) >= 0, f"{case.get('name')} has no time")
            expect(len(case) <= 1 and all(child.tag in RESULTS for child in case), f"{case.get('name')} has other results")
            expect(all(child.get("message") for child in case), f"{case.get('name')} does not say why")
    for fault in FAULTS:
        print(fault)
    return 1 if FAULTS or not names else 0


if __name__ == "__main__":
    sys.exit(main())
