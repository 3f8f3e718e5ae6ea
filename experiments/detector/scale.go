package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"strata/pkg/detector"
	"strata/pkg/imageset"
	"strata/pkg/imageset/procedural"

	"github.com/google/renameio/v2"
)

// scaled is one strata detect of many images.
type scaled struct {
	Machine measuredOn `json:"machine"`
	Images  int        `json:"images"`
	Folder  bool       `json:"folder"` // files of a folder, not of a zip
	// Seconds are those of the whole command, and MiB the largest resident memory of its process.
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"images_per_second"`
	MiB     float64 `json:"peak_mib"`
	CPU     float64 `json:"cpu_seconds"`
	Said    string  `json:"said"`
}

// scale has bin/strata judge n drawn images, files of a zip or a folder, with a page and a table, by the detector that was fitted on
// CIFAR-10 with the general Glow of Tiny ImageNet, calibrated anew with the default scores. Shapes are drawn once, 2,000 of them,
// and repeated as files of their own: each is read, decoded and scored.
func scale(ctx context.Context, root, work, results string, n int, folder bool) error {
	strata := filepath.Join(root, "bin", "strata")
	model, fitted := filepath.Join(work, "models", "default-scores.strata"), filepath.Join(work, "models", "cifar10-tinyimagenet32.strata")
	good := filepath.Join(work, "sets", "cifar10-test-2000.zip")
	for _, path := range []string{strata, fitted, good} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w: make build, and the case cifar10-tinyimagenet32, come first", err)
		}
	}
	if _, err := os.Stat(model); errors.Is(err, os.ErrNotExist) {
		command := exec.CommandContext(ctx, strata, "fit", good, "--out", model, "--from", fitted, "--steps", "0",
			"--scores", strings.Join(detector.DefaultScores(detector.Glow), ","))
		command.Stdout, command.Stderr = os.Stdout, os.Stderr
		if err := command.Run(); err != nil {
			return err
		}
	}
	images := filepath.Join(work, "sets", fmt.Sprintf("shapes-%d.zip", n))
	if _, err := os.Stat(images); errors.Is(err, os.ErrNotExist) {
		if err := manyShapes(images, n); err != nil {
			return err
		}
	}
	if folder {
		var err error
		if images, err = unpacked(images); err != nil {
			return err
		}
	}
	command := exec.CommandContext(ctx, strata, "detect", model, images,
		"-o", filepath.Join(work, "many.csv"), "-o", filepath.Join(work, "many.html"))
	command.Stderr = os.Stderr
	begun := time.Now()
	text, err := command.Output()
	if err != nil {
		return err
	}
	said, _, _ := strings.Cut(string(text), "\n")
	r := scaled{Machine: describe(), Images: n, Folder: folder, Seconds: time.Since(begun).Seconds(), Said: said}
	r.Rate = float64(n) / r.Seconds
	r.CPU = (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.MiB = float64(usage.Maxrss) / 1024
	}
	fmt.Printf("%d images: %.0f s, %.0f images/s, %.0f MiB at most\n", n, r.Seconds, r.Rate, r.MiB)
	name := fmt.Sprint(n)
	if folder {
		name += "-folder"
	}
	return writeJSON(filepath.Join(results, "many", name+".json"), r)
}

// unpacked is the folder of a zip's files, beside it.
func unpacked(path string) (string, error) {
	folder := strings.TrimSuffix(path, ".zip")
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return "", err
	}
	defer z.Close()
	beside := folder + ".part"
	if err := errors.Join(os.RemoveAll(beside), os.CopyFS(beside, z)); err != nil {
		return "", err
	}
	return folder, os.Rename(beside, folder)
}

func manyShapes(path string, n int) error {
	pixels, _, _, err := procedural.Draw("shapes", imageset.Test, 2000, 1)
	if err != nil {
		return err
	}
	set := &imageset.Set{Name: "shapes", Split: imageset.Test, Height: procedural.Side, Width: procedural.Side, Channels: 3, Pixels: pixels}
	var texts [][]byte
	for i := range set.Len() {
		var text bytes.Buffer
		if err := png.Encode(&text, imageset.Picture(set, i)); err != nil {
			return err
		}
		texts = append(texts, text.Bytes())
	}
	file, err := renameio.NewPendingFile(path)
	if err != nil {
		return err
	}
	defer file.Cleanup()
	z := zip.NewWriter(file)
	for i := range n {
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("shapes/%06d.png", i), Method: zip.Store})
		if err != nil {
			return err
		}
		if _, err := w.Write(texts[i%len(texts)]); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}
