package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"strata/pkg/detector/detectortest"

	"github.com/stretchr/testify/require"
)

// From a model to an answer, as its example line asks, and to the end by SIGTERM.
func TestServe(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	const token = "0123456789abcdef"
	t.Setenv(tokenVariable, token)
	model := filepath.Join(t.TempDir(), "good.strata")
	require.NoError(t, detectortest.New(t, 3, nil).Save(model))
	said, out := io.Pipe()
	var errOut bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run([]string{"serve", model, "--address", "127.0.0.1:0", "--rate", "0.05"}, out, &errOut)
		out.Close()
	}()
	lines := bufio.NewReader(said)
	first, err := lines.ReadString('\n')
	require.NoError(t, err, errOut.String())
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(first)
	require.NotEmpty(t, address, first)
	example, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, example, `curl -H "Authorization: Bearer $STRATA_TOKEN" -F image=@photo.png '`+address+`/v1/detect?rate=0.05'`)
	request, err := http.NewRequest("POST", address+"/v1/detect", bytes.NewReader(detectortest.PNG(detectortest.Noisy(1, 40, 40, 3))))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "image/png")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	require.NoError(t, err)
	require.Contains(t, string(text), `"anomalous":true`)

	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	require.Equal(t, exitStopped, <-code)
	require.Contains(t, errOut.String(), "stopped, and every request answered")
	require.Contains(t, errOut.String(), "path=/v1/detect status=200")
	require.NotContains(t, errOut.String(), token)
	require.NotContains(t, first+example, token)
}

func TestServeRefuses(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	t.Setenv(tokenVariable, "")
	folder := t.TempDir()
	model, empty, short := filepath.Join(folder, "good.strata"), filepath.Join(folder, "empty"), filepath.Join(folder, "short")
	require.NoError(t, detectortest.New(t, 1, nil).Save(model))
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	require.NoError(t, os.WriteFile(short, []byte("secret\n"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"serve"}, exitUsage, "<model>"},
		{[]string{"serve", empty}, exitFailed, "is no model, or cut off"},
		{[]string{"serve", model, "--address", "0.0.0.0:0"}, exitFailed, "there is no token"},
		{[]string{"serve", model, "--address", "8080"}, exitFailed, "expected HOST:PORT"},
		{[]string{"serve", model, "--token-file", filepath.Join(folder, "absent")}, exitFailed, "token: "},
		{[]string{"serve", model, "--token-file", empty}, exitFailed, "is empty: openssl rand"},
		{[]string{"serve", model, "--token-file", short, "--address", "127.0.0.1:0"}, exitFailed, "the token has 6 characters"},
		{[]string{"serve", model, "--rate", "0.001", "--address", "127.0.0.1:0"}, exitFailed, "wants 999 held-out good images"},
		{[]string{"serve", model, "--rate", "0"}, exitFailed, "--rate 0: expected a share between 0 and 1"},
		{[]string{"serve", model, "--body", "0"}, exitFailed, "--body 1 to 4096"},
		{[]string{"serve", model, "--time", "soon"}, exitUsage, "--time"},
	} {
		code, _, errOut := strata(c.args...)
		require.Equal(t, c.code, code, "%v: %s", c.args, errOut)
		require.Contains(t, errOut, c.says, c.args)
		require.False(t, strings.Contains(errOut, "secret"))
	}
}
