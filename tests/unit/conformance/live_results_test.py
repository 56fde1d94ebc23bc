#!/usr/bin/env python3
"""scripts/smi_live_results.py: every case it names exists, every feature it names is one of the support document."""
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import smi_live_results as live  # noqa: E402


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def run(verdict, statuses):
    return {"id": "r", "verdict": verdict, "target": {"mesh_type": "istio"}, "mesh_version": "1.30.3", "end_time": "2026-11-24T10:00:00Z",
            "cases": [{"id": case, "status": status} for case, status in statuses.items()]}


def main():
    suite, document = text_of("adapters/conformance/suite.cpp"), text_of("scripts/smi_support_doc.py")
    for feature, cases in live.CASES.items():
        assert f'"{feature}"' in document, f"{feature} is no feature of the support document"
        for case in cases:
            assert re.search(rf'"{case}"', suite), f"{case} is no case of the suite"
    passed = {case: "PASSED" for cases in live.CASES.values() for case in cases}
    assert {one["outcome"] for one in live.results_of(run("PASSED", passed))} == {"PASSED"}
    assert len(live.results_of(run("PASSED", passed))) == len(live.CASES)
    assert live.results_of(run("INCONCLUSIVE", passed)) == []
    mixed = dict(passed, **{"spec-headers": "UNSUPPORTED", "traffic-split-09": "FAILED", "traffic-access-07": "INCONCLUSIVE"})
    shown = {one["feature"]: one["outcome"] for one in live.results_of(run("FAILED", mixed))}
    assert "header: exact and present" not in shown and "TrafficTarget: connections by ServiceAccount" not in shown
    assert shown["TrafficSplit by weight, HTTP"] == "FAILED" and shown["methods"] == "PASSED"
    return 0


if __name__ == "__main__":
    sys.exit(main())
