// Reads CiliumNetworkPolicies, one JSON object a line, and runs on each what Cilium's agent runs before it takes a policy
// (Parse, which sanitizes the rules). Answers as ../istio does.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"

	cilium "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
)

type finding struct {
	Line  int    `json:"line"`
	Error bool   `json:"error"`
	Text  string `json:"text"`
}

func judge(line []byte) error {
	var policy cilium.CiliumNetworkPolicy
	if err := json.Unmarshal(line, &policy); err != nil {
		return err
	}
	if policy.Kind != "CiliumNetworkPolicy" {
		return fmt.Errorf("not a kind of Cilium's that is judged here: %s", policy.Kind)
	}
	_, err := policy.Parse(slog.New(slog.NewTextHandler(io.Discard, nil)), "default")
	return err
}

func main() {
	answer := struct {
		Judged   int       `json:"judged"`
		Findings []finding `json:"findings"`
	}{Findings: []finding{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		if err := judge(lines.Bytes()); err != nil {
			answer.Findings = append(answer.Findings, finding{answer.Judged, true, err.Error()})
		}
		answer.Judged++
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(answer)
}
