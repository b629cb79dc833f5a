package proctest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Binary is tillpost, built when it is first asked for. The zero value is built as "go build" does. It may be used by
// several goroutines at once.
type Binary struct {
	// Flags are further ones of go build, Env is set for it beside the environment.
	Flags, Env []string
	// Race builds it with the race detector.
	Race bool

	once sync.Once
	dir  string
	path string
	err  error
}

// Path is where the binary lies. A test ends here if it can't be built.
func (b *Binary) Path(t testing.TB) string {
	t.Helper()
	b.once.Do(b.build)
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}

func (b *Binary) build() {
	if b.dir, b.err = os.MkdirTemp("", "tillpost-test-"); b.err != nil {
		return
	}
	b.path = filepath.Join(b.dir, "tillpost")
	if runtime.GOOS == "windows" {
		b.path += ".exe"
	}
	args := append([]string{"build", "-o", b.path}, b.Flags...)
	if b.Race {
		args = append(args, "-race")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "go", append(args, "tillpost/cmd/agent")...)
	command.Env = append(os.Environ(), b.Env...)
	if out, err := command.CombinedOutput(); err != nil {
		b.err = fmt.Errorf("build: %w\n%s", err, out)
	}
}

// Remove removes what was built, if anything was. It comes after all tests, in TestMain.
func (b *Binary) Remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // it lies in the folder for what is temporary
	}
}
