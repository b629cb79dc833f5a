package agent

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"time"

	"tillpost/api"
	"tillpost/mqtt/message"
)

// connectionView is how far a connection comes. A stage that is not ok is where it ends.
type connectionView struct {
	// Name is "api" or "broker".
	Name string `json:"name"`
	// Stage is the last one reached: name, connection, tls, token, answer.
	Stage   string            `json:"stage"`
	OK      bool              `json:"ok"`
	Since   message.Timestamp `json:"since"`
	Message string            `json:"message,omitempty"`
}

// The stages of a connection, in the order in which it comes through them.
const (
	stageName       = "name"
	stageConnection = "connection"
	stageTLS        = "tls"
	stageToken      = "token"
	stageAnswer     = "answer"
)

// connections follow how far each connection comes.
type connections struct {
	now     func() time.Time
	changed func()

	mu          sync.Mutex
	api, broker connectionView
}

func newConnections(now func() time.Time, changed func()) *connections {
	at := message.At(now())
	return &connections{
		now: now, changed: changed,
		api:    connectionView{Name: "api", Stage: stageConnection, Since: at, Message: "not asked yet"},
		broker: connectionView{Name: "broker", Stage: stageConnection, Since: at, Message: "not connected yet"},
	}
}

// list returns them, the API's first.
func (c *connections) list() []connectionView {
	c.mu.Lock()
	defer c.mu.Unlock()
	return []connectionView{c.api, c.broker}
}

// sawAPI takes the end of a call that was tried.
func (c *connections) sawAPI(call api.Call) { c.set(&c.api, apiStage(call)) }

func (c *connections) sawBroker(connected bool, err error) {
	v := connectionView{Stage: stageAnswer, OK: connected}
	if !connected {
		v = failedStage(err, "no connection to the broker")
	}
	c.set(&c.broker, v)
}

// set replaces a view; where neither stage nor OK differ, its Since stays.
func (c *connections) set(old *connectionView, v connectionView) {
	c.mu.Lock()
	v.Name, v.Since = old.Name, message.At(c.now())
	if v.Stage == old.Stage && v.OK == old.OK {
		v.Since = old.Since
	}
	changed := v != *old
	*old = v
	c.mu.Unlock()
	if changed {
		c.changed()
	}
}

// apiStage is how far a call came.
func apiStage(call api.Call) connectionView {
	switch {
	case call.Outcome == api.OutcomeUnauthorized:
		return connectionView{Stage: stageToken, Message: "Front Payment does not accept the token"}
	case call.FromAPI:
		return connectionView{Stage: stageAnswer, OK: true}
	case call.Replied && call.HTTPStatus >= 500:
		return connectionView{Stage: stageAnswer, Message: "a gateway before Front Payment answers, and says that there is trouble"}
	case call.Replied:
		return connectionView{Stage: stageAnswer, Message: "a page that is not Front Payment's answers: a captive portal or a proxy; sign in to the network, or let tillpost past it"}
	case call.Err != nil:
		return failedStage(call.Err, "Front Payment can't be reached")
	}
	return connectionView{Stage: stageAnswer, Message: "the reply did not come, or broke off"}
}

// failedStage is where a connection failed.
func failedStage(err error, otherwise string) connectionView {
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case is[*net.DNSError](err):
		return connectionView{Stage: stageName, Message: "its name can't be looked up; is there a network, and a name server?"}
	case isInvalid && invalid.Reason == x509.Expired:
		return connectionView{Stage: stageTLS, Message: "its certificate is not valid by this machine's clock; is the clock right?"}
	case is[tls.RecordHeaderError](err), is[*tls.CertificateVerificationError](err), is[tls.AlertError](err),
		is[x509.HostnameError](err), is[x509.UnknownAuthorityError](err), isInvalid:
		return connectionView{Stage: stageTLS, Message: "its certificate is not trusted, or something else answers in its place: a captive portal or a proxy"}
	case is[*net.OpError](err):
		return connectionView{Stage: stageConnection, Message: otherwise + "; is the network up, and does a firewall let it through?"}
	}
	return connectionView{Stage: stageConnection, Message: otherwise}
}

// is reports whether an error of a type is in err.
func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
