package outbox

import (
	"fmt"
	"slices"
)

// left is what of an order can still be paid back; ok is false where nobody knows what it came to.
func (m *move) left() (ore int64, ok bool) {
	l, b := m.e.Ledger, m.e.Books
	total := b.TotalOre
	if l.Order != nil && l.Order.AmountOre > 0 {
		total = l.Order.AmountOre
	}
	if total == 0 {
		return 0, false
	}
	return max(total-addOre(l.SpentOre, b.elsewhere(l)), 0), true
}

// lineLeft is what of a product can still be paid back; ok is false where the books don't tell.
func (m *move) lineLeft(id int64) (ore int64, ok bool) {
	for _, p := range m.e.Books.Products {
		if p.ID == id && p.Ore > 0 {
			return max(p.Ore-m.e.Ledger.Lines[id], 0), true
		}
	}
	return 0, false
}

// weigh fills in what a full refund comes to, finds the products' numbers, and refuses what exceeds the order.
func (m *move) weigh() bool {
	left, known := m.left()
	if m.r.Refund.Full && m.r.AmountOre == 0 {
		switch {
		case !known || !m.e.Books.Detailed:
			return m.unknown("what is left of the order can't be told, because its details can't be read; name the amount and the products")
		case left == 0:
			return m.exceeds(0, left)
		}
		m.r.AmountOre = left
		if m.r.Refund.Lines = m.linesLeft(left); len(m.r.Refund.Lines) == 0 {
			return m.unknown("the order's products can't be read; name the amount and the products")
		}
	}
	if known && m.r.AmountOre > left {
		return m.exceeds(m.r.AmountOre, left)
	}
	return m.numberLines() && m.linesHold()
}

func (m *move) unknown(message string) bool {
	m.end(StateRejected, &Reason{Code: CodeOrderUnknown, Message: message})
	return false
}

func (m *move) exceeds(asked, left int64) bool {
	message := fmt.Sprintf("the refund is for %s, of the order %s is left", kroner(asked), kroner(left))
	if asked == 0 {
		message = "nothing is left of the order to pay back: the refund is for all that is left, and that is " + kroner(left)
	}
	m.end(StateRejected, &Reason{Code: CodeRefundExceeds, Message: message})
	return false
}

// linesLeft spreads what is left over the order's products.
func (m *move) linesLeft(left int64) []RefundLine {
	var lines []RefundLine
	for _, p := range m.e.Books.Products {
		ore, ok := m.lineLeft(p.ID)
		if !ok || p.ID == 0 || ore == 0 || left == 0 {
			continue
		}
		ore = min(ore, left)
		left -= ore
		lines = append(lines, RefundLine{ID: p.ID, Ore: ore})
	}
	if left > 0 && len(lines) > 0 {
		lines[len(lines)-1].Ore += left
	}
	return lines
}

// numberLines finds the numbers of products that the till named in its own way.
func (m *move) numberLines() bool {
	lines := m.r.Refund.Lines
	for i, line := range lines {
		if line.ID != 0 {
			continue
		}
		if !m.e.Books.Detailed {
			return m.unknown("the products' numbers can't be looked up, because the order's details can't be read; name the products by id")
		}
		if lines[i].ID = m.productOf(line, lines[:i]); lines[i].ID == 0 {
			m.end(StateRejected, &Reason{Code: CodeProductUnknown, Message: fmt.Sprintf("the order has no such product as number %d of the refund names", i+1)})
			return false
		}
	}
	return true
}

// productOf finds the number of a product. Where several have the till's name for it, it is the first of which enough is
// left beside the lines before.
func (m *move) productOf(line RefundLine, before []RefundLine) int64 {
	products := m.e.Books.Products
	if line.ProductID == "" {
		if line.Line < 0 || line.Line >= len(products) {
			return 0
		}
		return products[line.Line].ID
	}
	var first int64
	for _, p := range products {
		if p.ProductID != line.ProductID || p.ID == 0 {
			continue
		}
		if left, ok := m.lineLeft(p.ID); !ok || left-askedOf(before, p.ID) >= line.Ore {
			return p.ID
		}
		if first == 0 {
			first = p.ID
		}
	}
	return first
}

func askedOf(lines []RefundLine, id int64) int64 {
	var asked int64
	for _, line := range lines {
		if line.ID == id {
			asked = addOre(asked, line.Ore)
		}
	}
	return asked
}

// linesHold refuses a refund that takes more of a product than is left of it. What a full one comes to was computed.
func (m *move) linesHold() bool {
	lines := m.r.Refund.Lines
	i := slices.IndexFunc(lines, func(line RefundLine) bool {
		left, ok := m.lineLeft(line.ID)
		return ok && askedOf(lines, line.ID) > left
	})
	if i < 0 || m.r.Refund.Full {
		return true
	}
	left, _ := m.lineLeft(lines[i].ID)
	m.end(StateRejected, &Reason{Code: CodeRefundExceeds, Message: fmt.Sprintf("the refund is for %s of product %d, of which %s is left",
		kroner(askedOf(lines, lines[i].ID)), lines[i].ID, kroner(left))})
	return false
}

// kroner writes øre with two digits.
func kroner(ore int64) string { return fmt.Sprintf("%d.%02d", ore/100, ore%100) }
