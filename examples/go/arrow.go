package main

// Reads Arrow IPC messages in place: flatbuffers by offset, then each column's buffers. An offset that leads out of its message is a panic, and so
// a trap.

import (
	"encoding/binary"
	"unsafe"
)

// Tags of Arrow's union Type.
const (
	arrowInt        = 2
	arrowFloat      = 3
	arrowBinary     = 4
	arrowUtf8       = 5
	arrowBool       = 6
	arrowDecimal    = 7
	arrowDate       = 8
	arrowList       = 12
	arrowStruct     = 13
	arrowFixedBytes = 15
)

// A flatbuffers table: fields are numbered from 0, in the order of Arrow's Message.fbs and Schema.fbs.
type table struct {
	bytes []byte
	at    int
}

func (t table) word(at int) int { return int(int32(binary.LittleEndian.Uint32(t.bytes[at:]))) }

// Where a field is; 0 where it is left out.
func (t table) place(field int) int {
	vtable, slot := t.at-t.word(t.at), 4+2*field
	if slot >= int(binary.LittleEndian.Uint16(t.bytes[vtable:])) {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(t.bytes[vtable+slot:]))
	if offset == 0 {
		return 0
	}
	return t.at + offset
}

// What an offset points at: a table, a text or a vector.
func (t table) target(field int) int {
	if place := t.place(field); place != 0 {
		return place + t.word(place)
	}
	return 0
}

func (t table) table(field int) table { return table{t.bytes, t.target(field)} }

func (t table) byteField(field int) byte {
	if place := t.place(field); place != 0 {
		return t.bytes[place]
	}
	return 0
}

func (t table) wordField(field, otherwise int) int {
	if place := t.place(field); place != 0 {
		return t.word(place)
	}
	return otherwise
}

func (t table) text(field int) string {
	target := t.target(field)
	if target == 0 {
		return ""
	}
	return string(t.bytes[target+4:][:t.word(target)])
}

func (t table) tables(field int) []table {
	target := t.target(field)
	if target == 0 {
		return nil
	}
	found := make([]table, t.word(target))
	for i := range found {
		place := target + 4 + 4*i
		found[i] = table{t.bytes, place + t.word(place)}
	}
	return found
}

func (t table) metadata(field int) map[string]string {
	found := map[string]string{}
	for _, entry := range t.tables(field) {
		found[entry.text(0)] = entry.text(1)
	}
	return found
}

// The header of an encapsulated message (the mark, the flatbuffer's length, the flatbuffer, the body), and its body.
func parts(message []byte) (table, []byte) {
	root := table{message, 8 + int(binary.LittleEndian.Uint32(message[8:]))}
	return root.table(2), message[8+int(binary.LittleEndian.Uint32(message[4:])):]
}

// A field of a schema.
type field struct {
	name     string
	tag      byte
	width    int // of a value in bytes, where all have the same
	signed   bool
	metadata map[string]string
	children []field
}

// The fields of a schema message, and its metadata.
func readSchema(message []byte) ([]field, map[string]string) {
	header, _ := parts(message)
	return readFields(header.tables(1)), header.metadata(2)
}

func readFields(tables []table) []field {
	fields := make([]field, len(tables))
	for i, of := range tables {
		kind := of.table(3)
		f := field{name: of.text(0), tag: of.byteField(2), width: 8, metadata: of.metadata(6), children: readFields(of.tables(5))}
		switch f.tag {
		case arrowInt:
			f.width, f.signed = kind.wordField(0, 0)/8, kind.byteField(1) != 0
		case arrowFloat:
			f.width = 2 << kind.byteField(0)
		case arrowDecimal:
			f.width = kind.wordField(2, 128) / 8
		case arrowDate:
			f.width = 4
		case arrowFixedBytes:
			f.width = kind.wordField(0, 0)
		}
		fields[i] = f
	}
	return fields
}

// A column of a batch: its field in the schema, and its buffers.
type column struct {
	*field
	valid    []byte   // bitmap; empty where no value is null
	offsets  []uint32 // of texts and lists
	values   []byte   // numbers, bits, or the bytes that offsets point into
	children []column
}

// Columns of a record-batch message, under its schema's fields, and how many rows it has. Buffers lie in the order of the fields, depth first.
func readBatch(fields []field, message []byte) ([]column, int) {
	header, body := parts(message)
	at := header.target(2) + 4
	next := func() []byte {
		start, size := binary.LittleEndian.Uint64(message[at:]), binary.LittleEndian.Uint64(message[at+8:])
		at += 16
		return body[start:][:size]
	}
	return readColumns(fields, next), header.wordField(0, 0)
}

func readColumns(fields []field, next func() []byte) []column {
	columns := make([]column, len(fields))
	for i := range fields {
		c := column{field: &fields[i], valid: next()}
		switch c.tag {
		case arrowStruct:
		case arrowList:
			c.offsets = view[uint32](next())
		case arrowUtf8, arrowBinary:
			c.offsets = view[uint32](next())
			c.values = next()
		default:
			c.values = next()
		}
		c.children = readColumns(fields[i].children, next)
		columns[i] = c
	}
	return columns
}

// A buffer of numbers; what is left of the last one is none.
func view[T any](buffer []byte) []T {
	var one T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(buffer))), len(buffer)/int(unsafe.Sizeof(one)))
}

func bit(bits []byte, i int) bool { return bits[i>>3]>>(i&7)&1 != 0 }

func (c *column) isNull(row int) bool { return len(c.valid) > 0 && !bit(c.valid, row) }

var bools = [2][]byte{{0}, {1}}

// The bytes of a value that is not null, which are the same where the value is.
func (c *column) bytes(row int) []byte {
	switch c.tag {
	case arrowUtf8, arrowBinary:
		return c.values[c.offsets[row]:c.offsets[row+1]]
	case arrowBool:
		if bit(c.values, row) {
			return bools[1]
		}
		return bools[0]
	}
	return c.values[row*c.width:][:c.width]
}

// An integer, of whatever width; an unsigned one of 64 bits comes as if it had a sign.
func (c *column) integer(row int) int64 {
	value := c.bytes(row)
	switch {
	case c.width == 1 && c.signed:
		return int64(int8(value[0]))
	case c.width == 1:
		return int64(value[0])
	case c.width == 2 && c.signed:
		return int64(int16(binary.LittleEndian.Uint16(value)))
	case c.width == 2:
		return int64(binary.LittleEndian.Uint16(value))
	case c.width == 4 && c.signed:
		return int64(int32(binary.LittleEndian.Uint32(value)))
	case c.width == 4:
		return int64(binary.LittleEndian.Uint32(value))
	}
	return int64(binary.LittleEndian.Uint64(value))
}
