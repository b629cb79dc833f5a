package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
)

// Requests is what the JSON API shows, and what it may change. The values are marshalled as they are: they have the
// shape of the status message. Its methods are called by many requests at once.
type Requests interface {
	// Request gives a request with its history; ok is false for an id that was never seen.
	Request(id string) (v any, ok bool, err error)
	// Requests gives the newest requests, at most limit, of one terminal and state where those are not "".
	Requests(terminal, state string, limit int) (v any, err error)
	// Terminals gives the terminals as they are published.
	Terminals() any
	// Resolve carries a person's decision out. The answer is the resolution's own status; settled is false while it
	// still waits. An error is a *Refusal or a fault of the agent.
	Resolve(ctx context.Context, id string, body []byte) (v any, settled bool, err error)
}

// Refusal is why a request of the JSON API was not carried out.
type Refusal struct {
	// Status is the HTTP status that fits.
	Status int `json:"-"`
	// Reason has the shape of a status message's reason.
	Reason any `json:"reason"`
}

func (r *Refusal) Error() string { return "refused: " + http.StatusText(r.Status) }

const (
	listDefault = 100
	listMost    = 1000
)

func (s *Server) requestRoutes(mux *http.ServeMux) {
	if s.opts.Requests == nil {
		return
	}
	mux.HandleFunc("GET /api/v1/requests", s.serveRequests)
	mux.HandleFunc("GET /api/v1/requests/{id}", s.serveRequest)
	mux.HandleFunc("POST /api/v1/requests/{id}/resolution", s.serveResolution)
	mux.HandleFunc("GET /api/v1/terminals", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.opts.Requests.Terminals())
	})
}

func (s *Server) serveRequests(w http.ResponseWriter, r *http.Request) {
	q, limit := r.URL.Query(), listDefault
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > listMost {
			writeText(w, http.StatusBadRequest, "limit is a number from 1 to "+strconv.Itoa(listMost)+"\n")
			return
		}
		limit = n
	}
	v, err := s.inTurn(r, func() (any, error) { return s.opts.Requests.Requests(q.Get("terminal"), q.Get("state"), limit) })
	s.answer(w, v, http.StatusOK, err)
}

func (s *Server) serveRequest(w http.ResponseWriter, r *http.Request) {
	ok := false
	v, err := s.inTurn(r, func() (v any, err error) {
		v, ok, err = s.opts.Requests.Request(r.PathValue("id"))
		return v, err
	})
	if err == nil && !ok {
		writeText(w, http.StatusNotFound, "no request with that id was ever seen here; is it the requestId that the till gave?\n")
		return
	}
	s.answer(w, v, http.StatusOK, err)
}

// serveResolution takes {outcome, orderUuid?, revision?, by} for a request in doubt: 200 once it is written with its
// target, 202 while it still waits (a resubmission does), 409 or another 4xx with the reason where it was not taken.
func (s *Server) serveResolution(w http.ResponseWriter, r *http.Request) {
	if !s.mayWrite(r) {
		writeText(w, http.StatusForbidden, "without users in http.web_config_file, changes are taken from this machine only\n")
		return
	}
	body, err := io.ReadAll(r.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		writeText(w, http.StatusRequestEntityTooLarge, "the body has more than "+strconv.Itoa(maxBodyBytes>>10)+" KiB\n")
		return
	} else if err != nil {
		return // the client has gone, or was too slow
	}
	v, settled, err := s.opts.Requests.Resolve(r.Context(), r.PathValue("id"), body)
	status := http.StatusOK
	if !settled {
		status = http.StatusAccepted
	}
	s.answer(w, v, status, err)
}

func (s *Server) answer(w http.ResponseWriter, v any, status int, err error) {
	var refusal *Refusal
	switch {
	case err == nil:
		writeJSON(w, status, v)
	case errors.Is(err, errGone): // nobody is left to tell
	case errors.As(err, &refusal):
		writeJSON(w, refusal.Status, refusal)
	default:
		s.opts.Logger.Error("a request of the JSON API could not be answered", "err", err)
		writeText(w, http.StatusInternalServerError, "the outbox could not be read; the log says why\n")
	}
}

// mayWrite tells whether a client may change something: any user that the web configuration let in, else this machine.
func (s *Server) mayWrite(r *http.Request) bool {
	if hasUsers(s.opts.WebConfigFile) {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		writeText(w, http.StatusInternalServerError, "the answer could not be written as JSON\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n')) // an error is the client's having gone
}
