package message

import "tillpost/mqtt"

// Phase is what a customer-facing display is about.
type Phase string

// The phases of a display.
const (
	PhaseIdle         Phase = "idle"
	PhaseWaiting      Phase = "waiting"
	PhaseTerminalBusy Phase = "terminal_busy"
	PhasePresentCard  Phase = "present_card"
	PhaseApproved     Phase = "approved"
	PhaseDeclined     Phase = "declined"
	PhaseCancelled    Phase = "cancelled"
	PhaseRefunding    Phase = "refunding"
	PhaseRefunded     Phase = "refunded"
	// PhaseChecking: the payment may have gone through; nobody should pay again.
	PhaseChecking Phase = "checking"
	PhaseAskStaff Phase = "ask_staff"
	PhaseOffline  Phase = "offline"
)

// Phases lists all phases.
func Phases() []Phase {
	return []Phase{
		PhaseIdle, PhaseWaiting, PhaseTerminalBusy, PhasePresentCard, PhaseApproved, PhaseDeclined,
		PhaseCancelled, PhaseRefunding, PhaseRefunded, PhaseChecking, PhaseAskStaff, PhaseOffline,
	}
}

// Display is what a customer should see at one terminal now, retained. It holds no personal data.
type Display struct {
	TerminalUUID string    `json:"terminalUuid"`
	Name         string    `json:"name"`
	Phase        Phase     `json:"phase"`
	RequestID    string    `json:"requestId,omitempty"`
	Kind         mqtt.Kind `json:"kind,omitempty"`
	Amount       *Amount   `json:"amount,omitempty"`
	QueueLength  int       `json:"queueLength"`
	Since        Timestamp `json:"since"`
	// Text is the phase in words; see [Phase.Text].
	Text Text `json:"text"`
}

// Text is one sentence in each language that the API knows (Front Payment, Create Terminal Order, preferredLanguage).
type Text struct {
	Norwegian string `json:"no"`
	English   string `json:"en"`
	Swedish   string `json:"sv"`
	Danish    string `json:"da"`
	German    string `json:"de"`
}

// Text returns the words of this phase; of an unknown one, those of PhaseAskStaff.
func (p Phase) Text() Text {
	if t, ok := displayTexts[p]; ok {
		return t
	}
	return displayTexts[PhaseAskStaff]
}

var displayTexts = map[Phase]Text{
	PhaseIdle:    {Norwegian: "Velkommen", English: "Welcome", Swedish: "Välkommen", Danish: "Velkommen", German: "Willkommen"},
	PhaseWaiting: {Norwegian: "Et øyeblikk …", English: "One moment …", Swedish: "Ett ögonblick …", Danish: "Et øjeblik …", German: "Einen Moment …"},
	PhaseTerminalBusy: {Norwegian: "Terminalen er opptatt. Vennligst vent.", English: "The terminal is busy. Please wait.",
		Swedish: "Terminalen är upptagen. Vänta ett ögonblick.", Danish: "Terminalen er optaget. Vent venligst.", German: "Das Terminal ist belegt. Bitte warten."},
	PhasePresentCard: {Norwegian: "Bruk kortet på terminalen", English: "Please use your card at the terminal",
		Swedish: "Använd kortet på terminalen", Danish: "Brug kortet på terminalen", German: "Bitte die Karte am Terminal verwenden"},
	PhaseApproved: {Norwegian: "Betalingen er godkjent. Takk!", English: "Payment approved. Thank you!",
		Swedish: "Betalningen är godkänd. Tack!", Danish: "Betalingen er godkendt. Tak!", German: "Zahlung genehmigt. Vielen Dank!"},
	PhaseDeclined: {Norwegian: "Betalingen ble avvist", English: "Payment declined",
		Swedish: "Betalningen nekades", Danish: "Betalingen blev afvist", German: "Zahlung abgelehnt"},
	PhaseCancelled: {Norwegian: "Betalingen er avbrutt", English: "Payment cancelled",
		Swedish: "Betalningen avbröts", Danish: "Betalingen er annulleret", German: "Zahlung abgebrochen"},
	PhaseRefunding: {Norwegian: "Refusjon pågår …", English: "Refund in progress …",
		Swedish: "Återbetalning pågår …", Danish: "Refundering i gang …", German: "Erstattung läuft …"},
	PhaseRefunded: {Norwegian: "Beløpet er refundert", English: "The amount has been refunded",
		Swedish: "Beloppet har återbetalats", Danish: "Beløbet er refunderet", German: "Der Betrag wurde erstattet"},
	PhaseChecking: {Norwegian: "Vi kontrollerer betalingen. Ikke betal på nytt.", English: "We are checking the payment. Please do not pay again.",
		Swedish: "Vi kontrollerar betalningen. Betala inte igen.", Danish: "Vi kontrollerer betalingen. Betal ikke igen.", German: "Wir prüfen die Zahlung. Bitte nicht erneut bezahlen."},
	PhaseAskStaff: {Norwegian: "Vennligst spør betjeningen", English: "Please ask the staff",
		Swedish: "Fråga personalen", Danish: "Spørg venligst personalet", German: "Bitte wenden Sie sich an das Personal"},
	PhaseOffline: {Norwegian: "Terminalen er ikke tilgjengelig nå", English: "The terminal is not available right now",
		Swedish: "Terminalen är inte tillgänglig just nu", Danish: "Terminalen er ikke tilgængelig lige nu", German: "Das Terminal ist zurzeit nicht verfügbar"},
}
