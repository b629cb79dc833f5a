package check

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"tillpost/internal/hostport"
)

// daemonFacts is what answers at http.listen.
type daemonFacts struct {
	// ours: it is a tillpost, of that version, "" where that is not known.
	ours    bool
	version string
	// reasons are why it takes no requests now; empty where it does, or that is not known.
	reasons []string
}

func (c *checker) daemon(ctx context.Context) daemonFacts {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	address, err := hostport.Near(c.cfg.HTTP.Listen)
	if err != nil || strings.HasSuffix(address, ":0") {
		return daemonFacts{}
	}
	client := &http.Client{
		// It is this machine's own listener, and no secret is sent to it.
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, scheme := range []string{"http://", "https://"} {
		base := scheme + address
		status, page, err := get(ctx, client, base+"/metrics")
		if err != nil {
			return daemonFacts{}
		}
		if status == http.StatusUnauthorized {
			return daemonFacts{} // it asks for a user, so that nothing is known
		}
		facts := daemonFacts{}
		if facts.version, facts.ours = buildVersion(page); !facts.ours {
			continue
		}
		if status, page, err := get(ctx, client, base+"/readyz"); err == nil && status == http.StatusServiceUnavailable {
			for line := range strings.Lines(page) {
				facts.reasons = append(facts.reasons, strings.TrimSpace(line))
			}
		}
		return facts
	}
	return daemonFacts{}
}

// buildVersion returns the version of the tillpost whose metrics the page is; it is not ok where it is something else.
func buildVersion(page string) (version string, ok bool) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	// What follows a fault is not needed.
	families, _ := parser.TextToMetricFamilies(strings.NewReader(page))
	for _, m := range families["tillpost_build_info"].GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetName() == "version" {
				return label.GetValue(), true
			}
		}
	}
	return "", false
}

func get(ctx context.Context, client *http.Client, url string) (status int, page string, err error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	reply, err := client.Do(rq)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = reply.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(reply.Body, 4<<20))
	return reply.StatusCode, string(data), err
}
