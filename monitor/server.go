package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

// Bounds of the HTTP server. It is part of a daemon that must go on whatever the
// shop's network does to it, so each client gets little: time, header, body and,
// all clients together, connections. What exceeds the last waits in the kernel,
// where it costs the agent no file handle.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = time.Minute
	maxHeaderBytes    = 16 << 10
	maxBodyBytes      = 64 << 10
	defaultMaxConns   = 128
	shutdownGrace     = time.Second
)

// ServerOptions configure a Server. Listen, Metrics, Ready, Logger and Events are required.
type ServerOptions struct {
	// Listen is the TCP address, "host:port"; port 0 takes a free one.
	Listen string
	// WebConfigFile is the path of a web configuration of Prometheus'
	// exporter-toolkit, for TLS and users; empty for neither. The file is read
	// again as it changes. Once it has users, every path needs one.
	WebConfigFile string
	// Metrics is what /metrics shows.
	Metrics *Metrics
	// Ready returns why the agent is not ready, a line each, or nothing if it
	// is. It is called for each probe, possibly by several at once. The lines
	// are shown to whoever asks, so they hold neither secrets nor personal data.
	Ready func() []string
	// Logger gets what goes wrong with a connection.
	Logger *slog.Logger
	// Source is what the JSON API, the events and the pages are about; nil leaves them out.
	Source Source
	// Events are those of the stream.
	Events *Events
	// Build names the build, so that a page notices when it is of an older one.
	Build string
	// Hosts are further names by which the server may be addressed.
	Hosts []string
	// MaxConnections bounds the connections served at once; 0 means 128.
	MaxConnections int
}

// Server is the agent's HTTP side. NewServer, Listen and Run are called in
// this order, each once and from one goroutine.
type Server struct {
	opts     ServerOptions
	handler  http.Handler
	listener net.Listener
	turn     chan struct{} // holds a token while an answer is read; see inTurn
}

// NewServer checks the options and the web configuration file, and opens
// nothing yet.
func NewServer(opts ServerOptions) (*Server, error) {
	if opts.Metrics == nil || opts.Ready == nil {
		return nil, errors.New("monitor: Metrics and Ready must be set")
	}
	host, _, err := net.SplitHostPort(opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen %q: %w; write it as host:port, like \"127.0.0.1:9720\"", opts.Listen, err)
	}
	if err := web.Validate(opts.WebConfigFile); err != nil {
		return nil, fmt.Errorf("http.web_config_file %s: %w; correct the file or remove the key", opts.WebConfigFile, err)
	}
	if opts.MaxConnections <= 0 {
		opts.MaxConnections = defaultMaxConns
	}
	s := &Server{opts: opts, turn: make(chan struct{}, 1)}
	names := append([]string{host}, opts.Hosts...)
	if machine, err := os.Hostname(); err == nil && machine != "" { // else it is not known by one
		names = append(names, machine, strings.TrimSuffix(machine, ".local")+".local")
	}
	s.handler = guard(s.routes(), newHostCheck(names...))
	return s, nil
}

// Listen opens the address, so that a port already in use is known before
// anything else of the agent starts. Clients are answered once Run runs.
func (s *Server) Listen() error {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", s.opts.Listen)
	if err != nil {
		return fmt.Errorf("http.listen %q: %w; free the address or choose another", s.opts.Listen, err)
	}
	s.listener = l
	return nil
}

// Close closes the address opened by Listen. It is for the caller that will
// not call Run after all; Run closes it itself.
func (s *Server) Close() error { return s.listener.Close() }

// Run serves until ctx is done. It then takes no more connections, lets the
// answers under way end, cuts off after a second what has not, and returns nil.
// Any other return is an error that ended the serving. The contexts of the
// requests end with ctx.
func (s *Server) Run(ctx context.Context) error {
	l, srv := s.listener, s.newHTTPServer(ctx)
	served := make(chan error, 1)
	go func() {
		flags := &web.FlagConfig{WebConfigFile: &s.opts.WebConfigFile}
		served <- web.Serve(LimitListener(l, s.opts.MaxConnections), srv, flags, s.opts.Logger)
	}()
	select {
	case err := <-served:
		// The toolkit leaves the listener open when it refuses its file.
		_ = l.Close()
		return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		// A client that holds its answer back must not hold the agent's stop
		// back; that it is cut off is the promise, not a failure.
		_ = srv.Close()
	}
	// Shutdown knows only a listener that is being served already.
	_ = l.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		s.opts.Logger.Debug("the HTTP side ended with an error", "err", err)
	}
	return nil
}

func (s *Server) newHTTPServer(ctx context.Context) *http.Server {
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout, // bounds the TLS handshake too
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		Protocols:         new(http.Protocols),
	}
	// With HTTP/1.1 alone the bound on connections bounds requests as well.
	srv.Protocols.SetHTTP1(true)
	return srv
}
