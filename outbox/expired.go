package outbox

import (
	"fmt"
	"time"
)

// expiry is why a request whose time to live is over ends: by the time since its acceptance, or by what the till itself
// says of when it was made.
func (r Request) expiry(at Instant) *Reason {
	reason := &Reason{Code: CodeExpired, Message: "not sent within its time to live"}
	if age, ok := at.Since(r.TTLFrom); r.PublishedAt == 0 || !ok || age >= r.TTL {
		return reason
	}
	back := millis(at.Wall - r.PublishedAt).Round(time.Second)
	reason.Message += fmt.Sprintf(", which counts from publishedAt: that lay %v back, and %v are allowed; a till whose clock may be wrong leaves publishedAt out", back, r.TTL)
	return reason
}
