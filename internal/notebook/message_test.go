package notebook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMessageRoundTrip(t *testing.T) {
	key := []byte("secret")
	frames, err := encode(key, "session", "id-1", "execute_request", map[string]string{"code": "1 < 2"}, time.Unix(0, 0))
	require.NoError(t, err)
	require.Equal(t, delimiter, string(frames[0]))

	msg, err := decode(key, append([][]byte{[]byte("routing")}, frames...))
	require.NoError(t, err)
	assert.Equal(t, "id-1", msg.id)
	assert.Equal(t, "execute_request", msg.kind)
	assert.Empty(t, msg.parent)
	assert.JSONEq(t, `{"code": "1 < 2"}`, string(msg.content))
}

func TestDecodeRefusesForgedMessages(t *testing.T) {
	frames, err := encode([]byte("secret"), "s", "id", "status", struct{}{}, time.Unix(0, 0))
	require.NoError(t, err)
	_, err = decode([]byte("another"), frames)
	assert.ErrorContains(t, err, "signature")

	frames[5] = []byte(`{"execution_state":"idle"}`)
	_, err = decode([]byte("secret"), frames)
	assert.ErrorContains(t, err, "signature")

	for n := range frames {
		_, err = decode([]byte("secret"), frames[:n])
		assert.Error(t, err)
	}
}

// The signature of a fixed message, computed with `openssl dgst -sha256 -hmac key`
// over the four parts {}{}{}{}.
func TestSignature(t *testing.T) {
	part := []byte("{}")
	assert.Equal(t, "ca767b02c5bc061ed184a9a029e7f93a7f2f7ed4e8fe74120fc1212f0b008fa3",
		string(sign([]byte("key"), [][]byte{part, part, part, part})))
}
