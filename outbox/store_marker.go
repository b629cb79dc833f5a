package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// marker is the small file beside the database that says that there is one, and which. Without it a lost, emptied or
// exchanged database would look like a new one.
type marker struct {
	Instance   string `json:"instance"`
	Generation uint64 `json:"generation"`

	// unreadable: there is a marker, but its content is lost.
	unreadable bool
}

// readMarker gives nil if there is no marker.
func readMarker(path string) (*marker, error) {
	b, err := os.ReadFile(path + suffixMarker)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // its absence is an answer
	}
	if err != nil {
		return nil, err
	}
	m := &marker{}
	if json.Unmarshal(b, m) != nil || m.Instance == "" {
		// It is written in one piece, so this is damage of the disk. That there is one says enough.
		m = &marker{unreadable: true}
	}
	return m, nil
}

func writeMarker(path string, m marker) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := writeFile(path+suffixMarker, append(b, '\n')); err != nil {
		return fmt.Errorf("write the marker beside the outbox: %w", err)
	}
	return nil
}
