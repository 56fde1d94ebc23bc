// Reads Istio's objects, one JSON object a line, and runs on each what Istio's own webhook runs: the validation of its
// control plane. Answers with one JSON document: how many objects were judged, and what is wrong or doubtful, by line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/go-multierror"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/validation"
	"istio.io/istio/pkg/config/validation/envoyfilter"
)

type kind struct {
	empty    func() config.Spec
	validate validation.ValidateFunc
}

var kinds = map[string]kind{
	"AuthorizationPolicy":   {func() config.Spec { return &security.AuthorizationPolicy{} }, validation.ValidateAuthorizationPolicy},
	"PeerAuthentication":    {func() config.Spec { return &security.PeerAuthentication{} }, validation.ValidatePeerAuthentication},
	"RequestAuthentication": {func() config.Spec { return &security.RequestAuthentication{} }, validation.ValidateRequestAuthentication},
	"VirtualService":        {func() config.Spec { return &networking.VirtualService{} }, validation.ValidateVirtualService},
	"DestinationRule":       {func() config.Spec { return &networking.DestinationRule{} }, validation.ValidateDestinationRule},
	"ServiceEntry":          {func() config.Spec { return &networking.ServiceEntry{} }, validation.ValidateServiceEntry},
	"Sidecar":               {func() config.Spec { return &networking.Sidecar{} }, validation.ValidateSidecar},
	"EnvoyFilter":           {func() config.Spec { return &networking.EnvoyFilter{} }, envoyfilter.ValidateEnvoyFilter},
}

type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec json.RawMessage `json:"spec"`
}

type finding struct {
	Line  int    `json:"line"`
	Error bool   `json:"error"`
	Text  string `json:"text"`
}

func texts(err error) []string {
	if err == nil {
		return nil
	}
	if many, ok := err.(*multierror.Error); ok {
		var out []string
		for _, one := range many.WrappedErrors() {
			out = append(out, one.Error())
		}
		return out
	}
	return []string{err.Error()}
}

func judge(line []byte) (warnings, errors []string) {
	var o object
	if err := json.Unmarshal(line, &o); err != nil {
		return nil, texts(err)
	}
	k, known := kinds[o.Kind]
	if !known {
		return nil, []string{"not a kind of Istio's that is judged here: " + o.Kind}
	}
	spec := k.empty()
	if err := config.ApplyJSONStrict(spec, string(o.Spec)); err != nil {
		return nil, texts(err)
	}
	meta := config.Meta{Name: o.Metadata.Name, Namespace: o.Metadata.Namespace,
		Labels: o.Metadata.Labels, Annotations: o.Metadata.Annotations}
	warning, err := k.validate(config.Config{Meta: meta, Spec: spec})
	return texts(warning), texts(err)
}

func main() {
	answer := struct {
		Judged   int       `json:"judged"`
		Findings []finding `json:"findings"`
	}{Findings: []finding{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		warnings, errors := judge(lines.Bytes())
		for _, text := range warnings {
			answer.Findings = append(answer.Findings, finding{answer.Judged, false, text})
		}
		for _, text := range errors {
			answer.Findings = append(answer.Findings, finding{answer.Judged, true, text})
		}
		answer.Judged++
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(answer)
}
