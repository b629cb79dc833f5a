// Package lookups knows which of the API's look-ups are ours to use, how far they lag, and what their answers mean.
package lookups
