package message

// dropNulls removes every member that is null, as some serializers write what is
// not set: it counts as absent, wherever it is. The elements of a list stay, and
// so do products that are keyed by their position in the order: nothing there is
// optional.
func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if member == nil {
				delete(v, key)
				continue
			}
			if products, keyed := member.(map[string]any); keyed && key == "products" {
				for _, product := range products {
					dropNulls(product)
				}
				continue
			}
			dropNulls(member)
		}
	case []any:
		for _, item := range v {
			dropNulls(item)
		}
	}
}
