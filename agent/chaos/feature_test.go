package chaos_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/agent/config"
	"tillpost/api/simulator"
)

// feature is one way in which a network, books or people are worse than the documents say. Each is on by itself in some
// schedules, so that what it leads to is not hidden by the others, and in the rest together with two or with several.
type feature uint16

const (
	fCallbacks  feature = 1 << iota // the API calls back: late, never, again and again, and whoever likes does, too
	fPages                          // proxies answer in the API's place, one operation at a time
	fGateway                        // … and all of them, for minutes
	fLag                            // the views of the books are late, each by itself
	fElsewhere                      // other shops and the portal place orders and pay back
	fContradict                     // a reply says yes and no
	fNames                          // the API's sentences name the customer
	fHides                          // "busy", though it was done, more often than not
	fCut                            // the network goes between what was read and what is done
	fToken                          // the token is refused for long
	fCopies                         // an older copy of the outbox is put back
	fWaits                          // customers have all the time in the world
	fTTL                            // times to live end during calls
	fRefunds                        // what was sold comes back, and clerks ask again where a refund was turned down
	fMoves                          // people have what waits at one terminal wait at another
	features    = iota
)

var featureNames = [features]string{
	"callbacks", "pages", "gateway", "lag", "elsewhere", "contradictions", "names", "hides", "cut", "token", "copies", "waits", "ttl", "refunds", "moves",
}

// has reports whether any of some features is on.
func (p *plan) has(some feature) bool { return p.on&some != 0 }

func (f feature) String() string {
	var names []string
	for i, name := range featureNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}

// parseFeatures reads what String writes; "" is none.
func parseFeatures(t *testing.T, text string) (f feature) {
	t.Helper()
	for name := range strings.SplitSeq(text, "+") {
		i := slices.Index(featureNames[:], name)
		if i < 0 && name != "" {
			t.Fatalf("%q is none of %v", name, featureNames)
		}
		if i >= 0 {
			f |= 1 << i
		}
	}
	return f
}

// drawFeatures draws which are on. An older copy is no everyday thing, and loses what came after it.
func drawFeatures(r *draw) feature {
	switch r.IntN(3) {
	case 0:
		return 1 << r.IntN(features)
	case 1:
		var f feature
		for range 3 {
			f |= 1 << r.IntN(features)
		}
		return f
	}
	var f feature
	for i := range features {
		p := 0.3
		if one := feature(1 << i); one == fCopies {
			p = 0.05
		}
		if r.chance(p) {
			f |= 1 << i
		}
	}
	return f
}

// drawBooks draws how the API shows its books, and how long the policy waits for that. A lag is a schedule's own, since the agent
// measures it; one of minutes goes with the times of a shop.
func (p *plan) drawBooks(r *draw) {
	p.newestFirst, p.negative = r.chance(0.5), r.chance(0.15)
	p.doubtCheck, p.customerTimeout = 25*time.Second, 30*time.Second
	most := 20 * time.Second
	if p.has(fLag) && r.chance(0.2) {
		p.doubtCheck, most = 200*time.Second, 190*time.Second
	}
	p.doubtHold = 2 * p.doubtCheck
	if p.has(fWaits) {
		p.customerTimeout = pick(r, 0, 0, 3*time.Minute)
	}
	late := func() time.Duration { return pick(r, 0, r.between(0, 3*time.Second), r.between(0, most), most) }
	if p.has(fLag) {
		p.lag = simulator.Lag{
			List: late(), Details: late(), Status: min(late(), 10*time.Second), RefundStatus: late(), History: late(), References: late(),
		}
		if r.chance(0.07) {
			p.lag.References = -1
		}
	}
}

// booksLag returns how late a refund shows in the books, which alone decide where they can be read.
func (p plan) booksLag() time.Duration { return p.lag.History }

// longest is the lag of whatever lags most.
func (p plan) longestLag() time.Duration {
	return max(p.lag.List, p.lag.Details, p.lag.Status, p.booksLag(), p.lag.RefundStatus, p.lag.References)
}

// searchable reports whether a search can see our marks: the API lets us look, and shows them.
func (p plan) searchable() bool {
	return p.lookups == simulator.LookupsShown && !p.marksHidden && p.lag.References >= 0
}

func (p plan) policy(cfg *config.Config) {
	cfg.Policy.DoubtCheck, cfg.Policy.DoubtHold, cfg.Policy.CustomerTimeout = p.doubtCheck, p.doubtHold, p.customerTimeout
	cfg.Policy.ResendAfter = p.resend
	if p.busyDoubt {
		cfg.Policy.BusyMeans = config.BusyDoubt
	}
	cfg.Callback = nil
	if p.has(fCallbacks) {
		cfg.Callback = &config.Callback{Listen: "127.0.0.1:9721", PublicURL: "http://127.0.0.1:9721"}
	}
}
