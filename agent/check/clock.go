package check

import (
	"fmt"
	"time"
)

const (
	// skewNoticed is more than the error of a Date header, which is cut to seconds and takes a while to arrive;
	// skewHarmful moves orders into another day and ends them before their time.
	skewNoticed = 5 * time.Second
	skewHarmful = time.Minute
	// firstYear is the first year that a clock which is right can show.
	firstYear = 2026
	enableNTP = "enable a time service: timedatectl set-ntp true"
)

// clock checks the time, against the API's where that is known.
func (c *checker) clock(a apiFacts) []Finding {
	fs := about("clock")
	now := c.machine.now().In(c.cfg.Store.Location)
	said := now.Format("2 January 2006 15:04") + " in " + c.cfg.Store.Location.String()
	synced := c.opts.Synchronized == nil || c.opts.Synchronized()
	ahead := "behind"
	if a.skew > 0 {
		ahead = "ahead of"
	}
	off := fmt.Sprintf("%s %s the API's", a.skew.Abs().Round(time.Second), ahead)
	switch {
	case now.Year() < firstYear && !a.dated:
		fs.fail(enableNTP, "it is not %s; nothing can be encrypted with such a clock", said)
	case a.dated && a.skew.Abs() >= skewHarmful && synced:
		fs.fail(enableNTP+"; or the time server is wrong", "%s is %s", said, off)
	case a.dated && a.skew.Abs() >= skewNoticed:
		fs.warn(enableNTP, "%s is %s", said, off)
	case !synced && a.dated:
		fs.warn(enableNTP, "%s; the system does not keep it right, so tillpost goes by the API's", said)
	case !synced:
		fs.warn(enableNTP, "%s; the system does not keep it right: until the API answers, nothing is sent that could be too old", said)
	case !a.dated:
		fs.ok("%s; the API did not tell its own time", said)
	default:
		fs.ok("%s, as at the API", said)
	}
	if c.opts.Synchronized != nil && synced && len(fs.list) == 1 && fs.list[0].Level == LevelOK {
		fs.ok("kept right by the system")
	}
	return fs.done()
}
