package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// object is any Kubernetes object; fields are reached by path.
type object = map[string]any

// kube is the little of a Kubernetes client that the stand-in needs.
type kube struct {
	server string
	client *http.Client
}

var errNotFound = errors.New("not found")

func newKube(server, caFile, certFile, keyFile string) (*kube, error) {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	return &kube{server: server, client: &http.Client{Transport: transport, Timeout: 10 * time.Second}}, nil
}

func (k *kube) do(ctx context.Context, method, path, contentType string, body any) (object, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, k.server+path, reader)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	answer, err := k.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusNotFound {
		return nil, errNotFound
	}
	if answer.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s: %.300s", method, path, answer.Status, data)
	}
	var result object
	return result, json.Unmarshal(data, &result)
}

func (k *kube) get(ctx context.Context, path string) (object, error) {
	return k.do(ctx, http.MethodGet, path, "", nil)
}

func (k *kube) list(ctx context.Context, path string) ([]object, error) {
	result, err := k.get(ctx, path)
	if err != nil {
		return nil, err
	}
	return objects(result["items"]), nil
}

// apply is a server-side apply in the name of the control plane that is played.
func (k *kube) apply(ctx context.Context, path, manager string, body object) error {
	_, err := k.do(ctx, http.MethodPatch, path+"?force=true&fieldManager="+manager, "application/apply-patch+yaml", body)
	return err
}

func (k *kube) jsonPatch(ctx context.Context, path, manager string, patch []object) error {
	_, err := k.do(ctx, http.MethodPatch, path+"?fieldManager="+manager, "application/json-patch+json", patch)
	return err
}

// at walks into nested maps; nil when a step is missing.
func at(value any, path ...string) any {
	for _, step := range path {
		m, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = m[step]
	}
	return value
}

func text(value any, path ...string) string {
	s, _ := at(value, path...).(string)
	return s
}

func objects(value any) []object {
	list, _ := value.([]any)
	result := make([]object, 0, len(list))
	for _, item := range list {
		if o, ok := item.(map[string]any); ok {
			result = append(result, o)
		}
	}
	return result
}
