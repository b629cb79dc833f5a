package simulator

// admits reports whether a call's token is accepted.
func (s *Simulator) admits(req *request) bool {
	if _, ok := s.opts.Merchants[req.token]; ok && req.token != "" {
		return true
	}
	return s.token == "" && len(s.opts.Merchants) == 0 || s.token != "" && req.token == s.token
}

// sees reports whether a caller sees what belongs to an organisation: one who is none of the merchants sees everything.
func (s *Simulator) sees(req *request, owner string) bool {
	organization, ok := s.opts.Merchants[req.token]
	return !ok || owner == organization
}

// named returns the order whose uuid a call names, nil if the caller has no such order.
func (s *Simulator) named(req *request) *order {
	if o := s.orders[req.uuid]; o != nil && s.sees(req, o.organization) {
		return o
	}
	return nil
}
