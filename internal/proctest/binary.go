package proctest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Binary is tillpost, built when it is first asked for. The zero value is built as "go build" does. It may be used by
// several goroutines at once.
type Binary struct {
	// Flags are further ones of go build, Env is added to its environment.
	Flags, Env []string
	// Race builds it with the race detector.
	Race bool

	once sync.Once
	dir  string
	path string
	err  error
}

// Path returns the path of the binary. It fails the test if it can't be built.
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
	if b.err = lookAtSources(); b.err != nil {
		return
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

// lookAtSources makes "go test" notice what the binary is made of: a cached result is invalid once one of the files
// that the test process itself opened has changed, and the compiler is another process.
func lookAtSources() error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		above := filepath.Dir(root)
		if above == root {
			return nil // run as a program by itself; nothing is kept
		}
		root = above
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bin" || name == "dist"):
			return filepath.SkipDir
		case d.IsDir(), strings.HasSuffix(name, "_test.go"), strings.HasSuffix(name, ".md"):
			return nil
		}
		_, _ = os.Stat(path) // that it was looked at is all
		return nil
	})
}

// Main runs a package's tests, and removes what was built for them. It is called by TestMain, and does not return.
func (b *Binary) Main(m *testing.M) {
	code := m.Run()
	b.Remove()
	os.Exit(code)
}

// Remove removes what was built, if anything was. It comes after all tests, in TestMain.
func (b *Binary) Remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // it lies in the folder for what is temporary
	}
}
