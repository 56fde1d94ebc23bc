package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// authority signs the serving certificates of the webhooks; its certificate is the caBundle.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "meshplay-rig-standin-ca"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{key: key, cert: cert, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

func (a *authority) issue(names []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: names[0]},
		DNSNames:     names,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// doors are the open listeners, one for each (ClusterIP, port) of a Service that webhooks point at.
type doors struct {
	authority *authority
	handler   http.Handler
	mutex     sync.Mutex
	open      map[string]*http.Server
}

func newDoors(authority *authority, handler http.Handler) *doors {
	return &doors{authority: authority, handler: handler, open: map[string]*http.Server{}}
}

// wanted: address -> DNS names of the Service. Opens what is missing, closes what is not wanted any more.
func (d *doors) keep(wanted map[string][]string) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for address, server := range d.open {
		if _, ok := wanted[address]; !ok {
			server.Close()
			delete(d.open, address)
			log.Printf("standin: closed %s", address)
		}
	}
	var first error
	for address, names := range wanted {
		if _, ok := d.open[address]; ok {
			continue
		}
		if err := d.openOne(address, names); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (d *doors) openOne(address string, names []string) error {
	pair, err := d.authority.issue(names)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot answer for %s: %w", names[0], err)
	}
	server := &http.Server{
		Handler:           d.handler,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
	}
	d.open[address] = server
	log.Printf("standin: answering for %s on %s", names[0], address)
	go server.ServeTLS(listener, "", "")
	return nil
}

func (d *doors) addresses() []string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	result := []string{}
	for address := range d.open {
		result = append(result, address)
	}
	return result
}

func (d *doors) closeAll() { d.keep(nil) }

// modes says how each kind of webhook is answered.
type modes struct {
	mutex  sync.Mutex
	values map[string]string
}

// The kinds of webhooks, and what can be asked of them. "absent" closes the doors: connections are refused.
var webhookKinds = []string{"injection", "validation"}

func (m *modes) get(kind string) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if mode := m.values[kind]; mode != "" {
		return mode
	}
	return "ok"
}

func (m *modes) absent() bool {
	return m.get("injection") == "absent" && m.get("validation") == "absent"
}

func (m *modes) set(kind, mode string) error {
	if mode != "ok" && mode != "fail" && mode != "hang" && mode != "absent" {
		return fmt.Errorf("mode must be ok, fail, hang or absent")
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.values == nil {
		m.values = map[string]string{}
	}
	known := false
	for _, k := range webhookKinds {
		if kind == k || kind == "all" {
			m.values[k] = mode
			known = true
		}
	}
	if !known {
		return fmt.Errorf("webhook must be injection, validation or all")
	}
	return nil
}

// serveControl answers POST /mode?mode=M&webhook=W and GET /state until ctx ends.
func serveControl(ctx context.Context, address string, modes *modes, doors *doors) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /mode", func(w http.ResponseWriter, r *http.Request) {
		kind := r.FormValue("webhook")
		if kind == "" {
			kind = "all"
		}
		if err := modes.set(kind, r.FormValue("mode")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if modes.absent() {
			doors.closeAll() // At once, so that the caller can rely on it.
		}
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{
			"injection": modes.get("injection"), "validation": modes.get("validation"), "answering_on": doors.addresses()})
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener)
	context.AfterFunc(ctx, func() { server.Close() })
	return nil
}
