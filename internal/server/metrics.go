package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what GET /metrics says, beside what Go and the process say of themselves.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	images   *prometheus.CounterVec
	pValues  prometheus.Histogram
	batches  prometheus.Histogram
	handler  http.Handler
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "strata_requests_total", Help: "Requests that were answered."},
			[]string{"path", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "strata_request_seconds",
			Help:    "From a request's header to the end of its answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"path"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "strata_requests_under_way",
			Help: "Requests whose header was read, and that are not answered yet."}),
		images: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "strata_images_total",
			Help: "Pictures that were answered: good, anomalous at the rate that was asked for, or unreadable."}, []string{"found"}),
		pValues: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "strata_p_value",
			Help:    "P-values of pictures: even between 0 and 1 as long as they are good ones.",
			Buckets: []float64{.01, .02, .05, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1}}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "strata_batch_images",
			Help:    "Pictures that were computed at once, of whatever requests.",
			Buckets: []float64{1, 2, 4, 8, 16, 32}}),
	}
	for _, found := range []string{"good", "anomalous", "unreadable"} {
		m.images.WithLabelValues(found)
	}
	s.queue.batched = func(images int) { m.batches.Observe(float64(images)) }
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.seconds, m.inFlight, m.images, m.pValues, m.batches,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "strata_uploads_under_way",
			Help: "Requests whose pictures are being read."},
			func() float64 { return float64(len(s.uploads)) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "strata_upload_bytes",
			Help: "Memory that the files and heat maps of all requests take."},
			func() float64 { return float64(s.memory.now()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "strata_working_bytes",
			Help: "Memory that was given to pictures that are decoded or judged, for what is made of them."},
			func() float64 { return float64(s.queue.work.taken.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "strata_requests_computed",
			Help: "Requests that are there as a whole, and are decoded, wait for the networks or are computed."},
			func() float64 { return float64(len(s.room)) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "strata_queue_images",
			Help: "Pictures that are decoded and wait for the networks."},
			func() float64 { return float64(len(s.queue.jobs)) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "strata_held_out_images", Help: "Good images that pictures are compared with."},
			func() float64 { return float64(s.detector.Manifest().HeldOut) }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
	return m
}

func (m *metrics) serve(w http.ResponseWriter, r *http.Request) error {
	m.handler.ServeHTTP(w, r)
	return nil
}

// request counts an answer. Paths that are none are one, so that nobody can make names.
func (m *metrics) request(r *http.Request, status int, took time.Duration) {
	_, path, found := strings.Cut(r.Pattern, " ")
	if !found {
		path = r.Pattern
	}
	if path == "/" || path == "" {
		path = "other"
	}
	m.requests.WithLabelValues(path, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(path).Observe(took.Seconds())
}

func (m *metrics) found(a answer) {
	m.images.WithLabelValues("anomalous").Add(float64(a.Summary.Anomalous))
	m.images.WithLabelValues("good").Add(float64(a.Summary.Images - a.Summary.Anomalous))
	m.images.WithLabelValues("unreadable").Add(float64(a.Summary.Unreadable))
	for _, i := range a.Images {
		if i.PValue != nil {
			m.pValues.Observe(*i.PValue)
		}
	}
}
