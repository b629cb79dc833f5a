package message

import (
	"crypto/sha256"
	"encoding/json"
	"hash"
	"maps"
	"slices"
	"strconv"

	"tillpost/mqtt"
)

// digest returns [Request.Digest]: 42 and 42.0 differ in it. Every part is prefixed with its length: no two values share
// one serialisation.
func digest(kind mqtt.Kind, terminal string, value any) (sum [sha256.Size]byte) {
	d := digester{Hash: sha256.New()}
	d.text('k', string(kind))
	d.text('t', terminal)
	d.value(value)
	d.Sum(sum[:0])
	return sum
}

type digester struct {
	hash.Hash
	buf []byte
}

// A hash's Write never fails.

func (d *digester) mark(tag byte, n int) {
	d.buf = strconv.AppendInt(append(d.buf[:0], tag), int64(n), 10)
	d.buf = append(d.buf, ':')
	_, _ = d.Write(d.buf)
}

func (d *digester) text(tag byte, s string) {
	d.mark(tag, len(s))
	d.buf = append(d.buf[:0], s...)
	_, _ = d.Write(d.buf)
}

func (d *digester) value(v any) {
	switch v := v.(type) {
	case nil:
		d.mark('0', 0)
	case bool:
		n := 0
		if v {
			n = 1
		}
		d.mark('b', n)
	case json.Number:
		d.text('n', string(v))
	case string:
		d.text('s', v)
	case []any:
		d.mark('l', len(v))
		for _, item := range v {
			d.value(item)
		}
	case map[string]any:
		d.mark('o', len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			d.text('s', key)
			d.value(v[key])
		}
	}
}
