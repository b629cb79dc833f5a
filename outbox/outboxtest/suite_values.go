package outboxtest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"tillpost/outbox"
)

func testAccount(t *testing.T, f *fixture) {
	ctx := context.Background()
	if a, ok := f.Account(); ok {
		t.Errorf("a new store belongs to %v", a)
	}
	mine, other := outbox.Account{BaseURL: "https://a", Organization: "O1"}, outbox.Account{BaseURL: "https://b", Organization: "O1"}
	for _, a := range []outbox.Account{{BaseURL: "https://a"}, mine, mine} { // the organisation may become known later
		if err := f.BindAccount(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []outbox.Account{other, {BaseURL: "https://a", Organization: "O2"}} {
		if err := f.BindAccount(ctx, a); !errors.Is(err, outbox.ErrWrongAccount) {
			t.Errorf("bind to %v: %v", a, err)
		}
	}
	if a, ok := f.Account(); !ok || a != mine {
		t.Errorf("it belongs to %v, %v", a, ok)
	}
	if err := f.RebindAccount(ctx, other); err != nil {
		t.Fatal(err)
	}
	if a, ok := f.Account(); !ok || a != other {
		t.Errorf("it belongs to %v, %v", a, ok)
	}
}

func testBlobs(t *testing.T, f *fixture) {
	ctx := context.Background()
	if _, err := f.GetBlob("list"); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("none yet: %v", err)
	}
	for _, v := range [][]byte{[]byte("one"), bytes.Repeat([]byte("two"), 5000)} {
		if err := f.PutBlob(ctx, "list", v); err != nil {
			t.Fatal(err)
		}
		if got, err := f.GetBlob("list"); err != nil || !bytes.Equal(got, v) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	}
	if err := f.PutBlob(ctx, "list", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := f.GetBlob("list"); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	if err := f.PutBlob(ctx, "", []byte("x")); err == nil {
		t.Error("a value without a name is taken")
	}
}
