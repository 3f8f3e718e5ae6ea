package pixelcnn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func tiny(channels int) Config {
	return Config{Height: 4, Width: 8, Channels: channels, ResNets: 1, Filters: 3, Mixtures: 2, Dropout: 0.5}
}

func mustNew(t *testing.T, config Config) *PixelCNN {
	t.Helper()
	model, err := New(config)
	require.NoError(t, err)
	return model
}
