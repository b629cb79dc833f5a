package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"tillpost/internal/term"
	"tillpost/mqtt"
)

// screen is where a person, or a script, reads what happens: facts on out, remarks on notes.
type screen struct {
	out, notes io.Writer
	local      *time.Location
	now        func() time.Time
}

// say writes one fact. The time is in the local zone, with its day unless that is today.
func (s *screen) say(at time.Time, words string) error {
	_, err := fmt.Fprintf(s.out, "%s  %s\n", s.stamp(at), words)
	return err
}

// note writes a remark.
func (s *screen) note(format string, args ...any) {
	// A remark that nobody reads is no failure.
	_, _ = fmt.Fprintf(s.notes, "%s  %s\n", s.stamp(s.now()), term.Printable(fmt.Sprintf(format, args...)))
}

// raw writes a JSON value in one line; it writes nothing for what is not JSON.
func (s *screen) raw(value []byte) error {
	if !json.Valid(value) {
		s.note("a message that is not JSON is left out")
		return nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, value); err != nil {
		return err
	}
	line.WriteByte('\n')
	_, err := s.out.Write(line.Bytes())
	return err
}

func (s *screen) stamp(at time.Time) string {
	at, now := at.In(s.local), s.now().In(s.local)
	if at.Year() == now.Year() && at.YearDay() == now.YearDay() {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateTime)
}

// read reads a message; ok is false for one that can't be read, which is remarked on.
func read[T any](s *screen, d mqtt.Delivery) (v T, ok bool) {
	if err := json.Unmarshal(d.Payload, &v); err != nil {
		s.note("a message on %s can't be read: %v", d.Topic, err)
		return v, false
	}
	return v, true
}
