package reconcile

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"tillpost/outbox"
)

// baseline is the orders that a full list of the API showed at a moment: none of them came of a later submission. It is
// kept beside the outbox, so that for a doubt that a crash left behind years of orders need not be looked into.
type baseline struct {
	at     outbox.Instant // when the list had been read
	hashes []uint64       // of the uuids, sorted
}

const baselineMagic = "tillpost baseline 1\n"

var baselineTable = crc32.MakeTable(crc32.Castagnoli)

// errBaseline is a file that is not as it was written. Without it a search takes longer, no more.
var errBaseline = errors.New("the kept list of orders is damaged")

func hashUUID(uuid string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(uuid)) // never fails
	return h.Sum64()
}

// hasHash reports whether an order was there already, by its hash; nothing is in a nil baseline.
func (b *baseline) hasHash(h uint64) bool {
	if b == nil {
		return false
	}
	_, ok := slices.BinarySearch(b.hashes, h)
	return ok
}

// before reports whether the list had been read before a submission for sure.
func (b *baseline) before(submitted outbox.Instant) bool {
	switch {
	case b == nil:
		return false
	case b.at.Boot == submitted.Boot:
		return b.at.Mono < submitted.Mono
	}
	return b.at.Known && submitted.Known && b.at.Wall < submitted.Wall
}

func (b *baseline) sort() {
	slices.Sort(b.hashes)
	b.hashes = slices.Compact(b.hashes)
}

// encode writes magic, a line of JSON with the moment, the hashes, and a checksum of all that.
func (b *baseline) encode() []byte {
	at, _ := json.Marshal(b.at) // numbers and a string always marshal
	out := append([]byte(baselineMagic), at...)
	out = append(out, '\n')
	for _, h := range b.hashes {
		out = binary.BigEndian.AppendUint64(out, h)
	}
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, baselineTable))
}

func decodeBaseline(raw []byte) (*baseline, error) {
	n := len(raw) - 4
	if n < 0 || crc32.Checksum(raw[:n], baselineTable) != binary.BigEndian.Uint32(raw[n:]) {
		return nil, errBaseline
	}
	rest, ok := bytes.CutPrefix(raw[:n], []byte(baselineMagic))
	at, hashes, found := bytes.Cut(rest, []byte{'\n'})
	if !ok || !found || len(hashes)%8 != 0 {
		return nil, errBaseline
	}
	b := &baseline{hashes: make([]uint64, 0, len(hashes)/8)}
	if err := json.Unmarshal(at, &b.at); err != nil {
		return nil, errBaseline
	}
	for ; len(hashes) > 0; hashes = hashes[8:] {
		b.hashes = append(b.hashes, binary.BigEndian.Uint64(hashes))
	}
	return b, nil
}

// loadBaseline reads the baseline that was saved; nil without an error where there is none.
func loadBaseline(path string) (*baseline, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeBaseline(raw)
}

// save replaces what was saved before. It is not synced to the disk: one that a power cut damages is noticed and left aside.
func (b *baseline) save(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b.encode())
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// owns reports whether a request of ours holds an order.
func (c *Reconciler) owns(orderUUID string) bool {
	_, err := c.o.Store.ByOrder(orderUUID)
	return err == nil
}

// GainedSince reports whether an order is not in the baseline, so that the list has gained it since; false while there is none.
func (c *Reconciler) GainedSince(orderUUID string) bool {
	b := c.baseline.Load()
	return b != nil && !b.hasHash(hashUUID(orderUUID))
}
