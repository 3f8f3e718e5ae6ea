package pickle

import (
	"bytes"
	"fmt"
)

// maxInteger bounds the bytes of an integer; the longest known is the magic number of PyTorch files, with ten.
const maxInteger = 64

// argument is what follows an opcode: a number of bytes, of lines, or a length of so many bytes and then that much.
type argument struct {
	bytes, lines, length int
}

// opcodes are those of pickle protocols 0 to 5 and their arguments.
var opcodes = func() (table [256]*argument) {
	add := func(a argument, codes string) {
		for i := range len(codes) {
			table[codes[i]] = &a
		}
	}
	add(argument{}, "(.012NQRabd}el]ost)u\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98")
	add(argument{bytes: 1}, "Khq\x80\x82")
	add(argument{bytes: 2}, "M\x83")
	add(argument{bytes: 4}, "Jjr\x84")
	add(argument{bytes: 8}, "G")
	add(argument{lines: 1}, "FILPSVgp")
	add(argument{lines: 2}, "ci")
	add(argument{length: 1}, "UC\x8c\x8a")
	add(argument{length: 4}, "TXB\x8b")
	add(argument{length: 8}, "\x8d\x8e\x96\x95")
	return table
}()

const (
	opStop  = '.'
	opLong1 = '\x8a'
	opLong4 = '\x8b'
	opFrame = '\x95'
)

// Length walks over the opcodes of a pickle at the beginning of data and returns its length, at most atMost bytes. The
// pickle reader allocates what lengths say; this looks at them first.
func Length(data []byte, atMost int) (int, error) {
	for at := 0; at < len(data); {
		start, op := at, data[at]
		a := opcodes[op]
		if a == nil {
			return 0, fmt.Errorf("offset %d of the pickle: byte 0x%02x begins no instruction", start, op)
		}
		at += 1 + a.bytes
		for range a.lines {
			end := bytes.IndexByte(data[min(at, len(data)):], '\n')
			if end < 0 {
				return 0, fmt.Errorf("offset %d of the pickle: a line has no end: the file is cut off", start)
			}
			at += end + 1
		}
		if a.length > 0 {
			if len(data)-at < a.length {
				break
			}
			n := uint64(0)
			for i := a.length - 1; i >= 0; i-- {
				n = n<<8 | uint64(data[at+i])
			}
			at += a.length
			if n > uint64(len(data)-at) {
				return 0, fmt.Errorf("offset %d of the pickle: says that %d bytes follow, and %d do", start, n, len(data)-at)
			}
			if (op == opLong1 || op == opLong4) && n > maxInteger {
				return 0, fmt.Errorf("offset %d of the pickle: an integer of %d bytes", start, n)
			}
			if op != opFrame { // what is in a frame are instructions again
				at += int(n)
			}
		}
		if at > len(data) {
			break
		}
		if at > atMost {
			return 0, fmt.Errorf("the pickle has more than the %d bytes that are read of one", atMost)
		}
		if op == opStop {
			return at, nil
		}
	}
	return 0, fmt.Errorf("offset %d of the pickle: ends in the middle: the file is cut off", len(data))
}
