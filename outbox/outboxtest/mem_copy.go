package outboxtest

// Copy gives the contents as a snapshot of the machine keeps them, generation and all: what is put back later is
// Reopened as if nothing had been since.
func (m *Mem) Copy() *Mem {
	n := m.Reopen(m.o)
	n.generation--
	return n
}

// AcceptRollback is as the real store's, but that it may be called while m is in use.
func (m *Mem) AcceptRollback() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rolledBack = false
}
