package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
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
	if addr := os.Getenv(floorEnv); addr != "" {
		os.Exit(serveFloor(addr))
	}
	code := m.Run()
	tillpost.Remove()
	for _, made := range cleanups {
		_ = os.RemoveAll(made)
	}
	os.Exit(code)
}

const configFile = "tillpost.toml"

// cleanups are folders to be removed at the end.
var cleanups []string

// start runs the binary for a shop, under another program if wrap names one, until it is stopped or the benchmark ends.
// Its log goes nowhere.
func (s *shop) start(tb testing.TB, wrap ...string) *proctest.Process {
	tb.Helper()
	s.write(tb)
	return s.again(tb, wrap...)
}

// write writes the configuration file.
func (s *shop) write(tb testing.TB) {
	tb.Helper()
	text := s.config(tb)
	if err := os.WriteFile(filepath.Join(s.dir, configFile), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// again is start with the configuration file that is there.
func (s *shop) again(tb testing.TB, wrap ...string) *proctest.Process {
	tb.Helper()
	env := []string{"TILLPOST_API_TOKEN=bench-token"}
	if v, ok := os.LookupEnv("GOGC"); ok { // to try what the collector's pace does
		env = append(env, "GOGC="+v)
	}
	p := tillpost.Start(tb, proctest.Options{Dir: s.dir, Env: env, Under: wrap}, "run", "--config", configFile)
	tb.Cleanup(func() { p.Stop() })
	return p
}

// strace is the program, with its arguments, that runs another and writes a trace of it as they say; nil where it is not
// installed.
func strace(trace string, args ...string) []string {
	path, err := exec.LookPath("strace")
	if err != nil {
		return nil
	}
	// -D: the process is the program itself, so that it hears the signal to stop. --seccomp-bpf: no other call is stopped.
	return append([]string{path, "-D", "-f", "--seccomp-bpf", "-qq", "-o", trace}, args...)
}

// settled waits until the process has used no processor to speak of for a while.
func settled(tb testing.TB, p *proctest.Process) {
	tb.Helper()
	for last := used(tb, p.PID()); ; {
		time.Sleep(time.Second)
		now := used(tb, p.PID())
		if now-last <= 30*time.Millisecond {
			return
		}
		last = now
	}
}

// used is what a process has used of the processor, in steps of 10 ms.
func used(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// figure is one of the kernel's about a process, in KiB.
func figure(tb testing.TB, pid int, name string) float64 {
	tb.Helper()
	kib := proctest.Figure(pid, "status", name)
	if kib == 0 {
		tb.Fatalf("/proc has no %s", name)
	}
	return kib
}
