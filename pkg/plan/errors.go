package plan

import (
	"errors"
	"fmt"
)

// ErrAbsent is what errors.Is finds in every error that says that something is not there and need not be: a role
// without a set, a run that nobody asked for or that is not trained yet, a mean of likelihoods that are not finite. What
// depends on it is reported as not measured. Every other error is one.
var ErrAbsent = errors.New("not there")

// Absent is an error that says what is not there.
func Absent(format string, args ...any) error { return absent(fmt.Sprintf(format, args...)) }

type absent string

func (a absent) Error() string        { return string(a) }
func (a absent) Is(target error) bool { return target == ErrAbsent }

// Problems are what went wrong, each cause once: a damaged file is in the way of dozens of numbers.
type Problems struct {
	causes []string
	first  map[string]error
	more   map[string]int
}

// Add notes what went wrong at a place, "table 1"; nil is nothing. Of several joined errors each is one.
func (p *Problems) Add(where string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			p.Add(where, e)
		}
		return
	}
	cause := err.Error()
	if p.first[cause] != nil {
		p.more[cause]++
		return
	}
	if p.first == nil {
		p.first, p.more = map[string]error{}, map[string]int{}
	}
	p.causes, p.first[cause] = append(p.causes, cause), fmt.Errorf("%s: %w", where, err)
}

// Err joins the causes in the order in which they were met, each with its first place and how many more there are; nil
// if there are none.
func (p *Problems) Err() error {
	var all []error
	for _, cause := range p.causes {
		err := p.first[cause]
		if n := p.more[cause]; n > 0 {
			err = fmt.Errorf("%w (and %d times more)", err, n)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}
