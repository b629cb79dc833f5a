package outbox

// moveToTerminal puts a request of which no byte ever left at the end of another terminal's queue. What it was waiting
// for is cleared.
func (m *transition) moveToTerminal() {
	r := &m.r
	if !r.Kind.Laned() || !r.NeverSent() || r.CancelWanted || m.e.To == "" || m.e.To == r.Terminal {
		m.ignore(ignoredStale)
		return
	}
	r.Earlier = r.Terminals()
	r.Terminal, r.Moved = m.e.To, m.e.Number
	m.enter(StateQueued, nil, nil)
	m.expireTimer()
}
