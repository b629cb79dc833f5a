package crowd_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The plot has two panels, one below the other, in this many units.
const (
	width, height   = 760, 560
	left, right     = 64, 16
	top, panel, gap = 56, 190, 56
)

// plotFrom is the first second that is drawn: until then shops open.
const plotFrom = int(before/time.Second) - 60

const plotStyle = `<style>
.paper{fill:#fff}.ink{fill:#222}.grid{stroke:#ddd}.away{fill:#888;fill-opacity:.13}.bound{stroke:#222;stroke-dasharray:6 4}
.c0{stroke:#c0392b;fill:#c0392b}.c1{stroke:#2471a3;fill:#2471a3}.c2{stroke:#b7791f;fill:#b7791f}polyline{fill:none!important}text{stroke:none!important}
@media(prefers-color-scheme:dark){.paper{fill:#16181c}.ink{fill:#ddd}.grid{stroke:#3a3d42}.bound{stroke:#ddd}
.c0{stroke:#ff7b6b;fill:#ff7b6b}.c1{stroke:#69b4f0;fill:#69b4f0}.c2{stroke:#f0bd5a;fill:#f0bd5a}}
</style>
`

// plot draws what arrived at the API in each second, as SVG.
func plot(shops int, all map[outage]record) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	b.WriteString(plotStyle)
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text class="ink" x="%d" y="20" font-size="14">%d agents behind one API that is away for %d minutes</text>`+"\n", left, shops, int(away/time.Minute))
	for i, kind := range outages {
		fmt.Fprintf(&b, `<path class="c%d" stroke-width="2" d="M%d 36h18"/><text class="c%d" x="%d" y="40">%s</text>`+"\n", i, left+130*i, i, left+24+130*i, kind)
	}
	drawPanel(&b, top, "dials a second", mostDials*shops/thousand, func(k outage) []int { return all[k].dials })
	drawPanel(&b, top+panel+gap, "probes and searches a second", mostLooks*shops/thousand, func(k outage) []int { return all[k].looks })
	fmt.Fprintf(&b, `<text class="ink" x="%d" y="%d" text-anchor="middle">seconds since the API went</text>`+"\n</svg>\n", width/2, top+2*panel+gap+38)
	return b.String()
}

// drawPanel draws one series of each outage, with its bound, below a line at y.
func drawPanel(b *strings.Builder, y int, title string, bound int, of func(outage) []int) {
	most := bound
	for _, k := range outages {
		most = max(most, slices.Max(of(k)[plotFrom:]))
	}
	step := 1
	for _, s := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500} {
		if step = s; most/s <= 6 {
			break
		}
	}
	most = (most/step + 1) * step
	zero, goes := y+panel, int(before/time.Second)
	atX := func(second int) int {
		return left + (second-plotFrom)*(width-left-right)/(int(lasts/time.Second)-plotFrom)
	}
	atY := func(n int) int { return zero - n*panel/most }
	fmt.Fprintf(b, `<rect class="away" x="%d" y="%d" width="%d" height="%d"/>`+"\n", atX(goes), y, atX(goes+int(away/time.Second))-atX(goes), panel)
	for n := 0; n <= most; n += step {
		fmt.Fprintf(b, `<path class="grid" d="M%d %dH%d"/><text class="ink" x="%d" y="%d" text-anchor="end">%d</text>`+"\n", left, atY(n), width-right, left-6, atY(n)+4, n)
	}
	for s := plotFrom; s <= int(lasts/time.Second); s += 60 {
		fmt.Fprintf(b, `<text class="ink" x="%d" y="%d" text-anchor="middle">%d</text>`+"\n", atX(s), zero+16, s-goes)
	}
	fmt.Fprintf(b, `<text class="ink" transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", y+panel/2, title)
	for i, k := range outages {
		points := make([]string, 0, len(of(k)))
		for s, n := range of(k)[plotFrom:] {
			points = append(points, fmt.Sprintf("%d,%d", atX(s+plotFrom), atY(n)))
		}
		fmt.Fprintf(b, `<polyline class="c%d" points="%s"/>`+"\n", i, strings.Join(points, " "))
	}
	fmt.Fprintf(b, `<path class="bound" fill="none" d="M%d %dH%d"/><text class="ink" x="%d" y="%d">at most %d, from the 30th second on</text>`+"\n",
		atX(goes+int(judged/time.Second)), atY(bound), width-right, atX(goes+3*int(judged/time.Second)), atY(bound)-14, bound)
}
