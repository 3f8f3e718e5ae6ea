package intake

import (
	"bytes"
	"encoding/binary"
	"image"
	"iter"
)

// orientation is EXIF's tag 0x0112, from 1 (as it is) to 8; 1 where there is none or it makes no sense.
func orientation(codec string, data []byte) int {
	switch codec {
	case "JPEG":
		return tiffOrientation(jpegEXIF(data))
	case "PNG":
		return tiffOrientation(pngChunk(data, "eXIf"))
	case "WebP":
		for chunk, body := range riffChunks(data) {
			if chunk == "EXIF" {
				return tiffOrientation(bytes.TrimPrefix(body, []byte("Exif\x00\x00")))
			}
		}
	case "TIFF":
		return tiffOrientation(data)
	}
	return 1
}

// jpegEXIF is the TIFF in the APP1 segment of a JPEG.
func jpegEXIF(data []byte) []byte {
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == 0xda || size < 2 || at+2+size > len(data) { // the scan begins
			break
		}
		body := data[at+4 : at+2+size]
		if tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && marker == 0xe1 {
			return tiff
		}
		at += 2 + size
	}
	return nil
}

// pngChunk is the content of the first chunk of a kind.
func pngChunk(data []byte, kind string) []byte {
	for at := 8; at+12 <= len(data); {
		size := int64(binary.BigEndian.Uint32(data[at:]))
		if size > int64(len(data)-at-12) {
			break
		}
		if string(data[at+4:at+8]) == kind {
			return data[at+8 : at+8+int(size)]
		}
		at += 12 + int(size)
	}
	return nil
}

// riffChunks gives the chunks of a WebP.
func riffChunks(data []byte) func(func(string, []byte) bool) {
	return func(yield func(string, []byte) bool) {
		for at := 12; at+8 <= len(data); {
			size := int64(binary.LittleEndian.Uint32(data[at+4:]))
			if size > int64(len(data)-at-8) {
				return
			}
			if !yield(string(data[at:at+4]), data[at+8:at+8+int(size)]) {
				return
			}
			at += 8 + int(size+size%2)
		}
	}
}

// tiffOrientation is that of a TIFF's first directory.
func tiffOrientation(tiff []byte) int {
	for turn := range tiffValues(tiff, 0x0112) {
		if turn >= 1 && turn <= 8 {
			return int(turn)
		}
		break
	}
	return 1
}

// tiffValues are those of a tag in the first directory of a TIFF, as far as they are whole numbers and there.
func tiffValues(tiff []byte, tag uint16) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		if len(tiff) < 8 {
			return
		}
		var order binary.ByteOrder = binary.LittleEndian
		if tiff[0] == 'M' {
			order = binary.BigEndian
		}
		at, end := int64(order.Uint32(tiff[4:])), int64(len(tiff))
		if at+2 > end {
			return
		}
		entries := int64(order.Uint16(tiff[at:]))
		for entry := at + 2; entry < at+2+12*entries && entry+12 <= end; entry += 12 {
			if order.Uint16(tiff[entry:]) != tag {
				continue
			}
			size := map[uint16]int64{1: 1, 3: 2, 4: 4}[order.Uint16(tiff[entry+2:])]
			count, first := int64(order.Uint32(tiff[entry+4:])), entry+8
			if size*count > 4 {
				first = int64(order.Uint32(tiff[first:]))
			}
			for i := first; size > 0 && i < first+size*count && i+size <= end; i += size {
				value := int64(tiff[i])
				switch size {
				case 2:
					value = int64(order.Uint16(tiff[i:]))
				case 4:
					value = int64(order.Uint32(tiff[i:]))
				}
				if !yield(value) {
					return
				}
			}
			return
		}
	}
}

// tiffBytes is how many bytes the strips and tiles of a TIFF say that they have, all together.
func tiffBytes(tiff []byte) (sum int64) {
	for _, tag := range []uint16{279, 325} { // StripByteCounts, TileByteCounts
		for n := range tiffValues(tiff, tag) {
			sum += n
		}
	}
	return sum
}

// turn undoes how a camera was held: EXIF's 2 is mirrored, 3 upside down, 4 both, 5 to 8 with height and width exchanged.
func (p *Picture) turn(orientation int) {
	height, width := p.Height, p.Width
	if orientation >= 5 {
		height, width = width, height
	}
	turned := make([]uint8, len(p.Pixels))
	for y := range height {
		for x := range width {
			fromY, fromX := y, x
			switch orientation {
			case 2:
				fromX = width - 1 - x
			case 3:
				fromY, fromX = height-1-y, width-1-x
			case 4:
				fromY = height - 1 - y
			case 5:
				fromY, fromX = x, y
			case 6:
				fromY, fromX = p.Height-1-x, y
			case 7:
				fromY, fromX = p.Height-1-x, p.Width-1-y
			case 8:
				fromY, fromX = x, p.Width-1-y
			}
			copy(turned[(y*width+x)*p.Channels:][:p.Channels], p.Pixels[(fromY*p.Width+fromX)*p.Channels:])
		}
	}
	p.Height, p.Width, p.Pixels = height, width, turned
}

// firstFrame makes a still WebP of the first frame of an animated one, and says where its upper left corner lies.
func firstFrame(data []byte) (still []byte, corner image.Point, animated bool) {
	for kind, body := range riffChunks(data) {
		if kind != "ANMF" || len(body) < 16 {
			continue
		}
		var chunks []byte
		for kind := range riffChunks(append(make([]byte, 12), body[16:]...)) {
			if kind == "ALPH" { // x/image wants the extended header before an alpha channel
				chunks = append([]byte("VP8X\x0a\x00\x00\x00\x10\x00\x00\x00"), body[6:12]...)
			}
		}
		chunks = append(chunks, body[16:]...)
		still = binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(chunks)))
		number := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
		return append(append(still, "WEBP"...), chunks...), image.Pt(2*number(body), 2*number(body[3:])), true
	}
	return nil, image.Point{}, false
}
