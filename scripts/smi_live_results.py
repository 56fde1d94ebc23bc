#!/usr/bin/env python3
"""What conformance runs showed, as scripts/smi_support_doc.py reads it. usage: smi_live_results.py [--setting TEXT] RUN.json...

RUN.json is an answer of GET /v1/conformanceRuns/{id}; a later file wins over an earlier one. A run that is inconclusive
shows nothing; TEXT says what was not as in production. A feature PASSED when all its cases did, FAILED when one did, and is left out otherwise.
"""
import json
import sys

CASES = {
    "TrafficTarget: connections by ServiceAccount": ("traffic-access-03", "traffic-access-05", "traffic-access-07"),
    "TCPRoute with ports": ("access-tcp-port",),
    "UDPRoute": ("access-udp",),
    "path: prefix and exact": ("traffic-spec-04", "spec-prefix-anchor"),
    "methods": ("traffic-spec-06",),
    "header: exact and present": ("spec-headers",),  # the case has a choice of literals
    "overlapping TrafficTargets": ("access-multi-target",),
    "sources of other namespaces": ("access-cross-namespace",),
    "TrafficSplit by weight, HTTP": ("traffic-split-05", "traffic-split-07", "traffic-split-09", "traffic-split-11"),
    "TrafficSplit by header": ("split-matches",),
    "TrafficSplit with its root as backend": ("split-self-ref",),
}


def outcome(statuses):
    if "FAILED" in statuses:
        return "FAILED"
    return "PASSED" if set(statuses) == {"PASSED"} else None


def results_of(run):
    if run["verdict"] not in ("PASSED", "FAILED"):
        return []
    status = {case["id"]: case["status"] for case in run["cases"]}
    results = []
    for feature, cases in CASES.items():
        shown = outcome([status.get(case) for case in cases])
        if shown:
            results.append({"mesh": run["target"]["mesh_type"], "feature": feature, "meshVersion": run["mesh_version"], "outcome": shown,
                            "date": run["end_time"][:10], "evidence": f"conformance run {run['id']}: {', '.join(cases)}"})
    return results


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    newest, setting, paths = {}, None, sys.argv[1:]
    if paths[0] == "--setting":
        setting, paths = paths[1], paths[2:]
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for result in results_of(json.load(file)):
                newest[result["mesh"], result["feature"]] = {**result, "setting": setting} if setting else result
    print(json.dumps(list(newest.values()), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
