package outbox

import (
	"encoding/binary"
	"hash/fnv"
	"os"
)

// What bbolt's two root pages look like: a page's header, then the fields that the checksum covers, then that.
const (
	rootHeader  = 16
	rootCovered = 56
	rootMagic   = 0xED0CDAED
)

// rootLost tells whether just one of the two root pages is readable. bbolt goes on with that one, which is right after a
// power cut in the middle of a commit. But if it was the newer one that went bad later, then the last commit, which
// somebody may have acted on, is missing.
func rootLost(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	pages := make([]byte, 2*pageSize)
	if n, _ := f.ReadAt(pages, 0); n < len(pages) {
		return false, nil // the check will say more
	}
	return rootValid(pages[:pageSize]) != rootValid(pages[pageSize:]), nil
}

func rootValid(page []byte) bool {
	m := page[rootHeader:]
	h := fnv.New64a()
	_, _ = h.Write(m[:rootCovered]) // it never fails
	// bbolt writes in the machine's own byte order.
	return binary.NativeEndian.Uint32(m) == rootMagic && binary.NativeEndian.Uint64(m[rootCovered:]) == h.Sum64()
}
