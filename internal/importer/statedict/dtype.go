package statedict

import (
	"encoding/binary"
	"math"
)

// dtype is a type of numbers in a file: little-endian, as PyTorch and NumPy write them on every machine of today.
type dtype struct {
	name  string
	size  int
	value func(b []byte) float32
}

var little = binary.LittleEndian

var (
	float32Type  = &dtype{"float32", 4, func(b []byte) float32 { return math.Float32frombits(little.Uint32(b)) }}
	float64Type  = &dtype{"float64", 8, func(b []byte) float32 { return float32(math.Float64frombits(little.Uint64(b))) }}
	float16Type  = &dtype{"float16", 2, func(b []byte) float32 { return fromHalf(little.Uint16(b)) }}
	bfloat16Type = &dtype{"bfloat16", 2,
		func(b []byte) float32 { return math.Float32frombits(uint32(little.Uint16(b)) << 16) }}
	int64Type = &dtype{"int64", 8, func(b []byte) float32 { return float32(int64(little.Uint64(b))) }}
	int32Type = &dtype{"int32", 4, func(b []byte) float32 { return float32(int32(little.Uint32(b))) }}
	int16Type = &dtype{"int16", 2, func(b []byte) float32 { return float32(int16(little.Uint16(b))) }}
	int8Type  = &dtype{"int8", 1, func(b []byte) float32 { return float32(int8(b[0])) }}
	uint8Type = &dtype{"uint8", 1, func(b []byte) float32 { return float32(b[0]) }}
	boolType  = &dtype{"bool", 1, func(b []byte) float32 { return float32(min(b[0], 1)) }}
)

// torchStorages are the classes of PyTorch's storages.
var torchStorages = map[string]*dtype{
	"FloatStorage": float32Type, "DoubleStorage": float64Type, "HalfStorage": float16Type, "BFloat16Storage": bfloat16Type,
	"LongStorage": int64Type, "IntStorage": int32Type, "ShortStorage": int16Type, "CharStorage": int8Type,
	"ByteStorage": uint8Type, "BoolStorage": boolType,
}

// numpyTypes are the descr of NumPy's headers.
var numpyTypes = map[string]*dtype{
	"<f4": float32Type, "<f8": float64Type, "<f2": float16Type, "<i8": int64Type, "<i4": int32Type, "<i2": int16Type,
	"|i1": int8Type, "|u1": uint8Type, "|b1": boolType,
}

// fromHalf converts IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction.
func fromHalf(h uint16) float32 {
	sign, exponent, fraction := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 31:
		v = math.Inf(1)
		if fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	return float32(math.Copysign(v, sign))
}
