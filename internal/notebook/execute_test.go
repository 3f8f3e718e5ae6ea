package notebook

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Executing on the real kernel is tested in tests/notebooks_test.go. Here are
// the parts, and kernels that are none.

func TestKernelEnv(t *testing.T) {
	env := kernelEnv([]string{"PATH=/bin", "GOWORK=off", "GOFLAGS=-mod=mod -buildvcs=false", "TMPDIR=/x", "A=1"},
		[]string{"A=2"}, "/tools")
	assert.ElementsMatch(t, []string{"PATH=/tools:/bin", "GOEXPERIMENT=simd", "GOFLAGS=-buildvcs=false", "A=1", "A=2"},
		env)
	assert.ElementsMatch(t, []string{"PATH=/tools", "GOEXPERIMENT=none"},
		kernelEnv([]string{"GOEXPERIMENT=none", "GOFLAGS=-mod=mod"}, nil, "/tools"))
}

func TestOutputsAreFiledUnderTheirCell(t *testing.T) {
	one, two := &Cell{}, &Cell{}
	r := &run{cells: map[string]*Cell{"1": one, "2": two}, bytes: map[string]int{}, clear: map[string]bool{}}
	send := func(parent, kind, content string) {
		t.Helper()
		require.NoError(t, r.output(message{kind: kind, parent: parent, content: json.RawMessage(content)}))
	}
	send("1", "stream", `{"name": "stdout", "text": "a"}`)
	send("1", "stream", `{"name": "stdout", "text": "b"}`)
	send("1", "stream", `{"name": "stderr", "text": "c"}`)
	send("1", "display_data", `{"data": {"text/plain": "old"}, "metadata": {}, "transient": {"display_id": "d"}}`)
	send("2", "stream", `{"name": "stderr", "text": "exit status 1\n"}`)
	send("1", "display_data", `{"data": {"text/plain": "late"}, "metadata": {}}`)
	send("2", "update_display_data", `{"data": {"text/plain": "new"}, "metadata": {}, "transient": {"display_id": "d"}}`)
	send("3", "stream", `{"name": "stdout", "text": "of nobody"}`)
	send("1", "status", `{"execution_state": "busy"}`)
	require.Len(t, one.Outputs, 4)
	assert.Equal(t, "ab", one.Outputs[0].Text)
	assert.Equal(t, "c", one.Outputs[1].Text)
	assert.JSONEq(t, `"new"`, string(one.Outputs[2].Data["text/plain"]))
	assert.JSONEq(t, `"late"`, string(one.Outputs[3].Data["text/plain"]))
	assert.Equal(t, []string{"exit status 1\n"}, r.marks)
	require.Len(t, two.Outputs, 1)

	send("1", "clear_output", `{"wait": true}`)
	assert.Len(t, one.Outputs, 4, "waits for the next output")
	send("1", "stream", `{"name": "stdout", "text": "z"}`)
	assert.Equal(t, []Output{{Type: "stream", Name: "stdout", Text: "z"}}, one.Outputs)
	send("1", "clear_output", `{"wait": false}`)
	assert.Empty(t, one.Outputs)

	r.bytes["1"] = maxCellOutput
	assert.ErrorContains(t, r.output(message{kind: "stream", parent: "1",
		content: json.RawMessage(`{"name": "stdout", "text": "z"}`)}), "more than 64 MiB")
	assert.ErrorContains(t, r.output(message{kind: "stream", parent: "2", content: json.RawMessage(`[]`)}),
		"cannot be read")
}

// fakeKernel is a program that is no kernel.
func fakeKernel(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	gonb := filepath.Join(dir, "gonb")
	require.NoError(t, os.WriteFile(gonb, []byte("#!/bin/sh\n"+script), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "goimports"), []byte("#!/bin/sh\n"), 0o755))
	return gonb
}

func TestKernelThatDoesNotStart(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	nb, err := Parse([]byte(bare))
	require.NoError(t, err)

	_, err = Execute(t.Context(), nb, Options{})
	assert.ErrorContains(t, err, "no kernel given")
	_, err = Execute(t.Context(), nb, Options{Gonb: filepath.Join(tmp, "absent")})
	assert.ErrorContains(t, err, "make tools")

	_, err = Execute(t.Context(), nb, Options{Gonb: fakeKernel(t, "echo no sockets today >&2; exit 3")})
	assert.ErrorContains(t, err, "the kernel died (exit status 3)\nno sockets today")

	hangs := fakeKernel(t, "exec sleep 1000")
	_, err = Execute(t.Context(), nb, Options{Gonb: hangs, StartTimeout: 100 * time.Millisecond})
	assert.ErrorContains(t, err, "no answer within 100ms")

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = Execute(ctx, nb, Options{Gonb: hangs})
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	left, err := filepath.Glob(filepath.Join(tmp, "strata-kernel-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "temporary folders are removed")
}
