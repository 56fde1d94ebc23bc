#!/usr/bin/env python3
"""docs/smi-support.md from the adapter's manifest and the test cases. usage: smi_support_doc.py ADAPTER [--check]

ADAPTER is a built meshplay-adapter-istio. --check ends with 1 when the file differs. Only what a test shows is called shown.
"""
import json
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
OUTPUT = os.path.join(ROOT, "docs/smi-support.md")
CASES = "tests/testdata/smi/istio.yaml"
HEAD = f"""# SMI on Istio (sidecar mode)

Generated from the adapter's manifest and `{CASES}` by `scripts/smi_support_doc.py`; do not edit.

* **Claimed**: what the manifest says (`meshplay-adapter-istio capabilities`).
* **Shown by translation tests**: how many reports the cases of `{CASES}` expect at each level. The unit
  tests compare the objects and the reports of each case with what the emitter makes.
* **Live run**: none yet. No traffic has been sent through a mesh to prove that the objects do what SMI means; nothing here
  rests on a running mesh.

"""


def level(name):
    return name.removeprefix("SUPPORT_LEVEL_")


def shown():
    """Kind -> level -> number of expected reports; (kind, level) -> codes."""
    counts, codes = {}, {}
    with open(os.path.join(ROOT, CASES), encoding="utf-8") as file:
        text = file.read()
    for kind, found, listed in re.findall(r"\{source: (\w+) [^,]+, level: (\w+), codes: \[([^\]]*)\]", text):
        counts.setdefault(kind, {}).setdefault(found, 0)
        counts[kind][found] += 1
        codes.setdefault((kind, found), set()).update(code.strip() for code in listed.split(",") if code.strip())
    if sum(sum(levels.values()) for levels in counts.values()) != len(re.findall(r"\blevel: ", text)):
        sys.exit(f"{CASES} is not written as this script reads it")
    return counts, codes


def document(adapter):
    manifest = json.loads(subprocess.run([adapter, "capabilities"], check=True, capture_output=True, text=True).stdout)
    counts, codes = shown()
    text = HEAD + "| kind | version | claimed | shown by translation tests | live run |\n|---|---|---|---|---|\n"
    limits = []
    for support in manifest["smi"]:
        kind = support["kind"]
        evidence = ", ".join(f"{name} {counts[kind][name]}" for name in ("FULL", "PARTIAL", "NONE") if name in counts.get(kind, {}))
        if not evidence:
            evidence = "only as rules and matches of other kinds"
        text += f"| {kind} | {support['api_version']} | {level(support['level'])} | {evidence} | none yet |\n"
        limits += [(kind, feature) for feature in support.get("features", [])]
    text += "\nOlder versions are read and converted first; what would lose or widen something is refused. Versions of Istio that the\n"
    text += "adapter installs: " + ", ".join(row["version"] for row in manifest.get("mesh_versions", [])) + ".\n"
    text += "\n## Known limits\n\n| kind | feature | level | note |\n|---|---|---|---|\n"
    for kind, feature in limits:
        text += f"| {kind} | {feature['feature']} | {level(feature['level'])} | {feature.get('note', '')} |\n"
    text += "\n## Diagnostics seen in the tests\n\nWhat each code says: [smi-diagnostics.md](smi-diagnostics.md).\n\n| kind | level | codes |\n|---|---|---|\n"
    for kind, name in sorted(codes):
        if codes[kind, name]:
            text += f"| {kind} | {name} | {', '.join(sorted(codes[kind, name]))} |\n"
    return text


def main():
    text = document(sys.argv[1])
    if "--check" in sys.argv[2:]:
        with open(OUTPUT, encoding="utf-8") as file:
            current = file.read() == text
        if not current:
            print(f"docs/smi-support.md is not current: run scripts/smi_support_doc.py {sys.argv[1]}", file=sys.stderr)
        return 0 if current else 1
    with open(OUTPUT, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
