package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"strata/pkg/detector/detectortest"
)

// form is a request of a client.
func form(o options, client int) (kind string, body []byte) {
	var files [][]byte
	for i := range o.images {
		files = append(files, detectortest.PNG(detectortest.Good(client*o.images+i, o.side, o.side, 3)))
	}
	return formOf(files...)
}

func formOf(files ...[]byte) (string, []byte) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i, data := range files {
		part, err := w.CreateFormFile("image", fmt.Sprintf("%d.png", i))
		if err != nil {
			panic(err) // into memory
		}
		_, _ = part.Write(data)
	}
	w.Close()
	return w.FormDataContentType(), body.Bytes()
}

// attack is one thing that somebody does over and over.
type attack struct {
	name  string
	count int // how many do it at once
	do    func(ctx context.Context, rng *rand.Rand, address string)
}

// flat is a picture of one colour and any size that takes no memory.
type flat struct{ side int }

func (f flat) ColorModel() color.Model     { return color.Palette{color.Black} }
func (f flat) Bounds() image.Rectangle     { return image.Rect(0, 0, f.side, f.side) }
func (f flat) At(int, int) color.Color     { return color.Black }
func (f flat) ColorIndexAt(int, int) uint8 { return 0 }

func encoded(encode func(io.Writer) error) []byte {
	var file bytes.Buffer
	if err := encode(&file); err != nil {
		panic(err) // into memory
	}
	return file.Bytes()
}

// send dials, writes, and reads what comes, at most so long.
func send(ctx context.Context, address string, data []byte, most time.Duration) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(most))
	_, _ = c.Write(data)
	_, _ = io.Copy(io.Discard, c)
}

// slowly writes a byte now and then until it is hung up on.
func slowly(ctx context.Context, address, begin string, every time.Duration) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		return
	}
	defer c.Close()
	_, err = c.Write([]byte(begin))
	for err == nil && ctx.Err() == nil {
		time.Sleep(every)
		_, err = c.Write([]byte("a"))
	}
}

func post(ctx context.Context, address, kind string, body io.Reader) {
	r, err := http.NewRequestWithContext(ctx, "POST", address+"/v1/detect?heat=true", body)
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

func random(rng *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	return data
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

const head = "POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"

func attacks() []attack {
	small := detectortest.PNG(detectortest.Good(1, 64, 64, 3))
	picture := image.NewPaletted(image.Rect(0, 0, 64, 64), color.Palette{color.Black, color.White})
	whole := [][]byte{small,
		encoded(func(w io.Writer) error { return jpeg.Encode(w, picture, nil) }),
		encoded(func(w io.Writer) error { return gif.Encode(w, picture, nil) })}
	bomb := encoded(func(w io.Writer) error { return png.Encode(w, flat{10_000}) })
	large := encoded(func(w io.Writer) error { return png.Encode(w, flat{4000}) }) // just below the limit of pixels
	kinds := []string{"image/png", "image/x", "application/json", "application/octet-stream", "multipart/form-data; boundary=a",
		"multipart/form-data", "text/html", ";;", ""}
	return []attack{
		{"slow header", 40, func(ctx context.Context, _ *rand.Rand, address string) {
			slowly(ctx, address, "POST /v1/detect HTTP/1.1\r\nX: ", time.Second)
		}},
		{"slow body", 10, func(ctx context.Context, rng *rand.Rand, address string) {
			slowly(ctx, address, head+"Content-Length: 100000\r\n\r\n", time.Second)
			time.Sleep(time.Duration(rng.IntN(10)) * time.Second)
		}},
		{"random bytes", 2, func(ctx context.Context, rng *rand.Rand, address string) {
			send(ctx, address, random(rng, rng.IntN(5000)), time.Second)
		}},
		{"random pictures", 2, func(ctx context.Context, rng *rand.Rand, address string) {
			post(ctx, address, kinds[rng.IntN(len(kinds))], bytes.NewReader(random(rng, rng.IntN(50_000))))
		}},
		{"spoilt pictures", 3, func(ctx context.Context, rng *rand.Rand, address string) {
			var files [][]byte
			for range 1 + rng.IntN(20) {
				data := bytes.Clone(whole[rng.IntN(len(whole))])
				for range 1 + rng.IntN(8) {
					data[rng.IntN(len(data))] = byte(rng.Uint32())
				}
				files = append(files, data[:rng.IntN(len(data)+1)], data)
			}
			kind, body := formOf(files...)
			post(ctx, address, kind, bytes.NewReader(body))
		}},
		{"spoilt requests", 2, func(ctx context.Context, rng *rand.Rand, address string) {
			kind, body := formOf(small)
			text := []byte(fmt.Sprintf("POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
				kind, len(body), body))
			for range 1 + rng.IntN(8) {
				text[rng.IntN(300)] = byte(rng.Uint32())
			}
			send(ctx, address, text, time.Second)
		}},
		{"bombs", 1, func(ctx context.Context, _ *rand.Rand, address string) {
			kind, body := formOf(slices.Repeat([][]byte{bomb}, 20)...)
			post(ctx, address, kind, bytes.NewReader(body))
		}},
		{"as large as allowed", 1, func(ctx context.Context, rng *rand.Rand, address string) {
			post(ctx, address, "image/png", bytes.NewReader(large))
			time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
		}},
		{"too large", 1, func(ctx context.Context, rng *rand.Rand, address string) {
			if rng.IntN(2) == 0 {
				send(ctx, address, []byte(head+"Content-Length: 99999999999\r\n\r\nabc"), time.Second)
				return
			}
			post(ctx, address, "image/png", endless{})
		}},
		{"wrong paths, methods and headers", 2, func(ctx context.Context, rng *rand.Rand, address string) {
			of := func(choices ...string) string { return choices[rng.IntN(len(choices))] }
			send(ctx, address, fmt.Appendf(nil, "%s /%s HTTP/1.1\r\nHost: %s\r\n%s: x\r\n\r\n", of("GET", "TRACE", "CONNECT", "X"),
				of("v1/detect", "../../etc/passwd", "metrics", strings.Repeat("a", 20_000)), of("localhost", "evil", "", "[::1"),
				of("Transfer-Encoding", "Content-Length", "Expect", strings.Repeat("b", 20_000))), time.Second)
		}},
		{"who hangs up", 4, func(ctx context.Context, rng *rand.Rand, address string) {
			kind, body := formOf(slices.Repeat([][]byte{small}, 1+rng.IntN(32))...)
			text := fmt.Appendf(nil, "POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
				kind, len(body), body)
			if rng.IntN(2) == 0 {
				text = text[:rng.IntN(len(text))]
			}
			send(ctx, address, text, time.Duration(rng.IntN(50))*time.Millisecond)
		}},
		{"who does not read", 2, func(ctx context.Context, _ *rand.Rand, address string) {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(address, "http://"))
			if err != nil {
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			for range 200 { // pipelined
				if _, err := c.Write([]byte("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
					return
				}
			}
			time.Sleep(2 * time.Second)
		}},
		{"JSON", 1, func(ctx context.Context, rng *rand.Rand, address string) {
			texts := []string{`{"images":[` + strings.Repeat("{},", 500_000), strings.Repeat("[", 500_000),
				`{"images":[{"data":"` + strings.Repeat("A", 3_000_000), `{"images":[` + strings.Repeat(`{"a":`, 100_000)}
			text := texts[rng.IntN(len(texts))]
			post(ctx, address, "application/json", strings.NewReader(text))
		}},
		{"many parts", 1, func(ctx context.Context, _ *rand.Rand, address string) {
			post(ctx, address, "multipart/form-data; boundary=a", strings.NewReader(strings.Repeat("--a\r\n\r\n\r\n", 300_000)))
		}},
	}
}

// survived is what hostile clients did to a server, and to one beside them that means well.
type survived struct {
	seconds       float64
	attacks       []string // what was done, and how often
	good, alone   *asked   // who means well: beside them, and afterwards
	health        time.Duration
	answered      map[string]int // requests of /v1/detect by status
	before, after string         // goroutines and files
	most          int            // memory, MiB
}

func (s survived) String() string {
	if s.alone == nil {
		return "hostile clients: not measured to the end\n" + strings.Join(s.attacks, "\n")
	}
	answers, faults := 0, 0
	for status, n := range s.answered {
		if answers += n; status == "500" {
			faults += n
		}
	}
	return fmt.Sprintf("%.0f s of hostile clients:\n%s\n%d answers of 500 of the %d of /v1/detect (%v); memory at most %d MiB; %s before, "+
		"%s afterwards\na client that means well met %v, and %v afterwards; 50th percentile %s, 99th %s, longest %s; /healthz at most %s",
		s.seconds, strings.Join(s.attacks, "\n"), faults, answers, s.answered, s.most, s.before, s.after, s.good.status, s.alone.status,
		s.good.quantile(0.5), s.good.quantile(0.99), s.good.quantile(1), s.health.Round(time.Millisecond))
}

// hostile sets all attacks on a server, beside one client that means well.
func hostile(ctx context.Context, o options) (survived, error) {
	of := survived{seconds: o.duration.Seconds()}
	s, err := serve(ctx, o, "--upload", "5s")
	if err != nil {
		return of, err
	}
	held := func() string {
		return fmt.Sprintf("%.0f goroutines and %.0f files", s.metric("go_goroutines"), s.metric("process_open_fds"))
	}
	timed, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	of.before = held()
	var wait sync.WaitGroup
	all := attacks()
	done := make([]atomic.Int64, len(all))
	for i, a := range all {
		for number := range a.count {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(number)))
			wait.Go(func() {
				for timed.Err() == nil {
					a.do(timed, rng, s.address)
					done[i].Add(1)
				}
			})
		}
	}
	var dead error
	wait.Go(func() { // whether it lives
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
		for timed.Err() == nil {
			started := time.Now()
			response, err := client.Get(s.address + "/healthz")
			if err != nil {
				dead = errors.Join(dead, err)
				return
			}
			response.Body.Close()
			of.health = max(of.health, time.Since(started))
			time.Sleep(200 * time.Millisecond)
		}
	})
	polite := o
	polite.clients, polite.images = 1, 1
	of.good = clients(timed, polite, s.address)
	wait.Wait()
	for i, a := range all {
		of.attacks = append(of.attacks, fmt.Sprintf("%8d times %s", done[i].Load(), a.name))
	}
	if dead != nil {
		return of, fmt.Errorf("it was dead: %w", dead)
	}
	time.Sleep(12 * time.Second) // until the slow ones are hung up on
	short, cancelShort := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancelShort()
	of.alone = clients(short, polite, s.address)
	of.after = held()
	_, of.most = s.memory()
	if err := s.stop(); err != nil {
		return of, err
	}
	of.answered = s.log.answered
	var mistakes []string
	for _, line := range s.log.other {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "panic") {
			mistakes = append(mistakes, line)
		}
	}
	switch {
	case len(mistakes) > 0 || s.log.answered["500"] > 0:
		return of, fmt.Errorf("%d answers of 500; the server's log: %s", s.log.answered["500"], strings.Join(mistakes, "\n"))
	case len(of.alone.took) == 0:
		return of, errors.New("it answers nobody afterwards")
	}
	return of, nil
}
