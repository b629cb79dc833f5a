package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

func (w *world) page(path string) string { return "http://" + w.Web + path }

// TestASaleCrossesThePages: a sale is seen on the technician's page and on the customer's display, from the till's message
// to its end, and nobody else's display shows it.
func TestASaleCrossesThePages(t *testing.T) {
	outside(t)
	b := newBrowser(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(3 * time.Second)})
	page := b.open(w.page("/"), 1280, 900)
	display := b.open(w.page("/display/"+terminal(0)+"?lang=no"), 1280, 800)
	other := b.open(w.page("/display/"+terminal(1)), 1280, 800)
	page.has(`html[data-agent="online"]`)
	page.has(`[data-terminal="` + terminal(0) + `"][data-lane="idle"]`)
	display.has(`body[data-phase="idle"]:not([data-stale])`)
	display.picture("display-idle")
	w.Order(terminal(0), "sale-1")
	display.has(`body[data-phase="present_card"]`)
	page.has(`[data-request="sale-1"][data-state="awaiting_customer"]`)
	page.has(`[data-terminal="` + terminal(0) + `"][data-lane="busy"]`)
	if got := display.value(`document.querySelector("[data-amount]").textContent`); got != "42,00 kr" {
		t.Errorf("the display asks for %q", got)
	}
	if got := display.value(`document.querySelector("[data-text]").textContent`); got != "Bruk kortet på terminalen" {
		t.Errorf("the display says %q", got)
	}
	for what, least := range map[string]string{"[data-text]": "118", "[data-amount]": "160"} {
		display.sees(`parseFloat(getComputedStyle(document.querySelector("` + what + `")).fontSize) >= ` + least)
	}
	display.picture("display-present_card")
	display.has(`body[data-phase="approved"]`)
	display.picture("display-approved")
	page.has(`[data-request="sale-1"][data-state="paid"]`)
	page.has(`[data-terminal="` + terminal(0) + `"][data-lane="idle"]`)
	if got := other.value("document.body.dataset.phase"); got != "idle" {
		t.Errorf("the other display shows %s", got)
	}
	page.accessible()
	display.accessible()
	page.click(`[data-request="sale-1"] summary`)
	page.sees(`document.querySelector('[data-request="sale-1"] .history').children.length >= 4`)
	page.fill("#q", "sale-1\r")
	page.has(`#found [data-request="sale-1"][data-state="paid"]`)
	page.accessible()
	page.picture("page-1280")
	for _, wide := range []int64{360, 800, 3840} {
		page.size(wide, 800)
		if over := page.overflows(); len(over) > 0 {
			t.Errorf("at %d px these are too wide: %s", wide, strings.Join(over, "\n"))
		}
	}
	page.size(360, 740)
	page.picture("page-360")
	page.size(1280, 900)
	page.prefers("prefers-color-scheme", "dark")
	page.accessible()
	page.picture("page-dark")
	display.prefers("prefers-reduced-motion", "reduce")
	display.sees(`document.getAnimations().length === 0`)
}

// TestTheDisplaysFiveLanguages take turns, each with the amount as it writes it.
func TestTheDisplaysFiveLanguages(t *testing.T) {
	outside(t)
	b := newBrowser(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.WalkAway()})
	order := shoptest.Priced(shoptest.Example(w.Today(), "x"), "1234.50")
	w.Send(terminal(0), "orders", shoptest.Request("big-1", "order", order))
	display := b.open(w.page("/display/"+terminal(0)), 1280, 800)
	display.has(`body[data-phase="present_card"]`)
	for _, c := range [][2]string{{"no", "1 234,50 kr"}, {"en", "NOK 1,234.50"}, {"sv", "1 234,50 kr"}, {"da", "1.234,50 kr."}, {"de", "1.234,50 kr"}} {
		display.sees(`document.documentElement.lang === "` + c[0] + `" && document.querySelector("[data-amount]").textContent === "` + c[1] + `"`)
	}
}

// TestADoubtIsSettledByClicking, with a name and after the page has said what will happen.
func TestADoubtIsSettledByClicking(t *testing.T) {
	outside(t)
	b := newBrowser(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0), Settings: shoptest.Settings{"policy.doubt_check": "1s"}})
	page := b.open(w.page("/"), 1280, 900)
	display := b.open(w.page("/display/"+terminal(0)+"?lang=en"), 1280, 800)
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
	w.Order(terminal(0), "doubt-1")
	display.has(`body[data-phase="checking"]`)
	display.accessible()
	display.sees(`document.querySelector("[data-amount]").getBoundingClientRect().bottom <= innerHeight - 20`)
	display.picture("display-checking")
	page.has(`[data-problem="needsStaff"][data-request="doubt-1"][data-state="in_doubt"]`)
	page.has(`html[data-agent="degraded"]`)
	page.has(`[data-terminal="` + terminal(0) + `"][data-lane="in_doubt"]`)
	page.click(`[data-problem="needsStaff"] summary`)
	page.has(`[data-problem="needsStaff"] .looked`)
	page.accessible()
	page.picture("page-doubt")
	page.click(`[data-problem="needsStaff"] [data-action="abandon"]`)
	page.has(`dialog[open]`)
	page.accessible()
	page.click(`#settle-do`) // not without a name
	page.has(`dialog[open] #by:invalid`)
	page.fill("#by", "Kari")
	page.picture("page-settle")
	page.click(`#settle-do`)
	page.has(`[data-request="doubt-1"][data-state="cancelled"]`)
	page.sees(`!document.querySelector("dialog").open && !document.querySelector("[data-problem]")`)
	page.has(`html[data-agent="online"]`)
	if s := w.UntilState(terminal(0), "doubt-1", "cancelled"); s.ReasonCode() != "abandoned" {
		t.Errorf("it ended %s", s.ReasonCode())
	}
}

// TestATerminalIsPausedByClicking, with a name, and goes on the same way.
func TestATerminalIsPausedByClicking(t *testing.T) {
	outside(t)
	b := newBrowser(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0)})
	page := b.open(w.page("/"), 1280, 900)
	display := b.open(w.page("/display/"+terminal(0)+"?lang=en"), 1280, 800)
	page.click(`[data-terminal="` + terminal(0) + `"] [data-action="pause"]`)
	page.has(`dialog[open]`)
	page.fill("#by", "Kari")
	page.click(`#settle-do`)
	page.has(`[data-terminal="` + terminal(0) + `"][data-lane="paused"] [data-action="resume"]`)
	display.has(`body[data-phase="offline"]`)
	page.accessible()
	w.Order(terminal(0), "waits-1")
	w.UntilWaits(terminal(0), "waits-1", "paused")
	// A card that is drawn anew under the mouse takes no click.
	page.sees(`document.querySelector('[data-terminal="` + terminal(0) + `"]').textContent.includes("1 waits. the terminal is paused")`)
	page.click(`[data-terminal="` + terminal(0) + `"] [data-action="resume"]`)
	page.has(`dialog[open]`)
	page.click(`#settle-do`) // the name is still there
	page.has(`[data-request="waits-1"][data-state="paid"]`)
	page.has(`[data-terminal="` + terminal(0) + `"][data-lane="idle"] [data-action="pause"]`)
}

// TestARequestIsMovedByClicking: what waits at a terminal that is paused is sold at the other one.
func TestARequestIsMovedByClicking(t *testing.T) {
	outside(t)
	b := newBrowser(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0)})
	page := b.open(w.page("/"), 1280, 900)
	page.click(`[data-terminal="` + terminal(0) + `"] [data-action="pause"]`)
	page.fill("#by", "Kari")
	page.click(`#settle-do`)
	page.has(`[data-terminal="` + terminal(0) + `"][data-lane="paused"]`)
	w.Order(terminal(0), "moves-1")
	w.UntilWaits(terminal(0), "moves-1", "paused")
	page.sees(`document.querySelector('#requests [data-request="moves-1"]').textContent.includes("the terminal is paused")`)
	page.click(`#requests [data-request="moves-1"] [data-action="move"]`)
	page.has(`dialog[open]`)
	page.sees(`document.querySelector("#to").value === "` + terminal(1) + `"`)
	page.accessible()
	page.picture("page-move")
	page.click(`#settle-do`) // the name is still there
	page.has(`#requests [data-request="moves-1"][data-state="paid"]`)
	page.sees(`!document.querySelector('#requests [data-request="moves-1"] [data-action="move"]')`)
	for _, at := range []int{0, 1} {
		w.UntilState(terminal(at), "moves-1", "paid")
	}
	if o := w.Sim.Orders(); len(o) != 1 || o[0].Terminal != terminal(1) {
		t.Errorf("sold as %+v", o)
	}
}

// TestAKillIsNoticed: the pages of an agent that is gone say so within half a minute, show no old approval, and go on
// when it is back, with that build's page.
func TestAKillIsNoticed(t *testing.T) {
	outside(t)
	b := newBrowser(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0)})
	page := b.open(w.page("/"), 1280, 900)
	display := b.open(w.page("/display/"+terminal(0)+"?lang=en"), 1280, 800)
	page.has(`html[data-agent="online"]`)
	w.Sale(terminal(0), "sale-1")
	display.has(`body[data-phase="approved"]`)
	for _, p := range []*tab{page, display} {
		p.mu.Lock()
		p.alone = true
		p.mu.Unlock()
	}
	w.Agent.Kill()
	display.has(`body[data-phase="offline"][data-stale]`)
	page.has(`html[data-agent="stale"]`)
	page.sees(`/No news/.test(document.getElementById("state").textContent) && /\d\d:\d\d:\d\d/.test(document.getElementById("asof").textContent)`)
	if got := display.value(`document.querySelector("[data-text]").textContent`); got != "The terminal is not available right now" {
		t.Errorf("the stale display says %q", got)
	}
	display.picture("display-offline")
	page.picture("page-stale")
	// What comes back is another build, as after an upgrade: the page loads itself again.
	page.value(`(window.former = true, document.documentElement.dataset.build = "former")`)
	w.Start()
	page.has(`html[data-agent="online"]`)
	page.sees(`!window.former`)
	display.has(`body:not([data-stale])`)
}

// TestSevenTabs: a browser opens six connections to a server, and a seventh page works all the same.
func TestSevenTabs(t *testing.T) {
	outside(t)
	b := newBrowser(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0)})
	var tabs []*tab
	for range 7 {
		tabs = append(tabs, b.open(w.page("/"), 800, 600))
		tabs[len(tabs)-1].has(`html[data-agent="online"]`)
	}
	w.Sale(terminal(0), "sale-1")
	last := tabs[6]
	last.has(`[data-request="sale-1"][data-state="paid"]`)
	last.click(`[data-request="sale-1"] summary`)
	last.has(`[data-request="sale-1"] .history`)
}

// TestABrowserWithoutSharedWorkers, as on many a phone, where each page has a stream of its own, which is closed while the page
// is hidden.
func TestABrowserWithoutSharedWorkers(t *testing.T) {
	outside(t)
	b := newBrowser(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0)})
	p := b.open(w.page("/help"), 800, 600)
	p.before(`delete window.SharedWorker; window.streams = []; window.EventSource = class extends EventSource { constructor(url) { super(url); streams.push(this); } };`)
	p.must(chromedp.Do(p.ctx, chromedp.Navigate(w.page("/"))))
	p.has(`html[data-agent="online"]`)
	p.sees(`streams.length === 1 && streams[0].readyState === 1`)
	p.value(`Object.defineProperty(document, "hidden", {value: true, configurable: true}) && document.dispatchEvent(new Event("visibilitychange"))`)
	p.sees(`streams[0].readyState === 2`)
	w.Sale(terminal(0), "sale-1")
	if n := p.value(`document.querySelectorAll('[data-request="sale-1"]').length + " " + streams.length`); n != "0 1" {
		t.Errorf("hidden, it has %s", n)
	}
	p.value(`Object.defineProperty(document, "hidden", {value: false, configurable: true}) && document.dispatchEvent(new Event("visibilitychange"))`)
	p.has(`[data-request="sale-1"][data-state="paid"]`)
	p.sees(`streams.length === 2`)
}

// TestHelpIsForEveryone, and has what the page links to.
func TestHelpIsForEveryone(t *testing.T) {
	outside(t)
	b := newBrowser(t)
	w := newEmbedded(t, shoptest.Options{})
	help := b.open(w.page("/help"), 360, 740)
	help.has("#needsStaff")
	help.accessible()
	if over := help.overflows(); len(over) > 0 {
		t.Errorf("too wide: %s", strings.Join(over, "\n"))
	}
}
