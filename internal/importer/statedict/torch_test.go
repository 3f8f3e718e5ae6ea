package statedict

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// oneTensor is the pickle of a state dict {"w": a tensor of two float32 values}.
var oneTensor = tensorPickle("2", "0", "2", "1")

const twoOnes = "\x00\x00\x80\x3f\x00\x00\x80\x3f"

// after puts the pickle of another entry into oneTensor, behind its tensor.
func after(entry string) string { return strings.TrimSuffix(oneTensor, ".") + entry + "." }

// Entries that are no tensors are passed over, whatever objects a training program made of them.
func TestOtherEntriesArePassedOver(t *testing.T) {
	for name, entry := range map[string]string{
		"number":      "S'epoch'\nI3\ns",
		"namespace":   "S'args'\ncargparse\nNamespace\n)\x81}S'lr'\nF0.1\nsbs",
		"defaultdict": "S'log'\nccollections\ndefaultdict\n)RS'a'\nI1\nss",
		"numpy":       "S'loss'\ncnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\nI0\nI1\ntRS'12345678'\ntRs",
		"dtype":       "S'dtype'\nctorch\nfloat32\ns",
		"list":        "S'list'\n]s",
	} {
		tensors, err := parse([]byte(zipOf(t, "a/data.pkl", after(entry), "a/data/0", twoOnes, "a/version", "3\n",
			"a/byteorder", "little")))
		require.NoError(t, err, name)
		require.Equal(t, []Tensor{{"w", []int{2}, "float32", []float32{1, 1}}}, tensors, name)
	}
}

func TestTorchFilesAreRefused(t *testing.T) {
	legacy := legacyOf(oneTensor)
	body := strings.TrimSuffix(legacy, "\x80\x02].")
	keys := "\x80\x02]S'0'\na."
	count := "\x02\x00\x00\x00\x00\x00\x00\x00"
	whole, err := parse([]byte(body + keys + count + twoOnes))
	require.NoError(t, err)
	require.Equal(t, []float32{1, 1}, whole[0].Data)

	for _, c := range []struct{ content, want string }{
		{zipOf(t, "a/data.pkl", oneTensor, "a/data/0", twoOnes, "a/constants.pkl", "."), "a TorchScript program"},
		{zipOf(t, "a/data.pkl", oneTensor, "a/data/0", twoOnes, "a/byteorder", "big"), `"big" values`},
		{zipOf(t, "a/data.pkl", oneTensor), `tensor "w": entry a/data/0 is not in the archive`},
		{zipOf(t, "a/data.pkl", after(strings.TrimSuffix(oneTensor[1:], ".")), "a/data/0", twoOnes),
			`tensor "w" is there twice`},
		{zipOf(t, "a/data.pkl", strings.Replace(oneTensor, "S'w'", "I7", 1), "a/data/0", twoOnes), `a tensor is called "7"`},
		{zipOf(t, "a/data.pkl", strings.Replace(oneTensor, "S'storage'", "S'module'", 1), "a/data/0", twoOnes),
			"not to a storage"},
		{zipOf(t, "a/data.pkl", "N."), "holds nothing, not a state dict"},
		{zipOf(t, "a/data.pkl", strings.TrimPrefix(strings.Replace(oneTensor, "s.", ".", 1), "}S'w'\n")),
			"one tensor without a name"},
		{zipOf(t, "a/data.pkl", "}S'w'\nctorch._utils\n_rebuild_parameter\n)Rs."), "a parameter without its tensor"},
		{strings.Replace(body, "M\xe9\x03", "M\xe8\x03", 1) + keys + count + twoOnes, "version 1000 instead of 1001"},
		{strings.Replace(body, "\x80\x02}.", "\x80\x02}S'little_endian'\nI00\ns.", 1) + keys + count + twoOnes,
			"big-endian machine"},
		{legacy, `tensor "w": storage "0" is not in the file`},
		{body + "\x80\x02N.", "the keys of the storages are <nil>, not a list"},
		{body + "\x80\x02]S'1'\na." + count + twoOnes, `storage "1" belongs to nothing`},
		{body + keys, `storage "0" is missing: the file is cut off`},
		{body + keys + "\x03" + count[1:] + twoOnes, "has 3 values, and 2 were announced"},
		{body + keys + count + twoOnes[1:],
			`storage "0" of 2 float32 values does not fit the 7 bytes left: the file is cut off`},
	} {
		_, err := parse([]byte(c.content))
		require.ErrorContains(t, err, c.want)
	}
}
