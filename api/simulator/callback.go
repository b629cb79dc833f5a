package simulator

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/govalues/decimal"

	"tillpost/internal/hostport"
)

// callbackTimeout bounds one callback call.
const callbackTimeout = 10 * time.Second

// CallbackCall is one call of an order's callbackUrl. It is recorded when the call
// has ended.
type CallbackCall struct {
	At     time.Time `json:"at"` // when it was begun
	Query  string    `json:"query"`
	Status int       `json:"status"`          // HTTP status, 0 if there was no reply
	Error  string    `json:"error,omitempty"` // why not
}

// callBack calls the order's callbackUrl with how a payment or refund ended, by the
// page "Notification via Callback URL": an unsigned GET, tried once. The lock is
// held; the call itself is made without it.
func (s *Simulator) callBack(o *order, kind string, approved bool, amount decimal.Decimal) {
	u, ok := s.callbackURL(o)
	if !ok {
		return
	}
	act := s.takeFault(OpCallback, o.Terminal, o.UUID, o.References)
	if act.Kind == KindDropBefore {
		return
	}
	q := u.Query()
	q.Set("orderUuid", o.UUID)
	q.Set("status", callbackStatus(approved))
	q.Set("type", kind)
	if kind == callbackPayment {
		q.Set("baseAmount", minus(o.Amount, o.tax).Trim(0).String())
		q.Set("vatAmount", o.tax.String())
	}
	q.Set("totalAmount", amount.Trim(0).String())
	q.Set("currency", s.opts.Currency)
	u.RawQuery = q.Encode()
	s.goCall(o, u, act)
}

// The types of callbacks, by their page.
const (
	callbackPayment = "Payment"
	callbackRefund  = "Payment_Refund"
)

func callbackStatus(approved bool) string {
	return map[bool]string{true: "Approved", false: "Cancelled"}[approved]
}

// callbackURL returns where an order's callbacks go, and false if none are made.
// The lock is held.
func (s *Simulator) callbackURL(o *order) (*url.URL, bool) {
	if o.callback == "" || s.opts.Callbacks == nil || s.closed {
		return nil, false
	}
	u, err := url.Parse(o.callback)
	return u, err == nil && (s.opts.CallbacksAnywhere || hostport.Loopback(u.Hostname()))
}

// goCall makes a callback in a goroutine, as often as the fault says.
func (s *Simulator) goCall(o *order, u *url.URL, act Action) {
	at := s.opts.Clock()
	s.counts[OpCallback] += 1 + act.Copies
	s.wg.Go(func() {
		if !s.pause(act.Wait) {
			return
		}
		for n := range 1 + act.Copies {
			if n > 0 && !s.pause(act.WaitReply) {
				return
			}
			call := CallbackCall{At: at, Query: u.RawQuery}
			var err error
			if call.Status, err = s.get(u.String()); err != nil {
				call.Error = err.Error()
			}
			s.mu.Lock()
			o.Callbacks = append(o.Callbacks, call)
			s.mu.Unlock()
		}
	})
}

// get makes the call and returns the HTTP status.
func (s *Simulator) get(u string) (int, error) {
	ctx, cancel := context.WithTimeout(s.ctx, callbackTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, http.NoBody)
	if err != nil {
		return 0, err
	}
	client := *s.opts.Callbacks
	// A redirect could lead off the loopback.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
