// Command standin plays the control planes whose pods run nowhere on the rig: it fills the caBundle of their webhooks,
// answers those webhooks on the ClusterIP of their Service, and leaves the objects a real control plane leaves behind.
// It only does so while the Service has ready endpoints, so a control plane scaled to zero is as dead as a real one.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	server := flag.String("server", "", "URL of the API server")
	ca := flag.String("ca", "", "file with the CA certificate of the API server")
	cert := flag.String("cert", "", "file with our client certificate")
	key := flag.String("key", "", "file with the key of our client certificate")
	control := flag.String("control", "127.0.0.1:0", "address of the control door (POST /mode, GET /state)")
	every := flag.Duration("interval", 300*time.Millisecond, "how often the cluster is looked at")
	flag.Parse()

	kube, err := newKube(*server, *ca, *cert, *key)
	if err != nil {
		log.Fatalf("standin: %v", err)
	}
	authority, err := newAuthority()
	if err != nil {
		log.Fatalf("standin: %v", err)
	}
	modes := &modes{}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	doors := newDoors(authority, &webhooks{kube: kube, modes: modes})
	defer doors.closeAll()
	if err := serveControl(ctx, *control, modes, doors); err != nil {
		log.Fatalf("standin: %v", err)
	}
	keeper := &keeper{kube: kube, authority: authority, doors: doors, modes: modes}
	log.Printf("standin: watching %s", *server)
	for ctx.Err() == nil {
		if err := keeper.look(ctx); err != nil && ctx.Err() == nil {
			log.Printf("standin: %v", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(*every):
		}
	}
}
