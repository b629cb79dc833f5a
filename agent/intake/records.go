package intake

import (
	"cmp"

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
	r := outbox.Request{
		ID: req.RequestID, Kind: kind, Terminal: req.Terminal, Digest: req.Digest, TTL: req.TTL, Body: req.Body, AmountMinor: req.AmountMinor,
		Target: req.Target, OrderUUID: req.OrderUUID, Scope: scopes[req.Type],
	}
	if r.TTL == 0 {
		r.TTL = cfg.Policy.OrderTTL
		if kind == outbox.KindRefund || kind == outbox.KindApproval {
			r.TTL = cfg.Policy.RefundTTL
		}
	}
	if !req.PublishedAt.IsZero() {
		r.PublishedAt = cmp.Or(req.PublishedAt.UnixMilli(), -1) // 0 is for a till that gave none
	}
	switch kind {
	case outbox.KindRefund, outbox.KindApproval:
		r.Refund = &outbox.Refund{Full: req.Full, Reversal: req.IsReversal, Ask: req.ApprovalMessage, Lines: refundLines(req.Products)}
	case outbox.KindResolution:
		r.Decision = &outbox.Decision{By: req.By, Revision: req.Revision, Resolution: resolutions[req.Outcome]}
	}
	if r.AmountMinor > 0 || kind == outbox.KindRefund {
		r.Currency = cfg.Store.Currency
	}
	return outbox.NewRequest(r, now)
}

func refundLines(products []message.RefundProduct) []outbox.RefundLine {
	lines := make([]outbox.RefundLine, 0, len(products))
	for _, p := range products {
		lines = append(lines, outbox.RefundLine{ID: p.ID, ProductID: p.ProductID, Line: p.Line, Minor: p.AmountMinor})
	}
	return lines
}
