package e2e

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tillpost/internal/shoptest"
	"tillpost/mqtt"
)

// states are those that each kind may be in; false: not final.
var states = map[string]map[string]bool{
	"order": {"queued": false, "sending": false, "in_doubt": false, "awaiting_customer": false, "cancelling": false,
		"paid": true, "declined": true, "cancelled": true, "rejected": true, "expired": true, "unresolved": true},
	"refund": {"queued": false, "sending": false, "in_doubt": false, "awaiting_refund": false, "awaiting_approval": false, "cancelling": false,
		"refunded": true, "declined": true, "cancelled": true, "rejected": true, "expired": true, "unresolved": true},
	"approval":   {"queued": false, "sending": false, "in_doubt": false, "submitted": true, "rejected": true, "expired": true, "unresolved": true},
	"cancel":     besideStates,
	"resend":     besideStates,
	"check":      besideStates,
	"resolution": besideStates,
}

var besideStates = map[string]bool{"queued": false, "sending": false, "done": true, "rejected": true, "expired": true}

var waitingCodes = []string{
	"", "behind", "terminalIsBusy", "apiUnreachable", "apiError", "rateLimited", "unauthorized", "clockUnknown", "waitingForOrder",
	"checking", "needs_staff", "paused", "wrongAccount", "outboxRolledBack", "anotherAgent",
}

var phases = []string{
	"idle", "waiting", "terminal_busy", "present_card", "approved", "declined", "cancelled", "refunding", "refunded", "checking",
	"ask_staff", "offline",
}

// The messages with every field that they may have.
type (
	amountWords struct {
		Value    string `json:"value"`
		Currency string `json:"currency"`
	}
	waitingWords struct {
		Code          string `json:"code"`
		Since         string `json:"since"`
		Attempts      int    `json:"attempts"`
		NextAttemptAt string `json:"nextAttemptAt"`
	}
	reasonWords struct {
		Code       string          `json:"code"`
		Message    string          `json:"message"`
		HTTPStatus int             `json:"httpStatus"`
		Errors     json.RawMessage `json:"errors"`
	}
	statusWords struct {
		RequestID       string        `json:"requestId"`
		Kind            string        `json:"kind"`
		TerminalUUID    string        `json:"terminalUuid"`
		State           string        `json:"state"`
		Final           *bool         `json:"final"`
		Revision        int           `json:"revision"`
		At              string        `json:"at"`
		OrderUUID       string        `json:"orderUuid"`
		TargetRequestID string        `json:"targetRequestId"`
		Amount          *amountWords  `json:"amount"`
		QueuePosition   int           `json:"queuePosition"`
		Waiting         *waitingWords `json:"waiting"`
		Reason          *reasonWords  `json:"reason"`
		Late            bool          `json:"late"`
	}
	displayWords struct {
		TerminalUUID string            `json:"terminalUuid"`
		Name         string            `json:"name"`
		Phase        string            `json:"phase"`
		RequestID    string            `json:"requestId"`
		Kind         string            `json:"kind"`
		Amount       *amountWords      `json:"amount"`
		QueueLength  *int              `json:"queueLength"`
		Since        string            `json:"since"`
		Text         map[string]string `json:"text"`
	}
	agentWords struct {
		State      string `json:"state"`
		Version    string `json:"version"`
		Since      string `json:"since"`
		Instance   string `json:"instance"`
		Generation int    `json:"generation"`
		Settled    struct {
			Accepted uint64 `json:"accepted"`
			Commits  uint64 `json:"commits"`
		} `json:"settledThrough"`
		Problems []struct {
			Code      string `json:"code"`
			Message   string `json:"message"`
			Since     string `json:"since"`
			RequestID string `json:"requestId"`
		} `json:"problems"`
	}
	rejectWords struct {
		At        string       `json:"at"`
		Topic     string       `json:"topic"`
		RequestID string       `json:"requestId"`
		Reason    *reasonWords `json:"reason"`
	}
	terminalWords struct {
		UUID        string `json:"uuid"`
		Name        string `json:"name"`
		Active      *bool  `json:"active"`
		QueueLength *int   `json:"queueLength"`
		Lane        string `json:"lane"`
		Paused      *struct {
			By    string `json:"by"`
			Since string `json:"since"`
		} `json:"paused"`
	}
)

var (
	stamp      = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	laneStates = []string{"idle", "busy", "in_doubt", "paused", "waiting"}

	money = regexp.MustCompile(`^\d+\.\d\d$`)
)

// check holds every message of the agent against what tills are promised. It runs at the end of every test.
func (w *world) check() {
	for _, l := range w.Ledgers {
		revisions := map[string]int{}
		for _, m := range l.Messages("") {
			if !w.wordsOf(m, revisions) {
				w.Errorf("on %s: %s", m.Topic, m.Payload)
			}
		}
	}
}

// wordsOf checks one message.
func (w *world) wordsOf(m mqtt.Message, revisions map[string]int) bool {
	rest := strings.TrimPrefix(m.Topic, "shop/")
	parts := strings.Split(rest, "/")
	switch {
	case len(parts) == 4 && parts[2] == "status":
		return w.statusIsRight(m, parts[1], parts[3], revisions)
	case len(parts) == 3 && parts[2] == "display":
		var d displayWords
		return w.reads(m, &d) && d.TerminalUUID == parts[1] && d.Name != "" && slices.Contains(phases, d.Phase) &&
			stamp.MatchString(d.Since) && d.QueueLength != nil && len(d.Text) == 5 && d.Text["no"] != "" && rightAmount(d.Amount) &&
			(d.RequestID == "") == (d.Kind == "")
	case rest == "agent":
		var a agentWords
		return w.reads(m, &a) && slices.Contains([]string{"online", "degraded", "offline"}, a.State) && a.Problems != nil &&
			stamp.MatchString(a.Since) && a.Instance != "" && a.Version != "" && (a.State == "offline" || (a.State == "degraded") == (len(a.Problems) > 0))
	case rest == "rejects":
		var r rejectWords
		return w.reads(m, &r) && stamp.MatchString(r.At) && r.Reason != nil && r.Reason.Code != "" && r.Reason.Message != ""
	case rest == "terminals":
		var ts []terminalWords
		return w.reads(m, &ts) && !slices.ContainsFunc(ts, func(t terminalWords) bool {
			return t.UUID == "" || t.Name == "" || t.Active == nil || t.QueueLength == nil ||
				!slices.Contains(laneStates, t.Lane) || t.Paused != nil && (t.Paused.By == "" || !stamp.MatchString(t.Paused.Since))
		})
	default: // a till's own
		return true
	}
}

func (w *world) statusIsRight(m mqtt.Message, terminal, id string, revisions map[string]int) bool {
	var s statusWords
	if !w.reads(m, &s) {
		return false
	}
	final, known := states[s.Kind][s.State]
	if s.Kind == "" { // a topic that names none
		final, known = true, s.State == "rejected" && s.Reason != nil && s.Reason.Code == "unknownKind"
	}
	waiting := ""
	if s.Waiting != nil {
		waiting = s.Waiting.Code
		known = known && stamp.MatchString(s.Waiting.Since) && waiting != ""
	}
	if s.Revision < revisions[id] {
		w.Errorf("%s went back from revision %d to %d", id, revisions[id], s.Revision)
	}
	revisions[id] = s.Revision
	here := s.TerminalUUID == terminal || strings.HasPrefix(id, "moves-") // those are moved to another terminal
	return known && s.Final != nil && *s.Final == final && s.RequestID == id && here && s.Revision > 0 &&
		stamp.MatchString(s.At) && rightAmount(s.Amount) && slices.Contains(waitingCodes, waiting) &&
		(s.Reason == nil || s.Reason.Code != "" && s.Reason.Message != "") && !(final && s.QueuePosition > 0)
}

func rightAmount(a *amountWords) bool {
	return a == nil || money.MatchString(a.Value) && a.Currency == "NOK"
}

// reads decodes a message that may hold nothing unheard of, no null and nothing private.
func (w *world) reads(m mqtt.Message, into any) bool {
	d := json.NewDecoder(bytes.NewReader(m.Payload))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		w.Errorf("%v", err)
		return false
	}
	for _, secret := range shoptest.Private {
		if bytes.Contains(m.Payload, []byte(secret)) {
			w.Errorf("%s holds %q", m.Topic, secret)
		}
	}
	return !bytes.Contains(m.Payload, []byte(":null"))
}

// The reader itself must be able to fail.
func TestReaderSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	const good = `{"requestId":"a","kind":"order","terminalUuid":"T","state":"queued","final":false,"revision":1,"at":"2026-11-20T12:00:00.000Z"}`
	read := func(payload string) bool {
		w := &world{&shoptest.Shop{TB: t}}
		return w.statusIsRight(mqtt.Message{Payload: []byte(payload)}, "T", "a", map[string]int{})
	}
	if !read(good) {
		t.Error("a good status is refused")
	}
	for old, wrong := range map[string]string{
		`"queued"`: `"done"`, `"final":false`: `"final":true`, `.000Z`: `Z`, `"T"`: `"U"`, `:1,`: `:0,`,
		`"order"`: `"other"`, `"kind":"order",`: ``, `"a"`: `"b"`, `}`: `,"waiting":{"code":"x","since":"2026-11-20T12:00:00.000Z","attempts":0}}`,
	} {
		if read(strings.Replace(good, old, wrong, 1)) {
			t.Errorf("%s for %s passes", wrong, old)
		}
	}
}
