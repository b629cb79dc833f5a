package api

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokenAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads, value := 0, "a"
		tk := &tokens{read: func() (string, error) { reads++; return value, nil }}
		get := func(want string, wantReads int) {
			t.Helper()
			if got, err := tk.get(); err != nil || got != want || reads != wantReads {
				t.Errorf("%q, %v after %d reads; want %q after %d", got, err, reads, want, wantReads)
			}
		}
		get("a", 1)
		value = "b"
		time.Sleep(tokenAge - 1)
		get("a", 1)
		time.Sleep(time.Nanosecond)
		get("b", 2)
		tk.refused("a") // an old call's 401 says nothing about b
		get("b", 2)
		tk.refused("b")
		get("b", 3)
	})
}

func TestBadTokensAreNotSentAndNotTold(t *testing.T) {
	t.Parallel()
	lost := errors.New("cannot read the token file")
	for _, tt := range []struct {
		name, value string
		err         error
	}{
		{"empty", "", nil},
		{"line break", "sesame\r\nX: y", nil},
		{"space", "sesame open", nil},
		{"not ASCII", "sesamé", nil},
		{"error", "sesame", lost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			called := false
			c := serve(t, func(http.ResponseWriter, *http.Request) { called = true })
			c.tokens.read = func() (string, error) { return tt.value, tt.err }
			r := invoke(t, c, OpCreate)
			wantOutcome(t, tt.name, r, OutcomeUnauthorized)
			if called || r.Err == nil || strings.Contains(r.Err.Error(), "sesam") {
				t.Errorf("called %t, %v", called, r.Err)
			}
			if tt.err != nil && !errors.Is(r.Err, tt.err) {
				t.Errorf("cause %v", r.Err)
			}
		})
	}
}

// After a 401 the next call already bears the changed token.
func TestTokenIsReadAgainAfter401(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	current := "old"
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer new" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"status_code":201,"message":"x","data":{"orderUuid":"ODR1"}}`)
	})
	c.tokens.read = func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		return current, nil
	}
	wantOutcome(t, "old token", invoke(t, c, OpCreate), OutcomeUnauthorized)
	mu.Lock()
	current = "new"
	mu.Unlock()
	wantOutcome(t, "new token", invoke(t, c, OpCreate), OutcomeAccepted)
}
