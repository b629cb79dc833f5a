package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// A truncated or overwritten database can crash the process that maps it, in ways that Go can't recover from. So a
// child process reads it first, and its death is the answer.
const (
	// checkerEnv names the file in the environment of the child.
	checkerEnv = "TILLPOST_CHECK_OUTBOX"
	// checkTimeout bounds a check; a card of 10 MB/s reads 3 GB in it.
	checkTimeout = 5 * time.Minute

	// A sound file costs its check a few bytes for each page, of which the list of free ones has the most.
	memoryBase  = 64 << 20
	memoryShare = 16
	memoryCheck = 20 * time.Millisecond

	exitSound   = 0
	exitDamaged = 10
	exitUnable  = 11
	exitLocked  = 12
	exitNewer   = 13
)

// checkerReady: this program answers to checkerEnv. It is a fact about the process, not state of a store.
var checkerReady atomic.Bool

// RunChecker makes this process the checker if Open or CheckFile of another started it as that, and does not return
// then. Otherwise it returns at once, and lets this process start its own executable as the checker. main calls it
// before anything else. Without it files are checked in this process, which a badly damaged one may crash.
func RunChecker() {
	path, ok := os.LookupEnv(checkerEnv)
	if !ok {
		checkerReady.Store(true)
		return
	}
	go watchMemory(path)
	exitChecker(inspectFile(path))
}

func exitChecker(err error) {
	if err != nil {
		fmt.Println(err) // the parent reads it
	}
	os.Exit(checkerExit(err))
}

// watchMemory ends the checker where it needs more memory than a sound file of that size can make it need. A lost page
// may lead bbolt back to one that it came from, and it notes each step until there is no memory left.
func watchMemory(path string) {
	limit := uint64(memoryBase + fileSize(path)/memoryShare)
	for {
		time.Sleep(memoryCheck)
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapInuse+m.StackInuse > limit {
			exitChecker(&DamagedError{Path: path, Found: "its pages lead in a circle"})
		}
	}
}

func checkerExit(err error) int {
	var damaged *DamagedError
	switch {
	case err == nil:
		return exitSound
	case errors.As(err, &damaged):
		return exitDamaged
	case errors.Is(err, ErrLocked):
		return exitLocked
	case errors.Is(err, ErrNewerFormat):
		return exitNewer
	}
	return exitUnable
}

// CheckFile reads all of an outbox that nobody has open and checks it, records and indexes included. What is wrong with
// it is a *DamagedError. It changes nothing.
func CheckFile(path string) error {
	if fileSize(path) == 0 {
		return &OpenError{Path: path, Err: os.ErrNotExist}
	}
	return checkFile(path)
}

// checkFile reads all of a file and checks it, in a child process if that is possible.
func checkFile(path string) error {
	if !checkerReady.Load() {
		return inspectFile(path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The child dies with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), checkerEnv+"="+path, "GOTRACEBACK=none")
	cmd.Stdout = &out
	cmd.SysProcAttr = dieWithParent()
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("the check of %s took longer than %v", path, checkTimeout)
	case !errors.As(err, &exit):
		return fmt.Errorf("the check of %s could not be started: %w", path, err)
	}
	return checkError(path, exit.ExitCode(), exit.String(), strings.TrimSpace(out.String()))
}

// checkError turns how the child ended into the error that it stands for.
func checkError(path string, code int, how, said string) error {
	switch code {
	case exitDamaged:
		found := strings.TrimPrefix(said, fmt.Sprintf("outbox %s is damaged: ", path))
		return &DamagedError{Path: path, Found: found}
	case exitLocked:
		return ErrLocked
	case exitNewer:
		return fmt.Errorf("%w: %s", ErrNewerFormat, strings.TrimPrefix(said, ErrNewerFormat.Error()+": "))
	case exitUnable:
		return errors.New(said)
	}
	if strings.Contains(how, "killed") {
		// Somebody, or the kernel out of memory, ended it: that says nothing about the file.
		return fmt.Errorf("the check of %s was ended: %s", path, how)
	}
	return &DamagedError{Path: path, Found: "reading it crashes: " + how}
}

// inspectFile opens a file for reading and checks everything. What it finds is a *DamagedError.
func inspectFile(path string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &DamagedError{Path: path, Found: fmt.Sprintf("reading it fails: %v", p)}
		}
	}()
	if err := plausible(path); err != nil {
		return err
	}
	db, err := openBolt(path, true)
	switch {
	case errors.Is(err, ErrLocked), errors.Is(err, os.ErrPermission), errors.Is(err, os.ErrNotExist):
		return err
	case err != nil:
		return &DamagedError{Path: path, Found: err.Error(), Err: err}
	}
	defer func() { _ = db.Close() }() // only read from
	return db.View(func(tx *bbolt.Tx) error {
		t, err := newTxn(&Store{path: path}, tx, nil)
		if err != nil {
			return err
		}
		return t.verify()
	})
}

// plausible refuses what bbolt would crash on at once: a file shorter than its pages, or of zeros.
func plausible(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	head := make([]byte, 2*pageSize)
	n, _ := f.ReadAt(head, 0)
	switch {
	case n < len(head):
		return &DamagedError{Path: path, Found: fmt.Sprintf("it has %d bytes, too few for its first pages", n)}
	case bytes.Count(head, []byte{0}) == len(head):
		return &DamagedError{Path: path, Found: "its first pages hold nothing but zeros"}
	}
	return nil
}
