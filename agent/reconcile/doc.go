// Package reconcile searches the API's orders for the marks of requests.
package reconcile
