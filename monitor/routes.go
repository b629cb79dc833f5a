package monitor

import (
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes bounds the expositions made at once, each some ten kilobytes.
const maxScrapes = 4

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metricsHandler())
	mux.HandleFunc("GET /healthz", serveHealth)
	mux.HandleFunc("GET /readyz", s.serveReadiness)
	if s.opts.Source == nil {
		return mux
	}
	s.apiRoutes(mux)
	s.pageRoutes(mux)
	return apiErrors(mux)
}

func (s *Server) metricsHandler() http.Handler {
	return promhttp.HandlerFor(s.opts.Metrics.Registry(), promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		// A compressor's window is a good part of the memory that the whole
		// agent idles in; what it would save on a store's network is nothing.
		DisableCompression: true,
	})
}

// serveHealth answers that the process is alive, no more: a supervisor restarts
// what fails it, and no outage is cured by a restart.
func serveHealth(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "ok\n")
}

// serveReadiness answers whether requests are accepted now, and if not, why.
func (s *Server) serveReadiness(w http.ResponseWriter, _ *http.Request) {
	reasons := s.opts.Ready()
	if len(reasons) == 0 {
		writeText(w, http.StatusOK, "ready\n")
		return
	}
	var b strings.Builder
	for _, reason := range reasons {
		b.WriteString(strings.Join(strings.Fields(reason), " "))
		b.WriteByte('\n')
	}
	writeText(w, http.StatusServiceUnavailable, b.String())
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// An error here is the client's having gone.
	_, _ = io.WriteString(w, text)
}
