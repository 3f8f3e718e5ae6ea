// Package pickle reads Python's pickles without Python and without running code. A pickle is a small program that may
// ask for any function of Python; here it gets plain values, and of classes only what the caller knows. No length in a
// file is believed before it is compared with the bytes that are there.
package pickle

import (
	"bytes"
	"fmt"

	gopickle "github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// Unpickle reads the pickle at the beginning of data, which has at most atMost bytes, and returns its length in bytes
// too. class answers the names that it wants, besides collections.OrderedDict, list, dict, object,
// copy_reg._reconstructor and array._array_reconstructor, which are built as plain data; persistent, if not nil, its
// references to what lies outside of it. Errors name the offset.
func Unpickle(data []byte, atMost int, class func(module, name string) (any, error),
	persistent func(id []any) (any, error)) (value any, length int, err error) {
	if length, err = Length(data, atMost); err != nil {
		return nil, 0, err
	}
	reader := bytes.NewReader(data[:length])
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("damaged (%v)", problem)
		}
		if err != nil {
			// gopickle's errors may print whole lists.
			value, err = nil, fmt.Errorf("offset %d of the pickle: %.300s", length-reader.Len(), err)
		}
	}()
	u := gopickle.NewUnpickler(reader)
	u.FindClass = class
	if persistent != nil {
		u.PersistentLoad = func(id any) (any, error) {
			tuple, ok := id.(*types.Tuple)
			if !ok {
				return nil, fmt.Errorf("a reference to what lies outside is a tuple, not %T", id)
			}
			return persistent(*tuple)
		}
	}
	value, err = u.Load()
	return value, length, err
}

// Function is a function that a pickle may call.
type Function func(args []any) (any, error)

// Call makes it one of the pickle reader's.
func (f Function) Call(args ...any) (any, error) { return f(args) }

// Inert is what is left of an object that nobody looks at, whatever the pickle does with it.
type Inert struct{}

func (i *Inert) Call(...any) (any, error)  { return i, nil }
func (i *Inert) PyNew(...any) (any, error) { return i, nil }
func (i *Inert) PySetState(any) error      { return nil }
func (i *Inert) Set(_, _ any)              {}

// Integers are the numbers of a tuple or list; ok is false for other values.
func Integers(value any) (numbers []int, ok bool) {
	var values []any
	switch v := value.(type) {
	case *types.Tuple:
		values = *v
	case *types.List:
		values = *v
	default:
		return nil, false
	}
	numbers = make([]int, len(values))
	for i, v := range values {
		if numbers[i], ok = v.(int); !ok {
			return nil, false
		}
	}
	return numbers, true
}

// Item is an entry of a Python dictionary.
type Item struct{ Key, Value any }

// Items are the entries of a dictionary in their order; ok is false for other values.
func Items(value any) (list []Item, ok bool) {
	switch d := value.(type) {
	case *types.Dict:
		for _, entry := range *d {
			list = append(list, Item{entry.Key, entry.Value})
		}
	case *types.OrderedDict:
		for e := d.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			list = append(list, Item{entry.Key, entry.Value})
		}
	default:
		return nil, false
	}
	return list, true
}
