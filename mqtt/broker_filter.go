package mqtt

import "strings"

// maxBrokerTopic bounds topics and filters, in bytes. Ours are shorter; the
// time that mochi takes for one grows with the square of its levels.
const maxBrokerTopic = 1024

// validFilter reports whether a filter keeps MQTT's rules: + is a whole level, #
// is one too, and the last.
func validFilter(filter string) bool {
	if filter == "" {
		return false
	}
	for level := range strings.SplitSeq(strings.TrimSuffix(filter, "#"), "/") {
		if level != "+" && strings.ContainsAny(level, "+#") {
			return false
		}
	}
	return filter == "#" || !strings.HasSuffix(filter, "#") || strings.HasSuffix(filter, "/#")
}

// filterMatches reports whether a topic filter with + and # matches a topic.
func filterMatches(filter, topic string) bool {
	for {
		f, filterRest, filterGoesOn := strings.Cut(filter, "/")
		t, topicRest, topicGoesOn := strings.Cut(topic, "/")
		switch {
		case f == "#":
			return true
		case f != "+" && f != t:
			return false
		case !filterGoesOn || !topicGoesOn:
			// "a/#" matches "a" too.
			return filterGoesOn == topicGoesOn || filterRest == "#"
		}
		filter, topic = filterRest, topicRest
	}
}

// filtersMeet reports whether there can be a topic that both filters match.
func filtersMeet(a, b string) bool {
	for {
		levelA, restA, goesOnA := strings.Cut(a, "/")
		levelB, restB, goesOnB := strings.Cut(b, "/")
		switch {
		case levelA == "#" || levelB == "#":
			return true
		case levelA != levelB && levelA != "+" && levelB != "+":
			return false
		case !goesOnA || !goesOnB:
			return goesOnA == goesOnB || restA == "#" || restB == "#"
		}
		a, b = restA, restB
	}
}

// retained is what the broker keeps of the agent's messages: the last one of
// each topic. It takes a quarter of the memory that mochi's own takes, and can
// be read in pieces. Its methods are for one goroutine at a time.
type retained struct {
	// folders holds messages by topic, by all of the topic but its last level.
	folders map[string]map[string][]byte
}

func folderOf(topic string) string { return topic[:strings.LastIndexByte(topic, '/')+1] }

// set keeps a message; an empty one clears its topic.
func (r *retained) set(topic string, payload []byte) {
	folder := folderOf(topic)
	messages := r.folders[folder]
	if len(payload) == 0 {
		delete(messages, topic)
		if len(messages) == 0 {
			delete(r.folders, folder)
		}
		return
	}
	if messages == nil {
		messages = map[string][]byte{}
		r.folders[strings.Clone(folder)] = messages
	}
	messages[topic] = payload
}

func (r *retained) get(topic string) ([]byte, bool) {
	payload, ok := r.folders[folderOf(topic)][topic]
	return payload, ok
}

// foldersOf lists the folders that hold what a filter may match, in no order.
func (r *retained) foldersOf(filter string) []string {
	var found []string
	for folder := range r.folders {
		if filtersMeet(filter, folder+"+") {
			found = append(found, folder)
		}
	}
	return found
}

// topics lists the topics of a folder that a filter matches, in no order.
func (r *retained) topics(folder, filter string) []string {
	if !strings.ContainsAny(filter, "+#") {
		if _, ok := r.get(filter); ok && folderOf(filter) == folder {
			return []string{filter}
		}
		return nil
	}
	var found []string
	for topic := range r.folders[folder] {
		if filterMatches(filter, topic) {
			found = append(found, topic)
		}
	}
	return found
}
