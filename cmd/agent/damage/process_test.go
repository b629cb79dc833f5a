package damage

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is the binary, made once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tillpost-damage-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "tillpost")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "tillpost/cmd/agent").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if !testing.Short() {
		if binary, err := built(); err == nil {
			_ = os.RemoveAll(filepath.Dir(binary))
		}
	}
	os.Exit(code)
}

// process is a tillpost that runs. Its methods are for one goroutine.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	said *output
	done chan struct{}
	code int
}

// output is what a process wrote so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs tillpost in dir until it ends or the test does. before is a shell's word in front of it, such as ulimit.
func start(t testing.TB, dir, before string, args ...string) *process {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, said: &output{}, done: make(chan struct{})}
	// Not bound to the test's context: that ends before the cleanups.
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), "/bin/sh",
		append([]string{"-c", before + ` exec "$0" "$@"`, binary}, args...)...)
	p.cmd.Dir = dir
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TILLPOST_API_TOKEN=" + token}
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code says it all
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(p.finish)
	return p
}

// finish ends what still runs, and looks through what it wrote.
func (p *process) finish() {
	p.end(syscall.SIGKILL)
	text := p.said.String()
	for _, secret := range []string{"Nordmann", "46567468", "customer@email.com", token} {
		if strings.Contains(text, secret) {
			p.t.Errorf("tillpost wrote %q", secret)
		}
	}
	for _, fault := range []string{"panic:", "fatal error:", "SIGSEGV", "SIGBUS", "goroutine "} {
		if strings.Contains(text, fault) {
			p.t.Errorf("tillpost wrote %q", fault)
		}
	}
	if p.t.Failed() {
		p.t.Logf("tillpost ended with %d, and said:\n%s", p.code, text[max(0, len(text)-20_000):])
	}
}

// end sends a signal and waits for the end of the process; it returns the exit code, -1 after a signal.
func (p *process) end(how syscall.Signal) int {
	p.t.Helper()
	_ = p.cmd.Process.Signal(how) // it may have ended already
	return p.wait(15 * time.Second)
}

func (p *process) wait(within time.Duration) int {
	p.t.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("tillpost did not end within %v", within)
	}
	return p.code
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// run runs tillpost to its end, and gives its exit code and what it wrote.
func run(t testing.TB, dir string, args ...string) (int, string) {
	t.Helper()
	p := start(t, dir, "", args...)
	code := p.wait(30 * time.Second)
	return code, p.said.String()
}
