//go:build goexperiment.simd

package glow_test

import "testing"

func requireSIMD(testing.TB) {}
