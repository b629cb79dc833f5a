package bolt

import (
	"os"

	"tillpost/outbox"
)

// Facts are what stands at an outbox's path, without a look into the outbox itself.
type Facts struct {
	// Files are those of the outbox that are there, the outbox itself first.
	Files []File
	// Size and Snapshot are the bytes of the outbox and of its snapshot, 0 where there is none.
	Size, Snapshot int64
	// MarkerPath is where the marker is, or would be; Marked, whether it is there; Identity, the instance and the generation
	// that it names, zero where it is missing or can't be decoded.
	MarkerPath string
	Marked     bool
	Identity   outbox.Identity
	// Lock is ErrLocked where another process is seen to have the outbox open; any other error is why that isn't known.
	Lock error
}

// File is one of an outbox's files.
type File struct {
	Path string
	Info os.FileInfo
}

// Inspect returns what stands at path, and changes nothing. The error says why the marker can't be read.
func Inspect(path string) (Facts, error) {
	mark, err := readMarker(path)
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Size: fileSize(path), Snapshot: fileSize(path + SuffixSnapshot), MarkerPath: path + suffixMarker, Lock: checkLock(path + suffixLock)}
	if mark != nil {
		f.Marked, f.Identity = true, outbox.Identity{Instance: mark.Instance, Generation: mark.Generation}
	}
	for _, suffix := range []string{"", suffixLock, suffixMarker, SuffixSnapshot, suffixBallast} {
		if info, err := os.Stat(path + suffix); err == nil {
			f.Files = append(f.Files, File{path + suffix, info})
		}
	}
	return f, nil
}
