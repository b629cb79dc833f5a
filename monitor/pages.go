package monitor

import (
	"bytes"
	"embed"
	"html"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"rsc.io/qr"

	"tillpost/internal/topic"
)

//go:embed web
var pages embed.FS

//go:embed openapi.json
var openAPI []byte

// pagePolicy allows what this server serves, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The pages' files, by their suffix.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".json": "application/json",
}

// languages are those of the customer display.
var languages = []string{"no", "en", "sv", "da", "de"}

func (s *Server) pageRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { s.serveFile(w, "index.html") })
	mux.HandleFunc("GET /display/{terminal}", s.serveDisplay)
	mux.HandleFunc("GET /help", func(w http.ResponseWriter, _ *http.Request) { s.serveFile(w, "help.html") })
	mux.HandleFunc("GET /qr.svg", s.serveQR)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { s.serveFile(w, "icon.svg") })
	entries, err := pages.ReadDir("web")
	if err != nil {
		panic(err) // embedded, so it is there
	}
	for _, e := range entries {
		if name := e.Name(); path.Ext(name) != ".html" {
			mux.HandleFunc("GET /web/"+name, func(w http.ResponseWriter, _ *http.Request) { s.serveFile(w, name) })
		}
	}
}

// serveFile answers with a part of the pages. A page itself gets the build and the time zone.
func (s *Server) serveFile(w http.ResponseWriter, name string) {
	raw, err := pages.ReadFile("web/" + name)
	if err != nil {
		writeText(w, http.StatusNotFound, "404 page not found\n")
		return
	}
	suffix := path.Ext(name)
	if suffix == ".html" {
		attributes := ` data-build="` + html.EscapeString(s.opts.Build) + `" data-zone="` + html.EscapeString(zoneName(s.opts.Source.Location())) + `"`
		raw = bytes.Replace(raw, []byte(" data-server"), []byte(attributes), 1)
	}
	w.Header().Set("Content-Security-Policy", pagePolicy) // a worker has its own, by its script
	w.Header().Set("Content-Type", contentTypes[suffix])
	_, _ = w.Write(raw) // an error is the client's having gone
}

// zoneName returns the zone's name for browsers.
func zoneName(zone *time.Location) string {
	if zone == nil || zone == time.Local {
		return "UTC"
	}
	return zone.String()
}

// serveDisplay answers with the page for customers; ?lang= fixes its language.
func (s *Server) serveDisplay(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	refusal := onlyParameters(values, "lang")
	if refusal == nil && values.Has("lang") && !slices.Contains(languages, values.Get("lang")) {
		refusal = badParameter("lang", "is none of "+strings.Join(languages, ", "))
	}
	if refusal != nil {
		writeText(w, refusal.Status, refusal.Detail+"\n")
		return
	}
	if !topic.ValidID(r.PathValue("terminal")) {
		writeText(w, http.StatusNotFound, "that is no terminal's uuid\n")
		return
	}
	s.serveFile(w, "display.html")
}

// serveQR answers with the address of the technician's page, as it was asked for, for a phone's camera.
func (s *Server) serveQR(w http.ResponseWriter, r *http.Request) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	code, err := qr.Encode(scheme+"://"+r.Host+"/", qr.M)
	if err != nil {
		writeText(w, http.StatusBadRequest, "that address is too long for a code\n")
		return
	}
	w.Header().Set("Content-Type", contentTypes[".svg"])
	_, _ = w.Write(qrSVG(code)) // an error is the client's having gone
}

// qrSVG draws a code with the quiet zone that readers need.
func qrSVG(code *qr.Code) []byte {
	const quiet = 4
	var b bytes.Buffer
	size := strconv.Itoa(code.Size + 2*quiet)
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + size + ` ` + size + `" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h` + size + `v` + size + `H0z"/><path d="`)
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				b.WriteString("M" + strconv.Itoa(x+quiet) + " " + strconv.Itoa(y+quiet) + "h1v1h-1z")
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes()
}

// serveOpenAPI answers with the description of the JSON API.
func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", contentTypes[".json"])
	_, _ = w.Write(openAPI) // an error is the client's having gone
}
