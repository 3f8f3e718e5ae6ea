// Package server answers over HTTP what a detector finds of pictures that are sent to it: what strata serve runs. openapi.json says
// which requests there are and what is answered.
//
// A request goes through one street: who may ask (guard.go), the upload under limits (upload.go), a place among those that are
// computed (Limits.Requests), decoding on all processors, the queue in which the pictures of several requests share a batch of the
// networks (queue.go), the answer (detect.go). What is sent slowly holds no place: the place is taken when the upload is there.
package server

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"strata/pkg/conformal"
	"strata/pkg/detector"
	"strata/pkg/imageset/intake"

	"golang.org/x/net/netutil"
)

//go:embed openapi.json
var openAPI []byte

// Limits bound what requests can make the server do.
type Limits struct {
	Body    int64 // bytes of a request's body
	Images  int   // of a request
	Pixels  int64 // of a picture, by its header, before it is decoded
	Uploads int   // that are read at once; more are answered 503
	// Memory is how many bytes the files of all requests may take from their first byte to the answer, and while they are read, and
	// heat maps until they are answered: what goes beyond is answered 503. What pictures become while they are judged takes as much
	// again: there they wait for each other. It is at least four times Body, and what one picture becomes; 0 is 1 GiB, or four times Body.
	Memory   int64
	Requests int           // that are decoded, wait for the networks or are computed at once; more are answered 503
	Time     time.Duration // of a request from the end of its upload to its answer
	// Header and Upload are how long a client may take to send a request's header, and all of it; then the connection is closed.
	Header, Upload time.Duration
	Connections    int // at once; more wait until they are accepted
}

// DefaultLimits keep uploads below 1 GiB of memory, what is made of them below another, and decoding below a third.
var DefaultLimits = Limits{Body: 32 << 20, Images: 64, Pixels: 16 << 20, Uploads: 256, Memory: 1 << 30, Requests: 32,
	Time: 30 * time.Second, Header: 5 * time.Second, Upload: 30 * time.Second, Connections: 512}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	l.Body = cmp.Or(l.Body, d.Body)
	return Limits{Body: l.Body, Images: cmp.Or(l.Images, d.Images), Pixels: cmp.Or(l.Pixels, d.Pixels),
		Uploads: cmp.Or(l.Uploads, d.Uploads), Memory: cmp.Or(l.Memory, max(d.Memory, timesJSON*l.Body)),
		Requests: cmp.Or(l.Requests, d.Requests), Time: cmp.Or(l.Time, d.Time),
		Header: cmp.Or(l.Header, d.Header), Upload: cmp.Or(l.Upload, d.Upload), Connections: cmp.Or(l.Connections, d.Connections)}
}

// Config is how a server serves. The zero value is for the machine's own users: no token, so that only loopback is served.
type Config struct {
	// Token is what clients must send as "Authorization: Bearer TOKEN", "" for none.
	Token string
	// Rate is what share of good images may be called unusual where a request says nothing; 0 is detector.DefaultRate.
	Rate float64
	// Limits that are 0 are those of DefaultLimits.
	Limits Limits
	// Grace is how long requests that are under way are waited for in the end; 0 is 30 seconds.
	Grace time.Duration
	// Log gets a line a request, with nothing of what was sent but its size; nil for none.
	Log *slog.Logger
}

// Server serves one detector.
type Server struct {
	detector *detector.Detector
	config   Config
	limits   Limits
	files    intake.Limits
	log      *slog.Logger
	metrics  *metrics
	queue    *queue
	uploads  chan struct{} // a place for each request that may be read
	room     chan struct{} // and for each that may be computed
	memory   memory
	draining atomic.Bool
	handler  http.Handler
}

// New makes a server and brings the networks to their backend, which takes some seconds. The detector stays the caller's, to
// close after Serve; Close is for servers whose Handler alone is used.
func New(d *detector.Detector, c Config) (*Server, error) {
	c.Rate, c.Grace = cmp.Or(c.Rate, detector.DefaultRate), cmp.Or(c.Grace, 30*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Token != "" {
		if err := checkToken(c.Token); err != nil {
			return nil, err
		}
	}
	if err := conformal.CheckRate(c.Rate, d.Manifest().HeldOut); err != nil {
		return nil, err
	}
	l := c.Limits.withDefaults()
	if l.Body < 1 || l.Images < 1 || l.Pixels < 1 || l.Uploads < 1 || l.Requests < 1 || l.Time < 1 || l.Header < 1 || l.Upload < 1 ||
		l.Connections < 1 {
		return nil, fmt.Errorf("server: a limit is below 1: %+v", l)
	}
	if l.Memory < timesJSON*l.Body {
		return nil, fmt.Errorf("server: %d bytes of memory for the files of all requests: a request of %d bytes can take %d times that",
			l.Memory, l.Body, timesJSON)
	}
	if one := d.Preparation().Bytes(true); l.Memory < one {
		return nil, fmt.Errorf("server: %d bytes of memory: a picture in the tiles of this model, with its heat map, can take %d", l.Memory,
			one)
	}
	s := &Server{detector: d, config: c, limits: l, log: c.Log, memory: memory{most: l.Memory}, uploads: make(chan struct{}, l.Uploads),
		room: make(chan struct{}, l.Requests), files: intake.Limits{Bytes: l.Body, Pixels: l.Pixels}}
	s.queue = newQueue(d, l.Memory)
	s.metrics = newMetrics(s)
	if err := s.queue.warm(); err != nil {
		s.queue.close()
		return nil, err
	}
	s.handler = s.routes()
	return s, nil
}

// Close ends the server's work; no request may be under way.
func (s *Server) Close() { s.queue.close() }

// Handler answers requests as Serve does, without the limits of connections.
func (s *Server) Handler() http.Handler { return s.handler }

// lameDuck is how long requests are accepted after the end was asked for: every answer closes its connection by then, so that few
// clients send a request into a connection that is being closed, and a load balancer sees /readyz.
const lameDuck = 300 * time.Millisecond

// Serve serves until ctx ends; then it accepts no more, answers what is under way within Config.Grace, and is nil. What is not
// answered by then is an error that says how many requests it were. The server and listener are closed afterwards.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	defer s.Close()
	base, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: s.limits.Header, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		WriteTimeout: s.limits.Upload + s.limits.Time + 30*time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return base }}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(netutil.LimitListener(listener, s.limits.Connections)) }()
	select {
	case err := <-failed:
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.log.Info("stopping", "requests_under_way", s.underWay())
	grace, cancel := context.WithTimeout(base, s.config.Grace)
	defer cancel()
	select {
	case <-time.After(min(lameDuck, s.config.Grace/2)):
	case err := <-failed:
		return fmt.Errorf("server: %w", err)
	}
	err := server.Shutdown(grace)
	if err == nil {
		return nil
	}
	left := s.underWay()
	cut(errStopped)
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second) // to say so to those who wait
	defer cancelLast()
	if err := server.Shutdown(last); err != nil {
		server.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("server: %w", err)
	}
	if left == 0 { // connections that sent half a request
		return nil
	}
	return fmt.Errorf("%d requests were not answered within %s of the stop", left, s.config.Grace)
}

// underWay is how many requests are read or computed.
func (s *Server) underWay() int { return len(s.uploads) + len(s.room) }

// place takes one of the places of what, and gives it back by leave; where all are taken the request is to come again.
func place(places chan struct{}, what string) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	default:
		return nil, busy(places, what)
	}
}

func busy(places chan struct{}, what string) problem {
	return problem{Status: http.StatusServiceUnavailable, Detail: fmt.Sprintf("%d %s: try again in a second", cap(places), what),
		retryAfter: 1}
}

// errStopped is why requests are cut off.
var errStopped = errors.New("the server was stopped")

// route is a path of openapi.json.
type route struct {
	method, path string
	open         bool // to those without a token
	handle       func(w http.ResponseWriter, r *http.Request) error
}

func (s *Server) table() []route {
	return []route{
		{"POST", "/v1/detect", false, s.detect},
		{"GET", "/v1/model", false, s.model},
		{"GET", "/openapi.json", false, func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Type", "application/json")
			send(w, openAPI)
			return nil
		}},
		{"GET", "/metrics", false, s.metrics.serve},
		{"GET", "/healthz", true, func(w http.ResponseWriter, _ *http.Request) error { return plain(w, "alive") }},
		{"GET", "/readyz", true, func(w http.ResponseWriter, _ *http.Request) error {
			if s.draining.Load() {
				return problem{Status: http.StatusServiceUnavailable, Detail: "the server is stopping"}
			}
			return plain(w, "ready")
		}},
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, route := range s.table() {
		mux.Handle(route.method+" "+route.path, s.guarded(route.open, route.handle))
		allow := route.method
		if allow == "GET" {
			allow = "GET, HEAD"
		}
		mux.Handle(route.path, s.guarded(route.open, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Allow", allow)
			return problem{Status: http.StatusMethodNotAllowed, Detail: fmt.Sprintf("%s is asked by %s", route.path, allow)}
		}))
	}
	mux.Handle("/", s.guarded(false, func(http.ResponseWriter, *http.Request) error {
		return problem{Status: http.StatusNotFound, Detail: "there is nothing here: /openapi.json says what there is"}
	}))
	return s.observed(mux)
}

func plain(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	send(w, []byte(text+"\n"))
	return nil
}

// send writes an answer. A client that has gone is told nothing, and that is no mistake of the server's.
func send(w io.Writer, text []byte) { _, _ = w.Write(text) }

// guarded asks who may ask before it handles, and makes answers of errors and panics.
func (s *Server) guarded(open bool, handle func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			s.log.Error("a panic", "of", fmt.Sprint(p), "stack", string(debug.Stack()))
			writeProblem(w, problem{Status: http.StatusInternalServerError, Detail: "the server made a mistake; its log says which"})
		}()
		err := s.admit(w, r, open)
		if err == nil {
			err = handle(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// fail answers an error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var p problem
	if !errors.As(err, &p) {
		s.log.Error("a request failed", "path", r.URL.Path, "error", err)
		p = problem{Status: http.StatusInternalServerError, Detail: "the server made a mistake; its log says which"}
	}
	writeProblem(w, p)
}

// observed logs and counts every request, and bounds how long its client may take to send it.
func (s *Server) observed(next *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		seen := &observer{ResponseWriter: w}
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(started.Add(s.limits.Upload)) // only a recorder of tests has none
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		next.ServeHTTP(seen, r)
		took := time.Since(started)
		s.metrics.request(r, seen.status, took)
		s.log.Info("request", "method", short(r.Method), "path", short(r.URL.Path), "status", seen.status, "ms", took.Milliseconds(),
			"bytes_in",
			max(r.ContentLength, seen.read), "bytes_out", seen.written, "images", seen.images, "from", r.RemoteAddr)
	})
}

// short keeps what a client chose from filling the log.
func short(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// observer remembers what was answered.
type observer struct {
	http.ResponseWriter
	status        int
	read, written int64
	images        int
}

func (o *observer) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observer) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	n, err := o.ResponseWriter.Write(p)
	o.written += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (o *observer) Unwrap() http.ResponseWriter { return o.ResponseWriter }
