package monitor

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

var queueNames = []string{
	"tillpost_queue_length", "tillpost_queue_oldest_age_seconds",
	"tillpost_requests_in_doubt", "tillpost_lane_state", "tillpost_terminal_busy_total",
}

func TestQueueMetricsFollowTheSource(t *testing.T) {
	t.Parallel()
	stats := []QueueStat{
		{Terminal: "TRML2", Lane: LaneIdle},
		{Terminal: "TRML1", Length: 3, OldestAge: 90 * time.Second, InDoubt: 1, Lane: LaneInDoubt},
	}
	m := metricsOf(Sources{Queues: func() []QueueStat { return stats }})
	m.TerminalBusy("TRML1")
	m.TerminalBusy("TRML1")
	compare(t, m, `# HELP tillpost_lane_state What the terminal's lane is doing: 1 for its current state, 0 for the others.
# TYPE tillpost_lane_state gauge
tillpost_lane_state{state="busy",terminal="TRML1"} 0
tillpost_lane_state{state="busy",terminal="TRML2"} 0
tillpost_lane_state{state="idle",terminal="TRML1"} 0
tillpost_lane_state{state="idle",terminal="TRML2"} 1
tillpost_lane_state{state="in_doubt",terminal="TRML1"} 1
tillpost_lane_state{state="in_doubt",terminal="TRML2"} 0
tillpost_lane_state{state="paused",terminal="TRML1"} 0
tillpost_lane_state{state="paused",terminal="TRML2"} 0
tillpost_lane_state{state="waiting",terminal="TRML1"} 0
tillpost_lane_state{state="waiting",terminal="TRML2"} 0
# HELP tillpost_queue_length Requests that wait for their turn, by terminal.
# TYPE tillpost_queue_length gauge
tillpost_queue_length{terminal="TRML1"} 3
tillpost_queue_length{terminal="TRML2"} 0
# HELP tillpost_queue_oldest_age_seconds Age of the oldest waiting request, by terminal; 0 if none waits.
# TYPE tillpost_queue_oldest_age_seconds gauge
tillpost_queue_oldest_age_seconds{terminal="TRML1"} 90
tillpost_queue_oldest_age_seconds{terminal="TRML2"} 0
# HELP tillpost_requests_in_doubt Requests in doubt, by terminal.
# TYPE tillpost_requests_in_doubt gauge
tillpost_requests_in_doubt{terminal="TRML1"} 1
tillpost_requests_in_doubt{terminal="TRML2"} 0
# HELP tillpost_terminal_busy_total Answers of the payment API that the terminal is busy, by terminal.
# TYPE tillpost_terminal_busy_total counter
tillpost_terminal_busy_total{terminal="TRML1"} 2
tillpost_terminal_busy_total{terminal="TRML2"} 0
`, queueNames...)

	// Gauges go with their terminal; the counter that was counted stays.
	stats = nil
	compare(t, m, `# HELP tillpost_terminal_busy_total Answers of the payment API that the terminal is busy, by terminal.
# TYPE tillpost_terminal_busy_total counter
tillpost_terminal_busy_total{terminal="TRML1"} 2
`, queueNames...)
}

// TestOneBadTerminalDoesNotSpoilTheScrape: a duplicate or a name that is no
// UTF-8 makes the registry refuse to gather anything.
func TestOneBadTerminalDoesNotSpoilTheScrape(t *testing.T) {
	t.Parallel()
	m := metricsOf(Sources{Queues: fixedQueues{
		{Terminal: "TRML1", Length: 1},
		{Terminal: "TRML1", Length: 2},
		{Terminal: "bad\xff", Length: 4, OldestAge: 2 * time.Second},
		{Terminal: "", Length: 8, OldestAge: time.Second, InDoubt: 1},
	}.Queues})
	compare(t, m, `# HELP tillpost_queue_length Requests that wait for their turn, by terminal.
# TYPE tillpost_queue_length gauge
tillpost_queue_length{terminal="TRML1"} 1
tillpost_queue_length{terminal="other"} 12
# HELP tillpost_queue_oldest_age_seconds Age of the oldest waiting request, by terminal; 0 if none waits.
# TYPE tillpost_queue_oldest_age_seconds gauge
tillpost_queue_oldest_age_seconds{terminal="TRML1"} 0
tillpost_queue_oldest_age_seconds{terminal="other"} 2
# HELP tillpost_requests_in_doubt Requests in doubt, by terminal.
# TYPE tillpost_requests_in_doubt gauge
tillpost_requests_in_doubt{terminal="TRML1"} 0
tillpost_requests_in_doubt{terminal="other"} 1
`, "tillpost_queue_length", "tillpost_queue_oldest_age_seconds", "tillpost_requests_in_doubt")
}

func TestTerminalsAreCapped(t *testing.T) {
	t.Parallel()
	var stats fixedQueues
	m := metricsOf(Sources{Queues: func() []QueueStat { return stats }})
	for i := range maxTerminals + 7 {
		stats = append(stats, QueueStat{Terminal: fmt.Sprintf("TRML%04d", i), Length: 1, Lane: LaneIdle})
		m.TerminalBusy(fmt.Sprintf("GONE%04d", i))
	}
	for name, want := range map[string]int{
		"tillpost_queue_length":        maxTerminals + 1,
		"tillpost_lane_state":          maxTerminals * len(laneStates),
		"tillpost_terminal_busy_total": 2*maxTerminals + 1, // listed at zero, and counted
	} {
		if got, err := testutil.GatherAndCount(m.Registry(), name); err != nil || got != want {
			t.Errorf("%s: %d series, error %v; want %d", name, got, err, want)
		}
	}
	if got := m.queues.counts[other]; got != 7 {
		t.Errorf("busy{other} = %d, want 7", got)
	}
}
