package bolt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

func anyInstant() *rapid.Generator[outbox.Instant] {
	return rapid.Custom(func(t *rapid.T) outbox.Instant {
		return outbox.Instant{
			Wall: rapid.Int64().Draw(t, "wall"), Known: rapid.Bool().Draw(t, "known"),
			Boot: rapid.SampledFrom([]string{"", "a", "5f1c6f0e-6f4b-4c58-9c0a-3a7b1f1c2d3e", "0"}).Draw(t, "boot"),
			Mono: time.Duration(rapid.Int64().Draw(t, "mono")),
		}
	})
}

// anyRequest makes requests with every field that is stored.
func anyRequest() *rapid.Generator[outbox.Request] {
	text := rapid.StringN(0, 40, 80)
	name := rapid.StringMatching(`[A-Za-z0-9._:-]{1,64}`)
	return rapid.Custom(func(t *rapid.T) outbox.Request {
		r := outbox.Request{
			Seq: rapid.Uint64().Draw(t, "seq"), ID: name.Draw(t, "id"), Terminal: name.Draw(t, "terminal"),
			Kind: outbox.Kind(rapid.IntRange(1, 7).Draw(t, "kind")), State: outbox.State(rapid.IntRange(1, 16).Draw(t, "state")),
			Revision: rapid.Uint64().Draw(t, "rev"), Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
			AmountMinor: rapid.Int64().Draw(t, "ore"), Currency: text.Draw(t, "cur"),
			Accepted: anyInstant().Draw(t, "acc"), PublishedAt: rapid.Int64().Draw(t, "pub"),
			TTL: time.Duration(rapid.Int64().Draw(t, "ttl")), TTLFrom: anyInstant().Draw(t, "from"), Entered: anyInstant().Draw(t, "ent"),
			OrderUUID: text.Draw(t, "uuid"), Attempts: rapid.Int().Draw(t, "attempts"), Fresh: rapid.Bool().Draw(t, "fresh"),
			Busy: rapid.Int().Draw(t, "busy"), CancelWanted: rapid.Bool().Draw(t, "cw"), CancelReason: text.Draw(t, "cr"),
			Resent: rapid.Bool().Draw(t, "re"), Late: rapid.Bool().Draw(t, "late"), Alarmed: rapid.Bool().Draw(t, "al"),
			Folded: rapid.Int().Draw(t, "folded"), Unsent: rapid.Int().Draw(t, "unsent"),
		}
		if rapid.Bool().Draw(t, "moved") {
			r.Moved, r.Earlier = rapid.Uint64Min(1).Draw(t, "turn"), []string{name.Draw(t, "earlier")}
		}
		copy(r.Digest[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
		if rapid.Bool().Draw(t, "finished") {
			at := anyInstant().Draw(t, "fin")
			r.Finished = &at
		}
		if rapid.Bool().Draw(t, "waits") {
			r.Waiting = &outbox.Waiting{Code: text.Draw(t, "wc"), Since: anyInstant().Draw(t, "ws"), Attempts: rapid.Int().Draw(t, "wa"), Next: anyInstant().Draw(t, "wn")}
		}
		if rapid.Bool().Draw(t, "reasoned") {
			r.Reason = &outbox.Reason{Code: text.Draw(t, "rc"), Message: text.Draw(t, "rm"), HTTPStatus: rapid.Int().Draw(t, "rh"),
				Errors: []outbox.FieldError{{Path: text.Draw(t, "rp"), Message: "<&>"}}}
		}
		for range rapid.IntRange(0, 3).Draw(t, "subs") {
			r.Submissions = append(r.Submissions, outbox.Submission{Mark: text.Draw(t, "mark"), Shown: rapid.Bool().Draw(t, "shown"), At: anyInstant().Draw(t, "at")})
			r.Further = append(r.Further, text.Draw(t, "further"))
		}
		for range rapid.IntRange(0, 5).Draw(t, "hist") {
			r.History = append(r.History, outbox.Entry{Revision: rapid.Uint64().Draw(t, "hr"), At: anyInstant().Draw(t, "hat"),
				State: outbox.State(rapid.IntRange(1, 16).Draw(t, "hs")), Event: text.Draw(t, "he"), Code: text.Draw(t, "hc"), By: text.Draw(t, "hb"), To: text.Draw(t, "ht")})
		}
		return r
	})
}

func TestRecordComesBackAsItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := anyRequest().Draw(rt, "request")
		b, err := bolt.EncodeRecord(r)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := bolt.DecodeRecord(r.Seq, b)
		if err != nil {
			rt.Fatal(err)
		}
		if len(r.Body) > 0 {
			if got.Body, err = bolt.DecodeBody(r.Seq, bolt.EncodeBody(r.Seq, r.Body)); err != nil {
				rt.Fatal(err)
			}
		}
		outboxtest.Equal(t, got, r)
		if t.Failed() {
			rt.FailNow()
		}
		if _, err := bolt.DecodeRecord(r.Seq+1, b); err == nil {
			rt.Fatal("a record under another's key is taken for that")
		}
	})
}

func TestRecordIsSmall(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	if err := outboxtest.Live(s, 1, "TRML0123456789ABCDEF"); err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bolt.EncodeRecord(r)
	if err != nil {
		t.Fatal(err)
	}
	// Less than a quarter of a page lies within the root page, and costs no page of its own.
	if len(b) > 800 {
		t.Errorf("the record of a paid order has %d bytes", len(b))
	}
	t.Logf("%d bytes: %q", len(b), b[52:])
}

// FuzzRecord: no bytes make the decoder panic, and what it takes is what was written.
func FuzzRecord(f *testing.F) {
	r := outboxtest.Order("some-id", "TRML1")
	b, err := bolt.EncodeRecord(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint64(0), b, true)
	f.Add(uint64(1), []byte{1, 2, 3}, false)
	f.Fuzz(func(t *testing.T, seq uint64, b []byte, fix bool) {
		if fix && len(b) >= 52 {
			bolt.Seal(b, seq) // so that what lies behind the checksum is reached
		}
		r, err := bolt.DecodeRecord(seq, b)
		if err != nil || slices.ContainsFunc(r.History, func(e outbox.Entry) bool { return e.State == 0 }) {
			return
		}
		again, err := bolt.EncodeRecord(r)
		if err != nil {
			return // of a shape that is never written
		}
		back, err := bolt.DecodeRecord(seq, again)
		if err != nil {
			t.Fatalf("%v: %q", err, again)
		}
		outboxtest.Equal(t, back, r)
	})
}

// FuzzFlip: no change of a record or a body goes unnoticed.
func FuzzFlip(f *testing.F) {
	r := outboxtest.Order("some-id", "TRML1")
	rec, err := bolt.EncodeRecord(r)
	if err != nil {
		f.Fatal(err)
	}
	body := bolt.EncodeBody(7, r.Body)
	f.Add(0, byte(1))
	f.Add(60, byte(0x80))
	f.Fuzz(func(t *testing.T, at int, x byte) {
		if x == 0 || at < 0 {
			return
		}
		bent := bytes.Clone(rec)
		bent[at%len(bent)] ^= x
		if _, err := bolt.DecodeRecord(0, bent); err == nil {
			t.Errorf("record: byte %d changed by %#x goes unnoticed", at%len(bent), x)
		}
		bent = bytes.Clone(body)
		bent[at%len(bent)] ^= x
		if _, err := bolt.DecodeBody(7, bent); err == nil {
			t.Errorf("body: byte %d changed by %#x goes unnoticed", at%len(bent), x)
		}
	})
}

func TestNewerRecordIsNotDamage(t *testing.T) {
	t.Parallel()
	good, err := bolt.EncodeRecord(outboxtest.Order("a", "T1"))
	if err != nil {
		t.Fatal(err)
	}
	for what, at := range map[string]int{"format": 0, "state": 1, "kind": 2} {
		s := outboxtest.Open(t, bolt.Options{})
		if _, err := s.Add(context.Background(), outboxtest.Order("a", "T1")); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		newer := bytes.Clone(good)
		newer[at] = 200
		bolt.Seal(newer, 1)
		rewriteRecord(t, s.Path(), 1, newer)
		if _, err := bolt.Open(s.Path(), bolt.Options{}); !errors.Is(err, bolt.ErrNewerFormat) {
			t.Errorf("%s: Open = %v", what, err)
		}
		rm(t, s.Path()) // it can't be checked
	}
}

func rewriteRecord(t *testing.T, path string, seq uint64, record []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("requests")).Put(binary.BigEndian.AppendUint64(nil, seq), record)
	})
	if err != nil {
		t.Fatal(err)
	}
}
