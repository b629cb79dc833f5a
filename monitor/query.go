package monitor

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tillpost/internal/topic"
	"tillpost/outbox"
)

const (
	listDefault = 100
	listMost    = 1000
	cursorBase  = 36 // in which the position of the next page is written
)

// listParameters are those that parseQuery reads.
var listParameters = []string{"terminal", "state", "kind", "day", "q", "limit", "cursor"}

// parseQuery reads the parameters of a list: listParameters alone, each once.
func parseQuery(values url.Values) (Query, *Refusal) {
	q := Query{Limit: listDefault}
	for name, texts := range values {
		text, want, ok := texts[0], "", false
		switch name {
		case "terminal":
			q.Terminal, ok, want = text, topic.ValidID(text), "a terminal's uuid"
		case "state":
			q.State, ok = outbox.ParseState(text)
			want = "a request's state, as queued or in_doubt"
		case "kind":
			q.Kind, ok = outbox.ParseKind(text)
			want = "a kind of request, as order or refund"
		case "day":
			q.Day, ok, want = text, isDay(text), "a day, as 2026-11-20"
		case "q":
			q.Q, ok, want = text, text != "" && len(text) <= 200, "a whole requestId or order uuid"
		case "limit":
			n, err := strconv.Atoi(text)
			q.Limit, ok = n, err == nil && n >= 1 && n <= listMost
			want = "a number from 1 to " + strconv.Itoa(listMost)
		case "cursor":
			n, err := strconv.ParseUint(text, cursorBase, 64)
			q.Before, ok = n, err == nil && n > 0
			want = "the nextCursor of an earlier answer"
		}
		if !ok {
			return q, badParameter(name, "is not "+want)
		}
	}
	return q, nil
}

func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// taking has serve called for a request that has no parameters but these, each of them once.
func taking(serve http.HandlerFunc, known ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if refusal := onlyParameters(r.URL.Query(), known...); refusal != nil {
			writeRefusal(w, refusal)
			return
		}
		serve(w, r)
	}
}

// onlyParameters returns a refusal for parameters that are not known or are there twice.
func onlyParameters(values url.Values, known ...string) *Refusal {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(known, name):
			detail := "there is no parameter " + strconv.Quote(name)
			if len(known) > 0 {
				detail += "; there are " + strings.Join(known, ", ")
			}
			return &Refusal{Status: http.StatusBadRequest, Code: codeUnknownParameter, Detail: detail}
		case len(values[name]) > 1:
			return badParameter(name, "is there twice")
		}
	}
	return nil
}

func badParameter(name, what string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: codeInvalidParameter, Detail: name + " " + what}
}
