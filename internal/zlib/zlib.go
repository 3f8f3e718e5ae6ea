// Package zlib counts the bytes that zlib makes of data at its best level, without making them. The size of the
// reference's PNG files (digest §6.1), which package score takes for an image's complexity, depends on which of many
// valid codings an encoder finds, and Go's compress/flate finds others (it takes no matches of three bytes), which
// ranks images differently. The algorithm is that of zlib's deflate_slow and its trees, as RFC 1951 and zlib's
// documentation name the parts: hash chains over three bytes, lazy matching, one Huffman code a block of symbols, and
// of dynamic, fixed and stored blocks the shortest.
package zlib

// Level 9: matches of good bytes quarter the search, lazy ones end the search for a better one at the next byte.
const (
	minMatch, maxMatch = 3, 258
	goodMatch          = 32
	maxLazy            = 258
	maxChain           = 4096
	// A match of three bytes that lies further back costs more than three literals.
	tooFar = 4096
	// Matches reach back a window of 32 KiB less what zlib looks ahead.
	maxDistance = 32768 - (maxMatch + minMatch + 1)
	// A block ends after so many symbols (memLevel 8).
	blockSymbols = 1<<14 - 1
)

const (
	literals   = 286 // codes of literals, of the end of a block, and of lengths
	endOfBlock = 256
	distances  = 30
	lengths    = 19 // codes of code lengths
)

// Size is the length of zlib's stream of data at level 9: header, blocks, checksum. Data of up to 32 KiB are counted
// exactly; in longer ones zlib's window slides, which may cost or save some bytes here.
func Size(data []byte) int {
	d := deflater{data: data, previous: make([]int32, len(data))}
	d.run()
	return 2 + (d.bits+7)/8 + 4
}

// deflater finds the symbols of a stream and adds up the bits of its blocks. Positions are counted from 1 in the
// chains, 0 ends them.
type deflater struct {
	data     []byte
	head     [1 << 15]int32 // the last position of each hash
	previous []int32        // the one before a position, of the same hash
	bits     int

	begun    int // where the block begins
	symbols  int
	literal  [literals]int
	distance [distances]int
	extra    int // bits beside the codes of lengths and distances
}

// insert enters the three bytes at a position and returns the position before with their hash, -1 where there is none.
// zlib takes position 0 for none, so it is never found.
func (d *deflater) insert(at int) int {
	hash := (int(d.data[at])<<10 ^ int(d.data[at+1])<<5 ^ int(d.data[at+2])) & (len(d.head) - 1)
	before := int(d.head[hash])
	d.previous[at] = d.head[hash]
	d.head[hash] = int32(at)
	if before == 0 {
		return -1
	}
	return before
}

func (d *deflater) run() {
	n := len(d.data)
	length, from := minMatch-1, 0
	waiting := false // the byte before has no symbol yet
	for at := 0; at < n; {
		before := -1
		if n-at >= minMatch {
			before = d.insert(at)
		}
		lastLength, lastFrom := length, from
		length = minMatch - 1
		if before >= 0 && lastLength < maxLazy && at-before <= maxDistance {
			length, from = d.longest(at, before, lastLength, lastFrom)
			if length == minMatch && at-from > tooFar {
				length = minMatch - 1
			}
		}
		switch {
		case lastLength >= minMatch && length <= lastLength: // the match at the byte before is the better one
			d.match(at-1-lastFrom, lastLength)
			end := at - 1 + lastLength
			for at++; at < end; at++ {
				if at <= n-minMatch {
					d.insert(at)
				}
			}
			waiting, length = false, minMatch-1
			d.flushFull(at)
		case waiting:
			d.literal[d.data[at-1]]++
			d.symbols++
			d.flushFull(at)
			at++
		default:
			waiting = true
			at++
		}
	}
	if waiting {
		d.literal[d.data[n-1]]++
	}
	d.flush(n)
}

// longest is the longest match at a position that is longer than best, or best itself with its place.
func (d *deflater) longest(at, candidate, best, from int) (int, int) {
	ahead := len(d.data) - at
	if best >= ahead {
		return best, from // no longer one fits
	}
	chain := maxChain
	if best >= goodMatch {
		chain >>= 2
	}
	limit := max(at-maxDistance, 0)
	most := min(maxMatch, ahead)
	here := d.data[at:]
	for {
		there := d.data[candidate:]
		if there[best] == here[best] && there[best-1] == here[best-1] && there[0] == here[0] && there[1] == here[1] {
			length := 2
			for length < most && there[length] == here[length] {
				length++
			}
			if length > best {
				best, from = length, candidate
				if length >= most {
					break
				}
			}
		}
		candidate, chain = int(d.previous[candidate]), chain-1
		if candidate <= limit || chain == 0 {
			break
		}
	}
	return best, from
}

func (d *deflater) match(distance, length int) {
	code, extra := lengthCode(length)
	d.literal[code]++
	d.extra += extra
	code, extra = distanceCode(distance)
	d.distance[code]++
	d.extra += extra
	d.symbols++
}

// lengthCode is RFC 1951's code of a length and how many bits follow it.
func lengthCode(length int) (code, extra int) {
	if length == maxMatch {
		return 285, 0
	}
	n := length - minMatch
	if n < 8 {
		return 257 + n, 0
	}
	for n>>extra >= 8 {
		extra++
	}
	return 257 + 4*extra + n>>extra, extra
}

// distanceCode is RFC 1951's code of a distance and how many bits follow it.
func distanceCode(distance int) (code, extra int) {
	n := distance - 1
	if n < 4 {
		return n, 0
	}
	for n>>extra >= 4 {
		extra++
	}
	return 2*extra + n>>extra, extra
}

func (d *deflater) flushFull(at int) {
	if d.symbols == blockSymbols {
		d.flush(at)
	}
}

// flush ends a block at a position.
func (d *deflater) flush(at int) {
	d.literal[endOfBlock]++
	codes, codeBits := codeLengths(d.literal[:], 15)
	distanceCodes, distanceBits := codeLengths(d.distance[:], 15)
	dynamic := codeBits + distanceBits + d.extra + tableBits(codes, distanceCodes)
	fixed := d.extra
	for code, n := range d.literal {
		fixed += n * fixedLength(code)
	}
	for _, n := range d.distance {
		fixed += 5 * n
	}
	// Blocks are compared by whole bytes, their three bits of head included; equal ones are fixed.
	best := (dynamic + 3 + 7) / 8
	if inFixed := (fixed + 3 + 7) / 8; inFixed <= best {
		best, dynamic = inFixed, fixed
	}
	if stored := at - d.begun; stored+4 <= best {
		d.bits = (d.bits+3+7)/8*8 + 8*(stored+4)
	} else {
		d.bits += 3 + dynamic
	}
	d.begun, d.symbols, d.extra = at, 0, 0
	clear(d.literal[:])
	clear(d.distance[:])
}

// fixedLength is the length of a literal's code in RFC 1951's fixed one.
func fixedLength(code int) int {
	switch {
	case code < 144:
		return 8
	case code < 256:
		return 9
	case code < 280:
		return 7
	}
	return 8
}

// codeLengths are the lengths, in bits, of Huffman codes for symbols with these counts, at most longest, up to the last
// symbol that has one; and the bits that the symbols take with them. Which of two symbols with equal counts gets the
// longer code does not change that, but changes the table: ties go as in zlib, to the deeper subtree.
func codeLengths(counts []int, longest int) (codes []int, bits int) {
	n := len(counts)
	count := make([]int, n, 2*n+1)
	copy(count, counts)
	var heap []int
	last := -1
	for symbol, c := range counts {
		if c > 0 {
			heap, last = append(heap, symbol), symbol
		}
	}
	for len(heap) < 2 { // a code has two symbols at least, the first ones where there are none
		symbol := 0
		if last < 2 {
			last++
			symbol = last
		}
		count[symbol] = 1
		heap = append(heap, symbol)
	}
	depth := make([]int, 2*n+1)
	less := func(a, b int) bool { return count[a] < count[b] || count[a] == count[b] && depth[a] <= depth[b] }
	down := func(k int) {
		v := heap[k]
		for j := 2*k + 1; j < len(heap); j = 2*k + 1 {
			if j+1 < len(heap) && less(heap[j+1], heap[j]) {
				j++
			}
			if less(v, heap[j]) {
				break
			}
			heap[k] = heap[j]
			k = j
		}
		heap[k] = v
	}
	for k := len(heap)/2 - 1; k >= 0; k-- {
		down(k)
	}
	parent := make([]int, 2*n+1)
	var order []int // nodes as they leave the heap: rarest first
	for len(heap) >= 2 {
		a := heap[0]
		heap[0] = heap[len(heap)-1]
		heap = heap[:len(heap)-1]
		down(0)
		b := heap[0]
		order = append(order, a, b)
		node := len(count)
		count = append(count, count[a]+count[b])
		depth[node] = max(depth[a], depth[b]) + 1
		parent[a], parent[b] = node, node
		heap[0] = node
		down(0)
	}
	root := heap[0]
	length := make([]int, 2*n+1)
	perLength := make([]int, longest+1)
	overflow := 0
	for i := len(order) - 1; i >= 0; i-- {
		node := order[i]
		length[node] = 1
		if parent[node] != root {
			length[node] = length[parent[node]] + 1
		}
		if length[node] > longest {
			length[node] = longest
			overflow++
		}
		if node < n {
			perLength[length[node]]++
		}
	}
	if overflow > 0 {
		for ; overflow > 0; overflow -= 2 {
			k := longest - 1
			for perLength[k] == 0 {
				k--
			}
			perLength[k]--
			perLength[k+1] += 2
			perLength[longest]--
		}
		i := 0
		for k := longest; k > 0; k-- {
			for left := perLength[k]; left > 0; i++ {
				if node := order[i]; node < n {
					length[node] = k
					left--
				}
			}
		}
	}
	for symbol := range last + 1 {
		bits += counts[symbol] * length[symbol]
	}
	return length[:last+1], bits
}

// lengthOrder is the order in which a block names the lengths of the code that its two tables are written in (RFC 1951,
// 3.2.7).
var lengthOrder = [lengths]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// tableBits is what a dynamic block takes to say its two codes.
func tableBits(codes, distanceCodes []int) int {
	var counts [lengths]int
	extra := countRuns(codes, &counts) + countRuns(distanceCodes, &counts)
	code, bits := codeLengths(counts[:], 7)
	named := lengths
	for named > 4 && (lengthOrder[named-1] >= len(code) || code[lengthOrder[named-1]] == 0) {
		named--
	}
	return 5 + 5 + 4 + 3*named + bits + extra
}

// countRuns counts the symbols that a table of code lengths is written in, repetitions as one symbol, and returns the
// bits beside them.
func countRuns(codes []int, counts *[lengths]int) (extra int) {
	before := -1
	for at := 0; at < len(codes); {
		value, run := codes[at], 1
		most, least := 7, 4
		switch {
		case value == 0:
			most, least = 138, 3
		case value == before:
			most, least = 6, 3
		}
		for run < most && at+run < len(codes) && codes[at+run] == value {
			run++
		}
		switch {
		case run < least:
			counts[value] += run
		case value != 0:
			if value != before {
				counts[value]++
			}
			counts[16]++
			extra += 2
		case run <= 10:
			counts[17]++
			extra += 3
		default:
			counts[18]++
			extra += 7
		}
		before = value
		at += run
	}
	return extra
}
