package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/term"
)

// callLog is a simulator that writes a line for each call once it has ended.
type callLog struct {
	sim *simulator.Simulator

	mu   sync.Mutex
	out  io.Writer
	last simulator.Call // the last one written
}

// ServeHTTP implements http.Handler.
func (l *callLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer l.write() // also where the simulator aborts the connection by a panic
	l.sim.ServeHTTP(w, r)
}

// write brings the log up to date. One call of it may write what several calls left.
func (l *callLog) write() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range newer(l.sim.Calls(), l.last) {
		l.last = c
		// Without a log the simulator works all the same.
		_, _ = io.WriteString(l.out, callLine(c)+"\n")
	}
}

// newer returns what follows last in calls; all of them if it is not there.
func newer(calls []simulator.Call, last simulator.Call) []simulator.Call {
	for i, c := range slices.Backward(calls) {
		if c == last {
			return calls[i+1:]
		}
	}
	return calls
}

func callLine(c simulator.Call) string {
	line := c.At.Local().Format(time.TimeOnly) + " " + string(c.Operation)
	if c.UUID != "" {
		line += " " + term.Printable(c.UUID)
	}
	if c.Status == 0 {
		line += " connection closed"
	} else {
		line += fmt.Sprintf(" %d", c.Status)
	}
	if c.Fault != "" {
		line += " (fault " + string(c.Fault) + ")"
	}
	return line
}
