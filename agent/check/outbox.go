package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tillpost/outbox/bolt"
)

// lostAdvice is what to do where an outbox is lost. A backup must not be used: it does not know what was sent since.
const lostAdvice = "set outbox.path to another one, and look up at Front Payment what became of what the tills hold open"

// readWhole is the largest outbox that is read as a whole: a daemon that is started meanwhile has to wait for that.
const readWhole = 64 << 20

type outboxFacts struct {
	findings []Finding
	// locked: a daemon runs on it.
	locked bool
	// instance names it, "" where that is not known.
	instance string
}

// outbox checks the file of requests, without changing it.
func (c *checker) outbox(ctx context.Context) outboxFacts {
	fs := about("outbox")
	path := c.cfg.Outbox.Path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		fs.fail("set outbox.path to a file in it, such as "+filepath.Join(path, "outbox.db"), "%s is a folder", path)
		return outboxFacts{findings: fs.done()}
	}
	there, err := bolt.Inspect(path)
	if err != nil {
		fs.fail(c.chownAdvice(path), "the marker beside the outbox: %v", err)
		return outboxFacts{findings: fs.done()}
	}
	facts := outboxFacts{instance: there.Identity.Instance, locked: errors.Is(there.Lock, bolt.ErrLocked)}
	if there.Lock != nil && !facts.locked {
		fs.fail(c.chownAdvice(path), "the outbox's lock: %v", there.Lock)
	}
	c.owners(fs, path, there.Files)
	switch {
	case facts.locked:
		fs.ok("in use by a running agent; %s", figures(there))
	case there.Size == 0 && there.Marked && there.Snapshot > 0:
		fs.warn("if it lies elsewhere, put it back before you start tillpost",
			"%s is gone; at the next start its last snapshot takes its place, and every open request is in doubt", path)
	case there.Size == 0 && there.Marked:
		fs.fail(fmt.Sprintf("put the file back, or mount its disk; if it is lost, %s; if there never was anything to keep, remove %s", lostAdvice, there.MarkerPath),
			"%s is gone, though there was one: tillpost does not start", path)
	case there.Size == 0:
		fs.ok("there is none yet; it will be made at %s", path)
	default:
		c.readOutbox(ctx, fs, &facts, path, there)
	}
	facts.findings = fs.done()
	return facts
}

// readOutbox reads the file through by the outbox's own check.
func (c *checker) readOutbox(ctx context.Context, fs *findings, facts *outboxFacts, path string, there bolt.Facts) {
	if there.Size > readWhole {
		fs.ok("%s; too large to be read through here", figures(there))
		return
	}
	type looked struct {
		older bool
		err   error
	}
	read := start("outbox", func() (l looked) { l.older, l.err = readThrough(path); return l })
	found, late := read.wait(ctx)
	err := found.err
	damaged, isDamage := errors.AsType[*bolt.DamagedError](err)
	switch {
	case late != nil:
		fs.warn("", "%s; reading it through takes longer than this check", figures(there))
	case err == nil && found.older:
		fs.warn("find out which copy was at work last; if it is this one, start tillpost, stop it, and run tillpost outbox accept",
			"%s is sound, but an older copy, or from elsewhere: at the next start every open request is in doubt, and nothing is sent", path)
	case err == nil:
		fs.ok("sound; %s", figures(there))
	case errors.Is(err, bolt.ErrLocked):
		facts.locked = true
		fs.ok("in use by a running agent; %s", figures(there))
	case isDamage && there.Snapshot > 0:
		fs.warn("look for what damages the disk",
			"%s is damaged (%s); at the next start its last snapshot takes its place, and every open request is in doubt", path, damaged.Found)
	case isDamage:
		fs.fail("keep the file, and "+lostAdvice, "%s is damaged: %s", path, damaged.Found)
	case errors.Is(err, bolt.ErrNewerFormat):
		fs.fail("install the version that wrote it, or a newer one", "%v", err)
	default:
		fs.fail(c.chownAdvice(path), "%v", err)
	}
}

// readThrough reads an outbox through, and reports whether it is another copy than the one that was at work here last.
func readThrough(path string) (older bool, err error) {
	r, err := bolt.OpenReader(path)
	if open, ok := errors.AsType[*bolt.OpenError](err); ok {
		err = open.Err // what to do is added here
	}
	if err != nil {
		return false, err
	}
	f, err := r.Figures()
	return f.Outdated, errors.Join(err, r.Close())
}

func (c *checker) chownAdvice(path string) string {
	return fmt.Sprintf("its files must belong to the service's user: chown %s %s*", serviceUser, path)
}

// owners reports files of another user, which the service can't open: as a rule, tillpost was run as root once.
func (c *checker) owners(fs *findings, path string, files []bolt.File) {
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return // disk reports it
	}
	if service, ok := c.machine.service(); ok && !service.mayWriteIn(filepath.Dir(path)) {
		fs.fail(fmt.Sprintf("chown %s %s", service.name, filepath.Dir(path)), "the user %s can't write to %s", service.name, filepath.Dir(path))
		return
	}
	want, _, ok := ownerOf(folder)
	if !ok {
		return
	}
	for _, file := range files {
		if uid, _, _ := ownerOf(file.Info); uid != want {
			fs.fail(fmt.Sprintf("stop tillpost, then: chown --reference=%s %s*", filepath.Dir(path), path),
				"%s belongs to another user than its folder: was tillpost run as root once?", file.Path)
			return
		}
	}
}

func figures(there bolt.Facts) string {
	if there.Identity.Instance == "" {
		return bytes(there.Size) + ", its generation is not known"
	}
	return fmt.Sprintf("%s, generation %d", bytes(there.Size), there.Identity.Generation)
}
