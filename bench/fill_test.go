package bench

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// fill puts n orders into the outbox of a folder, as if they had been accepted just now, with a day to live.
func fill(tb testing.TB, dir string, n int, terminalOf func(i int) string) {
	tb.Helper()
	s, err := outbox.Open(filepath.Join(dir, "outbox.db"), outbox.Options{Policy: outboxtest.Policy})
	if err != nil {
		tb.Fatal(err)
	}
	const batch = 1000
	clock := agent.NewSystemClock() // a request of another boot would have no age
	for i := 0; i < n; i += batch {
		rs := make([]outbox.Request, 0, batch)
		for j := i; j < min(i+batch, n); j++ {
			id := outboxtest.ID(j)
			rs = append(rs, outbox.NewRequest(outbox.Request{
				ID: id, Kind: outbox.KindOrder, Terminal: terminalOf(j), Digest: sha256.Sum256([]byte(id)), Body: order(id),
				AmountOre: 24100, Currency: "NOK", TTL: 24 * time.Hour,
			}, clock.Now()))
		}
		if _, err := s.Add(context.Background(), rs...); err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
}
