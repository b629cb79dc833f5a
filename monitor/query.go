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
)

// listParameters are those that parseQuery reads.
var listParameters = []string{"terminal", "state", "kind", "day", "q", "limit", "cursor"}

// parseQuery reads the parameters of a list: listParameters alone, each once.
func parseQuery(values url.Values) (Query, *Refusal) {
	q := Query{Limit: listDefault}
	set := map[string]func(text string) (ok bool, want string){
		"terminal": func(text string) (bool, string) {
			q.Terminal = text
			return topic.ValidID(text), "a terminal's uuid"
		},
		"state": func(text string) (ok bool, want string) {
			q.State, ok = outbox.ParseState(text)
			return ok, "a request's state, as queued or in_doubt"
		},
		"kind": func(text string) (ok bool, want string) {
			q.Kind, ok = outbox.ParseKind(text)
			return ok, "a kind of request, as order or refund"
		},
		"day": func(text string) (bool, string) {
			q.Day = text
			return isDay(text), "a day, as 2026-11-20"
		},
		"q": func(text string) (bool, string) {
			q.Q = text
			return text != "" && len(text) <= 200, "a whole requestId or order uuid"
		},
		"limit": func(text string) (bool, string) {
			n, err := strconv.Atoi(text)
			q.Limit = n
			return err == nil && n >= 1 && n <= listMost, "a number from 1 to " + strconv.Itoa(listMost)
		},
		"cursor": func(text string) (bool, string) {
			n, err := strconv.ParseUint(text, 36, 64)
			q.Before = n
			return err == nil && n > 0, "the nextCursor of an earlier answer"
		},
	}
	for name, texts := range values {
		if ok, want := set[name](texts[0]); !ok {
			return q, badParameter(name, "is not "+want)
		}
	}
	return q, nil
}

// cursor returns the position of the next page as text.
func cursor(before uint64) string { return strconv.FormatUint(before, 36) }

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
