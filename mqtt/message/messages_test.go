package message

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tillpost/mqtt"
)

func TestMessagesMarshal(t *testing.T) {
	t.Parallel()
	at := At(time.Date(2026, 11, 20, 13, 4, 5, 6_789_000, time.FixedZone("CET", 3600)))
	round := At(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	rejection := &Rejection{Code: CodeInvalidRequest, Message: "m", Errors: []FieldError{{Path: "/a", Message: "must"}}}
	tests := []struct {
		name string
		v    any
		want string
	}{
		{
			"status, least", Status{RequestID: "r", Kind: mqtt.KindOrder, TerminalUUID: "T", State: "queued", Revision: 1, At: at},
			`{"requestId":"r","kind":"order","terminalUuid":"T","state":"queued","final":false,"revision":1,"at":"2026-11-20T12:04:05.006Z"}`,
		},
		{
			"status, most", Status{
				RequestID: "r", Kind: mqtt.KindRefund, TerminalUUID: "T", State: "paid", Final: true, Revision: 9, At: round, OrderUUID: "ODR1",
				TargetRequestID: "o", Amount: NewAmount(4205, "NOK"), QueuePosition: 2,
				Waiting: &Waiting{Code: "terminalIsBusy", Since: round, Attempts: 3, NextAttemptAt: at},
				Reason:  &Reason{Code: "orderNotFound", Message: "m", HTTPStatus: 404, Errors: json.RawMessage(`"Array"`)}, Late: true,
			},
			`{"requestId":"r","kind":"refund","terminalUuid":"T","state":"paid","final":true,"revision":9,"at":"2026-11-20T12:00:00.000Z","orderUuid":"ODR1","targetRequestId":"o","amount":{"value":"42.05","currency":"NOK"},"queuePosition":2,"waiting":{"code":"terminalIsBusy","since":"2026-11-20T12:00:00.000Z","attempts":3,"nextAttemptAt":"2026-11-20T12:04:05.006Z"},"reason":{"code":"orderNotFound","message":"m","httpStatus":404,"errors":"Array"},"late":true}`,
		},
		{"waiting, least", Waiting{Code: "behind", Since: round}, `{"code":"behind","since":"2026-11-20T12:00:00.000Z","attempts":0}`},
		{
			"reject", Reject{At: round, Topic: "t", RequestID: "r", Reason: rejection.Reason()},
			`{"at":"2026-11-20T12:00:00.000Z","topic":"t","requestId":"r","reason":{"code":"invalidRequest","message":"m","errors":[{"path":"/a","message":"must"}]}}`,
		},
		{
			"reject, least", Reject{At: round, Topic: "t", Reason: (&Rejection{Code: CodeNotJSON, Message: "m"}).Reason()},
			`{"at":"2026-11-20T12:00:00.000Z","topic":"t","reason":{"code":"notJSON","message":"m","errors":[{"path":"","message":"m"}]}}`,
		},
		{
			"display", Display{TerminalUUID: "T", Name: "Kasse 1", Phase: PhaseChecking, RequestID: "r", Kind: mqtt.KindOrder, Amount: NewAmount(5, "NOK"), QueueLength: 1, Since: round, Text: PhaseChecking.Text()},
			`{"terminalUuid":"T","name":"Kasse 1","phase":"checking","requestId":"r","kind":"order","amount":{"value":"0.05","currency":"NOK"},"queueLength":1,"since":"2026-11-20T12:00:00.000Z","text":{"no":"Vi kontrollerer betalingen. Ikke betal på nytt.","en":"We are checking the payment. Please do not pay again.","sv":"Vi kontrollerar betalningen. Betala inte igen.","da":"Vi kontrollerer betalingen. Betal ikke igen.","de":"Wir prüfen die Zahlung. Bitte nicht erneut bezahlen."}}`,
		},
		{"terminals", []TerminalInfo{{UUID: "T", Name: "Kasse 1", Active: true}}, `[{"uuid":"T","name":"Kasse 1","active":true,"queueLength":0,"lane":""}]`},
		{"a paused terminal", []TerminalInfo{{UUID: "T", Lane: "paused", Paused: &Paused{By: "Kari", Since: At(time.Unix(0, 0))}}},
			`[{"uuid":"T","name":"","active":false,"queueLength":0,"lane":"paused","paused":{"by":"Kari","since":"1970-01-01T00:00:00.000Z"}}]`},
		{
			"agent", AgentState{State: AgentOnline, Version: "1", Since: round, Instance: "i", Generation: 3},
			`{"state":"online","version":"1","since":"2026-11-20T12:00:00.000Z","instance":"i","generation":3,"settledThrough":{"accepted":0,"commits":0},"problems":[]}`,
		},
		{
			"agent, degraded", &AgentState{State: AgentDegraded, Problems: []Problem{{Code: "apiUnreachable", Message: "m", Since: round}}, Since: round},
			`{"state":"degraded","version":"","since":"2026-11-20T12:00:00.000Z","instance":"","generation":0,"settledThrough":{"accepted":0,"commits":0},"problems":[{"code":"apiUnreachable","message":"m","since":"2026-11-20T12:00:00.000Z"}]}`,
		},
	}
	for _, tt := range tests {
		got, err := json.Marshal(tt.v)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %v\n got %s\nwant %s", tt.name, err, got, tt.want)
		}
	}
	var back Status
	if err := json.Unmarshal([]byte(tests[1].want), &back); err != nil || !back.At.Equal(round.Time) || back.Waiting.Attempts != 3 {
		t.Errorf("a status does not read back: %v %+v", err, back)
	}
}

func TestAmountValue(t *testing.T) {
	t.Parallel()
	for ore, want := range map[int64]string{0: "0.00", 1: "0.01", 10: "0.10", 100: "1.00", 99_999_999_999: "999999999.99", -5: "-0.05", -1 << 63: "-92233720368547758.08"} {
		if got := NewAmount(ore, "NOK").Value; got != want {
			t.Errorf("%d øre are %s, want %s", ore, got, want)
		}
	}
}

func TestDisplayTexts(t *testing.T) {
	t.Parallel()
	for _, p := range Phases() {
		text := p.Text()
		for _, s := range []string{text.Norwegian, text.English, text.Swedish, text.Danish, text.German} {
			if s == "" || strings.TrimSpace(s) != s {
				t.Errorf("phase %s: %q", p, s)
			}
		}
		if p != PhaseAskStaff && text == PhaseAskStaff.Text() {
			t.Errorf("phase %s has no text of its own", p)
		}
	}
	if len(displayTexts) != len(Phases()) {
		t.Errorf("%d texts for %d phases", len(displayTexts), len(Phases()))
	}
	if Phase("new").Text() != PhaseAskStaff.Text() {
		t.Error("an unknown phase does not ask for the staff")
	}
}
