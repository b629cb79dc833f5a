package lane

import (
	"errors"

	"tillpost/outbox"
)

// Stray takes an order that bears a mark which nobody searched for: of a request here, which gets Found, or of one that this
// outbox should have and has not.
func (ls *Lanes) Stray(mark, orderUUID string, status outbox.OrderStatus) {
	seq, ok := outbox.MarkSeq(mark)
	if !ok {
		return
	}
	r, err := ls.o.Store.Get(seq)
	switch {
	case err == nil && r.Bears(mark):
		ls.lane(r.Terminal).post(seq, outbox.Event{Type: outbox.Found, OrderUUID: orderUUID, Status: status})
	case err != nil && !errors.Is(err, outbox.ErrNotFound), !outbox.MarkTagged(mark, ls.instance):
	case err == nil:
		ls.o.Stranger(mark, orderUUID)
		if copied := ls.o.Store.Identity().Copied; copied.After > 0 && r.Kind == outbox.KindOrder && outbox.MarkNames(mark, ls.instance, r) {
			// The newer copy had this request too, and has sent it. Its number alone would be no proof: nobody knows for how
			// long this copy was at work before it was found out, and gave numbers of its own.
			ls.lane(r.Terminal).post(seq, outbox.Event{Type: outbox.Found, OrderUUID: orderUUID, Status: status})
		}
	case !ls.pruned(seq):
		ls.o.Stranger(mark, orderUUID)
	}
}

// pruned reports whether a request without a record had one: then its marks were known.
func (ls *Lanes) pruned(seq uint64) bool {
	last, err := ls.o.Store.Sequence()
	return err != nil || seq <= last && !ls.o.Store.Identity().Copied.Skips(seq)
}
