package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// problem is an error as it is answered (RFC 9457), in words.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`

	retryAfter int // seconds, 0 for nothing
}

func (p problem) Error() string { return p.Detail }

// bad is a request that cannot be answered as it is.
func bad(status int, format string, args ...any) problem {
	return problem{Status: status, Detail: fmt.Sprintf(format, args...)}
}

func writeProblem(w http.ResponseWriter, p problem) {
	if o, ok := w.(*observer); ok && o.status != 0 {
		return // something was answered already
	}
	p.Title = http.StatusText(p.Status)
	text, err := json.Marshal(p)
	if err != nil {
		text = []byte("{}") // never: three strings and a number
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(max(p.retryAfter, 1)))
	}
	w.WriteHeader(p.Status)
	send(w, append(text, '\n'))
}
