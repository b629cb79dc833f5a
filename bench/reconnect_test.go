package bench

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/agent/clock"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// BenchmarkReconnect is what a lost connection to the broker costs once it is back: how long until all statuses that stay
// are published again, and for how long an order that is placed meanwhile waits for its first status. Behind it lie 30 days of as
// many orders a day. The API is away. Run it with -benchtime 1x.
func BenchmarkReconnect(b *testing.B) {
	for _, kept := range []keptStatuses{{500, 1}, {500, 30}, {5000, 1}} {
		b.Run(kept.String(), func(b *testing.B) {
			for b.Loop() {
				s := &shop{broker: brokerVolatile, dir: b.TempDir(), away: true, retention: kept.retention()}
				month(b, s.dir, kept.aDay)
				s.run(b)
				s.told(b, kept.aDay*kept.days)
				s.reconnect(b, kept.aDay*kept.days)
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// keptStatuses is how many orders a day there were, and for how many days their statuses stay at the broker.
type keptStatuses struct{ aDay, days int }

func (k keptStatuses) String() string { return fmt.Sprintf("day=%d/kept=%d", k.aDay, k.aDay*k.days) }

func (k keptStatuses) retention() string { return fmt.Sprintf("%dh", 24*k.days) }

// month puts 30 days of orders that have expired into the outbox of a folder, evenly spread.
func month(b *testing.B, dir string, aDay int) {
	b.Helper()
	s, err := bolt.Open(filepath.Join(dir, "outbox.db"), bolt.Options{Policy: outboxtest.Policy, BallastSize: -1})
	if err != nil {
		b.Fatal(err)
	}
	now := clock.NewSystem().Now() // of this boot: their age is known
	now.Known = true
	const days = 30
	var ended sync.WaitGroup
	for i := 0; i < days*aDay; i += aDay {
		rs := make([]outbox.Request, 0, aDay)
		for j := i; j < i+aDay; j++ {
			id := outboxtest.ID(j)
			age := time.Duration(days*aDay-j)*24*time.Hour/time.Duration(aDay) - time.Minute
			rs = append(rs, outbox.NewRequest(outbox.Request{
				ID: id, Kind: outbox.KindOrder, Terminal: terminal(j % 8), Digest: sha256.Sum256([]byte(id)), Body: order(id),
				AmountMinor: 24100, Currency: "NOK", TTL: time.Second,
			}, now.Add(-age)))
		}
		added, err := s.Add(context.Background(), rs...)
		if err != nil {
			b.Fatal(err)
		}
		for _, a := range added {
			ended.Go(func() {
				e := outbox.Event{Type: outbox.Expired, At: a.Request.Entered.Add(time.Second)}
				if r, _, err := s.Apply(context.Background(), a.Request.Seq, e); err != nil || !r.State.Final() {
					b.Errorf("%v, %v", r.State, err)
				}
			})
		}
		ended.Wait()
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// told waits until the broker retains so many statuses.
func (s *shop) told(b *testing.B, statuses int) {
	b.Helper()
	for end := time.Now().Add(3 * time.Minute); ; {
		c := connect(b, s.addr, "bench-counter")
		if err := c.subscribe("tillpost/terminals/+/status/+"); err != nil {
			b.Fatal(err)
		}
		var heard atomic.Int64
		go c.messages(func(string, []byte) { heard.Add(1) })
		last := int64(-1)
		for heard.Load() != last {
			last = heard.Load()
			time.Sleep(300 * time.Millisecond)
		}
		_ = c.conn.Close()
		if last >= int64(statuses)*99/100 {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("%d statuses, want %d", last, statuses)
		}
	}
}

// reconnect measures what comes once the agent is back.
func (s *shop) reconnect(b *testing.B, statuses int) {
	b.Helper()
	watcher, till := connect(b, s.addr, "bench-watcher"), connect(b, s.addr, "bench-till")
	if err := watcher.subscribe("tillpost/#"); err != nil {
		b.Fatal(err)
	}
	s.proxy.Refuse(true)
	s.proxy.Cut()
	online, all, queued := make(chan time.Time, 1), make(chan time.Time, 1), make(chan string, 1000)
	var on atomic.Bool
	go func() {
		old, said := 0, false
		watcher.messages(func(topic string, payload []byte) {
			if !on.Load() {
				return
			}
			id := topic[strings.LastIndexByte(topic, '/')+1:]
			switch {
			case topic == "tillpost/agent":
				if !said {
					said = true
					online <- time.Now()
				}
			case strings.HasPrefix(id, "beside-"):
				var st struct{ State string }
				if json.Unmarshal(payload, &st) == nil && st.State == "queued" {
					select {
					case queued <- id:
					default:
					}
				}
			case strings.Contains(topic, "/status/"):
				if old++; old == statuses*99/100 { // the oldest may be over by now
					all <- time.Now()
				}
			}
		})
	}()
	time.Sleep(time.Second) // what is retained has come, and the last will
	on.Store(true)
	s.proxy.Refuse(false)
	begun := <-online
	var took []time.Duration
	for i := 0; ; i++ {
		id, start := fmt.Sprintf("beside-%d", i), time.Now()
		if err := till.publish(orderTopic(terminal(100+i)), request(id)); err != nil {
			b.Fatal(err)
		}
		for heard := <-queued; heard != id; {
			heard = <-queued
		}
		took = append(took, time.Since(start))
		select {
		case end := <-all:
			b.ReportMetric(end.Sub(begun).Seconds()*1000, "all-ms")
			b.ReportMetric(quantile(took, 1), "queued-max-ms")
			b.ReportMetric(quantile(took, 0.5), "queued-p50-ms")
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}
