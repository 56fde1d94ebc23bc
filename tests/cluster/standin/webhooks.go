package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// webhooks answers admission reviews: /inject... adds the sidecar, everything else allows.
type webhooks struct {
	kube  *kube
	modes *modes
}

func (h *webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := "validation"
	if strings.HasPrefix(r.URL.Path, "/inject") {
		kind = "injection"
	}
	switch h.modes.get(kind) {
	case "fail":
		http.Error(w, "the stand-in was told to fail", http.StatusInternalServerError)
		return
	case "hang":
		<-r.Context().Done()
		return
	case "absent":
		panic(http.ErrAbortHandler) // The connection is cut without an answer.
	}
	var review object
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<20)).Decode(&review); err != nil {
		http.Error(w, "not an AdmissionReview: "+err.Error(), http.StatusBadRequest)
		return
	}
	response := object{"uid": text(review, "request", "uid"), "allowed": true}
	if kind == "injection" {
		patch, err := h.injection(r, at(review, "request"))
		if err != nil {
			response["allowed"] = false
			response["status"] = object{"message": err.Error()}
		} else if len(patch) > 0 {
			data, _ := json.Marshal(patch)
			response["patchType"] = "JSONPatch"
			response["patch"] = base64.StdEncoding.EncodeToString(data)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(object{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

// injection is the JSON patch that Istio's injector would answer, reduced to what tools look at.
func (h *webhooks) injection(r *http.Request, request any) ([]object, error) {
	pod, ok := at(request, "object").(map[string]any)
	if !ok || text(pod, "kind") != "Pod" {
		return nil, fmt.Errorf("the object is not a Pod")
	}
	labels, _ := at(pod, "metadata", "labels").(map[string]any)
	annotations, _ := at(pod, "metadata", "annotations").(map[string]any)
	if !wanted(pod, labels, annotations) {
		return nil, nil
	}
	revision, namespace := h.revision(r)
	image, err := h.proxyImage(r, namespace, revision)
	if err != nil {
		return nil, err
	}
	native := annotations["sidecar.istio.io/nativeSidecar"] == "true"
	status, _ := json.Marshal(object{
		"initContainers": []string{"istio-init"}, "containers": []string{"istio-proxy"},
		"volumes":  []string{"workload-socket", "credential-socket", "workload-certs", "istio-envoy", "istio-data", "istio-podinfo", "istio-token", "istiod-ca-cert"},
		"revision": revision,
	})
	app := workloadName(pod, labels)
	merged := copyOf(labels)
	merged["security.istio.io/tlsMode"] = "istio"
	merged["service.istio.io/canonical-name"] = app
	merged["service.istio.io/canonical-revision"] = "latest"
	if version, ok := labels["version"].(string); ok {
		merged["service.istio.io/canonical-revision"] = version
	}
	merged["istio.io/rev"] = revision
	notes := copyOf(annotations)
	notes["sidecar.istio.io/status"] = string(status)
	notes["istio.io/rev"] = revision
	notes["prometheus.io/path"], notes["prometheus.io/port"], notes["prometheus.io/scrape"] = "/stats/prometheus", "15020", "true"

	proxy := proxyContainer(image, namespace, revision, native)
	init := object{"name": "istio-init", "image": image,
		"args": []string{"istio-iptables", "-p", "15001", "-z", "15006", "-u", "1337", "-m", "REDIRECT", "-i", "*", "-x", "", "-b", "*", "-d", "15090,15021,15020"}}
	inits, _ := at(pod, "spec", "initContainers").([]any)
	containers, _ := at(pod, "spec", "containers").([]any)
	if native && autoProxy(containers) < 0 {
		inits = append([]any{init, proxy}, inits...)
	} else if at := autoProxy(containers); at >= 0 {
		// A gateway pod brings the container itself; only its image is filled in.
		containers[at].(object)["image"] = image
	} else {
		inits = append([]any{init}, inits...)
		containers = append(containers, proxy)
	}
	volumes, _ := at(pod, "spec", "volumes").([]any)
	return []object{
		{"op": "add", "path": "/metadata/labels", "value": merged},
		{"op": "add", "path": "/metadata/annotations", "value": notes},
		{"op": "add", "path": "/spec/initContainers", "value": inits},
		{"op": "add", "path": "/spec/containers", "value": containers},
		{"op": "add", "path": "/spec/volumes", "value": append(volumes, proxyVolumes()...)},
	}, nil
}

// wanted: what the namespace selector let through can still be refused here, as the injector does.
func wanted(pod, labels, annotations object) bool {
	if hostNetwork, _ := at(pod, "spec", "hostNetwork").(bool); hostNetwork {
		return false
	}
	if _, done := annotations["sidecar.istio.io/status"]; done {
		return false
	}
	for _, container := range objects(at(pod, "spec", "containers")) {
		if container["name"] == "istio-proxy" && container["image"] != "auto" {
			return false
		}
	}
	if value, ok := labels["sidecar.istio.io/inject"].(string); ok {
		return value == "true"
	}
	return annotations["sidecar.istio.io/inject"] != "false"
}

// revision of the injector that was asked and the namespace of its control plane, from the host name of the request.
func (h *webhooks) revision(r *http.Request) (revision, namespace string) {
	parts := strings.Split(strings.Split(r.Host, ":")[0], ".")
	namespace = "istio-system"
	if len(parts) >= 2 {
		namespace = parts[1]
	}
	if suffix, ok := strings.CutPrefix(parts[0], "istiod-"); ok && suffix != "" {
		return suffix, namespace
	}
	return "default", namespace
}

// proxyImage reads hub and tag where Istio reads them: the values in the injector's ConfigMap.
func (h *webhooks) proxyImage(r *http.Request, namespace, revision string) (string, error) {
	name := "istio-sidecar-injector"
	if revision != "default" {
		name += "-" + revision
	}
	config, err := h.kube.get(r.Context(), "/api/v1/namespaces/"+namespace+"/configmaps/"+name)
	if err != nil {
		return "", fmt.Errorf("ConfigMap %s/%s: %w", namespace, name, err)
	}
	var values object
	if err := json.Unmarshal([]byte(text(config, "data", "values")), &values); err != nil {
		return "", fmt.Errorf("ConfigMap %s/%s, key values: %w", namespace, name, err)
	}
	hub, tag := text(values, "global", "hub"), text(values, "global", "tag")
	if hub == "" || tag == "" {
		return "", fmt.Errorf("ConfigMap %s/%s names no global.hub or global.tag", namespace, name)
	}
	image := text(values, "global", "proxy", "image")
	if image == "" {
		image = "proxyv2"
	}
	return hub + "/" + image + ":" + tag, nil
}

// autoProxy: the index of an istio-proxy container whose image is left to the injector, or -1.
func autoProxy(containers []any) int {
	for index, container := range containers {
		if text(container, "name") == "istio-proxy" && text(container, "image") == "auto" {
			return index
		}
	}
	return -1
}

func proxyContainer(image, namespace, revision string, native bool) object {
	service := "istiod"
	if revision != "default" {
		service += "-" + revision
	}
	proxy := object{
		"name": "istio-proxy", "image": image, "args": []string{"proxy", "sidecar"},
		"ports": []object{{"containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom"}},
		"env": []object{
			{"name": "CA_ADDR", "value": service + "." + namespace + ".svc:15012"},
			{"name": "ISTIO_META_CLUSTER_ID", "value": "Kubernetes"},
		},
		"readinessProbe": object{"httpGet": object{"path": "/healthz/ready", "port": 15021}, "periodSeconds": 15},
		"resources":      object{"requests": object{"cpu": "100m", "memory": "128Mi"}},
		"volumeMounts": []object{
			{"name": "istiod-ca-cert", "mountPath": "/var/run/secrets/istio"},
			{"name": "istio-data", "mountPath": "/var/lib/istio/data"},
			{"name": "istio-envoy", "mountPath": "/etc/istio/proxy"},
			{"name": "istio-token", "mountPath": "/var/run/secrets/tokens"},
			{"name": "istio-podinfo", "mountPath": "/etc/istio/pod"},
		},
	}
	if native {
		proxy["restartPolicy"] = "Always"
		proxy["startupProbe"] = proxy["readinessProbe"]
	}
	return proxy
}

func proxyVolumes() []any {
	empty := func(name string) object { return object{"name": name, "emptyDir": object{}} }
	return []any{
		empty("workload-socket"), empty("credential-socket"), empty("workload-certs"), empty("istio-data"),
		object{"name": "istio-envoy", "emptyDir": object{"medium": "Memory"}},
		object{"name": "istio-podinfo", "downwardAPI": object{"items": []object{
			{"path": "labels", "fieldRef": object{"fieldPath": "metadata.labels"}},
			{"path": "annotations", "fieldRef": object{"fieldPath": "metadata.annotations"}}}}},
		object{"name": "istio-token", "projected": object{"sources": []object{
			{"serviceAccountToken": object{"path": "istio-token", "expirationSeconds": 43200, "audience": "istio-ca"}}}}},
		object{"name": "istiod-ca-cert", "configMap": object{"name": "istio-ca-root-cert"}},
	}
}

// workloadName: the app label, else the name of the owner without the ReplicaSet's hash.
func workloadName(pod, labels object) string {
	for _, key := range []string{"app.kubernetes.io/name", "app"} {
		if name, ok := labels[key].(string); ok {
			return name
		}
	}
	for _, owner := range objects(at(pod, "metadata", "ownerReferences")) {
		name := text(owner, "name")
		if text(owner, "kind") == "ReplicaSet" {
			if cut := strings.LastIndex(name, "-"); cut > 0 {
				return name[:cut]
			}
		}
		return name
	}
	return text(pod, "metadata", "name")
}

func copyOf(m object) object {
	result := object{}
	for key, value := range m {
		result[key] = value
	}
	return result
}
