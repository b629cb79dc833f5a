package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is the binary as it is shipped, made once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tillpost-bench-")
	if err != nil {
		return "", err
	}
	cleanups = append(cleanups, dir)
	binary := filepath.Join(dir, "tillpost")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "tillpost/cmd/agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	for _, made := range cleanups {
		_ = os.RemoveAll(made)
	}
	os.Exit(code)
}

// cleanups are folders to be removed at the end.
var cleanups []string

// process is the real binary.
type process struct {
	cmd  *exec.Cmd
	dead chan struct{}
}

// start runs the binary for a shop, under another program if wrap names one. Its log goes nowhere.
func (s *shop) start(tb testing.TB, wrap ...string) *process {
	tb.Helper()
	binary, err := built()
	if err != nil {
		tb.Fatal(err)
	}
	text := s.config(tb)
	file := filepath.Join(s.dir, "tillpost.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	args := append(append([]string{}, wrap...), binary, "run", "--config", file)
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(tb.Context()), args[0], args[1:]...), dead: make(chan struct{})}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TILLPOST_API_TOKEN=bench-token"}
	if v, ok := os.LookupEnv("GOGC"); ok { // to try what the collector's pace does
		p.cmd.Env = append(p.cmd.Env, "GOGC="+v)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(p.dead)
		_ = p.cmd.Wait() // how it ends is not what is measured
	}()
	tb.Cleanup(p.stop)
	return p
}

// stop ends it in order.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.dead:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.dead
	}
}

// proc reads a figure of /proc: the first number behind a name.
func (p *process) proc(tb testing.TB, file, name string) float64 {
	tb.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		key, value, _ := strings.Cut(string(line), ":")
		if fields := strings.Fields(value); key == name && len(fields) > 0 {
			n, err := strconv.ParseFloat(fields[0], 64)
			if err != nil {
				tb.Fatal(err)
			}
			return n
		}
	}
	tb.Fatalf("/proc has no %s in %s", name, file)
	return 0
}

// settled waits until the process has used no processor to speak of for a while.
func (p *process) settled(tb testing.TB) {
	tb.Helper()
	ticks := func() float64 {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
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
