package outbox

import "fmt"

// Kind says what a request asks for. Stored values are append-only.
type Kind uint8

// The kinds of requests that a till can publish.
const (
	KindOrder      Kind = 1
	KindRefund     Kind = 2
	KindApproval   Kind = 3
	KindCancel     Kind = 4
	KindResend     Kind = 5
	KindCheck      Kind = 6
	KindResolution Kind = 7
)

var kindNames = map[Kind]string{
	KindOrder: "order", KindRefund: "refund", KindApproval: "approval", KindCancel: "cancel",
	KindResend: "resend", KindCheck: "check", KindResolution: "resolution",
}

// String gives the name that status messages and metric labels carry.
func (k Kind) String() string {
	if n, ok := kindNames[k]; ok {
		return n
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind is the inverse of String.
func ParseKind(s string) (Kind, bool) {
	for k, n := range kindNames {
		if n == s {
			return k, true
		}
	}
	return 0, false
}

// Laned tells whether requests of this kind wait their turn in their terminal's lane. Cancels, resends, checks and
// resolutions act beside it.
func (k Kind) Laned() bool { return k == KindOrder || k == KindRefund || k == KindApproval }

// MarshalText writes the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name.
func (k *Kind) UnmarshalText(b []byte) error {
	v, ok := ParseKind(string(b))
	if !ok {
		return fmt.Errorf("unknown kind %q", b)
	}
	*k = v
	return nil
}
