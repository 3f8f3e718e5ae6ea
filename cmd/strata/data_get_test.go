package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDataGet(t *testing.T) {
	dir, from := t.TempDir(), t.TempDir()
	t.Setenv("STRATA_DATA", dir)
	get := func(c dataGet) (out, errOut string, err error) {
		var o, eo bytes.Buffer
		err = c.Run(&environment{ctx: t.Context(), out: &o, err: &eo})
		return o.String(), eo.String(), err
	}
	out, _, err := get(dataGet{List: true})
	require.NoError(t, err)
	require.Regexp(t, `cifar10 +170 MB +CIFAR-10, binary version.*cite Krizhevsky`, out)
	require.Regexp(t, `celeba +by hand `, out)
	require.Regexp(t, `random300k +unknown `, out)
	require.Equal(t, 13, strings.Count(out, "\n"))

	for _, c := range []struct {
		args dataGet
		says string
	}{
		{dataGet{}, "--list shows them"},
		{dataGet{Set: "cifar11", Yes: true}, "choose from cifar10"},
		{dataGet{Set: "tiny", Yes: true}, "withdrawn by its authors in 2020"},
		{dataGet{Set: "mnist", From: from, Mirror: "http://localhost/"}, "give one of them"},
		{dataGet{Set: "mnist", From: from, Yes: true}, "does not hold train-images-idx3-ubyte.gz"},
	} {
		_, _, err := get(c.args)
		require.ErrorContains(t, err, c.says)
	}

	shared, err := filepath.Glob("../../../shared/data/mnist/*.gz")
	require.NoError(t, err)
	if len(shared) == 0 {
		t.Skip("shared/data/mnist is not there")
	}
	mnist := dataGet{Set: "mnist", From: filepath.Dir(shared[0])}
	_, errOut, err := get(mnist) // the tests have no terminal
	require.ErrorContains(t, err, "--yes goes ahead without asking")
	require.Contains(t, errOut, "to transfer")
	require.NoDirExists(t, filepath.Join(dir, "mnist"))
	mnist.Yes = true
	_, errOut, err = get(mnist)
	require.NoError(t, err)
	require.Contains(t, errOut, "mnist: complete, in "+filepath.Join(dir, "mnist"))
	entries, err := os.ReadDir(filepath.Join(dir, "mnist"))
	require.NoError(t, err)
	require.Len(t, entries, 5)
	_, errOut, err = get(mnist)
	require.NoError(t, err)
	require.Contains(t, errOut, "already there")
}
