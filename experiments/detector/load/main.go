// Command load asks strata serve what a server is asked: how many requests a second, whether a stop loses any, and whether hostile
// clients harm it.
//
//	go run ./experiments/detector/load -for 30s load            # requests/s, 50th and 99th percentile
//	go run ./experiments/detector/load -for 30s shutdown        # stopped under load again and again: nothing is lost
//	go run ./experiments/detector/load -for 10m hostile         # whoever means harm, and one who does not
//	go run ./experiments/detector/load all                      # all of it, as docs/serve.md has it: make serve-evidence
//
// It starts the server that -strata names (make build) on loopback, with a model of its own where -model names none: the Glow that strata
// brings with it, calibrated on drawn pictures, which costs what a finetuned one does. It fails where something is lost or dies.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"strata/pkg/detector"
	"strata/pkg/detector/detectortest"
	"strata/pkg/detector/fit"
)

type options struct {
	model, strata   string
	clients, images int
	side            int
	duration        time.Duration
	backend         string // GOMLX_BACKEND of the server, "" where strata chooses
}

func main() {
	var o options
	flag.StringVar(&o.model, "model", "", "model to serve")
	flag.StringVar(&o.strata, "strata", filepath.Join("bin", "strata"), "the command, built")
	flag.IntVar(&o.clients, "clients", 16, "clients at once")
	flag.IntVar(&o.images, "images", 1, "pictures a request")
	flag.IntVar(&o.side, "side", 128, "height and width of a picture")
	flag.DurationVar(&o.duration, "for", 0, "how long; of all, the whole (default 30s, of all "+whole.String()+")")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	modes := map[string]func(context.Context, options) error{"load": printed(load), "shutdown": printed(shutdown),
		"hostile": printed(hostile), "all": all}
	mode, ok := modes[flag.Arg(0)]
	if !ok || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "load: name what to do: load, shutdown, hostile or all")
		os.Exit(2)
	}
	if o.duration == 0 {
		if o.duration = 30 * time.Second; flag.Arg(0) == "all" {
			o.duration = whole
		}
	}
	if err := run(ctx, o, mode); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// printed prints what a part says of itself, also where it failed.
func printed[T fmt.Stringer](part func(context.Context, options) (T, error)) func(context.Context, options) error {
	return func(ctx context.Context, o options) error {
		found, err := part(ctx, o)
		fmt.Println(found)
		return err
	}
}

func run(ctx context.Context, o options, mode func(context.Context, options) error) error {
	if o.model == "" {
		folder, err := os.MkdirTemp("", "strata-load-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		o.model = filepath.Join(folder, "drawn.strata")
		if err := drawnModel(ctx, o.model); err != nil {
			return err
		}
	}
	return mode(ctx, o)
}

// drawnModel calibrates the Glow that strata brings with it.
func drawnModel(ctx context.Context, path string) error {
	general, err := fit.DrawnGeneral(detector.Glow, 3)
	if err != nil {
		return err
	}
	d, err := detector.New(detector.Config{General: general, Own: general.Weights, Preparation: detector.Preparation{Channels: 3}})
	if err != nil {
		return err
	}
	defer d.Close()
	windows := func(from, n int) func(func(detector.Windows) bool) {
		return func(yield func(detector.Windows) bool) {
			for i := range n {
				if !yield(d.Preparation().Of(detectortest.Good(from+i, 48, 48, 3))) {
					return
				}
			}
		}
	}
	if err := d.Calibrate(ctx, windows(0, 32), windows(1000, 128), 300, nil); err != nil {
		return err
	}
	return d.Save(path)
}

// served is a strata serve of its own.
type served struct {
	address string
	process *exec.Cmd
	log     *log
	said    chan struct{} // closed when its standard output ends
}

// log counts what the server says to standard error, and keeps what is no line of a request.
type log struct {
	mu       sync.Mutex
	rest     []byte
	answered map[string]int // requests of /v1/detect by status
	other    []string
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		text := string(line)
		l.rest = append([]byte(nil), rest...)
		switch m := requestLine.FindStringSubmatch(text); {
		case m != nil:
			l.answered[m[1]]++
		case !strings.Contains(text, "msg=request") && len(l.other) < 1000:
			l.other = append(l.other, text)
		}
	}
}

var requestLine = regexp.MustCompile(`msg=request method=POST path=/v1/detect status=(\d+)`)

// serve starts a server.
func serve(ctx context.Context, o options, more ...string) (*served, error) {
	s := &served{log: &log{answered: map[string]int{}}, said: make(chan struct{})}
	s.process = exec.Command(o.strata, append([]string{"serve", o.model, "--address", "127.0.0.1:0"}, more...)...)
	s.process.Stderr = s.log
	if o.backend != "" {
		s.process.Env = append(os.Environ(), "GOMLX_BACKEND="+o.backend)
	}
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for this command, which stops it then
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("%w: make build makes it", err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if s.address = regexp.MustCompile(`http://[0-9.]+:\d+`).FindString(lines.Text()); s.address != "" {
			break
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		close(s.said)
	}()
	if s.address == "" {
		_ = s.process.Wait()
		return nil, fmt.Errorf("the server did not start: %s", strings.Join(s.log.other, "\n"))
	}
	return s, nil
}

// stop ends the server by SIGTERM and wants it to say that all is answered.
func (s *served) stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-s.said
	err := s.process.Wait()
	if code := s.process.ProcessState.ExitCode(); code != 130 {
		return fmt.Errorf("the server ended with %d (%v): %s", code, err, strings.Join(s.log.other, "\n"))
	}
	return nil
}

// memory is the server's resident memory and the most that it was, MiB.
func (s *served) memory() (now, most int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	value := func(name string) int {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(text)
		if m == nil {
			return 0
		}
		kib, _ := strconv.Atoi(string(m[1]))
		return kib >> 10
	}
	return value("VmRSS"), value("VmHWM")
}

// metric asks /metrics for a value.
func (s *served) metric(name string) float64 {
	response, err := http.Get(s.address + "/metrics")
	if err != nil {
		return -1
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			v, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return v
		}
	}
	return -1
}

// asked is what clients met.
type asked struct {
	mu     sync.Mutex
	took   []time.Duration // of answers 200
	status map[string]int
	cut    atomic.Int64 // answers that began and did not end
}

// clients ask until ctx ends, or with once each until the server takes no more.
func clients(ctx context.Context, o options, address string) *asked {
	a := &asked{status: map[string]int{}}
	var wait sync.WaitGroup
	for c := range o.clients {
		kind, body := form(o, c)
		wait.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				started := time.Now()
				response, err := client.Post(address+"/v1/detect", kind, bytes.NewReader(body))
				if err != nil {
					a.mu.Lock()
					a.status[class(err)]++
					a.mu.Unlock()
					if errors.Is(err, syscall.ECONNREFUSED) {
						return
					}
					continue
				}
				text, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || !bytes.HasSuffix(text, []byte("}\n")) {
					a.cut.Add(1)
					continue
				}
				a.mu.Lock()
				a.status[strconv.Itoa(response.StatusCode)]++
				if response.StatusCode == http.StatusOK {
					a.took = append(a.took, time.Since(started))
				}
				a.mu.Unlock()
			}
		})
	}
	wait.Wait()
	slices.Sort(a.took)
	return a
}

// class says an error in a few words, without its addresses.
func class(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	case errors.Is(err, io.EOF):
		return "closed before an answer"
	}
	return "other error"
}

func (a *asked) quantile(q float64) time.Duration {
	if len(a.took) == 0 {
		return 0
	}
	return a.took[min(int(q*float64(len(a.took))), len(a.took)-1)].Round(10 * time.Microsecond)
}

// loaded is what a server did under the load of clients that ask again at once.
type loaded struct {
	options
	seconds float64
	asked   *asked
	batch   float64 // pictures
	most    int     // memory, MiB
}

func (l loaded) requests() float64 { return float64(len(l.asked.took)) / l.seconds }

func (l loaded) String() string {
	if l.asked == nil {
		return "not measured"
	}
	return fmt.Sprintf("%d clients, %d pictures of %dx%d a request, %.0f s: %.1f requests/s, %.1f images/s; 50th percentile %s, 99th %s, "+
		"longest %s; answers %v, cut %d; %.1f pictures a batch; memory at most %d MiB", l.clients, l.images, l.side, l.side, l.seconds,
		l.requests(), l.requests()*float64(l.images), l.asked.quantile(0.5), l.asked.quantile(0.99), l.asked.quantile(1), l.asked.status,
		l.asked.cut.Load(), l.batch, l.most)
}

func load(ctx context.Context, o options) (loaded, error) {
	l := loaded{options: o}
	s, err := serve(ctx, o, "--quiet")
	if err != nil {
		return l, err
	}
	timed, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	started := time.Now()
	l.asked = clients(timed, o, s.address)
	l.seconds = time.Since(started).Seconds()
	_, l.most = s.memory()
	l.batch = s.metric("strata_batch_images_sum") / s.metric("strata_batch_images_count")
	if err := s.stop(); err != nil {
		return l, err
	}
	if l.asked.cut.Load() > 0 || len(l.asked.took) == 0 {
		return l, fmt.Errorf("%d clients, %d pictures a request: %d answers were cut off, and of 200 there were %d: %v", l.clients,
			l.images, l.asked.cut.Load(), len(l.asked.took), l.asked.status)
	}
	return l, nil
}

// stopped is what came of servers that were stopped under load.
type stopped struct {
	options
	stops, answered int
	met             map[string]int
	lost            bool
}

func (s stopped) String() string {
	lost := "none lost"
	if s.lost {
		lost = "some lost"
	}
	return fmt.Sprintf("%d stops under the load of %d clients: %d requests answered, %s; clients met %v", s.stops, s.clients,
		s.answered, lost, s.met)
}

// shutdown stops servers under load, until the time is over: what a server says that it answered, clients must have.
func shutdown(ctx context.Context, o options) (stopped, error) {
	end := time.Now().Add(o.duration)
	of := stopped{options: o, met: map[string]int{}}
	for ; of.stops == 0 || time.Now().Before(end) && ctx.Err() == nil; of.stops++ {
		s, err := serve(ctx, o)
		if err != nil {
			return of, err
		}
		ended := make(chan error, 1)
		go func() {
			time.Sleep(time.Second + time.Duration(of.stops%7)*100*time.Millisecond)
			ended <- s.stop()
		}()
		a := clients(context.WithoutCancel(ctx), o, s.address)
		if err := <-ended; err != nil {
			return of, err
		}
		for status, n := range a.status {
			of.met[status] += n
		}
		of.answered += a.status["200"]
		if a.cut.Load() > 0 || a.status["200"] != s.log.answered["200"] {
			of.lost = true
			return of, fmt.Errorf("stop %d: the server answered %d requests, clients have %d, and %d were cut off", of.stops,
				s.log.answered["200"], a.status["200"], a.cut.Load())
		}
	}
	return of, nil
}
