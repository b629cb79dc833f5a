package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tillpost/api/simulator"
)

// orders counts the orders at the API by the requestId that the till put into customerReference.
func (w *world) orders() map[string]int {
	w.Helper()
	n := map[string]int{}
	for _, o := range w.sim.Orders() {
		n[tillReference(w, o)]++
	}
	return n
}

func tillReference(t testing.TB, o simulator.Order) string {
	t.Helper()
	var body struct {
		InvoiceReferences struct{ CustomerReference string }
	}
	if err := json.Unmarshal(o.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body.InvoiceReferences.CustomerReference
}

// once checks that no request has two orders at the API, and no order two refunds.
func (w *world) once() {
	w.Helper()
	for id, n := range w.orders() {
		if n > 1 {
			w.Errorf("%d orders for %s", n, id)
		}
	}
	for _, o := range w.sim.Orders() {
		refunds := slices.DeleteFunc(slices.Clone(o.Refunds), func(r simulator.Refund) bool { return r.Status == simulator.RefundRejected })
		if len(refunds) > 1 {
			w.Errorf("%d refunds of the order of %s", len(refunds), strings.TrimSpace(tillReference(w, o)))
		}
	}
}

// productOf is the number that the API gave to an order's first product.
func (w *world) productOf(uuid string) string {
	w.Helper()
	_, rest, ok := strings.Cut(w.call(http.MethodGet, "connect/orders/details/"+uuid, ""), `"id":`)
	end := strings.IndexAny(rest, ",}")
	if !ok || end < 0 {
		w.Fatal("the details show no product's number")
	}
	return strings.TrimSpace(rest[:end])
}

// foreign places an order past the agent, and gives its uuid.
func (w *world) foreign(terminal string) string {
	w.Helper()
	w.customers(terminal, simulator.WalkAway())
	body := strings.Replace(example(w.today(), "foreign"), `"receiptPrint"`, `"terminalUuid": "`+terminal+`", "receiptPrint"`, 1)
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
	r, err := http.NewRequestWithContext(w.Context(), method, "http://"+w.apiAddr+"/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer reply.Body.Close()
	raw, err := io.ReadAll(reply.Body)
	if err != nil {
		w.Fatal(err)
	}
	return string(raw)
}
