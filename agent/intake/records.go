package intake

import (
	"cmp"
	"strconv"

	"tillpost/agent/config"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

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
		refundRecord(req.Refund, &r)
	case req.Approval != nil:
		r.Body, r.AmountMinor = req.Approval.Body, req.Approval.AmountMinor
		r.OrderUUID, r.Target = req.Approval.OrderUUID, req.Approval.OrderRequestID
		r.Refund = &outbox.Refund{Lines: refundLines(req.Approval.Products)}
	case req.Cancel != nil:
		r.Target, r.OrderUUID, r.Scope = req.Cancel.Target, req.Cancel.OrderUUID, scope(req.Cancel.Type)
	case req.Resend != nil:
		r.Target, r.OrderUUID = req.Resend.Target, req.Resend.OrderUUID
	case req.Check != nil:
		r.Target, r.OrderUUID, r.Scope = req.Check.Target, req.Check.OrderUUID, scope(req.Check.Type)
	case req.Resolution != nil:
		resolutionRecord(req.Resolution, &r)
	}
	if r.AmountMinor > 0 || req.Refund != nil {
		r.Currency = cfg.Store.Currency
	}
	return outbox.NewRequest(r, now)
}

func refundRecord(req *message.RefundRequest, r *outbox.Request) {
	r.Body, r.AmountMinor = req.Body, req.AmountMinor
	r.OrderUUID, r.Target = req.OrderUUID, req.OrderRequestID
	r.Refund = &outbox.Refund{Full: req.Full, Reversal: req.IsReversal, Ask: req.ApprovalMessage, Lines: refundLines(req.Products)}
}

func refundLines(products []message.RefundProduct) []outbox.RefundLine {
	lines := make([]outbox.RefundLine, 0, len(products))
	for _, p := range products {
		line := outbox.RefundLine{ProductID: p.ProductID, Minor: p.AmountMinor}
		line.ID, _ = strconv.ParseInt(p.ID, 10, 64) // checked at the door
		if p.Line >= 0 {
			line.Line = p.Line
		}
		lines = append(lines, line)
	}
	return lines
}

func resolutionRecord(req *message.ResolutionRequest, r *outbox.Request) {
	r.Target, r.OrderUUID = req.Target, req.OrderUUID
	r.Decision = &outbox.Decision{By: req.By, Revision: req.Revision}
	switch req.Outcome {
	case message.OutcomeAdopt:
		r.Decision.Resolution = outbox.Adopt
	case message.OutcomeResubmit:
		r.Decision.Resolution = outbox.Resubmit
	default:
		r.Decision.Resolution = outbox.Abandon
	}
}

func scope(name string) outbox.Scope {
	switch name {
	case "payment":
		return outbox.ScopePayment
	case "refund":
		return outbox.ScopeRefund
	}
	return 0
}
