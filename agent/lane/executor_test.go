package lane

import (
	"testing"

	"tillpost/outbox"
)

func TestEveryKindHasAnExecutor(t *testing.T) {
	t.Parallel()
	for k := outbox.KindOrder; k <= outbox.KindResolution; k++ {
		if executors[k] == nil {
			t.Errorf("nothing carries out what is asked for a request of the kind %s", k)
		}
	}
}
