package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"strata/internal/server"
	"strata/pkg/detector"
)

type serveCommand struct {
	Model     string        `arg:"" help:"Model that strata fit made."`
	Address   string        `help:"Where to listen; port 0 is any free one." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	TokenFile string        `help:"File with the token that clients must send; without it the one in STRATA_TOKEN, if there is one." placeholder:"FILE"`
	Rate      float64       `help:"Share of good images that may be called unusual where a request says nothing." default:"0.01"`
	Body      int64         `help:"Most MiB of a request." default:"32"`
	Images    int           `help:"Most images of a request." default:"64"`
	Pixels    int64         `help:"Most pixels of a picture, in millions: larger ones are told and not decoded." default:"16"`
	Requests  int           `help:"Most requests that are computed at once: more are answered 503." default:"32"`
	Memory    int64         `help:"Most MiB that the files of all requests and their heat maps take; what is made of pictures while they are judged takes as much again. At least four times --body (default 1024, or that)."`
	Time      time.Duration `help:"Longest time for a request, from the end of its upload." default:"30s"`
	Upload    time.Duration `help:"Longest time for an upload." default:"30s"`
	Grace     time.Duration `help:"How long requests that are under way are waited for in the end." default:"30s"`
	Quiet     bool          `help:"Log no line a request."`
}

// tokenVariable is the environment variable of the token.
const tokenVariable = "STRATA_TOKEN"

func (serveCommand) Help() string {
	return `Examples:
  strata serve good.strata
  curl -F image=@photo.png 'http://127.0.0.1:8080/v1/detect?rate=0.05'
  curl -F image=@a.png -F image=@b.png 'http://127.0.0.1:8080/v1/detect?heat=true'
  curl -H 'Content-Type: image/png' --data-binary @photo.png http://127.0.0.1:8080/v1/detect

  openssl rand -hex 32 > token
  strata serve good.strata --address 0.0.0.0:8080 --token-file token
  curl -H "Authorization: Bearer $(cat token)" -F image=@photo.png http://HOST:8080/v1/detect

GET /v1/model says what the model is, /metrics is for Prometheus, /healthz and /readyz say whether it lives and is ready, and /openapi.json describes all of it. docs/serve.md says more.

Only this machine is served unless there is a token. The connection is not encrypted: beyond a network that you trust, put a proxy with TLS in front. Ctrl-C or SIGTERM ends it: what is under way is answered first, and the exit code is 130; it is 1 where --grace was too short for that.`
}

func (c serveCommand) Run(e *environment) error {
	if c.Body < 1 || c.Body > 1<<12 || c.Pixels < 1 || c.Pixels > 64 || c.Images < 1 || c.Requests < 1 || c.Time <= 0 || c.Upload <= 0 ||
		c.Grace <= 0 || c.Memory < 0 || c.Memory > 1<<20 {
		return errors.New("limits: expected --body 1 to 4096, --pixels 1 to 64, --memory up to 1048576, --images and --requests from 1 " +
			"on, and times above 0s")
	}
	if err := checkRate(c.Rate); err != nil {
		return err
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	d, err := detector.Load(c.Model)
	if err != nil {
		return err
	}
	defer d.Close()
	listener, err := server.Listen(e.ctx, c.Address, token)
	if err != nil {
		return err
	}
	defer listener.Close()
	level := slog.LevelInfo
	if c.Quiet {
		level = slog.LevelWarn
	}
	fmt.Fprintln(e.err, "bringing the networks to their backend ...")
	s, err := server.New(d, server.Config{Token: token, Rate: c.Rate, Grace: c.Grace,
		Log: slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level})),
		Limits: server.Limits{Body: c.Body << 20, Images: c.Images, Pixels: c.Pixels << 20, Memory: c.Memory << 20,
			Requests: c.Requests, Time: c.Time, Upload: c.Upload}})
	if err != nil {
		return err
	}
	header := ""
	switch { // where the token can be had, and not the token
	case c.TokenFile != "":
		header = fmt.Sprintf(`-H "Authorization: Bearer $(cat %s)" `, c.TokenFile)
	case token != "":
		header = `-H "Authorization: Bearer $` + tokenVariable + `" `
	}
	address := "http://" + listener.Addr().String()
	fmt.Fprintf(e.out, "serving %s at %s; Ctrl-C ends it\n  curl %s-F image=@photo.png '%s/v1/detect?rate=%g'\n", c.Model, address, header,
		address, c.Rate)
	if err := s.Serve(e.ctx, listener); err != nil {
		return err
	}
	return fmt.Errorf("stopped, and every request answered: %w", context.Canceled)
}

// token is that of the file, or of the environment.
func (c serveCommand) token() (string, error) {
	if c.TokenFile == "" {
		return strings.TrimSpace(os.Getenv(tokenVariable)), nil
	}
	text, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("token: %s is empty: openssl rand -hex 32 > %s makes one", c.TokenFile, c.TokenFile)
	}
	return token, nil
}
