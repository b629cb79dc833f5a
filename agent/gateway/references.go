package gateway

import (
	"encoding/json"

	"tillpost/agent/lookups"
	"tillpost/outbox"
)

// sentReferences returns the digest of references as they are sent, "" where they are none that could be compared.
func sentReferences(raw json.RawMessage) string {
	var refs struct {
		ReferenceNo       json.RawMessage `json:"referenceNo"`
		CustomerReference json.RawMessage `json:"customerReference"`
	}
	if json.Unmarshal(raw, &refs) != nil {
		return ""
	}
	return lookups.ReferencesDigest(plain(refs.ReferenceNo), plain(refs.CustomerReference))
}

// plain is a string's text, or a number's digits.
func plain(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// comparedReferences compares references without a mark of ours with those that were sent.
func comparedReferences(digest string, r outbox.Request) outbox.ReferencesSeen {
	seen := outbox.ReferencesOther
	for _, s := range r.Submissions {
		switch {
		case s.Shown:
		case digest == "" || s.References == "":
			seen = outbox.ReferencesNull // they can't be compared, and prove nothing
		case s.References == digest:
			return outbox.ReferencesOwn
		}
	}
	return seen
}
