package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Istio's control plane writes in this name.
const pilot = "pilot-discovery"

// keeper brings the cluster to the state a running control plane keeps it in.
type keeper struct {
	kube      *kube
	authority *authority
	doors     *doors
	modes     *modes
	sweep     time.Time
}

const admission = "/apis/admissionregistration.k8s.io/v1/"

// look is one round: which webhooks of a mesh are there, which of their Services are alive, what do they need.
func (k *keeper) look(ctx context.Context) error {
	wanted := map[string][]string{}
	alive := map[string]bool{}
	var problems []error
	for _, kind := range []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations"} {
		configs, err := k.kube.list(ctx, admission+kind)
		if err != nil {
			return err
		}
		for _, config := range configs {
			if err := k.tend(ctx, kind, config, wanted, alive); err != nil {
				problems = append(problems, err)
			}
		}
	}
	if k.modes.absent() {
		wanted = nil
	}
	if err := k.doors.keep(wanted); err != nil {
		problems = append(problems, err)
	}
	if time.Since(k.sweep) > time.Second {
		k.sweep = time.Now()
		for namespace, up := range alive {
			if up {
				problems = append(problems, k.leaveTraces(ctx, namespace))
			}
		}
	}
	return errors.Join(problems...)
}

// tend handles one webhook configuration: collects the doors it needs and fills what its control plane fills.
func (k *keeper) tend(ctx context.Context, kind string, config object, wanted map[string][]string, alive map[string]bool) error {
	name := text(config, "metadata", "name")
	var patch []object
	for index, webhook := range objects(config["webhooks"]) {
		if !strings.HasSuffix(text(webhook, "name"), "istio.io") {
			continue
		}
		service := at(webhook, "clientConfig", "service")
		namespace, serviceName := text(service, "namespace"), text(service, "name")
		if serviceName == "" {
			continue
		}
		address, up, err := k.serviceAddress(ctx, namespace, serviceName, servicePort(service))
		if err != nil {
			return err
		}
		if !up {
			continue
		}
		alive[namespace] = true
		wanted[address] = []string{serviceName + "." + namespace + ".svc"}
		bundle, _ := base64.StdEncoding.DecodeString(text(webhook, "clientConfig", "caBundle"))
		if !bytes.Equal(bundle, k.authority.pem) {
			patch = append(patch, replace(index, "clientConfig/caBundle", base64.StdEncoding.EncodeToString(k.authority.pem)))
		}
		if strings.HasPrefix(kind, "validating") && text(webhook, "failurePolicy") != "Fail" {
			patch = append(patch, replace(index, "failurePolicy", "Fail"))
		}
	}
	if len(patch) == 0 {
		return nil
	}
	err := k.kube.jsonPatch(ctx, admission+kind+"/"+name, pilot, patch)
	if errors.Is(err, errNotFound) {
		return nil
	}
	return err
}

func replace(index int, field string, value any) object {
	return object{"op": "add", "path": fmt.Sprintf("/webhooks/%d/%s", index, field), "value": value}
}

func servicePort(service any) int {
	if port, ok := at(service, "port").(float64); ok {
		return int(port)
	}
	return 443
}

// serviceAddress: the ClusterIP and port of a Service, and whether a ready endpoint stands behind it.
func (k *keeper) serviceAddress(ctx context.Context, namespace, name string, port int) (string, bool, error) {
	service, err := k.kube.get(ctx, "/api/v1/namespaces/"+namespace+"/services/"+name)
	if errors.Is(err, errNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	address := text(service, "spec", "clusterIP")
	if net.ParseIP(address) == nil || !net.ParseIP(address).IsLoopback() {
		return "", false, nil
	}
	slices, err := k.kube.list(ctx, "/apis/discovery.k8s.io/v1/namespaces/"+namespace+
		"/endpointslices?labelSelector=kubernetes.io/service-name%3D"+name)
	if err != nil {
		return "", false, err
	}
	for _, slice := range slices {
		for _, endpoint := range objects(slice["endpoints"]) {
			if ready, _ := at(endpoint, "conditions", "ready").(bool); ready {
				return net.JoinHostPort(address, fmt.Sprint(port)), true, nil
			}
		}
	}
	return "", false, nil
}

// leaveTraces writes what istiod writes outside its charts: its CA and a copy of the root certificate per namespace.
func (k *keeper) leaveTraces(ctx context.Context, root string) error {
	namespaces, err := k.kube.list(ctx, "/api/v1/namespaces")
	if err != nil {
		return err
	}
	secrets := "/api/v1/namespaces/" + root + "/secrets/istio-ca-secret"
	if _, err := k.kube.get(ctx, secrets); errors.Is(err, errNotFound) {
		if err := k.kube.apply(ctx, secrets, pilot, object{
			"apiVersion": "v1", "kind": "Secret", "type": "istio.io/ca-root",
			"metadata":   object{"name": "istio-ca-secret", "namespace": root},
			"stringData": object{"ca-cert.pem": string(k.authority.pem)},
		}); err != nil {
			return ignoreTerminating(err)
		}
	}
	for _, namespace := range namespaces {
		name := text(namespace, "metadata", "name")
		if text(namespace, "status", "phase") != "Active" || strings.HasPrefix(name, "kube-") {
			continue
		}
		path := "/api/v1/namespaces/" + name + "/configmaps/istio-ca-root-cert"
		existing, err := k.kube.get(ctx, path)
		if err == nil && text(existing, "data", "root-cert.pem") == string(k.authority.pem) {
			continue
		}
		if err != nil && !errors.Is(err, errNotFound) {
			return err
		}
		if err := k.kube.apply(ctx, path, pilot, object{
			"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": object{"name": "istio-ca-root-cert", "namespace": name, "labels": object{"istio.io/config": "true"}},
			"data":     object{"root-cert.pem": string(k.authority.pem)},
		}); ignoreTerminating(err) != nil {
			return err
		}
	}
	return nil
}

// A namespace may go away between our look and our write.
func ignoreTerminating(err error) error {
	if err == nil || errors.Is(err, errNotFound) || strings.Contains(err.Error(), "being terminated") {
		return nil
	}
	return err
}
