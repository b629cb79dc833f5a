package bolt

import (
	"cmp"
	"os"
	"sync"
	"time"
)

const (
	defaultBallast = 4 << 20
	ballastRetry   = time.Second
	// ballastMargin must be free in addition before the reserve is taken back, so that it is not released again at once.
	ballastMargin = 1 << 20
)

// ballast is a file that holds disk space in reserve, removed when the disk is full, so that open requests can end.
type ballast struct {
	path    string
	size    int64 // 0: none is kept
	reserve func(path string, size int64) error

	mu    sync.Mutex
	taken bool
	tried time.Time
}

func newBallast(path string, o Options) *ballast {
	size := max(cmp.Or(o.BallastSize, defaultBallast), 0)
	b := &ballast{path: path + suffixBallast, size: size, reserve: o.fallocate}
	if b.reserve == nil {
		b.reserve = reserve
	}
	b.taken = b.size > 0 && fileSize(b.path) >= b.size
	return b
}

// held returns how many bytes are in reserve now.
func (b *ballast) held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken {
		return b.size
	}
	return 0
}

// ready reports whether new work may be accepted: the reserve stands, or there was room to take it back.
func (b *ballast) ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken || b.size == 0 {
		return true
	}
	if now := time.Now(); now.Sub(b.tried) >= ballastRetry {
		b.tried = now
		b.take()
	}
	return b.taken
}

// take reserves the space if there is room. It is called with mu held.
func (b *ballast) take() {
	missing := b.size - fileSize(b.path)
	if free := freeBytes(b.path); free >= 0 && missing > 0 && free < missing+ballastMargin {
		return
	}
	if err := b.reserve(b.path, b.size); err != nil {
		_ = os.Remove(b.path) // half a reserve only takes space away
		return
	}
	b.taken = true
}

// withRoom runs fn, and once more without the reserve if the disk is full.
func (b *ballast) withRoom(fn func() error) error {
	err := fn()
	if err != nil && isFull(err) && b.release() {
		return fn()
	}
	return err
}

// release removes the reserve; false if there was none.
func (b *ballast) release() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.taken {
		return false
	}
	b.taken, b.tried = false, time.Now()
	return remove(b.path) == nil
}

// fill writes a file full where the system can't reserve.
func fill(f *os.File, size int64) error {
	zeros := make([]byte, 64<<10)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}
