package monitor

import "time"

// RequestAccepted counts a request that is on disk. kind is that of the status
// message ("order", "refund", …).
func (m *Metrics) RequestAccepted(kind string) {
	m.accepted.WithLabelValues(fold(m.kinds, kind)).Inc()
}

// RequestRefused counts a message that was refused at the door. reason is the
// code of the refusal; one that NewMetrics was not called with counts as "other".
func (m *Metrics) RequestRefused(reason string) {
	m.refused.WithLabelValues(fold(m.reasons, reason)).Inc()
}

// RequestFinished counts an entry of a request into a final state; a request
// that late evidence moves to another final state counts in both. endToEnd is
// the time since its acceptance, observed only if known is true: it is false for a
// request accepted in an earlier boot without a known time, and should be for a
// second final state.
func (m *Metrics) RequestFinished(kind, state string, endToEnd time.Duration, known bool) {
	kind = fold(m.kinds, kind)
	m.finished.WithLabelValues(kind, fold(m.kinds[kind], state)).Inc()
	if known {
		m.endToEnd.WithLabelValues(kind).Observe(max(endToEnd, 0).Seconds())
	}
}

// TerminalBusy counts an answer of the API that the terminal is busy.
func (m *Metrics) TerminalBusy(terminal string) { m.queues.terminalBusy(terminal) }

// APICall counts a finished call of the payment API. operation and outcome are
// the names of the client's closed lists ("create", "ambiguous").
func (m *Metrics) APICall(operation, outcome string, d time.Duration) {
	operation = fold(m.operations, operation)
	m.apiCalls.WithLabelValues(operation, fold(m.outcomes, outcome)).Inc()
	m.apiDuration.WithLabelValues(operation).Observe(d.Seconds())
}

// APIUp sets whether the payment API answers.
func (m *Metrics) APIUp(up bool) { m.apiUp.Set(truth(up)) }

// APIRateRemaining sets how many calls are left in the API's window (its header
// x-ratelimit-remaining).
func (m *Metrics) APIRateRemaining(calls int) { m.rateRemaining.Set(float64(calls)) }

// MQTTConnected sets whether the broker is connected and subscribed.
func (m *Metrics) MQTTConnected(connected bool) { m.mqttConnected.Set(truth(connected)) }

// MQTTReconnect counts a connection to the broker after the first one.
func (m *Metrics) MQTTReconnect() { m.mqttReconnects.Inc() }

// OutboxCommit observes how long one durable commit took.
func (m *Metrics) OutboxCommit(d time.Duration) { m.commitDuration.Observe(d.Seconds()) }

// LatePayment counts a payment found after its order had ended otherwise.
func (m *Metrics) LatePayment() { m.latePayments.Inc() }

// StuckRequest counts a request that nothing would have moved on.
func (m *Metrics) StuckRequest() { m.stuck.Inc() }

// ClockSynchronized sets whether the clock is known to be right.
func (m *Metrics) ClockSynchronized(synchronized bool) { m.clockSynced.Set(truth(synchronized)) }

// ClockSkew sets how far the clock is ahead of the payment API's (its Date
// header, so to a second), negative if it is behind.
func (m *Metrics) ClockSkew(skew time.Duration) { m.clockSkew.Set(skew.Seconds()) }

// IgnoredEvent counts an event that had no meaning in the state that its
// request was in. Both are names of the state machine's closed lists.
func (m *Metrics) IgnoredEvent(state, event string) {
	pair := [2]string{state, event}
	m.ignoredMu.Lock()
	if _, known := m.ignoredPairs[pair]; !known {
		if len(m.ignoredPairs) < maxIgnoredPairs {
			m.ignoredPairs[pair] = struct{}{}
		} else {
			pair = [2]string{other, other}
		}
	}
	m.ignoredMu.Unlock()
	m.ignored.WithLabelValues(pair[0], pair[1]).Inc()
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
