package proctest

import (
	"bytes"
	"slices"
	"sync"
	"testing"
)

// faults are a runtime's last words.
var faults = []string{"DATA RACE", "panic:", "fatal error:", "SIGSEGV", "SIGBUS", "goroutine "}

// Output is what processes wrote so far, one or several. All of it is searched for what must never be written; how
// much of it is kept is an argument of [NewOutput]. It may be used by several goroutines at once.
type Output struct {
	keep     int
	unwanted []string
	longest  int

	mu    sync.Mutex
	text  []byte
	heard []string
}

// NewOutput keeps the last keep bytes and a little more, or everything if keep is 0. What processes must not write are
// the secrets, and what a Go program says when it breaks.
func NewOutput(keep int, secrets ...string) *Output {
	o := &Output{keep: keep, unwanted: slices.Concat(faults, secrets)}
	for _, text := range o.unwanted {
		o.longest = max(o.longest, len(text))
	}
	return o
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	from := max(len(o.text)-o.longest, 0) // what is written may be cut anywhere
	o.text = append(o.text, p...)
	for _, text := range o.unwanted {
		if !slices.Contains(o.heard, text) && bytes.Contains(o.text[from:], []byte(text)) {
			o.heard = append(o.heard, text)
		}
	}
	if o.keep > 0 && len(o.text) > 2*max(o.keep, o.longest) {
		o.text = slices.Clone(o.text[len(o.text)-max(o.keep, o.longest):])
	}
	return len(p), nil
}

// String returns what is kept.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// Check fails the test if anything was written that must not be, and shows the end of it if the test has failed.
func (o *Output) Check(t testing.TB, who string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, text := range o.heard {
		t.Errorf("%s wrote %q", who, text)
	}
	if t.Failed() {
		const shown = 60_000
		t.Logf("%s said:\n%s", who, o.text[max(len(o.text)-shown, 0):])
	}
}
