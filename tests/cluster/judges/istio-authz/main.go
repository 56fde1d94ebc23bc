// Reads AuthorizationPolicies, one JSON object a line, and answers each with a line: the list of what istiod's own
// generator makes of its rules for Envoy's RBAC filter of HTTP, in the trust domain cluster.local.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	rbac "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	"google.golang.org/protobuf/encoding/protojson"
	security "istio.io/api/security/v1beta1"
	"istio.io/istio/pilot/pkg/security/authz/model"
	"istio.io/istio/pilot/pkg/security/trustdomain"
	"istio.io/istio/pkg/config"
	"k8s.io/apimachinery/pkg/types"
)

type object struct {
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec json.RawMessage `json:"spec"`
}

func policies(line []byte) ([]json.RawMessage, error) {
	var o object
	if err := json.Unmarshal(line, &o); err != nil {
		return nil, err
	}
	spec := &security.AuthorizationPolicy{}
	if err := config.ApplyJSONStrict(spec, string(o.Spec)); err != nil {
		return nil, err
	}
	action := rbac.RBAC_ALLOW
	if spec.Action == security.AuthorizationPolicy_DENY {
		action = rbac.RBAC_DENY
	}
	out := []json.RawMessage{}
	for _, rule := range spec.Rules {
		m, err := model.New(types.NamespacedName{Name: o.Metadata.Name, Namespace: o.Metadata.Namespace}, rule)
		if err != nil {
			return nil, err
		}
		m.MigrateTrustDomain(trustdomain.NewBundle("cluster.local", nil))
		policy, err := m.Generate(false, true, action)
		if err != nil {
			return nil, err
		}
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(policy)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

func run(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		made, err := policies(lines.Bytes())
		if err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(made); err != nil {
			return err
		}
	}
	return lines.Err()
}

func main() {
	out := os.Stdout
	os.Stdout = os.Stderr // Istio logs to the standard output.
	if err := run(os.Stdin, out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
