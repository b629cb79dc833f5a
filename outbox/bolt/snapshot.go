package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"

	"tillpost/outbox"
)

// Snapshot copies the outbox to a file next to it, from which a damaged one is restored. The last one is replaced only
// once the new one was checked and is on disk. Commits go on meanwhile, but the file grows by what they change: take
// one while little is written. A second caller waits for the first.
func (s *Store) Snapshot(ctx context.Context) error {
	s.snapshots.Lock()
	defer s.snapshots.Unlock()
	tmp := s.path + SuffixSnapshot + suffixTemp
	if err := s.writeSnapshot(tmp); err != nil {
		return fmt.Errorf("snapshot of the outbox: %w", err)
	}
	err := ctx.Err()
	if err == nil {
		err = checkFile(tmp)
	}
	if err == nil {
		err = replaceFile(tmp, s.path+SuffixSnapshot)
	}
	if err != nil {
		return fmt.Errorf("snapshot of the outbox: %w", errors.Join(err, remove(tmp)))
	}
	return nil
}

func (s *Store) writeSnapshot(path string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return s.down
	}
	if free, need := freeBytes(s.path), fileSize(s.path); free >= 0 && free < 2*need {
		return fmt.Errorf("%w: %d bytes are free, too few for a copy of %d", outbox.ErrFull, free, need)
	}
	err := writeCopy(s.db, path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; its folder is gone", err)
	}
	return err
}
