package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"tillpost/agent/config"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

func at(clock string) message.Timestamp {
	t, err := time.Parse(time.DateTime, "2026-11-20 "+clock)
	if err != nil {
		panic(err)
	}
	return message.At(t)
}

func TestStatusWords(t *testing.T) {
	t.Parallel()
	amount := message.NewAmount(4200, "NOK")
	tests := []struct {
		status message.Status
		want   string
	}{
		{message.Status{State: "sending"}, "sending"},
		{message.Status{State: "paid", Amount: amount, OrderUUID: "ODR1"}, "paid: 42.00 NOK; ODR1"},
		{message.Status{State: "paid", Amount: amount, Late: true}, "paid: late: found after the request had ended; 42.00 NOK"},
		{message.Status{State: "queued", QueuePosition: 1}, "queued: next in line"},
		{
			message.Status{State: "queued", QueuePosition: 3, Waiting: &message.Waiting{Code: "behind"}},
			"queued: number 3 in line; others are before it",
		},
		{
			message.Status{State: "queued", QueuePosition: 1, Waiting: &message.Waiting{Code: "terminalIsBusy", Attempts: 1}},
			"queued: next in line; the terminal is busy, tried once",
		},
		{
			message.Status{State: "queued", QueuePosition: 1, Waiting: &message.Waiting{Code: "terminalIsBusy", Attempts: 3, NextAttemptAt: at("23:30:05")}},
			"queued: next in line; the terminal is busy, tried 3 times, again at 00:30:05",
		},
		{message.Status{State: "in_doubt", Waiting: &message.Waiting{Code: "new one"}}, "in_doubt: it may have reached the API; the agent looks for it; waits: new one"},
		{
			message.Status{State: "rejected", Reason: &message.Reason{Code: "terminalNotFound", Message: "terminalNotFound", HTTPStatus: 417}},
			"rejected: terminalNotFound (HTTP 417)",
		},
		{
			message.Status{State: "rejected", Reason: &message.Reason{
				Code: "invalidRequest", Message: "2 faults",
				Errors: json.RawMessage(`[{"path":"/order/x","message":"must go"},{"path":"","message":"is odd"}]`),
			}},
			"rejected: invalidRequest, 2 faults; /order/x must go; the payload is odd",
		},
		{
			message.Status{State: "rejected", Reason: &message.Reason{
				Code: "invalidRequest", Message: "2 faults, the first: /order/x must go",
				Errors: json.RawMessage(`[{"path":"/order/x","message":"must go"},{"path":"/x","message":"must go"}]`),
			}},
			"rejected: invalidRequest, 2 faults, the first: /order/x must go; /x must go",
		},
		{
			message.Status{State: "rejected", Reason: &message.Reason{
				Code: "unknownTerminal", Message: "there is no terminal T", Errors: json.RawMessage(`[{"path":"","message":"there is no terminal T"}]`),
			}},
			"rejected: unknownTerminal, there is no terminal T",
		},
		{
			message.Status{State: "rejected", Reason: &message.Reason{Code: "c", Errors: json.RawMessage(`{"a":["b"]}`)}},
			`rejected: c; {"a":["b"]}`,
		},
		{message.Status{State: "rejected", Reason: &message.Reason{Code: "c", Message: "two\nlines\x1b[2J"}}, "rejected: c, two·lines·[2J"},
	}
	for _, test := range tests {
		if got := statusWords(test.status, time.FixedZone("", 3600)); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestReasonWordsAreBounded(t *testing.T) {
	t.Parallel()
	long, err := json.Marshal(strings.Repeat("æ", 10000))
	if err != nil {
		t.Fatal(err)
	}
	got := reasonWords(message.Reason{Code: "c", Errors: long})
	if len(got) > maxReasonErrors+20 || !strings.HasSuffix(got, "æ …") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

// What the agent may say has words here, or needs none.
func TestEveryStateAndWaitHasWords(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, k := range []outbox.Kind{outbox.KindOrder, outbox.KindRefund, outbox.KindApproval, outbox.KindCancel} {
		for _, s := range outbox.States(k) {
			known[s.String()] = true
			if endedWell(s.String()) && !s.Final() {
				t.Errorf("%s is no end", s)
			}
		}
	}
	for name := range stateWords {
		if !known[name] {
			t.Errorf("there is no state %s", name)
		}
	}
	for _, code := range []string{
		outbox.WaitBehind, outbox.WaitBusy, outbox.WaitAPIUnreachable, outbox.WaitAPIError, outbox.WaitRateLimited,
		outbox.WaitUnauthorized, outbox.WaitClockUnknown, outbox.WaitForOrder, outbox.WaitChecking, outbox.WaitNeedsStaff,
		outbox.WaitWrongAccount, outbox.WaitRolledBack, outbox.WaitAnotherAgent,
	} {
		if waitingWords[code] == "" {
			t.Errorf("%s has no words", code)
		}
	}
}

func TestOtherWords(t *testing.T) {
	t.Parallel()
	tests := []struct{ got, want string }{
		{agentWords(message.AgentState{State: "online", Version: "v1"}, time.UTC), "online: version v1"},
		{agentWords(message.AgentState{State: "offline", Version: "v1", Problems: []message.Problem{{Code: "old"}}}, time.UTC), "offline"},
		{agentWords(message.AgentState{State: "degraded", Version: "v1", Problems: []message.Problem{
			{Code: "apiUnreachable", Message: "the API does not answer", Since: at("08:00:00")},
			{Code: "needsStaff", Message: "look", RequestID: "r1"},
		}}, time.UTC), "degraded: apiUnreachable since 08:00:00, the API does not answer; needsStaff, look (request r1)"},
		{displayWords(message.Display{Phase: "idle"}), "idle"},
		{displayWords(message.Display{Phase: "present_card", Kind: "order", RequestID: "r1", Amount: message.NewAmount(5, "NOK")}), "present_card: 0.05 NOK; order r1"},
		{rejectWords(message.Reject{Topic: "t/x", Reason: &message.Reason{Code: "notJSON", Message: "m"}}), "a message without a usable requestId on t/x: notJSON, m"},
		{rejectWords(message.Reject{Topic: "t\x00", RequestID: "r1"}), "r1 on t·"},
		{terminalsWords(nil), "none"},
		{terminalsWords([]message.TerminalInfo{{UUID: "T1", Name: "Kiosk", Active: true, QueueLength: 3}, {UUID: "T2"}}), "T1 Kiosk, T2 (not active)"},
		{terminalsWords([]message.TerminalInfo{{UUID: "T1", Active: true, Paused: &message.Paused{By: "Kari"}}}), "T1 (paused by Kari)"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got  %s\nwant %s", test.got, test.want)
		}
	}
}

func TestTell(t *testing.T) {
	t.Parallel()
	faults := &config.Error{File: "t.toml", Faults: []config.Fault{{Line: 1, Column: 2, Problem: "a"}, {Line: 3, Column: 4, Key: "k", Problem: "b", Want: "c"}}}
	tests := []struct {
		err  error
		code int
		want string
	}{
		{nil, 0, ""},
		{errors.New("broken"), 1, "tillpost: broken\n"},
		{fmt.Errorf("one\n%s", "two\n  three\n"), 1, "tillpost: one; two; three\n"},
		{usagef("no %s", "way"), 2, "tillpost: no way\n"},
		{faults, 1, "t.toml:1:2: a\nt.toml:3:4: k: b; c\n"},
		{fmt.Errorf("x: %w", &faultsError{[]string{"f: a", "f: b"}}), 1, "tillpost: f: a\ntillpost: f: b\n"},
	}
	for _, test := range tests {
		var b strings.Builder
		if code := printError(&b, test.err); code != test.code || b.String() != test.want {
			t.Errorf("%v: %d %q", test.err, code, b.String())
		}
	}
}

// TestEveryEventHasWords, here and on the page.
func TestEveryEventHasWords(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../monitor/web/words.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range outbox.EventTypes() {
		if eventWords[e.String()] == "" {
			t.Errorf("show has no words for %s", e)
		}
		if !strings.Contains(string(page), " "+e.String()+": '") {
			t.Errorf("words.js has none for %s", e)
		}
	}
}
