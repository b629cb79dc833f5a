package e2e

import (
	"io"
	"net/http"
	"strings"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

// productOf returns the number that the API gave to an order's first product.
func (w *world) productOf(uuid string) string {
	w.Helper()
	_, rest, ok := strings.Cut(w.call(http.MethodGet, "connect/orders/details/"+uuid, ""), `"id":`)
	end := strings.IndexAny(rest, ",}")
	if !ok || end < 0 {
		w.Fatal("the details show no product's number")
	}
	return strings.TrimSpace(rest[:end])
}

// foreign places an order past the agent, and returns its uuid.
func (w *world) foreign(terminal string) string {
	w.Helper()
	w.customers(terminal, simulator.WalkAway())
	body := strings.Replace(shoptest.Example(w.Today(), "foreign"), `"receiptPrint"`, `"terminalUuid": "`+terminal+`", "receiptPrint"`, 1)
	reply := w.call(http.MethodPost, "connect/terminal/orders/create", body)
	_, rest, ok := strings.Cut(reply, `"orderUuid":"`)
	uuid, _, found := strings.Cut(rest, `"`)
	if !ok || !found {
		w.Fatalf("the API did not take another till's order: %s", reply)
	}
	return uuid
}

// call calls the API as another till does.
func (w *world) call(method, path, body string) string {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, w.API+"/"+path, strings.NewReader(body))
	w.Must(err)
	r.Header.Set("Authorization", "Bearer "+shoptest.Token)
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	reply, err := http.DefaultClient.Do(r)
	w.Must(err)
	defer reply.Body.Close()
	raw, err := io.ReadAll(reply.Body)
	w.Must(err)
	return string(raw)
}
