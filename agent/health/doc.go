// Package health knows what is wrong just now, whether anything may be sent, and whether the API answers and takes the token.
package health
