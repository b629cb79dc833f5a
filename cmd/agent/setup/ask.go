package setup

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Asker asks a person. It asks again after a wrong answer, and says what would be right.
type Asker struct {
	in    io.Reader
	lines *bufio.Reader
	out   io.Writer
}

// NewAsker returns an Asker that reads answers from in and writes questions to out.
func NewAsker(in io.Reader, out io.Writer) *Asker {
	return &Asker{in: in, lines: bufio.NewReader(in), out: out}
}

// tries bounds how often one question is asked: a file that answers may never come to be right.
const tries = 20

// Say writes an explanation.
func (k *Asker) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(k.out, format+"\n", args...) // if no question can be written, no answer comes either
}

// Ask asks until check, which may be nil, has nothing against the answer; an empty one is def.
func (k *Asker) Ask(question, def string, check func(answer string) error) (string, error) {
	prompt := question
	if def != "" {
		prompt += " [" + def + "]"
	}
	return k.until(question, func() (string, error) {
		text, err := k.line(prompt + ": ")
		if text == "" {
			text = def
		}
		return text, err
	}, check)
}

// Secret asks without showing what is typed, where that is at a terminal.
func (k *Asker) Secret(question string, check func(answer string) error) (string, error) {
	return k.until(question, func() (string, error) {
		f, ok := k.in.(*os.File)
		if !ok || !term.IsTerminal(int(f.Fd())) {
			return k.line(question + ": ")
		}
		_, _ = fmt.Fprint(k.out, question+" (it is not shown): ")
		raw, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(k.out)
		return strings.TrimSpace(string(raw)), err
	}, check)
}

// Yes asks a question with yes or no; yes is what an empty answer means.
func (k *Asker) Yes(question string) (bool, error) {
	text, err := k.until(question, func() (string, error) { return k.line(question + " [Y/n]: ") }, func(text string) error {
		switch strings.ToLower(text) {
		case "", "y", "yes", "n", "no":
			return nil
		}
		return errors.New("write y or n")
	})
	return err == nil && !strings.HasPrefix(strings.ToLower(text), "n"), err
}

func (k *Asker) until(question string, read func() (string, error), check func(string) error) (string, error) {
	for range tries {
		text, err := read()
		if err != nil {
			return "", fmt.Errorf("no answer to %q: %w; tillpost init --help lists the flags that answer it", question, err)
		}
		if check == nil {
			return text, nil
		}
		err = check(text)
		if err == nil {
			return text, nil
		}
		k.Say("  %v", err)
	}
	return "", fmt.Errorf("%q was answered wrongly %d times", question, tries)
}

func (k *Asker) line(prompt string) (string, error) {
	_, _ = fmt.Fprint(k.out, prompt)
	text, err := k.lines.ReadString('\n')
	if err != nil && text == "" {
		return "", err
	}
	return strings.TrimSpace(text), nil
}

// customer asks for what orders of a customer who walks in get.
func (k *Asker) customer(a *Answers) error {
	k.Say("\nFront Payment wants a name, a phone, a mail address and an address of every customer,\nalso of one who only pays at the counter. Where a till sends none, tillpost can put in\nwhat you give here: a walk-in customer, with the shop's own addresses. Receipts go to\nthat mail address.")
	yes, err := k.Yes("Give a walk-in customer")
	if err != nil || !yes {
		return err
	}
	details, address := map[string]any{"type": "private"}, map[string]any{}
	for _, q := range []struct {
		into               map[string]any
		key, question, def string
	}{
		{details, "name", "  Name", "Walk-in customer"}, {details, "countryCode", "  Dialling code", "+47"},
		{details, "msisdn", "  Phone, digits only", ""}, {details, "email", "  Mail address", ""},
		{address, "street", "  Street", ""}, {address, "zip", "  Postal code", ""}, {address, "city", "  City", ""}, {address, "country", "  Country", "NO"},
	} {
		path := "order_defaults.customerDetails." + q.key
		if _, inAddress := q.into["type"]; !inAddress {
			path = "order_defaults.customerDetails.address." + q.key
		}
		_, err := k.Ask(q.question, q.def, func(text string) error {
			q.into[q.key] = text
			details["address"] = address
			raw, err := json.Marshal(details)
			if err != nil {
				return err
			}
			return firstFault(Answers{Customer: raw}, path)
		})
		if err != nil {
			return err
		}
	}
	a.Customer, err = json.Marshal(details)
	return err
}
