package bolt

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"tillpost/outbox"
)

// A record is a fixed header, the terminal, the request's id, its instants and the rest as JSON. What an index needs
// stands in front, so that a scan at start decodes no JSON:
//
//	0  format version     4  length of the id       12 revision, 8 bytes big-endian
//	1  state              5  flags                  20 content digest, 32 bytes
//	2  kind               6  reserved, zero         52 terminal, id, length of instants, instants, JSON
//	3  length of terminal 8  CRC-32C, big-endian
//
// A request that was moved to another lane has format version 2, and the number that orders it there, 8 bytes big-endian,
// between id and instants: a build without moves refuses the outbox instead of sending it at the first terminal.
// The checksum covers the record's sequence and everything but itself, so that a record under another's key is damage
// too. A tombstone has no JSON. Bodies are kept apart, so that a change of state does not write them again.
const (
	recordVersion = 1
	movedVersion  = 2
	headerLen     = 52
	bodyHeaderLen = 8

	flagTomb   = 1 << 0
	flagBody   = 1 << 1
	flagParked = 1 << 3
	// flagFinished: Finished is among the instants.
	flagFinished = 1 << 2
	// flagMoved: the record has movedVersion.
	flagMoved = 1 << 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errRecordShort    = errors.New("record is cut short")
	errRecordChecksum = errors.New("record does not match its checksum")
	errRecordShape    = errors.New("record makes no sense")
)

// newerError is a sound record with something in it that this build does not know.
type newerError struct {
	what  string
	value byte
}

func (e newerError) Error() string {
	return fmt.Sprintf("%s %d is not known to this version of tillpost", e.what, e.value)
}

// header is what stands before a record's JSON. Terminal and id are copies only where a function says so.
type header struct {
	state    outbox.State
	kind     outbox.Kind
	flags    byte
	revision uint64
	digest   [32]byte
	terminal []byte
	id       []byte
	moved    uint64
	rest     []byte
}

func (h header) tomb() bool    { return h.flags&flagTomb != 0 }
func (h header) hasBody() bool { return h.flags&flagBody != 0 }

// namesOrder reports whether the record may name an order of the API's.
func (h header) namesOrder() bool {
	return bytes.Contains(h.rest, []byte(`"o":`)) || bytes.Contains(h.rest, []byte(`"fo":`))
}

// inQueue is Request.InQueue.
func (h header) inQueue() bool {
	return h.kind.Laned() && h.state == outbox.StateQueued && h.flags&flagParked == 0
}

// turn is Request.Turn.
func (h header) turn(seq uint64) uint64 { return cmp.Or(h.moved, seq) }

// encodeRecord returns the record of a request, without its body.
func encodeRecord(r outbox.Request) ([]byte, error) {
	if err := storable(r); err != nil {
		return nil, err
	}
	flags := bitIf(len(r.Body) > 0, flagBody) | bitIf(r.Parked, flagParked) |
		bitIf(r.Finished != nil, flagFinished) | bitIf(r.Moved != 0, flagMoved)
	instants := encodeInstants(&r)
	buf := bytes.NewBuffer(make([]byte, 0, 768))
	buf.Write(make([]byte, headerLen))
	buf.WriteString(r.Terminal)
	buf.WriteString(r.ID)
	if r.Moved != 0 {
		buf.Write(seqKey(r.Moved))
	}
	buf.Write(binary.AppendUvarint(nil, uint64(len(instants))))
	buf.Write(instants)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(toStored(&r)); err != nil {
		return nil, fmt.Errorf("encode the record of %s: %w", r.ID, err)
	}
	b := bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})
	fillHeader(b, r, flags)
	return b, nil
}

func bitIf(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}

// encodeTomb returns what outlives a pruned request: enough that its id is never run again, and a repetition is known.
func encodeTomb(r outbox.Request) []byte {
	r.Terminal = r.Arrival()
	b := make([]byte, headerLen, headerLen+len(r.Terminal)+len(r.ID))
	b = append(append(b, r.Terminal...), r.ID...)
	fillHeader(b, r, flagTomb)
	return b
}

// storable reports whether a request fits the record's frame.
func storable(r outbox.Request) error {
	switch {
	case r.ID == "" || len(r.ID) > 255:
		return fmt.Errorf("a request's id has 1 to 255 bytes, not %d", len(r.ID))
	case r.Terminal == "" || len(r.Terminal) > 255 || strings.IndexByte(r.Terminal, 0) >= 0:
		return errors.New("a request's terminal has 1 to 255 bytes, none of them zero")
	case r.Kind == 0 || r.State == 0:
		return fmt.Errorf("request %s has no kind or no state", r.ID)
	}
	return nil
}

func fillHeader(b []byte, r outbox.Request, flags byte) {
	version := byte(recordVersion)
	if flags&flagMoved != 0 {
		version = movedVersion
	}
	b[0], b[1], b[2], b[3], b[4], b[5] = version, byte(r.State), byte(r.Kind), byte(len(r.Terminal)), byte(len(r.ID)), flags
	binary.BigEndian.PutUint64(b[12:], r.Revision)
	copy(b[20:], r.Digest[:])
	binary.BigEndian.PutUint32(b[8:], recordSum(r.Seq, b))
}

// seal sets the sequence of an encoded record that was made before it had one.
func seal(b []byte, seq uint64) { binary.BigEndian.PutUint32(b[8:], recordSum(seq, b)) }

func recordSum(seq uint64, b []byte) uint32 {
	return crc32.Update(bodySum(seq, b[:8]), castagnoli, b[12:])
}

// decodeHeader reads a record's header and checks the whole record's checksum. The slices point into b.
func decodeHeader(seq uint64, b []byte) (header, error) {
	if len(b) < headerLen {
		return header{}, errRecordShort
	}
	if binary.BigEndian.Uint32(b[8:]) != recordSum(seq, b) { // first: what a disk has made of it is no newer format
		return header{}, errRecordChecksum
	}
	if b[0] > movedVersion {
		return header{}, newerError{"record format", b[0]}
	}
	nt, ni, nm := int(b[3]), int(b[4]), 0
	if b[0] == movedVersion {
		nm = 8
	}
	if b[0] == 0 || (b[5]&flagMoved != 0) != (nm > 0) || nt == 0 || ni == 0 || len(b) < headerLen+nt+ni+nm {
		return header{}, errRecordShape
	}
	if !outbox.State(b[1]).Known() {
		return header{}, newerError{"state", b[1]}
	}
	if !outbox.Kind(b[2]).Known() {
		return header{}, newerError{"kind", b[2]}
	}
	h := header{state: outbox.State(b[1]), kind: outbox.Kind(b[2]), flags: b[5], revision: binary.BigEndian.Uint64(b[12:])}
	copy(h.digest[:], b[20:])
	h.terminal = b[headerLen : headerLen+nt]
	h.id = b[headerLen+nt : headerLen+nt+ni]
	h.rest = b[headerLen+nt+ni:]
	if nm > 0 {
		h.moved, h.rest = binary.BigEndian.Uint64(h.rest), h.rest[nm:]
		if h.moved == 0 {
			return header{}, errRecordShape
		}
	}
	return h, nil
}

// decodeRecord reads a record without its body. The request shares no memory with b.
func decodeRecord(seq uint64, b []byte) (outbox.Request, header, error) {
	h, err := decodeHeader(seq, b)
	if err != nil {
		return outbox.Request{}, h, err
	}
	r := outbox.Request{
		Seq: seq, ID: string(h.id), Kind: h.kind, Terminal: string(h.terminal), State: h.state,
		Revision: h.revision, Digest: h.digest, Moved: h.moved,
	}
	if h.tomb() {
		return r, h, nil
	}
	n, used := binary.Uvarint(h.rest)
	if used <= 0 || n > uint64(len(h.rest)-used) {
		return outbox.Request{}, h, errRecordShape
	}
	instants, rest := h.rest[used:used+int(n)], h.rest[used+int(n):] // n fits: it is less than a length
	if err := fromStored(rest, &r); err != nil {
		return outbox.Request{}, h, fmt.Errorf("%w: %w", errRecordShape, err)
	}
	if h.flags&flagFinished != 0 {
		r.Finished = &outbox.Instant{}
	}
	if err := decodeInstants(instants, &r); err != nil {
		return outbox.Request{}, h, err
	}
	return r, h, nil
}

// encodeBody frames a body: version, three zero bytes, CRC-32C over sequence and body, body.
func encodeBody(seq uint64, body []byte) []byte {
	b := make([]byte, bodyHeaderLen, bodyHeaderLen+len(body))
	b[0] = recordVersion
	b = append(b, body...)
	binary.BigEndian.PutUint32(b[4:], bodySum(seq, body))
	return b
}

// decodeBody returns a copy of the body in its frame.
func decodeBody(seq uint64, b []byte) ([]byte, error) {
	if err := checkBody(seq, b); err != nil {
		return nil, err
	}
	return bytes.Clone(b[bodyHeaderLen:]), nil
}

func checkBody(seq uint64, b []byte) error {
	switch {
	case len(b) <= bodyHeaderLen:
		return errRecordShort
	case binary.BigEndian.Uint32(b[4:]) != bodySum(seq, b[bodyHeaderLen:]):
		return errRecordChecksum
	case b[0] > recordVersion:
		return newerError{"body format", b[0]}
	case b[0] != recordVersion || b[1]|b[2]|b[3] != 0:
		return errRecordShape
	}
	return nil
}

func bodySum(seq uint64, body []byte) uint32 {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], seq)
	return crc32.Update(crc32.Update(0, castagnoli, key[:]), castagnoli, body)
}
