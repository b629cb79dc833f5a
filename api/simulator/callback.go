package simulator

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/govalues/decimal"
)

// callbackTimeout bounds one callback call.
const callbackTimeout = 10 * time.Second

// CallbackCall is one call of an order's callbackUrl. It is in the books when the
// call has ended.
type CallbackCall struct {
	At     time.Time `json:"at"` // when it was begun
	Query  string    `json:"query"`
	Status int       `json:"status"`          // HTTP status, 0 if there was no reply
	Error  string    `json:"error,omitempty"` // why not
}

// callBack tells the till's server how a payment or refund ended, by the page
// "Notification via Callback URL": an unsigned GET, tried once. The lock is held;
// the call itself is made beside it.
func (s *Simulator) callBack(o *order, kind string, approved bool, amount decimal.Decimal) {
	if o.callback == "" || s.opts.Callbacks == nil || s.closed {
		return
	}
	u, err := url.Parse(o.callback)
	if err != nil || (!s.opts.CallbacksAnywhere && !loopback(u.Hostname())) {
		return
	}
	act := s.takeFault(OpCallback, o.Terminal, o.UUID, o.References)
	if act.Kind == KindDropBefore {
		return
	}
	q := u.Query()
	q.Set("orderUuid", o.UUID)
	q.Set("status", map[bool]string{true: "Approved", false: "Cancelled"}[approved])
	q.Set("type", kind)
	if kind == "Payment" {
		q.Set("baseAmount", minus(o.Amount, o.tax).Trim(0).String())
		q.Set("vatAmount", o.tax.String())
	}
	q.Set("totalAmount", amount.Trim(0).String())
	q.Set("currency", s.opts.Currency)
	u.RawQuery = q.Encode()
	call := CallbackCall{At: s.opts.Clock(), Query: u.RawQuery}
	s.counts[OpCallback]++
	s.wg.Go(func() {
		if !s.pause(act.Wait) {
			return
		}
		call.Status, err = s.get(u.String())
		if err != nil {
			call.Error = err.Error()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		o.Callbacks = append(o.Callbacks, call)
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

// loopback says whether a host is this machine, without asking a resolver.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
