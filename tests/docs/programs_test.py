#!/usr/bin/env python3
"""What the documents say about the programs is true. usage: programs_test.py BUILD_FOLDER

The configuration table of docs/operations.md is what `meshplay-server config print` shows, the exit codes are those of
cli/exit_codes.h, and docs/smi-support.md is what the adapters do. Ends with 4 (skipped) when the programs are not built.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/docs"))
from docs_test import read, table_after  # noqa: E402

ADAPTERS = ("istio", "linkerd", "kuma", "consul", "cilium", "legacy")


def check_configuration(server, operations, faults):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MESHPLAY_")}
    printed = subprocess.run([server, "config", "print"], capture_output=True, text=True, check=True, env=environment).stdout
    told = {row[0]: row[1:] for row in table_after(operations, "## Configuration")}
    for line in printed.splitlines():
        key, value, meaning = re.fullmatch(r'(\S+): "(.*?)"  # default; (.*)', line).groups()
        if told.pop(key, None) != [value, meaning]:
            faults.append(f"docs/operations.md: the row of {key} is: | {key} | {value} | {meaning} |")
    faults.extend(f"docs/operations.md: there is no setting {key}" for key in told)


def check_exit_codes(operations, faults):
    names = re.search(r"enum ExitCode \{(.*?)\};", read("cli/exit_codes.h"), flags=re.DOTALL).group(1)
    names = re.findall(r"^\s*k\w+(?: = (\d+))?,", names, flags=re.MULTILINE)
    told = [row[0] for row in table_after(operations, "## Exit codes")]
    if [str(index) for index in range(len(names))] != told:
        faults.append("docs/operations.md: the exit codes are not those of cli/exit_codes.h")


def check_legacy_mesh(program, faults):
    """--mesh may stand before and behind the word translate."""
    split = ('{apiVersion: split.smi-spec.io/v1alpha4, kind: TrafficSplit, metadata: {name: s}, '
             'spec: {service: api, backends: [{service: api-v1, weight: 1}]}}')
    answers = [subprocess.run([program, *words, "-f", "-"], input=split, capture_output=True, text=True)
               for words in (["translate", "--mesh", "osm"], ["--mesh", "osm", "translate"], ["--mesh=osm", "translate"])]
    if any((answer.returncode, answer.stderr) != (4, answers[0].stderr) for answer in answers):
        faults.append("meshplay-adapter-legacy: --mesh before translate does not say the same as behind it")


def main():
    folder = os.path.join(os.path.abspath(sys.argv[1]), "bin")
    server = os.path.join(folder, "meshplay-server")
    adapters = [os.path.join(folder, f"meshplay-adapter-{mesh}") for mesh in ADAPTERS]
    if not all(os.path.exists(program) for program in [server, *adapters]):
        print("skipped: the programs are not built")
        return 4
    faults = []
    operations = read("docs/operations.md")
    check_configuration(server, operations, faults)
    check_exit_codes(operations, faults)
    check_legacy_mesh(adapters[-1], faults)
    check = subprocess.run([sys.executable, os.path.join(ROOT, "scripts/smi_support_doc.py"), folder, "--check"],
                           capture_output=True, text=True)
    if check.returncode != 0:
        faults.append(check.stderr.strip())
    print("\n".join(faults) or "the documents fit the programs")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
