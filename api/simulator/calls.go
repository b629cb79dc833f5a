package simulator

import "time"

// callsKept is how many calls are remembered one by one; all are counted.
const callsKept = 1000

// Call is one call of the API that arrived.
type Call struct {
	At        time.Time `json:"at"` // when it was answered or cut off
	Operation Operation `json:"operation"`
	Method    string    `json:"method"`
	UUID      string    `json:"uuid,omitempty"` // the order or organisation named in the path
	Status    int       `json:"status"`         // HTTP status sent, 0 if the connection was closed instead
	Fault     Kind      `json:"fault,omitempty"`
}

// arrive counts a call and returns the fault that applies to it.
func (s *Simulator) arrive(req *request) Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[req.op]++
	if o := s.orders[req.uuid]; o != nil {
		o.Calls[req.op]++
		return s.takeFault(req.op, o.Terminal, o.UUID, o.References)
	}
	terminal, _ := req.payload["terminalUuid"].(string)
	return s.takeFault(req.op, terminal, req.uuid, references(req.payload))
}

// record keeps a call that has ended.
func (s *Simulator) record(req *request, act Action, status int) {
	c := Call{Operation: req.op, Method: req.method, UUID: req.uuid, Status: status, Fault: act.Kind}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.At = s.opts.Clock()
	if len(s.calls) < callsKept {
		s.calls = append(s.calls, c)
		return
	}
	s.calls[s.callsAt] = c
	s.callsAt = (s.callsAt + 1) % callsKept
}

// Calls returns the last thousand calls in the order of their end.
func (s *Simulator) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(append([]Call(nil), s.calls[s.callsAt:]...), s.calls[:s.callsAt]...)
}

// Count returns how many calls of an operation have arrived, whatever became of
// them; calls that met SetDown are not among them. OpCallback counts callbacks made.
func (s *Simulator) Count(op Operation) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[op]
}

// SetToken changes the token that calls must carry; "" accepts any.
func (s *Simulator) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}
