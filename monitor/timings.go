package monitor

import "github.com/prometheus/client_golang/prometheus"

// OperationTiming is how long the calls of one operation of the payment API took.
type OperationTiming struct {
	Operation string  `json:"operation"`
	Calls     uint64  `json:"calls"`
	Mean      float64 `json:"meanSeconds"`
	// Within is a bound in seconds that nineteen of twenty calls kept, 0 where that is above all bounds that are counted.
	Within float64 `json:"p95WithinSeconds"`
}

// APITimings returns the timings since the start of the operations that were called.
func (m *Metrics) APITimings() []OperationTiming {
	list := []OperationTiming{}
	only := prometheus.NewRegistry()
	only.MustRegister(m.apiDuration)
	families, err := only.Gather()
	if err != nil {
		return list // the same fault shows at every scrape
	}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			h := one.GetHistogram()
			calls := h.GetSampleCount()
			if calls == 0 || len(one.GetLabel()) == 0 {
				continue
			}
			t := OperationTiming{Operation: one.GetLabel()[0].GetValue(), Calls: calls, Mean: h.GetSampleSum() / float64(calls)}
			for _, b := range h.GetBucket() {
				if b.GetCumulativeCount()*20 >= calls*19 {
					t.Within = b.GetUpperBound()
					break
				}
			}
			list = append(list, t)
		}
	}
	return list
}
