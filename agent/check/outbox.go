package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tillpost/outbox/bolt"
)

// The endings of the names of what the outbox keeps beside its file.
const (
	suffixLock     = ".lock"
	suffixMarker   = ".initialised"
	suffixSnapshot = ".snapshot"
	suffixBallast  = ".ballast"
)

// lostAdvice is what to do where an outbox is lost. A backup must not be used: it does not know what was sent since.
const lostAdvice = "set outbox.path to another one, and look up at Front Payment what became of what the tills hold open"

// readWhole is the largest outbox that is read as a whole: a daemon that is started meanwhile has to wait for that.
const readWhole = 64 << 20

// outboxFacts is what was found at the outbox.
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
	marker, err := readMarker(path)
	if err != nil {
		fs.fail(c.chownAdvice(path), "the marker beside the outbox: %v", err)
		return outboxFacts{findings: fs.done()}
	}
	facts := outboxFacts{instance: marker.Instance}
	facts.locked, err = lockHeld(path + suffixLock)
	if err != nil {
		fs.fail(c.chownAdvice(path), "the outbox's lock: %v", err)
	}
	c.owners(fs, path)
	size := fileSize(path)
	switch {
	case facts.locked:
		fs.ok("in use by a running agent; %s, %s", bytes(size), generation(marker))
	case size == 0 && marker.present && fileSize(path+suffixSnapshot) > 0:
		fs.warn("if it lies elsewhere, put it back before you start tillpost",
			"%s is gone; at the next start its last snapshot takes its place, and every open request is in doubt", path)
	case size == 0 && marker.present:
		fs.fail(fmt.Sprintf("put the file back, or mount its disk; if it is lost, %s; if there never was anything to keep, remove %s", lostAdvice, path+suffixMarker),
			"%s is gone, though there was one: tillpost does not start", path)
	case size == 0:
		fs.ok("there is none yet; it will be made at %s", path)
	default:
		c.readOutbox(ctx, fs, &facts, path, size, marker)
	}
	facts.findings = fs.done()
	return facts
}

// readOutbox reads the file through by the outbox's own check.
func (c *checker) readOutbox(ctx context.Context, fs *findings, facts *outboxFacts, path string, size int64, m marker) {
	if size > readWhole {
		fs.ok("%s, %s; too large to be read through here", bytes(size), generation(m))
		return
	}
	type looked struct {
		older bool
		err   error
	}
	read := start("outbox", func() (l looked) { l.older, l.err = readThrough(path); return l })
	found, done := read.wait(ctx)
	err := found.err
	damaged, isDamage := errors.AsType[*bolt.DamagedError](err)
	switch {
	case !done:
		fs.warn("", "%s, %s; reading it through takes longer than this check", bytes(size), generation(m))
	case err == nil && found.older:
		fs.warn("find out which copy was at work last; if it is this one, start tillpost, stop it, and run tillpost outbox accept",
			"%s is sound, but an older copy, or from elsewhere: at the next start every open request is in doubt, and nothing is sent", path)
	case err == nil:
		fs.ok("sound; %s, %s", bytes(size), generation(m))
	case errors.Is(err, bolt.ErrLocked):
		facts.locked = true
		fs.ok("in use by a running agent; %s, %s", bytes(size), generation(m))
	case isDamage && fileSize(path+suffixSnapshot) > 0:
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

// chownAdvice returns how to make files belong to the service.
func (c *checker) chownAdvice(path string) string {
	return fmt.Sprintf("its files must belong to the service's user: chown %s %s*", serviceUser, path)
}

// owners reports files that another user than the service's has made: if tillpost was run as root once, the service can't
// open them any more.
func (c *checker) owners(fs *findings, path string) {
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
	for _, end := range []string{"", suffixLock, suffixMarker, suffixSnapshot, suffixBallast} {
		info, err := os.Stat(path + end)
		if err != nil {
			continue
		}
		if uid, _, _ := ownerOf(info); uid != want {
			fs.fail(fmt.Sprintf("stop tillpost, then: chown --reference=%s %s*", filepath.Dir(path), path),
				"%s belongs to another user than its folder: was tillpost run as root once?", path+end)
			return
		}
	}
}

// marker is the content of the marker file beside the outbox.
type marker struct {
	Instance   string `json:"instance"`
	Generation uint64 `json:"generation"`

	present bool
}

// readMarker reads it; it is no error if there is none, or one that can't be decoded.
func readMarker(path string) (marker, error) {
	data, err := os.ReadFile(path + suffixMarker)
	if errors.Is(err, os.ErrNotExist) {
		return marker{}, nil
	}
	if err != nil {
		return marker{}, err
	}
	var m marker
	if json.Unmarshal(data, &m) != nil {
		m = marker{}
	}
	m.present = true
	return m, nil
}

func generation(m marker) string {
	if m.Instance == "" {
		return "its generation is not known"
	}
	return fmt.Sprintf("generation %d", m.Generation)
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
