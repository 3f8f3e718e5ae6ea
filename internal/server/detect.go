package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/conformal"
	"strata/pkg/detector"
	"strata/pkg/detector/output"
)

// item is a picture in the answer.
type item struct {
	output.Line
	// HeatMap is a PNG, base64 in JSON, of the size that the networks saw the picture in; where ?heat=true asks.
	HeatMap []byte `json:"heat_map,omitempty"`
}

// answer is what is found of a request, in its order.
type answer struct {
	Images  []item           `json:"images"`
	Summary detector.Summary `json:"summary"`
}

// asked are the parameters of a request.
type asked struct {
	rate      float64
	fdr, heat bool
}

func (s *Server) asked(query url.Values) (asked, error) {
	a := asked{rate: s.config.Rate}
	for name, values := range query {
		value := values[len(values)-1]
		var err error
		switch name {
		case "rate":
			a.rate, err = strconv.ParseFloat(value, 64)
		case "fdr":
			a.fdr, err = strconv.ParseBool(value)
		case "heat":
			a.heat, err = strconv.ParseBool(value)
		case "path":
		default:
			return a, bad(http.StatusBadRequest, "parameter %q is unknown: there are rate, fdr, heat and path", short(name))
		}
		if err != nil {
			return a, bad(http.StatusBadRequest, "parameter %s=%q: expected a rate as 0.05, or true or false", name, short(value))
		}
	}
	if a.fdr {
		if !(a.rate > 0 && a.rate < 1) {
			return a, bad(http.StatusBadRequest, "a false-discovery rate of %g: expected one between 0 and 1, as 0.1", a.rate)
		}
		return a, nil
	}
	if err := conformal.CheckRate(a.rate, s.detector.Manifest().HeldOut); err != nil {
		return a, bad(http.StatusBadRequest, "%v", err)
	}
	return a, nil
}

// detect answers POST /v1/detect.
func (s *Server) detect(w http.ResponseWriter, r *http.Request) error {
	a, err := s.asked(r.URL.Query())
	if err != nil {
		return err
	}
	const computed = "requests are computed"
	if len(s.room) == cap(s.room) { // said before megabytes are sent
		return busy(s.room, computed)
	}
	held := &body{memory: &s.memory}
	defer held.release()
	files, err := s.upload(w, r, held)
	if err != nil {
		return err
	}
	leave, err := place(s.room, computed)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), s.limits.Time)
	defer cancel()
	jobs, err := s.queue.judge(ctx, files, s.files, a.heat, held)
	if err != nil {
		return s.stopped(ctx, err)
	}
	if len(jobs) != len(files) {
		return s.stopped(ctx, errors.New("not all pictures were read"))
	}
	found := s.answer(jobs, a)
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	s.metrics.found(found)
	w.Header().Set("Content-Type", "application/json")
	send(w, append(text, '\n'))
	return nil
}

// statusGone is nginx's word for a client that went before it was answered; it is seen in the log alone.
const statusGone = 499

// stopped says why a request was not computed to its end.
func (s *Server) stopped(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errStopped):
		return problem{Status: http.StatusServiceUnavailable, Detail: "the server was stopped"}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return problem{Status: http.StatusServiceUnavailable, Detail: fmt.Sprintf("the request took longer than %s: try again, or send "+
			"fewer pictures at once", s.limits.Time),
			retryAfter: int(s.limits.Time.Seconds())}
	case ctx.Err() != nil:
		return problem{Status: statusGone, Detail: "the client went"}
	}
	return err
}

// answer decides over the pictures of one request.
func (s *Server) answer(jobs []*job, a asked) answer {
	n := s.detector.Manifest().HeldOut
	found := answer{Summary: detector.Summary{Rate: a.rate, FalseDiscoveries: a.fdr}}
	sum := &found.Summary
	if a.fdr {
		counts := conformal.NewCounts(n)
		for _, j := range jobs {
			if j.result.Err == nil {
				counts.Add(j.result.PValue)
			}
		}
		sum.Threshold = counts.BenjaminiHochberg(a.rate)
	} else {
		sum.Expect = s.detector.Expect(a.rate)
		sum.Threshold = sum.Expect.Rate
	}
	kinds := s.detector.Scores()
	for _, j := range jobs {
		i := item{Line: output.LineOf(j.result, kinds, sum.Threshold), HeatMap: j.heatMap}
		i.Path = strings.ToValidUTF8(i.Path, "\uFFFD")
		switch {
		case j.result.Err != nil:
			sum.Unreadable++
		case *i.Anomalous:
			sum.Images++
			sum.Anomalous++
		default:
			sum.Images++
		}
		found.Images = append(found.Images, i)
	}
	return found
}

// modelAnswer is what GET /v1/model says.
type modelAnswer struct {
	// Manifest is that of the model's file.
	Manifest detector.Manifest `json:"manifest"`
	Scores   []scoreAnswer     `json:"scores"`
	HeldOut  int               `json:"held_out"`
	// Rate is that of requests that say nothing, LeastRate the least that can be asked for, and Expect what comes of Rate.
	Rate      float64          `json:"rate"`
	LeastRate float64          `json:"least_rate"`
	Expect    conformal.Alarms `json:"expect"`
	Limits    limitsAnswer     `json:"limits"`
}

type scoreAnswer struct {
	Name     string `json:"name"`
	About    string `json:"about"`
	Source   string `json:"source"`
	Combined bool   `json:"combined"`
}

type limitsAnswer struct {
	Body    int64   `json:"body_bytes"`
	Images  int     `json:"images"`
	Pixels  int64   `json:"pixels"`
	Seconds float64 `json:"seconds"`
}

// model answers GET /v1/model.
func (s *Server) model(w http.ResponseWriter, _ *http.Request) error {
	m := s.detector.Manifest()
	about := modelAnswer{Manifest: m, HeldOut: m.HeldOut, Rate: s.config.Rate, LeastRate: 1 / float64(m.HeldOut+1),
		Expect: s.detector.Expect(s.config.Rate),
		Limits: limitsAnswer{s.limits.Body, s.limits.Images, s.limits.Pixels, s.limits.Time.Seconds()}}
	for _, kind := range s.detector.Scores() {
		about.Scores = append(about.Scores, scoreAnswer{kind.Name, kind.About, kind.Source, slices.Contains(m.Combined, kind.Name)})
	}
	text, err := json.Marshal(about)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	send(w, append(text, '\n'))
	return nil
}
