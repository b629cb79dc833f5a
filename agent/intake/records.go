package intake

import (
	"cmp"
	"strconv"

	"tillpost/agent/config"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

var scopes = map[string]outbox.Scope{"payment": outbox.ScopePayment, "refund": outbox.ScopeRefund}

var resolutions = map[string]outbox.Resolution{
	message.OutcomeAdopt: outbox.Adopt, message.OutcomeResubmit: outbox.Resubmit, message.OutcomeAbandon: outbox.Abandon,
}

// Record returns the outbox's form of a message that passed the door. What its kind has no use for stays zero.
func Record(req *message.Request, cfg *config.Config, now outbox.Instant) outbox.Request {
	kind, _ := outbox.ParseKind(string(req.Kind))
	r := outbox.Request{ID: req.RequestID, Kind: kind, Terminal: req.Terminal, Digest: req.Digest, TTL: req.TTL}
	if r.TTL == 0 {
		r.TTL = cfg.Policy.OrderTTL
		if kind == outbox.KindRefund || kind == outbox.KindApproval {
			r.TTL = cfg.Policy.RefundTTL
		}
	}
	if !req.PublishedAt.IsZero() {
		r.PublishedAt = cmp.Or(req.PublishedAt.UnixMilli(), -1) // 0 is for a till that gave none
	}
	switch {
	case req.Order != nil:
		r.Body, r.AmountMinor = req.Order.Body, req.Order.AmountMinor
	case req.Refund != nil:
		r.Body, r.AmountMinor = req.Refund.Body, req.Refund.AmountMinor
		r.OrderUUID, r.Target = req.Refund.OrderUUID, req.Refund.OrderRequestID
		r.Refund = &outbox.Refund{
			Full: req.Refund.Full, Reversal: req.Refund.IsReversal, Ask: req.Refund.ApprovalMessage, Lines: refundLines(req.Refund.Products),
		}
	case req.Approval != nil:
		r.Body, r.AmountMinor = req.Approval.Body, req.Approval.AmountMinor
		r.OrderUUID, r.Target = req.Approval.OrderUUID, req.Approval.OrderRequestID
		r.Refund = &outbox.Refund{Lines: refundLines(req.Approval.Products)}
	case req.Cancel != nil:
		r.Target, r.OrderUUID, r.Scope = req.Cancel.Target, req.Cancel.OrderUUID, scopes[req.Cancel.Type]
	case req.Resend != nil:
		r.Target, r.OrderUUID = req.Resend.Target, req.Resend.OrderUUID
	case req.Check != nil:
		r.Target, r.OrderUUID, r.Scope = req.Check.Target, req.Check.OrderUUID, scopes[req.Check.Type]
	case req.Resolution != nil:
		r.Target, r.OrderUUID = req.Resolution.Target, req.Resolution.OrderUUID
		r.Decision = &outbox.Decision{
			By: req.Resolution.By, Revision: req.Resolution.Revision, Resolution: resolutions[req.Resolution.Outcome],
		}
	}
	if r.AmountMinor > 0 || req.Refund != nil {
		r.Currency = cfg.Store.Currency
	}
	return outbox.NewRequest(r, now)
}

func refundLines(products []message.RefundProduct) []outbox.RefundLine {
	lines := make([]outbox.RefundLine, 0, len(products))
	for _, p := range products {
		id, _ := strconv.ParseInt(p.ID, 10, 64) // checked at the door
		lines = append(lines, outbox.RefundLine{ID: id, ProductID: p.ProductID, Line: max(p.Line, 0), Minor: p.AmountMinor})
	}
	return lines
}
