package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// apiRoutes are those of the JSON API. All but the decisions only read.
func (s *Server) apiRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/openapi.json", serveOpenAPI)
	mux.HandleFunc("GET /api/v1/agent", taking(s.serveAgent))
	mux.HandleFunc("GET /api/v1/terminals", taking(s.serveTerminals))
	mux.HandleFunc("GET /api/v1/requests", taking(s.serveRequests, listParameters...))
	mux.HandleFunc("GET /api/v1/requests/{id}", taking(s.serveRequest))
	mux.HandleFunc("GET /api/v1/report", taking(s.serveReport, "day"))
	mux.HandleFunc("GET /api/v1/charts", taking(s.serveCharts))
	mux.HandleFunc("GET /api/v1/events", taking(s.serveEvents, "display"))
	mux.HandleFunc("POST /api/v1/requests/{id}/resolution", taking(s.serveResolution))
	mux.HandleFunc("POST /api/v1/requests/{id}/move", taking(s.servePerson("id", s.opts.Source.Move)))
	mux.HandleFunc("POST /api/v1/terminals/{terminal}/pause", taking(s.servePerson("terminal", s.opts.Source.Pause)))
	mux.HandleFunc("POST /api/v1/terminals/{terminal}/resume", taking(s.servePerson("terminal", s.opts.Source.Resume)))
}

func (s *Server) serveAgent(w http.ResponseWriter, r *http.Request) {
	raw, err := json.Marshal(s.opts.Source.Agent())
	if err == nil {
		raw = withMayWrite(raw, s.mayWrite(r))
	}
	s.answer(w, json.RawMessage(raw), http.StatusOK, err)
}

// withMayWrite appends the member mayWrite to a JSON object that has members.
func withMayWrite(object []byte, may bool) []byte {
	return fmt.Appendf(nil, `%s,"mayWrite":%t}`, object[:len(object)-1], may)
}

func (s *Server) serveTerminals(w http.ResponseWriter, r *http.Request) {
	views := []any{}
	for _, t := range s.opts.Source.Terminals() {
		views = append(views, t.View)
	}
	s.answer(w, map[string]any{"terminals": views}, http.StatusOK, nil)
}

func (s *Server) serveRequests(w http.ResponseWriter, r *http.Request) {
	q, refusal := parseQuery(r.URL.Query())
	if refusal != nil {
		writeRefusal(w, refusal)
		return
	}
	v, err := s.inTurn(r, func() (any, error) {
		page, err := s.opts.Source.Requests(q)
		list := struct {
			Requests   []any  `json:"requests"`
			NextCursor string `json:"nextCursor,omitempty"`
		}{Requests: append([]any{}, page.Requests...)}
		if page.Next != 0 {
			list.NextCursor = strconv.FormatUint(page.Next, cursorBase)
		}
		return list, err
	})
	s.answer(w, v, http.StatusOK, err)
}

func (s *Server) serveRequest(w http.ResponseWriter, r *http.Request) {
	ok := false
	v, err := s.inTurn(r, func() (v any, err error) {
		v, ok, err = s.opts.Source.Request(r.PathValue("id"))
		return v, err
	})
	if err == nil && !ok {
		writeProblem(w, http.StatusNotFound, codeUnknownRequest, "no request with that id was ever seen here; is it the requestId that the till gave?")
		return
	}
	s.answer(w, v, http.StatusOK, err)
}

func (s *Server) serveReport(w http.ResponseWriter, r *http.Request) {
	day := r.URL.Query().Get("day")
	if !isDay(day) {
		writeRefusal(w, badParameter("day", "is not a day, as 2026-11-20"))
		return
	}
	// Not in turn: it may call the payment API, and yields by itself.
	v, err := s.opts.Source.Report(r.Context(), day)
	s.answer(w, v, http.StatusOK, err)
}

func (s *Server) serveCharts(w http.ResponseWriter, r *http.Request) {
	v, err := s.inTurn(r, s.opts.Source.Charts)
	s.answer(w, v, http.StatusOK, err)
}

// decision returns the body of a request that changes something; ok is false where that was refused and answered.
func (s *Server) decision(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	if !s.mayWrite(r) {
		writeProblem(w, http.StatusForbidden, codeReadOnly, readOnlyText)
		return nil, false
	}
	body, err := io.ReadAll(r.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		writeProblem(w, http.StatusRequestEntityTooLarge, codeTooLarge, "the body has more than "+strconv.Itoa(maxBodyBytes>>10)+" KiB")
	}
	return body, err == nil // else the client has gone, or was too slow
}

// servePerson calls do with what a person wants of a terminal or a request, {by} and more, and answers 200 with what do
// returns.
func (s *Server) servePerson(what string, do func(ctx context.Context, of string, body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := s.decision(w, r)
		if !ok {
			return
		}
		v, err := do(r.Context(), r.PathValue(what), body)
		s.answer(w, v, http.StatusOK, err)
	}
}

// serveResolution takes {outcome, orderUuid?, revision?, by} for a request in doubt: 200 once it is written with its
// target, 202 while it still waits (a resubmission does), 409 or another 4xx with the reason where it was not taken.
func (s *Server) serveResolution(w http.ResponseWriter, r *http.Request) {
	body, ok := s.decision(w, r)
	if !ok {
		return
	}
	v, settled, err := s.opts.Source.Resolve(r.Context(), r.PathValue("id"), body)
	status := http.StatusOK
	if !settled {
		status = http.StatusAccepted
	}
	s.answer(w, v, status, err)
}

// errGone is why nothing was read: the client left before its turn.
var errGone = errors.New("the client has gone")

// inTurn calls read and marshals what it returns, for one client after the other: many clients that list requests all day
// must not take the processor from the lanes. The turn does not include the writing, for which a client may take its
// time.
func (s *Server) inTurn(r *http.Request, read func() (v any, err error)) (raw json.RawMessage, err error) {
	err = s.takeTurn(r, func() error {
		v, err := read()
		if err == nil {
			raw, err = json.Marshal(v)
		}
		return err
	})
	return raw, err
}

// takeTurn is inTurn without the marshalling.
func (s *Server) takeTurn(r *http.Request, read func() error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
		return read()
	case <-r.Context().Done():
		return errGone
	}
}

func (s *Server) answer(w http.ResponseWriter, v any, status int, err error) {
	var refusal *Refusal
	switch {
	case err == nil:
		writeJSON(w, status, v)
	case errors.Is(err, errGone): // nobody is left to answer
	case errors.As(err, &refusal):
		writeRefusal(w, refusal)
	default:
		s.opts.Logger.Error("a request of the JSON API could not be answered", "err", err)
		writeProblem(w, http.StatusInternalServerError, codeInternal, "the outbox could not be read or written; the log says why")
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		writeProblem(w, http.StatusInternalServerError, codeInternal, "the answer could not be written as JSON")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n')) // an error is the client's having gone
}

// stamp returns a time as all messages write it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
