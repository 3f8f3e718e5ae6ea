package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"strata/pkg/imageset/intake"
)

// kinds says what can be sent.
const kinds = "send multipart/form-data (curl -F image=@photo.png), application/json ({\"images\": [{\"path\": \"a.png\", \"data\": " +
	"\"BASE64\"}]}), or a " +
	"picture alone as image/png, image/jpeg or application/octet-stream"

// upload reads the pictures of a request into memory, undecoded. What is wrong with all of the request is its error; what is wrong with
// a picture is found when it is decoded.
func (s *Server) upload(w http.ResponseWriter, r *http.Request, body *body) (files []intake.File, err error) {
	leave, err := place(s.uploads, "requests are being read")
	if err != nil {
		return nil, err
	}
	defer leave()
	seen, _ := w.(*observer)
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, bad(http.StatusUnsupportedMediaType, "Content-Encoding %q: send the body as it is, pictures are compressed already",
			short(encoding))
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, bad(http.StatusUnsupportedMediaType, "Content-Type %q is none: %s", short(r.Header.Get("Content-Type")), kinds)
	}
	if r.ContentLength > s.limits.Body {
		w.Header().Set("Connection", "close")
		return nil, s.tooLarge()
	}
	body.from, body.times = http.MaxBytesReader(w, r.Body, s.limits.Body), timesPlain
	defer func() {
		if seen != nil {
			seen.read, seen.images = body.n, len(files)
		}
	}()
	switch {
	case kind == "multipart/form-data":
		r.Body = io.NopCloser(body)
		files, err = s.multipart(r)
	case kind == "application/json":
		body.times = timesJSON
		files, err = s.jsonImages(body)
	case strings.HasPrefix(kind, "image/") || kind == "application/octet-stream":
		var data []byte
		data, err = io.ReadAll(body)
		path := r.URL.Query().Get("path")
		if path == "" {
			path = "image"
		}
		files = []intake.File{intake.Bytes(path, data)}
	default:
		return nil, bad(http.StatusUnsupportedMediaType, "Content-Type %s: %s", short(kind), kinds)
	}
	if err == nil { // to the end, so that a client that hangs up is noticed
		_, err = io.Copy(io.Discard, body)
	}
	if err != nil {
		return nil, s.uploadError(err)
	}
	body.keep(files)
	if len(files) == 0 {
		return nil, bad(http.StatusBadRequest, "there is no picture in the request: %s", kinds)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // what is computed may take longer
	return files, nil
}

func (s *Server) tooLarge() problem {
	return bad(http.StatusRequestEntityTooLarge, "the request is larger than %d bytes: send fewer pictures at once, or smaller ones",
		s.limits.Body)
}

func (s *Server) tooMany() problem {
	return bad(http.StatusRequestEntityTooLarge, "the request has more than %d pictures: send fewer at once", s.limits.Images)
}

// uploadError says what a failed read means.
func (s *Server) uploadError(err error) error {
	var p problem
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return s.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return bad(http.StatusRequestTimeout, "the request was not there after %s", s.limits.Upload)
	}
	return bad(http.StatusBadRequest, "the request cannot be read: %v: %s", err, kinds)
}

// multipart takes every part with a file name.
func (s *Server) multipart(r *http.Request) ([]intake.File, error) {
	reader, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	var files []intake.File
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		name := part.FileName()
		if name == "" {
			return nil, bad(http.StatusBadRequest, "part %q has no file name: pictures are sent as files (curl -F image=@photo.png), "+
				"and what to do with them is asked in the "+
				"address (?rate=0.05)", short(part.FormName()))
		}
		if len(files) == s.limits.Images {
			return nil, s.tooMany()
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		files = append(files, intake.Bytes(name, data))
	}
}

// jsonImages takes {"images": [{"path": ..., "data": BASE64}]}, one after the other: a list of a million empty ones is not built.
func (s *Server) jsonImages(body io.Reader) ([]intake.File, error) {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	for _, want := range []json.Token{json.Delim('{'), "images", json.Delim('[')} {
		token, err := decoder.Token()
		if err != nil {
			return nil, cutShort(err)
		}
		if token != want {
			return nil, fmt.Errorf("the JSON does not begin as {\"images\": [")
		}
	}
	var files []intake.File
	for decoder.More() {
		if len(files) == s.limits.Images {
			return nil, s.tooMany()
		}
		var image struct {
			Path string `json:"path"`
			Data []byte `json:"data"` // base64
		}
		err := decoder.Decode(&image)
		if image.Path == "" {
			image.Path = fmt.Sprintf("image %d", len(files)+1)
		}
		var spoilt base64.CorruptInputError
		if errors.As(err, &spoilt) {
			return nil, bad(http.StatusBadRequest, "the data of %q are not base64: %v", short(image.Path), err)
		}
		if err != nil {
			return nil, cutShort(err)
		}
		files = append(files, intake.Bytes(image.Path, image.Data))
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		token, err := decoder.Token()
		if err != nil {
			return nil, cutShort(err)
		}
		if token != want {
			return nil, fmt.Errorf("the JSON has something besides \"images\"")
		}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("something comes after the JSON")
	}
	return files, nil
}

// cutShort says what an end too early is.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
