package bolt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"time"

	"tillpost/outbox"
)

// The JSON of a record has all fields of a Request but those that the header holds and the instants. A request has
// about ten instants, and as JSON they were more than half of its record. Fields of the outer structs below hide those
// of the embedded ones, so that a field new to Request is stored without a word here.
type (
	storedRequest struct {
		*outbox.Request
		Submissions []storedSubmission `json:"sub,omitempty"`
		Waiting     *storedWaiting     `json:"wt,omitempty"`
		History     []storedEntry      `json:"h,omitempty"`

		ID       *hidden `json:"id,omitempty"`
		Terminal *hidden `json:"t,omitempty"`
		Moved    *hidden `json:"mv,omitempty"`
		Revision *hidden `json:"r,omitempty"`
		Digest   *hidden `json:"d,omitempty"`
		Accepted *hidden `json:"acc,omitempty"`
		TTLFrom  *hidden `json:"ttlf,omitempty"`
		Entered  *hidden `json:"ent,omitempty"`
		Finished *hidden `json:"fin,omitempty"`
	}
	storedSubmission struct {
		outbox.Submission
		At *hidden `json:"at,omitempty"`
	}
	storedWaiting struct {
		outbox.Waiting
		Since *hidden `json:"s,omitempty"`
		Next  *hidden `json:"x,omitempty"`
	}
	storedEntry struct {
		outbox.Entry
		At *hidden `json:"at,omitempty"`
	}
	hidden struct{}
)

func toStored(r *outbox.Request) storedRequest {
	s := storedRequest{Request: r}
	for _, x := range r.Submissions {
		s.Submissions = append(s.Submissions, storedSubmission{Submission: x})
	}
	if r.Waiting != nil {
		s.Waiting = &storedWaiting{Waiting: *r.Waiting}
	}
	s.History = make([]storedEntry, len(r.History))
	for i, x := range r.History {
		s.History[i] = storedEntry{Entry: x}
	}
	return s
}

// fromStored fills in what the JSON holds.
func fromStored(b []byte, r *outbox.Request) error {
	s := storedRequest{Request: r}
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s.Request != r { // "null" as the whole record
		return errRecordShape
	}
	for _, x := range s.Submissions {
		r.Submissions = append(r.Submissions, x.Submission)
	}
	if s.Waiting != nil {
		r.Waiting = &s.Waiting.Waiting
	}
	for _, x := range s.History {
		r.History = append(r.History, x.Entry)
	}
	return nil
}

// eachInstant visits the instants of a request, always in this order: it is the order in which they are stored.
func eachInstant(r *outbox.Request, fn func(*outbox.Instant)) {
	fn(&r.Accepted)
	fn(&r.TTLFrom)
	fn(&r.Entered)
	if r.Finished != nil {
		fn(r.Finished)
	}
	for i := range r.Submissions {
		fn(&r.Submissions[i].At)
	}
	if r.Waiting != nil {
		fn(&r.Waiting.Since)
		fn(&r.Waiting.Next)
	}
	for i := range r.History {
		fn(&r.History[i].At)
	}
}

// Bits in front of a stored instant.
const (
	instantKnown = 1 << 0
	// instantBoot: another boot than the one before; its name follows.
	instantBoot = 1 << 1
	// instantZero: nothing follows.
	instantZero = 1 << 2
)

// encodeInstants writes each instant as what differs from the one before: about ten bytes.
func encodeInstants(r *outbox.Request) []byte {
	b := make([]byte, 0, 160)
	var last outbox.Instant
	eachInstant(r, func(i *outbox.Instant) {
		if *i == (outbox.Instant{}) {
			b = append(b, instantZero)
			return
		}
		bits := bitIf(i.Known, instantKnown) | bitIf(i.Boot != last.Boot, instantBoot)
		b = append(b, bits)
		if bits&instantBoot != 0 {
			b = binary.AppendUvarint(b, uint64(len(i.Boot)))
			b = append(b, i.Boot...)
		}
		b = binary.AppendVarint(b, i.Wall-last.Wall)
		b = binary.AppendVarint(b, int64(i.Mono-last.Mono))
		last = *i
	})
	return b
}

// decodeInstants is the inverse of encodeInstants, for a request whose other fields are known.
func decodeInstants(b []byte, r *outbox.Request) error {
	in, last, bad := bytes.NewReader(b), outbox.Instant{}, false
	eachInstant(r, func(i *outbox.Instant) {
		if !bad {
			*i, bad = nextInstant(in, &last)
		}
	})
	if bad || in.Len() > 0 {
		return errRecordShape
	}
	return nil
}

// nextInstant reads an instant, stored as what differs from the last one; bad where there is none.
func nextInstant(in *bytes.Reader, last *outbox.Instant) (i outbox.Instant, bad bool) {
	bits, err := in.ReadByte()
	switch {
	case bits == instantZero:
		return outbox.Instant{}, false
	case err != nil || bits&^(instantKnown|instantBoot) != 0:
		return outbox.Instant{}, true
	}
	if bits&instantBoot != 0 {
		n, err := binary.ReadUvarint(in)
		if err != nil || n > uint64(in.Len()) {
			return outbox.Instant{}, true
		}
		name := make([]byte, n)
		_, _ = in.Read(name) // it is that long
		last.Boot = string(name)
	}
	wall, wallErr := binary.ReadVarint(in)
	mono, monoErr := binary.ReadVarint(in)
	last.Known = bits&instantKnown != 0
	last.Wall += wall
	last.Mono += time.Duration(mono)
	return *last, wallErr != nil || monoErr != nil
}
