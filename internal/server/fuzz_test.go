package server

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type seed struct {
	kind, query string
	body        []byte
}

func seeds(t testing.TB) []seed {
	kind, body := form(upload{"a.png", good(1)}, upload{"b.png", noisy(1)})
	one, single := form(upload{"x", []byte("GIF89a")})
	return []seed{
		{kind, "rate=0.05&heat=true", body},
		{kind, "", body[:len(body)/2]},
		{one, "fdr=true&rate=0.1", single},
		{"multipart/form-data; boundary=\"\"", "", body},
		{"image/png", "path=a", good(2)},
		{"image/jpeg", "rate=1e-300", []byte("\xff\xd8\xff\xe0\x00\x10JFIF")},
		{"application/octet-stream", "rate=%zz", nil},
		{"application/json", "", []byte(`{"images":[{"path":"a","data":"aGVsbG8="}]}`)},
		{"application/json", "", []byte(strings.Repeat("[", 20000))},
		{"text/plain; charset=x;;", "heat", []byte("x")},
		{"image/png", "", bomb()},
	}
}

// one sends what may be anything: it is answered, by JSON with a status that is described, and never 500.
func one(t testing.TB, s *Server, c seed) {
	r := httptest.NewRequest("POST", "/v1/detect", bytes.NewReader(c.body))
	r.URL.RawQuery = c.query
	r.Host = "localhost"
	r.Header["Content-Type"] = []string{c.kind}
	to := httptest.NewRecorder()
	s.Handler().ServeHTTP(to, r)
	described(t, r, to.Result(), to.Body.Bytes())
	require.Less(t, to.Code, 500, to.Body.String())
	require.True(t, json.Valid(to.Body.Bytes()))
	require.Zero(t, s.underWay())
	require.Zero(t, s.memory.now())
}

func FuzzDetect(f *testing.F) {
	s, err := New(tiny, Config{Limits: Limits{Body: 1 << 20, Pixels: 1 << 16}})
	require.NoError(f, err)
	f.Cleanup(s.Close)
	for _, c := range seeds(f) {
		f.Add(c.kind, c.query, c.body)
	}
	f.Fuzz(func(t *testing.T, kind, query string, body []byte) { one(t, s, seed{kind, query, body}) })
}

// Some hundred requests that are nearly right, the same each time: bytes changed, cut out, doubled and mixed.
func TestNearlyRight(t *testing.T) {
	s, err := New(tiny, Config{Limits: Limits{Body: 1 << 20, Pixels: 1 << 16}})
	require.NoError(t, err)
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 19))
	all := seeds(t)
	spoil := func(data []byte) []byte {
		data = bytes.Clone(data)
		for range rng.IntN(4) {
			if len(data) == 0 {
				break
			}
			at := rng.IntN(len(data))
			switch rng.IntN(4) {
			case 0:
				data[at] = byte(rng.IntN(256))
			case 1:
				data = data[:at]
			case 2:
				data = append(data[:at], data[min(len(data), at+rng.IntN(64)):]...)
			case 3:
				data = append(data[:at:at], append(bytes.Clone(data[at/2:at]), data[at:]...)...)
			}
		}
		return data
	}
	requests := 400
	if testing.Short() {
		requests = 150 // each whole picture among them is a batch of the networks
	}
	for range requests {
		c := all[rng.IntN(len(all))]
		c.body = spoil(c.body)
		switch rng.IntN(6) {
		case 0:
			c.kind = all[rng.IntN(len(all))].kind
		case 1:
			c.kind = string(spoil([]byte(c.kind)))
		case 2:
			c.query = url.QueryEscape(string(spoil([]byte(c.query)))) + "=1"
		case 3:
			c.query = string(spoil([]byte(c.query)))
		}
		one(t, s, c)
	}
}
