package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillpost/internal/proctest"
)

// tillpost is built as it is shipped.
var tillpost = proctest.Binary{Flags: []string{"-trimpath", "-ldflags", "-s -w"}, Env: []string{"CGO_ENABLED=0"}}

func TestMain(m *testing.M) {
	code := m.Run()
	tillpost.Remove()
	for _, made := range cleanups {
		_ = os.RemoveAll(made)
	}
	os.Exit(code)
}

// cleanups are folders to be removed at the end.
var cleanups []string

// start runs the binary for a shop, under another program if wrap names one, until it is stopped or the benchmark ends.
// Its log goes nowhere.
func (s *shop) start(tb testing.TB, wrap ...string) *proctest.Process {
	tb.Helper()
	text := s.config(tb)
	file := filepath.Join(s.dir, "tillpost.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	env := []string{"TILLPOST_API_TOKEN=bench-token"}
	if v, ok := os.LookupEnv("GOGC"); ok { // to try what the collector's pace does
		env = append(env, "GOGC="+v)
	}
	p := tillpost.Start(tb, proctest.Options{Dir: s.dir, Env: env, Under: wrap}, "run", "--config", file)
	tb.Cleanup(func() { p.Stop() })
	return p
}

// settled waits until the process has used no processor to speak of for a while.
func settled(tb testing.TB, p *proctest.Process) {
	tb.Helper()
	ticks := func() float64 {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
		if err != nil {
			tb.Fatal(err)
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		return user + system
	}
	for last := ticks(); ; {
		time.Sleep(time.Second)
		now := ticks()
		if now-last <= 3 { // hundredths of a second
			return
		}
		last = now
	}
}

// figure is one of the kernel's about the process, in KiB.
func figure(tb testing.TB, p *proctest.Process, name string) float64 {
	tb.Helper()
	kib := p.Figure("status", name)
	if kib == 0 {
		tb.Fatalf("/proc has no %s", name)
	}
	return kib
}
