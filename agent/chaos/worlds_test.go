package chaos_test

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

// worldMutant is an agent with a fault that was seen on a network as it is, and what finds it out.
type worldMutant struct {
	o  options
	by string
}

var worldMutants = map[string]worldMutant{
	"a callback's word is forgotten": {by: "a callback named it", o: options{only: fCallbacks, step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		if e.Type == outbox.CallbackSeen {
			return r, []outbox.Effect{{Type: outbox.Ignored}}
		}
		return outbox.Step(r, e)
	}}},
	"a page is read as an empty list": {by: "no list was read in full", o: options{only: fPages | fHides, misread: func(op simulator.Operation, rec *recorder) {
		if op == simulator.OpOrderStatuses && rec.isPage() {
			rec.rewrite(http.StatusNotFound, "Order Not Found")
		}
	}}},
	"a refund's end is believed that stood before": {by: "refunds over ", o: options{only: fLag | fRefunds, step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		if e.Type == outbox.StatementSeen && r.Refund != nil && !r.State.Final() {
			refund := *r.Refund
			refund.Moved, r.Refund = true, &refund
			e.Statement.Readable, e.Statement.NotOurs = false, true
		}
		return outbox.Step(r, e)
	}}},
	"what was sent is moved":                         {by: "the API has heard of it", o: options{only: fMoves, step: movesWhatWasSent}},
	"no lag is waited for":                           {by: "later than the lag", o: options{only: fLag | fHides, atOnce: true}},
	"the broker's word of a newer copy is not heard": {by: "without leave", o: options{only: fCopies, deaf: true}},
	"a no beside an order is a no": {by: "repeated without leave", o: options{only: fContradict, misread: func(op simulator.Operation, rec *recorder) {
		r := read(rec.status, rec.body.Bytes())
		if submits(op) && r.framed && r.outcome == ambiguous && (rec.status == 429 || bytes.Contains(rec.body.Bytes(), []byte(`"status_code":429`))) {
			rec.rewrite(http.StatusTooManyRequests, "Too Many Attempts.")
		}
	}}},
	"what was found is not polled": {by: "nothing has happened", o: options{only: fWaits, step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		after, fx := outbox.Step(r, e)
		if r.State == outbox.StateInDoubt && after.State == outbox.StateAwaitingCustomer {
			fx = slices.DeleteFunc(fx, func(f outbox.Effect) bool { return f.Type == outbox.Query || f.Timer == outbox.TimerPoll })
		}
		return after, fx
	}}},
	"the end of a time to live is overlooked": {by: "the time to live of", o: options{only: fTTL, step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		if e.Type == outbox.Expired {
			return r, []outbox.Effect{{Type: outbox.Ignored}}
		}
		return outbox.Step(r, e)
	}}},
	"amounts below zero are taken for all there is": {by: "is refused", o: options{only: fRefunds, misread: func(op simulator.Operation, rec *recorder) {
		if op == simulator.OpOrderDetails {
			body := belowZero.ReplaceAll(rec.body.Bytes(), []byte(`"refunded":9999999`))
			rec.body.Reset()
			rec.body.Write(body)
			rec.header.Del("Content-Length")
		}
	}}},
	"the API's sentences are told": {by: "personal data", o: options{only: fNames, stepOf: func(w *world) stepFunc {
		return func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
			if said := w.said.Load(); e.Type == outbox.Refused && e.Reason != nil && said != nil {
				reason := *e.Reason
				reason.Message = *said
				e.Reason = &reason
			}
			return outbox.Step(r, e)
		}
	}}},
	"a refused token is an answer": {by: "the API has said nothing", o: options{only: fToken, misread: func(op simulator.Operation, rec *recorder) {
		if rec.status == http.StatusUnauthorized && !submits(op) {
			rec.rewrite(510, "somethingWentWrong")
		}
	}}},
	"a gateway's page is an answer": {by: "the API has said nothing", o: options{only: fGateway, misread: func(_ simulator.Operation, rec *recorder) {
		if rec.isPage() {
			rec.rewrite(510, "somethingWentWrong")
		}
	}}},
}

var belowZero = regexp.MustCompile(`"refunded":-[0-9.]+`)

func (r *recorder) isPage() bool { return r.header.Get("Content-Type") == "text/html" }

// rewrite makes of a reply what a client reads that takes it for a failure in the API's envelope.
func (r *recorder) rewrite(status int, message string) {
	r.status = status
	r.header = http.Header{"Content-Type": {"application/json"}}
	r.body.Reset()
	r.body.WriteString(`{"status_code":` + strconv.Itoa(status) + `,"status_message":"Failed","message":"` + message + `","is_error":true,"errors":null}`)
}
