package server

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"image/png"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"strata/pkg/detector"
	"strata/pkg/detector/detectortest"
	"strata/pkg/imageset/intake"

	"github.com/stretchr/testify/require"
)

var tiny *detector.Detector

func TestMain(m *testing.M) {
	os.Setenv("GOMLX_BACKEND", "go")
	var err error
	if tiny, err = detectortest.Make(3, nil); err != nil {
		panic(err)
	}
	code := m.Run()
	tiny.Close()
	if left := unmet(); code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" &&
		len(left) > 0 {
		fmt.Println("FAIL: described, and answered in no test:", left)
		code = 1
	}
	os.Exit(code)
}

const token = "0123456789abcdef0123456789abcdef"

// started serves the tiny detector over a socket, as Serve does.
func started(t testing.TB, c Config) (address string, s *Server, stop func() error) {
	t.Helper()
	return serving(t, tiny, c)
}

func serving(t testing.TB, d *detector.Detector, c Config) (address string, s *Server, stop func() error) {
	t.Helper()
	s, err := New(d, c)
	require.NoError(t, err)
	listener, err := Listen(context.Background(), "127.0.0.1:0", c.Token)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	return "http://" + listener.Addr().String(), s, stop
}

func good(i int) []byte  { return detectortest.PNG(detectortest.Good(9000+i, 40, 48, 3)) }
func noisy(i int) []byte { return detectortest.PNG(detectortest.Noisy(i, 40, 48, 3)) }

type upload struct {
	name string
	data []byte
}

// form is a multipart body of files and its content type.
func form(files ...upload) (string, []byte) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, f := range files {
		part, err := w.CreateFormFile("image", f.name)
		if err != nil {
			panic(err) // into memory
		}
		_, _ = part.Write(f.data)
	}
	w.Close()
	return w.FormDataContentType(), body.Bytes()
}

// request is one of a test.
type request struct {
	method, path, kind string
	body               io.Reader
	header             map[string]string
	host               string
}

func ask(t testing.TB, address string, r request) (*http.Response, []byte) {
	t.Helper()
	if r.method == "" {
		r.method = "POST"
	}
	if r.path == "" {
		r.path = "/v1/detect"
	}
	req, err := http.NewRequest(r.method, address+r.path, r.body)
	require.NoError(t, err)
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	if r.host != "" {
		req.Host = r.host
	}
	response, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	described(t, req, response, text)
	return response, text
}

func detect(t testing.TB, address, query string, files ...upload) answer {
	t.Helper()
	kind, body := form(files...)
	response, text := ask(t, address, request{path: "/v1/detect" + query, kind: kind, body: bytes.NewReader(body)})
	require.Equal(t, 200, response.StatusCode, string(text))
	var found answer
	require.NoError(t, json.Unmarshal(text, &found))
	return found
}

// What is answered is what the detector says of the same files, however they are sent.
func TestDetect(t *testing.T) {
	address, _, _ := started(t, Config{})
	var files []intake.File
	var uploads []upload
	for i := range 5 {
		uploads = append(uploads, upload{fmt.Sprintf("good%d.png", i), good(i)}, upload{fmt.Sprintf("noisy%d.png", i), noisy(i)})
	}
	var want []detector.Result
	for _, u := range uploads {
		files = append(files, intake.Bytes(u.name, u.data))
	}
	summary, err := tiny.Stream(context.Background(), func(yield func(intake.File) bool) {
		for _, f := range files {
			if !yield(f) {
				return
			}
		}
	}, detector.Options{Rate: 0.05}, func(r detector.Result) error { want = append(want, r); return nil })
	require.NoError(t, err)

	found := detect(t, address, "?rate=0.05", uploads...)
	require.Len(t, found.Images, 10)
	require.Equal(t, summary.Threshold, found.Summary.Threshold)
	require.Equal(t, summary.Anomalous, found.Summary.Anomalous)
	require.Equal(t, summary.Expect, found.Summary.Expect)
	for i, w := range want {
		got := found.Images[i]
		require.Equal(t, w.Path, got.Path)
		require.Equal(t, w.PValue, *got.PValue)
		require.Equal(t, w.Score, *got.Score)
		require.Equal(t, w.Anomalous, *got.Anomalous)
		require.Len(t, got.Scores, len(tiny.Scores()))
		require.Equal(t, w.Scores[1], *got.Scores["ratio"])
		require.Nil(t, got.HeatMap)
	}
	require.Equal(t, summary.Rate, found.Summary.Rate)
	require.True(t, *found.Images[1].Anomalous)

	// Alone, and as JSON: the same to the bit, for batches are full whatever they hold.
	response, text := ask(t, address, request{path: "/v1/detect?rate=0.05&path=a/b.png", kind: "image/png",
		body: bytes.NewReader(uploads[1].data)})
	require.Equal(t, 200, response.StatusCode, string(text))
	var alone answer
	require.NoError(t, json.Unmarshal(text, &alone))
	require.Equal(t, "a/b.png", alone.Images[0].Path)
	require.Equal(t, found.Images[1].Scores, alone.Images[0].Scores)

	text, err = json.Marshal(map[string]any{"images": []map[string]string{{"path": "x/1.png",
		"data": base64.StdEncoding.EncodeToString(uploads[0].data)},
		{"data": base64.StdEncoding.EncodeToString(uploads[1].data)}}})
	require.NoError(t, err)
	response, text = ask(t, address, request{kind: "application/json", body: bytes.NewReader(text)})
	require.Equal(t, 200, response.StatusCode, string(text))
	var asJSON answer
	require.NoError(t, json.Unmarshal(text, &asJSON))
	require.Equal(t, "x/1.png", asJSON.Images[0].Path)
	require.Equal(t, "image 2", asJSON.Images[1].Path)
	require.Equal(t, found.Images[0].Scores, asJSON.Images[0].Scores)
	require.Equal(t, detector.DefaultRate, asJSON.Summary.Rate)
}

func TestHeatMap(t *testing.T) {
	address, _, _ := started(t, Config{})
	found := detect(t, address, "?heat=true", upload{"noisy.png", noisy(1)}, upload{"no picture", []byte("hello")})
	picture, err := png.Decode(bytes.NewReader(found.Images[0].HeatMap))
	require.NoError(t, err)
	require.Equal(t, detector.Side, picture.Bounds().Dx())
	require.Empty(t, found.Images[1].HeatMap)
}

// At a rate of false discoveries the pictures of one request are decided on together.
func TestFalseDiscoveries(t *testing.T) {
	address, _, _ := started(t, Config{})
	found := detect(t, address, "?rate=0.2&fdr=true", upload{"0", noisy(0)}, upload{"1", noisy(1)}, upload{"2", good(2)}, upload{"3",
		good(3)})
	require.True(t, found.Summary.FalseDiscoveries)
	require.Equal(t, 2, found.Summary.Anomalous)
	for i, image := range found.Images {
		require.Equal(t, i < 2, *image.Anomalous)
		require.Equal(t, *image.PValue <= found.Summary.Threshold, *image.Anomalous)
	}
}

// bomb is a whole PNG of 100 million pixels of one colour in some 100 kB, chunk by chunk: image/png would ask for each pixel.
func bomb() []byte {
	const side = 10_000
	file := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		file.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
		text := append([]byte(kind), data...)
		file.Write(binary.BigEndian.AppendUint32(text, crc32.ChecksumIEEE(text)))
	}
	var rows bytes.Buffer
	w := zlib.NewWriter(&rows)
	for range side {
		_, _ = w.Write(make([]byte, 1+side/8)) // a filter and a row, of a bit a pixel
	}
	w.Close()
	sides := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, side), side)
	chunk("IHDR", append(sides, 1, 3, 0, 0, 0)) // a bit, a palette
	chunk("PLTE", []byte{0, 0, 0})
	chunk("IDAT", rows.Bytes())
	chunk("IEND", nil)
	return file.Bytes()
}

// A bad picture is an item with an error, and stops nothing.
func TestBadPictures(t *testing.T) {
	address, _, _ := started(t, Config{})
	whole := good(0)
	cmyk, err := os.ReadFile(filepath.Join("..", "..", "pkg", "imageset", "intake", "testdata", "cmyk.jpg"))
	require.NoError(t, err)
	huge := bytes.Clone(whole)
	copy(huge[16:], []byte{0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff}) // sides of 2 billion
	found := detect(t, address, "", upload{"good.png", whole}, upload{"cut.png", whole[:len(whole)/2]}, upload{"zero.png", nil},
		upload{"bomb.png", bomb()},
		upload{"huge.png", huge}, upload{"cmyk.jpg", cmyk}, upload{"text.png", []byte("hello")}, upload{"zip.png",
			[]byte("PK\x03\x04rest")},
		upload{"\xff\xfe.png", noisy(1)})
	says := []string{"", "cut off", "is empty", "10000x10000 pixels: more than the 16 million that are decoded", "PNG", "", "is no PNG",
		"it starts with 50 4b 03 04", ""}
	require.Len(t, found.Images, len(says))
	for i, image := range found.Images {
		if says[i] == "" {
			require.Empty(t, image.Error, image.Path)
			require.NotNil(t, image.PValue, image.Path)
			continue
		}
		require.Contains(t, image.Error, says[i], image.Path)
		require.Nil(t, image.PValue)
	}
	require.Equal(t, []string{"CMYK: made RGB without a profile"}, found.Images[5].Notes)
	require.True(t, *found.Images[8].Anomalous)
	require.Equal(t, 3, found.Summary.Images)
	require.Equal(t, 6, found.Summary.Unreadable)

	var text []byte
	require.Eventually(t, func() bool { // a request is counted when its client has the answer already
		_, text = ask(t, address, request{method: "GET", path: "/metrics"})
		return strings.Contains(string(text), `strata_requests_total{path="/v1/detect",status="200"} 1`)
	}, 10*time.Second, time.Millisecond, string(text))
	require.Contains(t, string(text), `strata_images_total{found="unreadable"} 6`)
	require.Contains(t, string(text), fmt.Sprintf(`strata_images_total{found="anomalous"} %d`, found.Summary.Anomalous))
	require.Contains(t, string(text), "strata_p_value_count 3")
	require.Contains(t, string(text), "strata_held_out_images 120")
	require.Contains(t, string(text), "process_open_fds")
}

func TestModel(t *testing.T) {
	address, _, _ := started(t, Config{Rate: 0.05})
	response, text := ask(t, address, request{method: "GET", path: "/v1/model"})
	require.Equal(t, 200, response.StatusCode)
	var about modelAnswer
	require.NoError(t, json.Unmarshal(text, &about))
	require.Equal(t, tiny.Manifest().Fit, about.Manifest.Fit)
	require.Equal(t, detectortest.HeldOut, about.HeldOut)
	require.Equal(t, 0.05, about.Rate)
	require.Equal(t, tiny.Expect(0.05), about.Expect)
	require.Equal(t, DefaultLimits.Images, about.Limits.Images)
	found := detect(t, address, "", upload{"a", good(1)})
	require.Equal(t, 0.05, found.Summary.Rate, "the default is the server's")
}

// A detector with a PixelCNN++ is asked as one with a Glow is, has its own scores, and says what it is.
func TestPixelCNN(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates a PixelCNN++, as the short tests of pkg/detector do")
	}
	address, _, _ := serving(t, detectortest.New(t, 1, detectortest.PixelCNN(1)), Config{})
	response, text := ask(t, address, request{method: "GET", path: "/v1/model"})
	require.Equal(t, 200, response.StatusCode)
	var about modelAnswer
	require.NoError(t, json.Unmarshal(text, &about))
	require.NotNil(t, about.Manifest.PixelCNN)
	require.Nil(t, about.Manifest.Glow)
	found := detect(t, address, "?heat=true", upload{"a", good(1)})
	require.Len(t, found.Images[0].Scores, 4)
	require.NotEmpty(t, found.Images[0].HeatMap)
}

// Everything that is wrong with a request is said in words, and every limit holds.
func TestRefused(t *testing.T) {
	address, _, _ := started(t, Config{Limits: Limits{Body: 100_000, Images: 3}})
	picture := good(0)
	encoded := base64.StdEncoding.EncodeToString(picture)
	multi := func(files ...upload) request {
		kind, body := form(files...)
		return request{kind: kind, body: bytes.NewReader(body)}
	}
	asJSON := func(text string) request { return request{kind: "application/json", body: strings.NewReader(text)} }
	raw := func(query string) request {
		return request{path: "/v1/detect" + query, kind: "image/png", body: bytes.NewReader(picture)}
	}
	chunked := func(n int) io.Reader { return io.LimitReader(zeros{}, int64(n)) } // no Content-Length
	var field bytes.Buffer
	fields := multipart.NewWriter(&field)
	require.NoError(t, fields.WriteField("rate", "0.05"))
	fields.Close()
	for name, c := range map[string]struct {
		request
		status int
		says   string
	}{
		"rate too small":    {raw("?rate=0.0001"), 400, "wants 9999 held-out good images, and there are 120"},
		"rate no number":    {raw("?rate=low"), 400, `rate=\"low\"`},
		"rate not finite":   {raw("?rate=NaN"), 400, "false-alarm rate of NaN"},
		"fdr rate":          {raw("?rate=1.5&fdr=true"), 400, "false-discovery rate of 1.5"},
		"unknown parameter": {raw("?rates=0.1"), 400, `\"rates\" is unknown`},
		"no bool":           {raw("?heat=maybe"), 400, `heat=\"maybe\"`},
		"body too large":    {request{kind: "image/png", body: bytes.NewReader(make([]byte, 100_001))}, 413, "larger than 100000 bytes"},
		"chunked too large": {request{kind: "image/png", body: chunked(100_001)}, 413, "larger than 100000 bytes"},
		"too many": {multi(upload{"1", picture}, upload{"2", picture}, upload{"3", picture}, upload{"4", picture}), 413,
			"more than 3 pictures"},
		"too many in JSON": {asJSON(`{"images":[{},{},{},{}]}`), 413, "more than 3 pictures"},
		"no type":          {request{body: bytes.NewReader(picture)}, 415, "Content-Type"},
		"form type": {request{kind: "application/x-www-form-urlencoded", body: bytes.NewReader(picture)}, 415,
			"curl -F image=@photo.png"},
		"gzip": {request{kind: "image/png", body: bytes.NewReader(picture),
			header: map[string]string{"Content-Encoding": "gzip"}}, 415, "Content-Encoding"},
		"no boundary": {request{kind: "multipart/form-data", body: bytes.NewReader(picture)}, 400, "cannot be read"},
		"cut multipart": {request{kind: "multipart/form-data; boundary=x", body: strings.NewReader("--x\r\nContent-Disposition: " +
			"form-data; name=a; filename=b\r\n\r\nabc")}, 400, "cannot be read"},
		"empty multipart":     {multi(), 400, "there is no picture"},
		"field":               {request{kind: fields.FormDataContentType(), body: &field}, 400, `part \"rate\" has no file name`},
		"no JSON":             {asJSON("hello"), 400, "cannot be read"},
		"other JSON":          {asJSON(`{"pictures":[]}`), 400, "does not begin as"},
		"no images in JSON":   {asJSON(`{"images":[]}`), 400, "there is no picture"},
		"unknown in JSON":     {asJSON(`{"images":[{"url":"http://x"}]}`), 400, "unknown field"},
		"cut JSON":            {asJSON(`{"images":[{"data":"` + encoded), 400, "cannot be read"},
		"more JSON":           {asJSON(`{"images":[{"data":"` + encoded + `"}]} {}`), 400, "something comes after"},
		"besides in JSON":     {asJSON(`{"images":[{"data":"` + encoded + `"}], "rate": 1}`), 400, "besides"},
		"not base64":          {asJSON(`{"images":[{"path":"p","data":"*"}]}`), 400, `data of \"p\" are not base64`},
		"nowhere":             {request{method: "GET", path: "/v2/detect"}, 404, "/openapi.json"},
		"root":                {request{method: "GET", path: "/"}, 404, "/openapi.json"},
		"another site's name": {request{method: "GET", path: "/v1/model", host: "evil.example:80"}, 421, "evil.example"},
		"another site's page": {request{kind: "image/png", body: bytes.NewReader(picture),
			header: map[string]string{"Origin": "http://evil.example"}}, 403, "web page"},
		"preflight": {request{method: "OPTIONS", header: map[string]string{"Origin": "http://evil.example",
			"Access-Control-Request-Method": "POST"}}, 405, "POST"},
	} {
		response, text := ask(t, address, c.request)
		require.Equal(t, c.status, response.StatusCode, "%s: %s", name, text)
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"), name)
		require.Contains(t, string(text), c.says, name)
		require.Empty(t, response.Header.Get("Access-Control-Allow-Origin"), name)
	}
	for _, path := range []string{"/metrics", "/openapi.json", "/v1/model", "/v1/detect"} {
		method := "GET"
		if path == "/v1/detect" {
			method = "POST"
		}
		response, text := ask(t, address, request{method: method, path: path, host: "evil.example"})
		require.Equal(t, 421, response.StatusCode, string(text))
	}
	// And after all that it answers.
	require.Len(t, detect(t, address, "", upload{"a", picture}).Images, 1)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestToken(t *testing.T) {
	var log safeBuffer
	address, _, _ := started(t, Config{Token: token, Log: slog.New(slog.NewTextHandler(&log, nil))})
	bearer := func(text string) map[string]string { return map[string]string{"Authorization": text} }
	for _, path := range []string{"/v1/model", "/metrics", "/openapi.json", "/nowhere"} {
		for _, header := range []map[string]string{nil, bearer("Bearer"), bearer("Bearer x" + token), bearer("Basic " + token),
			bearer(token), bearer("Bearer " + token[1:])} {
			response, text := ask(t, address, request{method: "GET", path: path, header: header})
			require.Equal(t, 401, response.StatusCode, "%s %v", path, header)
			require.Contains(t, response.Header.Get("WWW-Authenticate"), "Bearer")
			require.NotContains(t, string(text), token)
		}
	}
	response, _ := ask(t, address, request{kind: "image/png", body: bytes.NewReader(good(0))})
	require.Equal(t, 401, response.StatusCode)
	response, text := ask(t, address, request{kind: "image/png", body: bytes.NewReader(good(0)), header: bearer("Bearer " + token),
		host: "strata.example"})
	require.Equal(t, 200, response.StatusCode, string(text))
	for _, path := range []string{"/healthz", "/readyz"} {
		response, _ = ask(t, address, request{method: "GET", path: path})
		require.Equal(t, 200, response.StatusCode)
	}
	require.Contains(t, log.String(), "path=/v1/detect status=200")
	require.NotContains(t, log.String(), token)
}

func TestListen(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0"} {
		_, err := Listen(context.Background(), address, "")
		require.ErrorContains(t, err, "--token-file", address)
	}
	_, err := Listen(context.Background(), "localhost", "")
	require.ErrorContains(t, err, "expected HOST:PORT")
	for address, token := range map[string]string{"127.0.0.1:0": "", "localhost:0": "", "127.3.2.1:0": "", "0.0.0.0:0": token} {
		l, err := Listen(context.Background(), address, token)
		require.NoError(t, err, address)
		_, err = Listen(context.Background(), l.Addr().String(), token)
		require.ErrorContains(t, err, "in use")
		l.Close()
	}
	for _, bad := range []string{"short", strings.Repeat("ü", 20), "0123456789 abcdef", "0123456789\nabcdef"} {
		_, err := New(tiny, Config{Token: bad})
		require.ErrorContains(t, err, "the token has")
		require.NotContains(t, err.Error(), bad)
	}
	_, err = New(tiny, Config{Rate: 0.0001})
	require.ErrorContains(t, err, "wants 9999 held-out good images")
	_, err = New(tiny, Config{Limits: Limits{Images: -1}})
	require.ErrorContains(t, err, "a limit is below 1")
	for host, local := range map[string]bool{"localhost": true, "LOCALHOST:80": true, "127.0.0.1:80": true, "[::1]:80": true, "::1": true,
		"[::ffff:127.0.0.1]:1":   true,
		"127.0.0.1.evil.example": false, "10.0.0.1:80": false, "": false, "localhost.evil.example:80": false} {
		require.Equal(t, local, localName(host), host)
	}
}

// hanging sends the beginning of a request and no more.
func hanging(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, err = fmt.Fprintf(c, "POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nabc")
	require.NoError(t, err)
	return c
}

// Beyond a bound of requests the answer is 503 with a time to wait, at once; who is served is not disturbed.
func TestBusy(t *testing.T) {
	address, s, _ := started(t, Config{Limits: Limits{Uploads: 2, Requests: 1}})
	refused := func(says string) {
		t.Helper()
		response, text := ask(t, address, request{kind: "image/png", body: bytes.NewReader(good(0))})
		require.Equal(t, 503, response.StatusCode)
		require.Equal(t, "1", response.Header.Get("Retry-After"))
		require.Contains(t, string(text), says)
		response, _ = ask(t, address, request{method: "GET", path: "/healthz"})
		require.Equal(t, 200, response.StatusCode, "who asks whether it lives is not refused")
	}
	reading := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return len(s.uploads) == n }, 10*time.Second, time.Millisecond)
	}
	slow, other := hanging(t, address), hanging(t, address)
	reading(2)
	refused("2 requests are being read")
	other.Close()
	reading(1)

	s.room <- struct{}{} // a request that is computed
	refused("1 requests are computed")
	_, err := slow.Write(make([]byte, 997)) // the rest of one that had been let in before
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(slow), nil)
	require.NoError(t, err)
	require.Equal(t, 503, response.StatusCode)
	_, text := ask(t, address, request{method: "GET", path: "/metrics"})
	require.Contains(t, string(text), "strata_uploads_under_way 0")
	require.Contains(t, string(text), "strata_requests_computed 1")
	<-s.room
	require.Len(t, detect(t, address, "", upload{"a", good(0)}).Images, 1)
}

// Who sends slowly keeps nobody from being computed: uploads that hung held all places of a server, for half a minute each.
func TestSlowUploadHoldsNoPlace(t *testing.T) {
	address, s, _ := started(t, Config{Limits: Limits{Requests: 1}})
	for range 3 {
		hanging(t, address)
	}
	require.Eventually(t, func() bool { return len(s.uploads) == 3 }, 10*time.Second, time.Millisecond)
	require.Len(t, detect(t, address, "", upload{"a", good(0)}).Images, 1)
}

// The bytes of all requests together are bounded, however many there are and of whatever kind; what is refused can come again.
func TestMemory(t *testing.T) {
	address, s, _ := started(t, Config{Limits: Limits{Body: 100_000, Memory: 400_000}})
	for range 2 {
		c := hanging(t, address)
		_, err := c.Write(make([]byte, 900)) // of 1,000
		require.NoError(t, err)
		defer c.Close()
	}
	require.Eventually(t, func() bool { return s.memory.now() == 2*2*903 }, 10*time.Second, time.Millisecond)
	_, text := ask(t, address, request{method: "GET", path: "/metrics"})
	require.Contains(t, string(text), "strata_upload_bytes 3612")

	large := bytes.Repeat([]byte("A"), 60_000)
	require.True(t, s.memory.take(300_000)) // other requests
	kind, parts := form(upload{"a", large})
	sent := map[string][]byte{"image/png": large, kind: parts, "application/json": fmt.Appendf(nil, `{"images":[{"data":"%s"}]}`, large)}
	for kind, data := range sent {
		response, text := ask(t, address, request{kind: kind, body: bytes.NewReader(data)})
		require.Equal(t, 503, response.StatusCode, "%s: %s", kind, text)
		require.Equal(t, "1", response.Header.Get("Retry-After"))
		require.Contains(t, string(text), "the pictures and heat maps of all requests may take 400000 bytes")
	}
	s.memory.give(300_000)
	for kind, data := range sent {
		response, text := ask(t, address, request{kind: kind, body: bytes.NewReader(data)})
		require.Equal(t, 200, response.StatusCode, "%s: %s", kind, text)
	}
	require.Eventually(t, func() bool { return s.memory.now() == 2*2*903 }, 10*time.Second, time.Millisecond, "given back")

	_, err := New(tiny, Config{Limits: Limits{Body: 100_000, Memory: 399_999}})
	require.ErrorContains(t, err, "can take 4 times that")
	require.EqualValues(t, 4<<30, Limits{Body: 1 << 30}.withDefaults().Memory)
}

// A client that sends half a request is answered 408, one that sends half a header is left; neither keeps its place.
func TestSlowClients(t *testing.T) {
	address, s, _ := started(t, Config{Limits: Limits{Upload: 100 * time.Millisecond, Header: 100 * time.Millisecond}})
	c := hanging(t, address)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, 408, response.StatusCode)
	require.Contains(t, string(text), "was not there after 100ms")
	described(t, httptest.NewRequest("POST", "/v1/detect", nil), response, text)
	require.Eventually(t, func() bool { return s.underWay() == 0 }, 10*time.Second, time.Millisecond)

	half, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	require.NoError(t, err)
	defer half.Close()
	_, err = half.Write([]byte("POST /v1/detect HTTP/1.1\r\nHo"))
	require.NoError(t, err)
	_, err = io.ReadAll(half) // it ends
	require.NoError(t, err)
	require.Len(t, detect(t, address, "", upload{"a", good(0)}).Images, 1)
}

// What takes too long is given up, and said.
func TestTime(t *testing.T) {
	address, _, _ := started(t, Config{Limits: Limits{Time: time.Nanosecond}})
	response, text := ask(t, address, request{kind: "image/png", body: bytes.NewReader(good(0))})
	require.Equal(t, 503, response.StatusCode, string(text))
	require.Contains(t, string(text), "longer than 1ns")
}

// gone is a client that has hung up.
type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, syscall.ECONNRESET }

// Who hangs up before the answer is no mistake of the server's: 10 minutes of such clients filled its log with errors.
func TestClientGone(t *testing.T) {
	var log safeBuffer
	s, err := New(tiny, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	defer s.Close()
	for _, path := range []string{"/openapi.json", "/v1/model", "/healthz", "/readyz", "/metrics", "/nowhere"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = "localhost"
		s.routes().ServeHTTP(gone{httptest.NewRecorder()}, r)
		require.Contains(t, log.String(), path)
	}
	require.NotContains(t, log.String(), "level=ERROR")
}

// Pictures that the networks panic on are errors of their requests, and the next batch is computed.
func TestPanicInABatch(t *testing.T) {
	q := &queue{detector: tiny}
	windows := tiny.Preparation().Of(&intake.Picture{Height: 1, Width: 1, Channels: 1, Pixels: []uint8{7}})
	cut := windows
	cut.Pixels = cut.Pixels[:1]
	err := q.one([]*job{{prepared: detector.Prepared{Windows: cut}}})
	require.ErrorContains(t, err, "panic")
	good := &job{prepared: detector.Prepared{Windows: windows}}
	require.NoError(t, q.one([]*job{good}))
	require.NotZero(t, good.result.PValue)
}

// A panic is an answer, and the server goes on.
func TestPanic(t *testing.T) {
	var log safeBuffer
	s, err := New(tiny, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	defer s.Close()
	for name, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"panic": func(http.ResponseWriter, *http.Request) error { panic("at the disco") },
		"error": func(http.ResponseWriter, *http.Request) error { return io.ErrClosedPipe },
	} {
		to := httptest.NewRecorder()
		s.guarded(true, handle).ServeHTTP(to, httptest.NewRequest("GET", "/", nil))
		require.Equal(t, 500, to.Code, name)
		require.Contains(t, to.Body.String(), "its log says which")
		require.NotContains(t, to.Body.String(), "disco")
	}
	require.Contains(t, log.String(), "at the disco")
	require.Contains(t, log.String(), "closed pipe")
}

// Pictures of several requests are one batch; those whose client has gone are left out.
func TestShared(t *testing.T) {
	q := &queue{detector: tiny, jobs: make(chan *job, 8), batched: func(n int) { require.Equal(t, 3, n) }}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	var done atomic.Int32
	var jobs []*job
	for i, data := range [][]byte{good(1), noisy(1), good(2), noisy(2)} {
		picture, err := intake.Decode(data, intake.DefaultLimits)
		require.NoError(t, err)
		j := &job{ctx: context.Background(), held: &body{memory: &memory{most: 1 << 20}}, done: func() { done.Add(1) },
			prepared: detector.Prepared{File: intake.Bytes(fmt.Sprint(i), nil), Windows: tiny.Preparation().Of(picture), Look: i == 1}}
		if i == 2 {
			j.ctx = gone
		}
		jobs = append(jobs, j)
		q.jobs <- j
	}
	require.NoError(t, tiny.Open(1))
	q.compute(q.gather(<-q.jobs))
	require.EqualValues(t, 4, done.Load())
	require.ErrorIs(t, jobs[2].err, context.Canceled)
	for _, i := range []int{0, 1, 3} {
		require.NoError(t, jobs[i].err)
		require.Empty(t, jobs[i].prepared, "what was computed takes no more memory")
		require.Equal(t, fmt.Sprint(i), jobs[i].result.Path)
		require.Equal(t, i != 0, jobs[i].result.Anomalous)
		require.Equal(t, i == 1, len(jobs[i].heatMap) > 0, "what nobody asked for is not made")
		require.Nil(t, jobs[i].result.View)
	}
}

// A large picture in tiles becomes megabytes: as many are decoded and judged at a time as the memory holds, and the others wait. Heat maps
// take memory until they are answered, and whose do not fit is told.
func TestTilesInMemory(t *testing.T) {
	tiled := detectortest.New(t, 1, func(c *detector.Config) {
		c.Preparation = detector.Preparation{Channels: 1, Tiles: true, Overlap: 16, Longest: 256}
	})
	most := tiled.Preparation().Bytes(true) // one at a time
	_, err := New(tiled, Config{Limits: Limits{Body: 1 << 10, Memory: most - 1}})
	require.ErrorContains(t, err, fmt.Sprintf("a picture in the tiles of this model, with its heat map, can take %d", most))

	address, s, _ := serving(t, tiled, Config{Limits: Limits{Body: 400 << 10, Memory: most, Time: 10 * time.Minute}})
	var pictures, bytesTaken []int64
	s.queue.batched = func(n int) {
		pictures, bytesTaken = append(pictures, int64(n)), append(bytesTaken, s.queue.work.taken.Load())
	}
	large := func(i int) []byte { return detectortest.PNG(detectortest.Good(9000+i, 300, 300, 1)) }
	found := detect(t, address, "?heat=true", upload{"0", large(0)}, upload{"bad", nil}, upload{"1", large(1)}, upload{"2", large(2)})
	for i, image := range found.Images {
		if i == 1 {
			require.NotEmpty(t, image.Error)
			continue
		}
		require.Equal(t, 15*15, image.Windows)
		picture, err := png.Decode(bytes.NewReader(image.HeatMap))
		require.NoError(t, err)
		require.Equal(t, 256, picture.Bounds().Dx())
	}
	require.Equal(t, []int64{1, 1, 1}, pictures)
	require.Equal(t, []int64{most, most, most}, bytesTaken)
	free := func() bool { return s.memory.now() == 0 && s.queue.work.taken.Load() == 0 }
	require.Eventually(t, free, 10*time.Second, time.Millisecond)

	// A small file whose heat map is larger.
	flat := detectortest.PNG(&intake.Picture{Height: 256, Width: 256, Channels: 1, Pixels: make([]uint8, 256*256)})
	kind, body := form(upload{"flat", flat})
	others := most - 3*int64(len(body))
	for _, c := range []struct {
		most, others int64
		status       int
		says         string
	}{
		{3 * int64(len(body)), 0, 413, "their heat maps take more than the"},
		{most, others, 503, "the pictures and heat maps of all requests may take"},
	} {
		s.memory.most = c.most
		require.True(t, s.memory.take(c.others))
		response, text := ask(t, address, request{path: "/v1/detect?heat=true", kind: kind, body: bytes.NewReader(body)})
		require.Equal(t, c.status, response.StatusCode, string(text))
		require.Contains(t, string(text), c.says)
		s.memory.give(c.others)
		require.Eventually(t, free, 10*time.Second, time.Millisecond)
	}

	// Who gets no memory in time is told so, and holds none.
	require.NoError(t, s.queue.work.acquire(context.Background(), most))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = s.queue.judge(ctx, []intake.File{intake.Bytes("0", large(0))}, s.files, true, nil)
	require.ErrorContains(t, s.stopped(ctx, err), "the request took longer than")
	require.Equal(t, most, s.queue.work.taken.Load())
	s.queue.work.release(most)
}

// Under load the server is stopped: every request that it took up is answered to its client, and Serve ends well.
func TestShutdownLosesNothing(t *testing.T) {
	var log safeBuffer
	address, s, stop := started(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	var answered, others atomic.Int64
	var clients sync.WaitGroup
	for i := range 12 {
		kind, body := form(upload{"a", good(i)}, upload{"b", noisy(i)})
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				response, err := client.Post(address+"/v1/detect", kind, bytes.NewReader(body))
				if err != nil {
					return // it accepts no more
				}
				text, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err == nil && response.StatusCode == 200 && bytes.HasSuffix(text, []byte("}\n")) {
					answered.Add(1)
				} else {
					others.Add(1)
				}
			}
		})
	}
	require.Eventually(t, func() bool { return answered.Load() > 24 }, time.Minute, time.Millisecond)
	require.NoError(t, stop())
	clients.Wait()
	require.Zero(t, others.Load())
	require.EqualValues(t, strings.Count(log.String(), "path=/v1/detect status=200"), answered.Load(),
		"what the server answered, clients have")
	require.Contains(t, log.String(), "msg=stopping")
	require.Zero(t, s.underWay())
}

// Before the end a load balancer is told, and what does not end in time is counted.
func TestShutdownInTime(t *testing.T) {
	address, s, stop := started(t, Config{Grace: 100 * time.Millisecond})
	hanging(t, address)
	require.Eventually(t, func() bool { return s.underWay() == 1 }, 10*time.Second, time.Millisecond)
	require.ErrorContains(t, stop(), "1 requests were not answered within 100ms")

	s.draining.Store(true)
	to := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/readyz", nil)
	s.Handler().ServeHTTP(to, r)
	described(t, r, to.Result(), to.Body.Bytes())
	require.Equal(t, 503, to.Code)
	require.Equal(t, "close", to.Header().Get("Connection"))
}

// safeBuffer is written by several goroutines.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
