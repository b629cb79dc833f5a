package reconcile

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tillpost/agent/clock"
	"tillpost/agent/health"
	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/api/simulator"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// What a list has gained is reported once, not with every list: an organisation may have ten thousand orders, each search reads
// the list, and what is reported is kept on disk.
func TestWhatAListGainedIsReportedOnce(t *testing.T) {
	sim := simulator.New(simulator.Options{Token: "t"})
	defer sim.Close()
	server := httptest.NewServer(sim)
	defer server.Close()
	place := func() string {
		uuid, err := sim.PlaceElsewhere(simulator.Elsewhere{Terminal: "TRML1", Amount: decimal.MustNew(4200, 2)})
		if err != nil {
			t.Fatal(err)
		}
		return uuid
	}
	token := func() string { return "t" }
	client, err := api.New(api.Options{BaseURL: server.URL + "/api/v1", Token: func() (string, error) { return token(), nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	store := outboxtest.NewMem(bolt.Options{})
	rights := lookups.NewRights(store, token, slog.New(slog.DiscardHandler))
	c := New(Options{
		API: client, Store: store, Problems: health.NewProblems(), Rights: rights, Clock: clock.NewSystem(), Log: slog.New(slog.DiscardHandler),
		Lags: lookups.NewLags(store, rights, time.Minute, slog.New(slog.DiscardHandler)), Path: filepath.Join(t.TempDir(), "b"),
	})
	var told []string
	keep := false
	c.reports = Reports{Gained: func(_ context.Context, uuids []string) bool { told = slices.Clone(uuids); return keep }}
	list := func(want ...string) {
		t.Helper()
		told = nil
		if l, reply := c.readList(t.Context(), nil); l == nil {
			t.Fatalf("the list: %+v", reply)
		} else if c.baseline.Load() == nil {
			c.keepAsBaseline(l)
		}
		if !slices.Equal(told, want) {
			t.Errorf("gained %v, want %v", told, want)
		}
	}
	place()
	list() // becomes the baseline
	a := place()
	list(a) // is not kept
	b := place()
	keep = true
	list(a, b)
	list()
	list(place())
}
