// Package outboxtest helps tests that use an outbox: stores whose invariants are checked when the test ends, a fake
// store in memory, the suite that both pass, and requests to fill them with. It is for tests only.
package outboxtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// Policy has the defaults that an operator starts with.
var Policy = outbox.Policy{
	CustomerTimeout: 5 * time.Minute,
	DoubtCheck:      150 * time.Second,
	DoubtHold:       10 * time.Minute,
	PollInterval:    2 * time.Second,
	BusyBackoffMin:  time.Second,
	BusyBackoffMax:  5 * time.Second,
}

// bootID is as long as a real one.
const bootID = "5f1c6f0e-6f4b-4c58-9c0a-3a7b1f1c2d3e"

// At is a moment d after some midnight, the clock known to be right.
func At(d time.Duration) outbox.Instant {
	return outbox.Instant{Wall: 1795132800000 + d.Milliseconds(), Known: true, Boot: bootID, Mono: time.Hour + d}
}

// Order makes an order request of about 1 KB, accepted at At(0). Its digest is that of id, terminal and extra, so that
// another extra makes it another content.
func Order(id, terminal string, extra ...string) outbox.Request {
	return Request(outbox.KindOrder, id, terminal, extra...)
}

// Request makes a request of a kind; see Order.
func Request(kind outbox.Kind, id, terminal string, extra ...string) outbox.Request {
	body := bytes.Repeat([]byte("0123456789abcdef"), 64)
	content := kind.String() + "\x00" + terminal + "\x00" + id
	for _, e := range extra {
		content += "\x00" + e
		body = append(body, e...)
	}
	return outbox.NewRequest(outbox.Request{
		ID: id, Kind: kind, Terminal: terminal, Digest: sha256.Sum256([]byte(content)), Body: body,
		AmountMinor: 12900, Currency: "NOK", TTL: 10 * time.Minute,
	}, At(0))
}

// Open opens a store in a folder of the test's own. When the test ends it is closed and CheckFile looks at it.
func Open(t testing.TB, o bolt.Options) *bolt.Store {
	t.Helper()
	return OpenAt(t, filepath.Join(t.TempDir(), "outbox.db"), o)
}

// OpenAt is Open at a path of the test's choice.
func OpenAt(t testing.TB, path string, o bolt.Options) *bolt.Store {
	t.Helper()
	if o.BallastSize == 0 {
		o.BallastSize = -1
	}
	s, err := bolt.Open(path, o)
	if err != nil {
		t.Fatalf("open the outbox: %v", err)
	}
	t.Cleanup(func() { closeAndCheck(t, s) })
	return s
}

// Reopen closes a store, checks it and opens it again.
func Reopen(t testing.TB, s *bolt.Store, o bolt.Options) *bolt.Store {
	t.Helper()
	closeAndCheck(t, s)
	return OpenAt(t, s.Path(), o)
}

func closeAndCheck(t testing.TB, s *bolt.Store) {
	t.Helper()
	var mem []outbox.Lane
	if _, err := s.Get(1); !errors.Is(err, outbox.ErrClosed) {
		mem = s.Lanes()
	}
	if err := s.Close(); err != nil {
		t.Errorf("close the outbox: %v", err)
		return
	}
	CheckFile(t, s.Path())
	if mem != nil {
		checkLanes(t, s.Path(), mem)
	}
}

// Equal compares two requests in all that is stored.
func Equal(t testing.TB, got, want outbox.Request) {
	t.Helper()
	g, w := render(t, got), render(t, want)
	if g != w {
		t.Errorf("request differs\n got %s\nwant %s", g, w)
	}
}

func render(t testing.TB, r outbox.Request) string {
	t.Helper()
	b, err := json.Marshal(struct {
		outbox.Request
		Seq   uint64
		Kind  outbox.Kind
		State outbox.State
		Body  string
	}{r, r.Seq, r.Kind, r.State, string(r.Body)})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
