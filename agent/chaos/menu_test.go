package chaos_test

import "tillpost/api/simulator"

// menus are the faults that may befall a single call in a schedule, by what the call does.
type menus struct{ reads, cancels, writes, hides []namedFault }

var (
	pages = []namedFault{
		{"page of a proxy", simulator.Page(403)}, {"page of a proxy", simulator.Page(404)}, {"page of a proxy", simulator.Page(404)},
		{"page of a proxy", simulator.Page(502)}, {"page of a proxy", simulator.Page(503)}, {"page of a proxy", simulator.Page(200)},
	}
	contradictions = contradicting(
		simulator.Contradict(429, simulator.BothSides, ""), simulator.Contradict(429, simulator.SideBody, "Too Many Attempts."),
		simulator.Contradict(401, simulator.BothSides, "Unauthenticated."), simulator.Contradict(401, simulator.SideHTTP, ""),
		simulator.Contradict(403, simulator.SideBody, ""), simulator.Contradict(400, simulator.SideHTTP, "orderProductsNotFound"),
		simulator.Contradict(510, simulator.SideBody, "terminalIsBusy"), simulator.Contradict(510, simulator.BothSides, "terminalIsBusy"),
	)
	naming = []namedFault{
		{"refusal that names the customer", simulator.RefuseNaming(400, "")},
		{"refusal that names the customer", simulator.RefuseNaming(417, "{street}: unknown to {name}")},
		{"refusal that names the customer", simulator.RefuseNaming(400, "refundRejectionFor {name}")},
		{"failure that names the customer", simulator.RefuseNaming(510, "no service for {mail} and {phone}")},
	}
)

// contradicting returns each both with and without acting.
func contradicting(all ...simulator.Action) []namedFault {
	var menu []namedFault
	for _, a := range all {
		menu = append(menu, namedFault{"contradiction, carried out", a})
		a.WithoutActing = true
		menu = append(menu, namedFault{"contradiction, not carried out", a})
	}
	return menu
}

// draftMenus adds what the schedule's features bring to what always may be.
func (w *world) draftMenus() menus {
	var more, moreWrites []namedFault
	if w.has(fPages) {
		more = append(more, pages...)
		more = append(more, pages...)
	}
	if w.has(fNames) {
		more = append(more, naming...)
	}
	if w.has(fContradict) {
		moreWrites = append(moreWrites, contradictions...)
	}
	join := func(menus ...[]namedFault) (all []namedFault) {
		for _, m := range menus {
			all = append(all, m...)
		}
		return all
	}
	m := menus{reads: join(reads, more), cancels: join(cancels, more, moreWrites), writes: join(writes, more, moreWrites)}
	m.hides = join(m.writes, writesAndHides[len(writes):])
	if w.has(fHides) {
		for range 9 {
			m.hides = join(m.hides, writesAndHides[len(writes):])
		}
	}
	return m
}

// of returns the menu for an operation; hides allows that a terminal is called busy though the call was carried out.
func (m menus) of(op simulator.Operation, hides bool) []namedFault {
	switch op {
	case simulator.OpCreate, simulator.OpRefund, simulator.OpApproval:
		if hides {
			return m.hides
		}
		return m.writes
	case simulator.OpCancel, simulator.OpResend:
		return m.cancels
	default:
		return m.reads
	}
}
