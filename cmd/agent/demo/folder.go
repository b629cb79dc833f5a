package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// needed is the room that a day takes: the outbox, its reserve, the daemon's log, and something beyond.
const needed = 8 << 20

// folder makes the folder to work in, with room for a day; remove reports whether it is ours to remove.
func folder(dir string) (made string, remove bool, err error) {
	if dir == "" {
		if made, err = os.MkdirTemp("", "tillpost-demo-"); err != nil {
			return "", false, fmt.Errorf("make the demo's folder: %w; name an empty one elsewhere with --dir", err)
		}
		if err := room(made); err != nil {
			return "", false, errors.Join(err, os.RemoveAll(made))
		}
		return made, true, nil
	}
	// The configuration names its files by their folder, from wherever it is used.
	if dir, err = filepath.Abs(dir); err != nil {
		return "", false, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", false, fmt.Errorf("make the demo's folder: %w; choose another one with --dir", err)
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return "", false, fmt.Errorf("look into the demo's folder: %w; choose another one with --dir", err)
	}
	if len(found) > 0 {
		return "", false, fmt.Errorf("the folder %s is not empty; the demo begins with an empty outbox: choose another one with --dir", dir)
	}
	return dir, false, room(dir)
}

// room tries whether a day fits into a folder. A full disk would otherwise show as a sale that is not answered.
func room(dir string) error {
	path := filepath.Join(dir, "room")
	err := os.WriteFile(path, make([]byte, needed), 0o600)
	if gone := os.Remove(path); err == nil {
		err = gone
	}
	if err != nil {
		return fmt.Errorf("the demo needs %d MB of disk: %w; free some space, or name an empty folder elsewhere with --dir", needed>>20, err)
	}
	return nil
}
