package nn

import (
	"reflect"

	. "github.com/gomlx/gomlx/core/graph"
)

// ReuseMemory tells the compiler that input k of a program may become output k: who donates the input then has the output in
// its place, and no second copy of weights and optimiser state, three times 176 MB at the paper's size, is ever made. It says
// whether the backend could be told; nothing but memory depends on it.
//
// go-xla v0.4 marks donated inputs when it executes, which frees them, but has no call for the attribute of the program that
// lets XLA write into them; the attribute's map is public, the way to it is not.
func ReuseMemory(inputs []*Node) bool {
	for k, in := range inputs {
		attributes, ok := attributesOf(in)
		if !ok {
			return false
		}
		if attributes.IsNil() {
			attributes.Set(reflect.MakeMap(attributes.Type()))
		}
		attributes.SetMapIndex(reflect.ValueOf("tf.aliasing_output"), reflect.ValueOf(int32(k)))
	}
	return true
}

// attributesOf are the attributes of a parameter in go-xla's program.
func attributesOf(parameter *Node) (attributes reflect.Value, ok bool) {
	op := privateField(reflect.ValueOf(parameter), "outputOps").Index(0).Elem() // a pointer to go-xla's node
	if op.Kind() != reflect.Pointer || !op.Elem().FieldByName("value").IsValid() {
		return attributes, false
	}
	value := privateField(op, "value")
	if value.Kind() != reflect.Pointer || !value.Elem().FieldByName("Attributes").IsValid() {
		return attributes, false
	}
	attributes = value.Elem().FieldByName("Attributes")
	return attributes, attributes.Kind() == reflect.Map
}
