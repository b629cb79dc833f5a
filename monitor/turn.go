package monitor

import (
	"encoding/json"
	"errors"
	"net/http"
)

// errGone is why nothing was read: the client did not wait for its turn.
var errGone = errors.New("the client has gone")

// inTurn reads from the outbox and makes JSON of it, one answer after the other: many clients that list requests all day
// must not take the processor from the lanes. The turn does not include the writing, for which a client may take its
// time.
func (s *Server) inTurn(r *http.Request, read func() (v any, err error)) (json.RawMessage, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-r.Context().Done():
		return nil, errGone
	}
	v, err := read()
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
