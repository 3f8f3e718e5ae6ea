package server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"
)

// description is openapi.json, read by somebody else's library.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

// met are the answers that were compared with the description.
var met sync.Map

// described compares an answer with the description: its path, method, status, content type, headers and the shape of its body. Every
// answer of every test goes through it.
func described(t testing.TB, r *http.Request, response *http.Response, text []byte) {
	t.Helper()
	doc, err := description()
	require.NoError(t, err)
	path := doc.Paths.Value(r.URL.Path)
	if path == nil || path.GetOperation(r.Method) == nil {
		if response.StatusCode != 401 {
			want := 404
			if path != nil {
				want = 405
			}
			require.Equal(t, want, response.StatusCode, "%s %s is not described", r.Method, r.URL.Path)
		}
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
		return
	}
	route := &routers.Route{Spec: doc, Path: r.URL.Path, PathItem: path, Method: r.Method, Operation: path.GetOperation(r.Method)}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
		Status:                 response.StatusCode, Header: response.Header, Body: io.NopCloser(bytes.NewReader(text)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true}})
	require.NoError(t, err, "%s %s: %s", r.Method, r.URL.Path, text)
	met.Store(r.Method+" "+r.URL.Path+" "+strconv.Itoa(response.StatusCode), true)
}

// unmet are the answers that are described and that no test met, but for 500, which is for what nobody thought of.
func unmet() (left []string) {
	doc, err := description()
	if err != nil {
		return []string{err.Error()}
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				answer := method + " " + path + " " + status
				if _, ok := met.Load(answer); !ok && status != "500" {
					left = append(left, answer)
				}
			}
		}
	}
	slices.Sort(left)
	return left
}

func init() {
	openapi3filter.RegisterBodyDecoder("text/plain", func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef,
		_ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	})
}

// The description is one, it has the server's paths and no others, and what is served is it.
func TestOpenAPI(t *testing.T) {
	doc, err := description()
	require.NoError(t, err)
	require.Equal(t, "3.1.0", doc.OpenAPI)
	s, err := New(tiny, Config{})
	require.NoError(t, err)
	defer s.Close()
	served := map[string]bool{}
	for _, route := range s.table() {
		served[route.method+" "+route.path] = true
		require.NotNil(t, doc.Paths.Value(route.path), route.path)
		require.Equal(t, route.open, doc.Paths.Value(route.path).GetOperation(route.method).Security != nil, "%s: who may ask", route.path)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			require.True(t, served[method+" "+path], "%s %s is described and not served", method, path)
		}
	}
	_, err = legacy.NewRouter(doc)
	require.NoError(t, err)

	address, _, _ := started(t, Config{})
	for _, route := range s.table() {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			response, text := ask(t, address, request{method: method, path: route.path, kind: "image/png", body: bytes.NewReader(good(0))})
			if method != route.method {
				require.Equal(t, 405, response.StatusCode)
				require.Contains(t, response.Header.Get("Allow"), route.method)
				continue
			}
			require.Equal(t, 200, response.StatusCode, string(text))
			if route.path == "/openapi.json" {
				require.Equal(t, string(openAPI), string(text))
			}
		}
	}
}

// A description that says something else is noticed: the comparison can fail.
func TestDescribedCanFail(t *testing.T) {
	doc, err := description()
	require.NoError(t, err)
	route := &routers.Route{Spec: doc, Path: "/v1/model", PathItem: doc.Paths.Value("/v1/model"), Method: "GET",
		Operation: doc.Paths.Value("/v1/model").Get}
	for _, c := range []struct {
		status     int
		kind, text string
	}{{200, "application/json", `{"held_out": 3}`}, {200, "text/html", "x"}, {418, "application/problem+json",
		`{"title":"a","status":1,"detail":"b"}`}, {403, "application/problem+json", `{"title":"a","status":"1","detail":"b"}`},
		{401, "application/problem+json", `{"title":"a","status":1,"detail":"b"}`}} {
		err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: httptest.NewRequest("GET", "/v1/model", nil),
				Route: route}, Status: c.status, Header: http.Header{"Content-Type": {c.kind}},
			Body: io.NopCloser(bytes.NewReader([]byte(c.text))), Options: &openapi3filter.Options{IncludeResponseStatus: true}})
		require.Error(t, err, "%d %s %s", c.status, c.kind, c.text)
	}
}
