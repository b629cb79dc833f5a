package api

import (
	"strings"
	"unicode/utf8"
)

// meaning is what a message of the API says about the call that it answers.
type meaning uint8

const (
	meansUnknown meaning = iota
	meansDone            // the call was carried out
	meansBusy            // the terminal is busy
	meansMissing         // the order is not known
	meansRefused         // refused for a reason that a person can act on
	meansBroken          // the API failed and does not say how far it got
)

type knownMessage struct {
	code    string
	meaning meaning
	text    string
}

// known are the messages of the API's documents, in their camelCase form, with a sentence for people.
var known = []knownMessage{
	{"terminalsRetrievedSuccessfully", meansDone, "The terminals were listed."},
	{"terminalOrderAddedSuccessfully", meansDone, "The order was placed on the terminal."},
	{"cancelledOrderSuccessfully", meansDone, "The order is cancelled."},
	{"orderSentSuccessfully", meansDone, "The order was sent to the terminal again."},
	{"orderPaymentConfirmed", meansDone, "The payment is confirmed."},
	{"orderStatusUpdatedSuccessfully", meansDone, "The order's status is up to date."},
	{"orderPaymentFailed", meansDone, "The payment failed on the terminal."},
	{"terminalOrderRefundRequestSuccessfully", meansDone, "The refund was taken and is under way."},
	{"terminalOrderReversalSuccessfully", meansDone, "The payment was reversed."},
	{"orderRefundedSuccessfully", meansDone, "The refund is done."},
	{"refundRequestRejectedSuccessfully", meansDone, "The refund request is rejected."},
	{"requestedOrderRefundSuccessfully", meansDone, "The refund was handed in for approval."},
	{"orderRetrievedSuccessfully", meansDone, "The order was read."},
	{"orderStatusRetrievedSuccessfully", meansDone, "The order's status was read."},
	{"terminalIsBusy", meansBusy, "The terminal is busy with something else."},
	{"orderNotFound", meansMissing, "The API does not know this order."},
	{"somethingWentWrong", meansBroken, "The API failed and does not say how far it got."},
	{"payloadValidationErrors", meansRefused, "The API refused the request's content."},
	{"orderStatusAlreadyPaid", meansRefused, "The order is already paid."},
	{"requestProductIdNotAvailable", meansRefused, "The order has no product with this id."},
	{"orderProductsNotFound", meansRefused, "The order's products were not found."},
	{"orderRefundRequestAlreadySubmitted", meansRefused, "A refund request for this order was handed in before."},
	{"refundRejectionForProductAmountExceed", meansRefused, "The refund is more than the product's amount."},
	{"refundRejectionForRequestAmountThresholdExceed", meansRefused, "The refund is above the amount that needs an approval."},
	{"refundRejectionForWeeklyThresholdExceed", meansRefused, "There were more refunds this week than are allowed without an approval."},
	{"refundRejectionForOutOfRunwayParam", meansRefused, "The refund is refused: the funds for it do not suffice."},
	{"refundRejectionForRefundRequestGreaterThanOrderAmount", meansRefused, "The refund is more than the order's amount."},
	{"refundRejectionForTransactionNotFound", meansRefused, "The payment's transaction was not found."},
	{"refundRejectionForRefundedCancelledInvoicedOrderParam", meansRefused, "The order is refunded, cancelled or invoiced already."},
	{"refundRejectionForRefundedCancelledInvoicedOrderParamRefunded", meansRefused, "The order is refunded already."},
	{"refundRejectionForRefundedCancelledInvoicedOrderParamCancelled", meansRefused, "The order is cancelled already."},
	{"refundRejectionForRefundedCancelledInvoicedOrderParamInvoiced", meansRefused, "The order is invoiced already."},
}

const (
	codeReversed       = "terminalOrderReversalSuccessfully"
	codePaymentFailed  = "orderPaymentFailed"
	codeInvalidRequest = "invalidRequest"
	refusalPrefix      = "refundrejection"
	maxCode            = 64
	maxText            = 200
	maxPath            = 100
	maxFieldErrors     = 20
	maxMessageRead     = 4096
)

var knownByKey = func() map[string]knownMessage {
	m := make(map[string]knownMessage, len(known))
	for _, k := range known {
		m[messageKey(k.code)] = k
	}
	return m
}()

// messageKey returns a message up to a colon, without what drifts in writing: case, spaces and punctuation.
func messageKey(message string) string {
	message, _, _ = strings.Cut(message, ":")
	var b strings.Builder
	for _, r := range message {
		switch {
		case r >= 'A' && r <= 'Z':
			b.WriteRune(r - 'A' + 'a')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// readMessage returns the code of a message, what it means, and a sentence that may be published. A message that is not
// known has a code only where it is one word of letters, as the documents write messages, and a sentence only where s
// can clean it of personal data.
func readMessage(message string, s *scrubber) (code string, m meaning, text string) {
	message = cutText(message, maxMessageRead)
	key := messageKey(message)
	if k, ok := knownByKey[key]; ok {
		return k.code, k.meaning, k.text
	}
	if strings.HasPrefix(key, refusalPrefix) {
		m = meansRefused
	}
	safe := s.clean(message)
	head, _, _ := strings.Cut(safe, ":")
	if head = strings.Trim(head, " .!"); codeWord(head) {
		code = camelCase(head)
	}
	if s.knowsCustomer {
		text = cutText(safe, maxText)
	}
	return code, m, text
}

// camelCase writes a word the way the API's documents write messages.
func camelCase(word string) string {
	if word == strings.ToUpper(word) {
		return strings.ToLower(word)
	}
	return strings.ToLower(word[:1]) + word[1:]
}

// codeWord reports whether a text is one word of letters that is short enough for a code.
func codeWord(text string) bool {
	return text != "" && len(text) <= maxCode && !strings.ContainsFunc(text, func(r rune) bool {
		return r < 'A' || r > 'Z' && r < 'a' || r > 'z'
	})
}

// cutText keeps at most n runes of s, as valid UTF-8.
func cutText(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}
