package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"strata/pkg/detector"
	"strata/pkg/detector/detectortest"

	"github.com/stretchr/testify/require"
)

// From a folder of good images to a report, as a user goes: with a small general Glow, so that it takes seconds.
func TestFitAndDetect(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	folder := t.TempDir()
	good, fresh := map[string][]byte{}, map[string][]byte{"broken.jpg": []byte("no picture")}
	for i := range 210 {
		good[fmt.Sprintf("%d.png", i)] = detectortest.PNG(detectortest.Good(i, 40, 40, 3))
	}
	for i := range 6 {
		fresh[fmt.Sprintf("good%d.png", i)] = detectortest.PNG(detectortest.Good(1000+i, 40, 40, 3))
		fresh[fmt.Sprintf("noisy%d.png", i)] = detectortest.PNG(detectortest.Noisy(i, 40, 40, 3))
	}
	goods, news := detectortest.Folder(t, good), detectortest.Folder(t, fresh)
	g, err := detectortest.General(3)
	require.NoError(t, err)
	general, model := filepath.Join(folder, "general.strata"), filepath.Join(folder, "good.strata")
	require.NoError(t, g.Save(general))

	// Six steps from a general Glow that knows noise, as the one for tests does, make no ratio: what needs none is asked for.
	command := []string{"fit", goods, "--out", model, "--general", general, "--steps", "6", "--no-flip",
		"--scores", "last_scale,typicality"}
	code, errOut := stoppedAt(t, "finetune", command...)
	require.Equal(t, exitStopped, code, errOut)
	require.Contains(t, errOut, "the same command goes on, from "+model+".fitting")
	require.NoFileExists(t, model)
	var out string
	code, out, errOut = strata(command...)
	require.Zero(t, code, errOut)
	require.Contains(t, errOut, "210 good images (RGB, resized as a whole to 32x32 (bilinear)): ")
	require.Contains(t, errOut, "on go, which GOMLX_BACKEND names")
	require.Regexp(t, `trained on \d+ of 210 good images: \d\.\d+ bits/dim on others before, \d\.\d+ after \d+ of 6 steps`, out)
	require.Regexp(t, `asked for 1 %: 0\.9\d % of good images \(0\.0\d+ to 3\.\d % in 95 of 100 cases\)`, out)
	require.True(t, strings.HasSuffix(out, model+"\n"))
	require.NoDirExists(t, model+".fitting")

	report, scores := filepath.Join(folder, "report.html"), filepath.Join(folder, "scores.csv")
	code, out, errOut = strata("detect", model, news, "-o", report, "-o", scores, "--rate", "0.05")
	require.Zero(t, code, errOut)
	require.Contains(t, out, " of 12 images are unusual\n")
	require.Contains(t, out, "1 file could not be read.")
	table, err := os.ReadFile(scores)
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSpace(string(table)), "\n")
	require.Len(t, rows, 14)
	for _, row := range rows {
		if strings.Contains(row, "/noisy") {
			require.Contains(t, row, ",true,")
		}
	}
	require.FileExists(t, report)

	code, out, errOut = strata("fit", goods, "--out", filepath.Join(folder, "again.strata"), "--from", model, "--steps", "0")
	require.Zero(t, code, errOut)
	require.NotContains(t, out, "trained on")
}

// stoppedAt runs a command whose user presses Ctrl-C as soon as it says word.
func stoppedAt(t *testing.T, word string, args ...string) (code int, errOut string) {
	t.Helper()
	said := &interrupter{word: word}
	code = run(args, io.Discard, said)
	return code, said.text.String()
}

type interrupter struct {
	word string
	text strings.Builder
	done bool
}

func (i *interrupter) Write(p []byte) (int, error) {
	i.text.Write(p)
	if !i.done && strings.Contains(i.text.String(), i.word) {
		i.done = true
		return len(p), syscall.Kill(os.Getpid(), syscall.SIGINT)
	}
	return len(p), nil
}

// All that a user gets who names nothing: the Glow that comes with strata, and its scores.
func TestFitByDefault(t *testing.T) {
	if testing.Short() {
		t.Skip("the Glow of K 4, hidden 64 on the Go backend; TestFitAndDetect goes the same way with a small one")
	}
	t.Setenv("GOMLX_BACKEND", "go")
	good := map[string][]byte{}
	for i := range 200 {
		good[fmt.Sprintf("%d.png", i)] = detectortest.PNG(detectortest.Good(i, 32, 32, 3))
	}
	model, scores := filepath.Join(t.TempDir(), "good.strata"), filepath.Join(t.TempDir(), "scores.jsonl")
	code, out, errOut := strata("fit", detectortest.Folder(t, good), "--out", model, "--steps", "1")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "leaves that strata draws")
	news := detectortest.Folder(t, map[string][]byte{"noisy.png": detectortest.PNG(detectortest.Noisy(1, 32, 32, 3))})
	code, out, errOut = strata("detect", model, news, "-o", scores)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "1 of 1 image is unusual")
	text, err := os.ReadFile(scores)
	require.NoError(t, err)
	for _, name := range detector.DefaultScores(detector.Glow) {
		require.Contains(t, string(text), `"`+name+`":`)
	}
	d, err := detector.Load(model)
	require.NoError(t, err)
	require.Equal(t, []string{"complexity", "latent_fit"}, d.Manifest().Combined, "what a Glow of drawings is good for")
}

// What cannot be done is said before long work, in a line, with the exit code of everything else.
func TestFitAndDetectRefuse(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	folder := t.TempDir()
	text := filepath.Join(folder, "text.strata")
	require.NoError(t, os.WriteFile(text, []byte("hello"), 0o644))
	d := detectortest.New(t, 1, nil)
	model := filepath.Join(folder, "good.strata")
	require.NoError(t, d.Save(model))
	table := filepath.Join(folder, "scores.csv")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"fit"}, exitUsage, "--out"},
		{[]string{"fit", folder}, exitUsage, "--out"},
		{[]string{"fit", folder, "--out", folder}, exitFailed, "is a folder: name a file"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "absent", "m")}, exitFailed, "cannot be written"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m")}, exitFailed, "0 different good images"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--rule", "mean"}, exitUsage, "--rule"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--from", text}, exitFailed, "is no model, or cut off"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--overlap", "3"}, exitFailed, "are for tiles"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--overlap", "0"}, exitFailed, "no overlap is for tiles"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--tiles", "--longest", "0"}, exitFailed, "--longest 0: expected 32"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--rate", "0"}, exitFailed, "--rate 0 trains nothing"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--rate=-1"}, exitFailed, "a learning rate of -1"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--general-steps", "0"}, exitFailed, "--general-steps 0"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--most", "0"}, exitFailed, "--most 0: expected 200"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--model", "vae"}, exitUsage, "--model"},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--model", "pixelcnn", "--scores", "last_scale"}, exitFailed,
			`a PixelCNN++ has no score "last_scale": choose of log_likelihood, ratio, complexity, typicality`},
		{[]string{"fit", folder, "--out", filepath.Join(folder, "m"), "--model", "pixelcnn", "--general", model}, exitFailed,
			model + " has a Glow, and a PixelCNN++ is asked for"},
		{[]string{"detect", model, folder}, exitUsage, "--output"},
		{[]string{"detect", model, folder, "-o", "scores.xlsx"}, exitFailed, "expected a name that ends in .html, .csv or .jsonl"},
		{[]string{"detect", filepath.Join(folder, "absent"), folder, "-o", table}, exitFailed, "strata fit makes one"},
		{[]string{"detect", text, folder, "-o", table}, exitFailed, "is no model, or cut off"},
		{[]string{"detect", model, folder, "-o", table, "--rate", "0.0001"}, exitFailed,
			"wants 9999 held-out good images, and there are 120"},
		{[]string{"detect", model, folder, "-o", table, "--rate", "0"}, exitFailed, "--rate 0: expected a share between 0 and 1"},
		{[]string{"detect", model, folder, "-o", table, "--fdr", "--rate", "1"}, exitFailed, "--rate 1: expected a share"},
		{[]string{"detect", model, folder, "-o", table}, exitFailed, "there are no pictures in what was named"},
	} {
		code, _, errOut := strata(c.args...)
		require.Equal(t, c.code, code, "%v: %s", c.args, errOut)
		require.Contains(t, errOut, c.says, c.args)
	}
	require.NoDirExists(t, filepath.Join(folder, "m.fitting"))
}
