package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tillpost/internal/proctest"
)

// browser is a Chromium of its own, with a tab for each page.
type browser struct {
	*testing.T
	ctx   context.Context
	first *tab // the tab that comes with the browser, until it is used
}

// tab is one page, and what went wrong on it.
type tab struct {
	*testing.T
	ctx   context.Context
	close context.CancelFunc

	mu     sync.Mutex
	faults []string
	paths  map[network.RequestID]string
	// alone: what fails now does so because the test took the server away.
	alone bool
}

// browsers bounds how many run at once: each is half a dozen processes.
var browsers = make(chan struct{}, 2)

// newBrowser starts Debian's Chromium. Without it the test is skipped, unless the tools are required.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		proctest.Lacks(t, "chromium is not installed: apt install chromium")
	}
	browsers <- struct{}{}
	t.Cleanup(func() { <-browsers })
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		chromedp.Flag("force-prefers-reduced-motion", true)) // a display that changes while axe-core looks is not halfway between two colours
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to run as root with one
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	b := &browser{T: t}
	b.first = b.newTab(allocator)
	b.ctx = b.first.ctx
	return b
}

func (b *browser) newTab(parent context.Context) *tab {
	p := &tab{T: b.T, paths: map[network.RequestID]string{}}
	p.ctx, p.close = chromedp.NewContext(parent, chromedp.WithListener(p.heard))
	b.Cleanup(p.close)
	return p
}

// open opens a page in a tab of its own.
func (b *browser) open(url string, wide, high int64) *tab {
	b.Helper()
	p := b.first
	if b.first = nil; p == nil {
		p = b.newTab(b.ctx)
	}
	p.must(chromedp.Do(p.ctx, call(network.Enable, network.EnableParams{}), call(cdpruntime.Enable, cdp.Empty{}),
		chromedp.EmulateViewport(wide, high, scale()), chromedp.Navigate(url)))
	b.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, f := range p.faults {
			b.Errorf("%s: %s", url, f)
		}
	})
	return p
}

// call calls a method of the protocol that returns nothing.
func call[P, R any](method cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, method, params)
		return err
	})
}

// before runs JavaScript in each page that the tab opens from now on, ahead of the page's own.
func (p *tab) before(script string) {
	p.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	})))
}

// heard records what fails: no request of a page may, and no policy may be broken.
func (p *tab) heard(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alone {
		return
	}
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		p.paths[e.RequestID] = e.Request.URL
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			p.faults = append(p.faults, fmt.Sprintf("%s answered %d", e.Response.URL, e.Response.Status))
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			p.faults = append(p.faults, fmt.Sprintf("%s failed: %s", p.paths[e.RequestID], e.ErrorText))
		}
	case *cdpruntime.EventExceptionThrown:
		p.faults = append(p.faults, fmt.Sprintf("exception: %+v", e.ExceptionDetails))
	}
}

func (p *tab) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// value returns what JavaScript makes of the page; "" while that fails, as on a page that is just loading.
func (p *tab) value(expression string) string {
	ctx, cancel := context.WithTimeout(p.ctx, proctest.Patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if errors.Is(err, context.DeadlineExceeded) {
		p.Errorf("%s: the page does not answer", expression)
	}
	if err != nil {
		return ""
	}
	return v
}

// sees waits until JavaScript finds something to be so.
func (p *tab) sees(expression string) {
	p.Helper()
	if !proctest.Eventually(proctest.Patience, func() bool { return p.value("Boolean("+expression+")") == "true" }) {
		p.Fatalf("it does not come to be that %s; the page says:\n%s", expression, p.value("document.body.innerText"))
	}
}

// has waits for an element.
func (p *tab) has(selector string) {
	p.Helper()
	p.sees(fmt.Sprintf("document.querySelector(%q)", selector))
}

func (p *tab) click(selector string) {
	p.Helper()
	p.has(selector)
	p.must(chromedp.Do(p.ctx, chromedp.Click(chromedp.CSS(selector))))
}

func (p *tab) fill(selector, text string) {
	p.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.SendKeys(chromedp.CSS(selector), text)))
}

// prefers sets what a person has chosen, such as dark pages, or still ones.
func (p *tab) prefers(name, value string) {
	p.Helper()
	p.must(chromedp.Do(p.ctx, call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})))
}

func (p *tab) size(wide, high int64) {
	p.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.EmulateViewport(wide, high, scale())))
}

// scale is 1, but half of it where pictures are taken, which are to be small.
func scale() chromedp.EmulateViewportOption {
	if os.Getenv("TILLPOST_SHOTS") != "" {
		return chromedp.EmulateScale(0.5)
	}
	return chromedp.EmulateScale(1)
}

// picture keeps what is to be seen, in the folder that TILLPOST_SHOTS names.
func (p *tab) picture(name string) {
	p.Helper()
	dir := os.Getenv("TILLPOST_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	p.must(err)
	p.must(os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

// accessible has axe-core look for what keeps people out. Values that have no words are among that.
func (p *tab) accessible() {
	p.Helper()
	if found := p.value(`document.body.innerText.match(/.*(undefined|null|NaN|Infinity|\[object).*/g)?.join("; ") || "nothing"`); found != "nothing" {
		p.Errorf("the page shows: %s", found)
	}
	script, err := os.ReadFile(filepath.Join("axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		proctest.Lacks(p.T, "axe-core is not installed: npm ci, in cmd/agent/e2e/axe")
	}
	p.must(chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdpruntime.Evaluate, cdpruntime.EvaluateParams{Expression: string(script)})
		return err
	})))
	// A colour halfway to the next one is not what people read.
	p.sees(`document.getAnimations().every((a) => !(a instanceof CSSTransition) || a.playState === "finished")`)
	p.must(chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdpruntime.Evaluate, cdpruntime.EvaluateParams{
			Expression: `axe.run(document, {}).then((r) => { window.axeFound = r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary).join("; ")).join("\n") || "nothing"; }, (e) => { window.axeFound = String(e); })`,
		})
		return err
	})))
	p.sees("window.axeFound")
	if found := p.value("window.axeFound"); found != "nothing" {
		p.Errorf("axe-core finds: %s", found)
	}
}

// overflows names the elements that are wider than the page.
func (p *tab) overflows() []string {
	found := p.value(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll") && e.getBoundingClientRect().width > 0).map((e) => e.tagName + "." + e.className + " " + e.textContent.slice(0, 40)).join("\n")`)
	return slices.DeleteFunc(strings.Split(found, "\n"), func(s string) bool { return s == "" })
}
