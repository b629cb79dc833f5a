package outbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// MarkEntropy is how many bytes a mark holds beyond the request's sequence; in one of MarkOf the first and the last of them are
// not random.
const MarkEntropy = 15

const (
	markPrefix = "tp"
	markSeq    = 5
	markTag    = 4
	markName   = 4
	// MarkLen is the length of a mark in characters.
	MarkLen = len(markPrefix) + (markSeq+MarkEntropy)*8/5
)

var markEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// MarkOf makes the mark of a submission of r from an outbox. Random bytes stand between the tag of the outbox's instance, so that
// an older copy of it knows a mark of its own that it has forgotten, and the name of r, by which that copy knows whether the
// mark is of a request that it has: the same number may mean another one there. 56 random bits are left, and as many as the
// name has for whoever doesn't know the request.
func MarkOf(r Request, random [MarkEntropy]byte, instance string) string {
	b := tagMark(random, instance)
	name := nameInMark(r, b, instance)
	copy(b[MarkEntropy-markName:], name[:])
	return NewMark(r.Seq, b)
}

// tagMark puts the tag of an outbox's instance in front of a mark's random bytes.
func tagMark(random [MarkEntropy]byte, instance string) [MarkEntropy]byte {
	tag := sha256.Sum256([]byte("tillpost mark " + instance))
	copy(random[:markTag], tag[:])
	return random
}

// nameInMark returns what a mark of r ends in, given what stands before that: a digest of the request's id and content.
func nameInMark(r Request, b [MarkEntropy]byte, instance string) (name [markName]byte) {
	text := append([]byte("tillpost mark "+instance+" "), b[:MarkEntropy-markName]...)
	text = append(append(text, r.Digest[:]...), r.ID...)
	sum := sha256.Sum256(text)
	copy(name[:], sum[:])
	return name
}

// MarkNames reports whether a mark was made for r, a request of the same id and content, in an outbox or a copy of it. It is so
// of no mark that a version before such names made.
func MarkNames(mark, instance string, r Request) bool {
	if !MarkTagged(mark, instance) {
		return false
	}
	raw, _ := markEncoding.DecodeString(mark[len(markPrefix):]) // MarkTagged has read it
	b := [MarkEntropy]byte(raw[markSeq:])
	name := nameInMark(r, b, instance)
	return string(b[MarkEntropy-markName:]) == string(name[:])
}

// MarkTagged reports whether a mark bears the tag of an outbox's instance. One made by a version before tags bears none.
func MarkTagged(mark, instance string) bool {
	if _, ok := MarkSeq(mark); !ok {
		return false
	}
	raw, _ := markEncoding.DecodeString(mark[len(markPrefix):]) // MarkSeq has read it
	want := tagMark([MarkEntropy]byte{}, instance)
	return string(raw[markSeq:markSeq+markTag]) == string(want[:markTag])
}

// NewMark makes the mark of a submission: it names the request by its sequence, so that finding the request needs no
// index, and carries enough random bits that nobody can guess it.
func NewMark(seq uint64, random [MarkEntropy]byte) string {
	var b [8 + MarkEntropy]byte
	binary.BigEndian.PutUint64(b[:8], seq)
	copy(b[8:], random[:])
	return markPrefix + markEncoding.EncodeToString(b[8-markSeq:])
}

// MarkSeq reads the sequence that a mark names; ok is false for what is none. It proves nothing: see Request.Bears.
func MarkSeq(mark string) (seq uint64, ok bool) {
	enc, found := strings.CutPrefix(mark, markPrefix)
	if !found || len(mark) != MarkLen {
		return 0, false
	}
	raw, err := markEncoding.DecodeString(enc)
	if err != nil || len(raw) != markSeq+MarkEntropy {
		return 0, false // the decoder skips line ends, so the length is checked
	}
	var b [8]byte
	copy(b[8-markSeq:], raw[:markSeq])
	return binary.BigEndian.Uint64(b[:]), true
}

// Bears reports, in constant time per submission, whether a mark is one of this request's.
func (r Request) Bears(mark string) bool {
	hit := 0
	for _, s := range r.Submissions {
		hit |= subtle.ConstantTimeCompare([]byte(s.Mark), []byte(mark))
	}
	return hit == 1
}

// FindMarks lists what looks like marks in a text, such as an order's references. Overlapping places are all listed, as
// what stands before a mark may look like the start of one. They are copies, so that the text need not stay in memory.
func FindMarks(text string) []string {
	var marks []string
	for i := 0; i+MarkLen <= len(text); i++ {
		if !strings.HasPrefix(text[i:], markPrefix) {
			continue
		}
		if _, ok := MarkSeq(text[i : i+MarkLen]); ok {
			marks = append(marks, strings.Clone(text[i:i+MarkLen]))
		}
	}
	return marks
}
