package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tillpost/agent/clock"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// filled are outboxes made before, by what is in them: a large one takes its time.
var filled = map[string]string{}

// fill puts n orders into the outbox of a folder, with a day to live, spread over so many terminals; with 0 they are all
// on the stuck one.
func fill(tb testing.TB, dir string, n, terminals int) {
	tb.Helper()
	key := fmt.Sprint(n, " ", terminals)
	if filled[key] == "" {
		made, err := os.MkdirTemp("", "tillpost-bench-")
		if err != nil {
			tb.Fatal(err)
		}
		cleanups = append(cleanups, made)
		add(tb, made, n, func(i int) string {
			if terminals == 0 {
				return stuck
			}
			return terminal(i % terminals)
		})
		filled[key] = made
	}
	if err := os.CopyFS(dir, os.DirFS(filled[key])); err != nil {
		tb.Fatal(err)
	}
}

// keep puts n orders that are paid into the outbox of a folder, on 60 terminals.
func keep(tb testing.TB, dir string, n int) {
	tb.Helper()
	s, err := bolt.Open(filepath.Join(dir, "outbox.db"), bolt.Options{Policy: outboxtest.Policy})
	if err != nil {
		tb.Fatal(err)
	}
	const abreast = 60
	var all sync.WaitGroup
	for t := range abreast {
		all.Go(func() {
			for i := t; i < n; i += abreast {
				if err := outboxtest.Live(s, i, terminal(t)); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
}

func add(tb testing.TB, dir string, n int, terminalOf func(i int) string) {
	tb.Helper()
	s, err := bolt.Open(filepath.Join(dir, "outbox.db"), bolt.Options{Policy: outboxtest.Policy})
	if err != nil {
		tb.Fatal(err)
	}
	const batch = 1000
	clock := clock.NewSystem() // a request of another boot would have no age
	for i := 0; i < n; i += batch {
		rs := make([]outbox.Request, 0, batch)
		for j := i; j < min(i+batch, n); j++ {
			id := outboxtest.ID(j)
			rs = append(rs, outbox.NewRequest(outbox.Request{
				ID: id, Kind: outbox.KindOrder, Terminal: terminalOf(j), Digest: sha256.Sum256([]byte(id)), Body: order(id),
				AmountMinor: 24100, Currency: "NOK", TTL: 24 * time.Hour,
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
