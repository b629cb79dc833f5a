package monitor

import (
	"encoding/json"
	"net/http"
	"strings"
)

// The codes of the errors that are the HTTP side's own.
const (
	codeUnknownParameter = "unknownParameter"
	codeInvalidParameter = "invalidParameter"
	codeUnknownRequest   = "unknownRequest"
	codeUnknownPath      = "unknownPath"
	codeWrongMethod      = "wrongMethod"
	codeWrongHost        = "wrongHost"
	codeWrongOrigin      = "wrongOrigin"
	codeReadOnly         = "readOnly"
	codeTooLarge         = "tooLarge"
	codeTooManyReaders   = "tooManyReaders"
	codeInternal         = "internal"
)

// writeProblem answers with an error.
func writeProblem(w http.ResponseWriter, status int, code, detail string) {
	writeRefusal(w, &Refusal{Status: status, Code: code, Detail: detail})
}

func writeRefusal(w http.ResponseWriter, r *Refusal) {
	raw, err := json.Marshal(struct {
		Title string `json:"title"`
		*Refusal
	}{http.StatusText(r.Status), r})
	if err != nil {
		writeText(w, http.StatusInternalServerError, "the error could not be written as JSON\n")
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(r.Status)
	_, _ = w.Write(append(raw, '\n')) // an error is the client's having gone
}

// isAPI reports whether a path is the JSON API's, whose errors are JSON too.
func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }

// writeError answers in the form that the path's clients read.
func writeError(w http.ResponseWriter, r *http.Request, status int, code, detail string) {
	if isAPI(r) {
		writeProblem(w, status, code, detail)
		return
	}
	writeText(w, status, detail+"\n")
}

// apiErrors answers with JSON where the multiplexer would with text: for an unknown path, and for a method that it does
// not take.
func apiErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" || !isAPI(r) {
			mux.ServeHTTP(w, r)
			return
		}
		said := muxError{header: http.Header{}}
		mux.ServeHTTP(&said, r)
		if said.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", said.Header().Get("Allow"))
			writeProblem(w, said.status, codeWrongMethod, "this path takes "+said.Header().Get("Allow"))
			return
		}
		writeProblem(w, http.StatusNotFound, codeUnknownPath, "there is no such path; /api/v1/openapi.json tells which there are")
	})
}

// muxError records the multiplexer's answer, of which only the status and the headers matter.
type muxError struct {
	header http.Header
	status int
}

func (e *muxError) Header() http.Header { return e.header }

func (e *muxError) WriteHeader(status int) { e.status = status }

func (e *muxError) Write(b []byte) (int, error) { return len(b), nil }
