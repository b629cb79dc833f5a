package monitor

import "tillpost/outbox"

// other stands for every label value that is not on its closed list. It keeps the
// number of series bounded whatever a caller or a till sends; where the exposition
// has it, a list here lacks an entry.
const other = "other"

// maxTerminals bounds the series per terminal. An organisation has tens; a
// thousand is far beyond any store and still a cheap scrape. An id that no topic
// may bear is no label either: one that is not valid UTF-8 would spoil the scrape.
const maxTerminals = 1000

// maxIgnoredPairs bounds the (state, event) pairs of ignored events: more than
// states times events, so it binds only if a caller passes free text.
const maxIgnoredPairs = 512

// Labels are the closed lists of label values that others own; any other value counts as "other".
type Labels struct {
	// Refusals are the codes with which a message can be refused at the door.
	Refusals []string
	// Operations are the calls of the payment API, Outcomes those of a call.
	Operations, Outcomes []string
}

// finalStates returns the final states of a kind of request.
func finalStates(k outbox.Kind) labelSet {
	set := labelSet{}
	for _, s := range outbox.States(k) {
		if s.Final() {
			set[s.String()] = struct{}{}
		}
	}
	return set
}

// labelSet is a closed list of label values. It is not changed once made, so
// it may be read from any goroutine.
type labelSet map[string]struct{}

func newLabelSet(values ...string) labelSet {
	set := make(labelSet, len(values))
	for _, v := range values {
		set[v] = struct{}{}
	}
	return set
}

// fold returns v if it is known, else other.
func fold[V any](known map[string]V, v string) string {
	if _, ok := known[v]; ok {
		return v
	}
	return other
}
