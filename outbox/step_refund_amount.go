package outbox

import (
	"fmt"
	"slices"
	"strconv"

	"tillpost/internal/money"
)

// left returns what of an order can still be paid back; ok is false where nobody knows its amount.
func (m *transition) left() (ore int64, ok bool) {
	l, b := m.e.Ledger, m.e.Statement
	total := b.TotalMinor
	if l.Order != nil && l.Order.AmountMinor > 0 {
		total = l.Order.AmountMinor
	}
	if total == 0 {
		return 0, false
	}
	return max(total-addMinor(l.SpentMinor, b.refundedElsewhere(l)), 0), true
}

// lineLeft returns what of a product can still be paid back; ok is false where the statement does not say.
func (m *transition) lineLeft(id int64) (ore int64, ok bool) {
	for _, p := range m.e.Statement.Products {
		if p.ID == id && p.Minor > 0 {
			return max(p.Minor-m.e.Ledger.Lines[id], 0), true
		}
	}
	return 0, false
}

// fixAmount computes a full refund, finds the products' numbers, and rejects what does not fit the order.
func (m *transition) fixAmount() bool {
	left, known := m.left()
	if m.r.Refund.Full && m.r.AmountMinor == 0 {
		switch {
		case !known || !m.e.Statement.Detailed:
			return m.reject(CodeOrderUnknown, "what is left of the order can't be told, because its details can't be read; name the amount and the products")
		case left == 0:
			return m.rejectExcess(0, left)
		}
		m.r.AmountMinor = left
		if m.r.Refund.Lines = m.linesLeft(left); len(m.r.Refund.Lines) == 0 {
			return m.reject(CodeOrderUnknown, "the order's products can't be read; name the amount and the products")
		}
	}
	if known && m.r.AmountMinor > left {
		return m.rejectExcess(m.r.AmountMinor, left)
	}
	return m.numberLines() && m.linesFit()
}

// reject ends a refund that does not fit its order. It returns false.
func (m *transition) reject(code, message string) bool {
	m.end(StateRejected, &Reason{Code: code, Message: message})
	return false
}

func (m *transition) rejectExcess(asked, left int64) bool {
	message := fmt.Sprintf("the refund is for %s, of the order %s is left", money.Minor(asked), money.Minor(left))
	if asked == 0 {
		message = "nothing is left of the order to pay back: the refund is for all that is left, and that is " + money.Minor(left).String()
	}
	return m.reject(CodeRefundExceeds, message)
}

// linesLeft spreads what is left over the order's products.
func (m *transition) linesLeft(left int64) []RefundLine {
	var lines []RefundLine
	for _, p := range m.e.Statement.Products {
		ore, ok := m.lineLeft(p.ID)
		if !ok || p.ID == 0 || ore == 0 || left == 0 {
			continue
		}
		ore = min(ore, left)
		left -= ore
		lines = append(lines, RefundLine{ID: p.ID, Minor: ore})
	}
	if left > 0 && len(lines) > 0 {
		lines[len(lines)-1].Minor += left
	}
	return lines
}

// numberLines finds the numbers of products that the till named in its own way: those named by line first, so that a pool
// (see pooled) knows what is asked of each of its products besides.
func (m *transition) numberLines() bool {
	lines := m.r.Refund.Lines
	for i, line := range lines {
		switch {
		case line.ID != 0:
		case !m.e.Statement.Detailed:
			return m.reject(CodeOrderUnknown, "the products' numbers can't be looked up, because the order's details can't be read; name the products by id")
		case line.ProductID == "":
			if line.Line < 0 || line.Line >= len(m.e.Statement.Products) || m.e.Statement.Products[line.Line].ID == 0 {
				return m.rejectProduct(fmt.Sprintf("line %d (counted from 0)", line.Line))
			}
			lines[i].ID, lines[i].ByLine = m.e.Statement.Products[line.Line].ID, true
		}
	}
	var numbered []RefundLine
	for i, line := range lines {
		parts := []RefundLine{line}
		if line.ID == 0 {
			parts = m.pooled(line, slices.Concat(numbered, lines[i+1:]))
		}
		if len(parts) == 0 {
			return m.rejectProduct("productId " + quoteName(line.ProductID))
		}
		numbered = append(numbered, parts...)
	}
	m.r.Refund.Lines = numbered
	return true
}

func (m *transition) rejectProduct(name string) bool {
	return m.reject(CodeProductUnknown, "the order has no such product as the refund names: "+name)
}

// pooled takes a line from the products that have the till's name for it: from the first of which enough is left after
// what others ask of it, else from all of them together. What they don't have is asked of the first, and so refused.
func (m *transition) pooled(line RefundLine, others []RefundLine) []RefundLine {
	var parts []RefundLine
	var first int64
	rest := line.Minor
	for _, p := range m.e.Statement.Products {
		if p.ProductID != line.ProductID || p.ID == 0 {
			continue
		}
		left, ok := m.lineLeft(p.ID)
		if left -= askedOf(others, p.ID); !ok || left >= line.Minor {
			line.ID = p.ID
			return []RefundLine{line}
		}
		if first == 0 {
			first = p.ID
		}
		if take := min(left, rest); take > 0 {
			parts = append(parts, RefundLine{ID: p.ID, ProductID: line.ProductID, Minor: take, More: len(parts) > 0})
			rest -= take
		}
	}
	if first != 0 && rest > 0 {
		line.ID = first
		return []RefundLine{line}
	}
	return parts
}

func askedOf(lines []RefundLine, id int64) int64 {
	var asked int64
	for _, line := range lines {
		if line.ID == id {
			asked = addMinor(asked, line.Minor)
		}
	}
	return asked
}

// linesFit rejects a refund that takes more of a product than is left. The lines of a full one were computed to fit.
func (m *transition) linesFit() bool {
	lines := m.r.Refund.Lines
	i := slices.IndexFunc(lines, func(line RefundLine) bool {
		left, ok := m.lineLeft(line.ID)
		return ok && askedOf(lines, line.ID) > left
	})
	if i < 0 || m.r.Refund.Full {
		return true
	}
	name, asked, left := m.inTheTillsWords(lines[i])
	return m.reject(CodeRefundExceeds, fmt.Sprintf("the refund is for %s of %s, of which %s is left", money.Minor(asked), name, money.Minor(left)))
}

// inTheTillsWords names a product as the till did, and says what the refund asks of it and what is left of it: of a
// productId, those of all products that have it.
func (m *transition) inTheTillsWords(line RefundLine) (name string, asked, left int64) {
	asked = askedOf(m.r.Refund.Lines, line.ID)
	left, _ = m.lineLeft(line.ID)
	switch {
	case line.ProductID != "":
		asked, left = 0, 0
		for _, p := range m.e.Statement.Products {
			if p.ProductID == line.ProductID && p.ID != 0 {
				asked = addMinor(asked, askedOf(m.r.Refund.Lines, p.ID))
				ore, _ := m.lineLeft(p.ID)
				left = addMinor(left, ore)
			}
		}
		return "productId " + quoteName(line.ProductID), asked, left
	case line.ByLine:
		return fmt.Sprintf("line %d (counted from 0)", line.Line), asked, left
	}
	return fmt.Sprintf("product %d", line.ID), asked, left
}

// quoteName writes a till's name for a product, cut to what a message bears.
func quoteName(name string) string {
	const most = 64
	if runes := []rune(name); len(runes) > most {
		name = string(runes[:most]) + "…"
	}
	return strconv.Quote(name)
}
