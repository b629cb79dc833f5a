package proctest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// Serve answers what comes to l, which it closes, until the test ends.
func Serve(t testing.TB, l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: Patience}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // it ends with the test
	}()
	t.Cleanup(func() {
		_ = server.Close() // nobody is there any more
		<-served
	})
}

// Get reads a page over a connection of its own. The code is 0 where nobody answers, and the text then is the error.
func Get(t testing.TB, url string) (code int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), Patience/4)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true // one that is kept would be a handle of the process too, and end with it
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	raw, err := io.ReadAll(reply.Body)
	if err = errors.Join(err, reply.Body.Close()); err != nil {
		return 0, err.Error()
	}
	return reply.StatusCode, string(raw)
}
