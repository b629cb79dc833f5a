package monitor

import (
	"encoding/json"
	"errors"
	"net/http"
)

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
