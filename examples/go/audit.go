// A rowmill encoder in Go, for an audit trail: which columns of which row were changed, when, and by which transaction, without the values.
//
//	{"table":"shop.orders","op":"update","ts":1700000000000,"transaction":"3E11FA47-…:23","key":{"id":7},"changed":["state","total"]}
//
// Of an update there are the names of the columns that it changed, and the former key where it changed that. One that changed nothing but
// columns of {"ignore":["updated_at"]} makes no record. Of values only the key's are told: its columns have to be integers, YEAR, BIT, texts, ENUM,
// points in time, or bytes.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"time"
)

const describe = `{"name":"go-audit","version":"1.0.0","kind":"encoder","parallel":true,"config":{"type":"object","properties":{"ignore":` +
	`{"type":"array","items":{"type":"string"},"description":"Columns whose changes are not told, in whatever table."}},` +
	`"additionalProperties":false}}`

const (
	opInsert   = 1
	opUpdate   = 2
	opDelete   = 3
	keyChanged = 4 // of a row's flags

	handOverBytes = 512 << 10
)

var noKey = []byte("null")

var opNames = [...]string{opInsert: "insert", opUpdate: "update", opDelete: "delete"}

var settings struct {
	Ignore []string `json:"ignore"`
}

func configure(config []byte) error {
	reader := json.NewDecoder(bytes.NewReader(config))
	reader.DisallowUnknownFields()
	if err := reader.Decode(&settings); err != nil {
		return refuse("bad-config", "reading the configuration, whose only option is ignore, a list of names: %v", err)
	}
	if _, err := reader.Token(); err != io.EOF {
		return refuse("bad-config", "reading the configuration: something follows the object")
	}
	return nil
}

// ---- Schemas ---------------------------------------------------------------------------------------------------------------------------

// How a column of the key is written.
type form func(line []byte, c *keyColumn, of *column, row int) []byte

// A column of the key.
type keyColumn struct {
	ordinal int
	member  []byte // its name as the key has it
	layout  string // of points in time
	labels  []string
	write   form
}

// An opened schema.
type opened struct {
	fields  []field
	start   []byte   // of each line
	names   [][]byte // of the columns, in quotes
	ignored []bool
	key     []keyColumn
}

var schemas = map[uint32]*opened{}

func openSchema(id uint32, message []byte) error {
	fields, metadata := readSchema(message)
	at := slices.IndexFunc(fields, func(f field) bool { return f.name == "after" })
	if at < 0 {
		return refuse("bad-schema", "opening schema %d, which has no column after", id)
	}
	s := &opened{fields: fields}
	s.start = appendText([]byte(`{"table":`), metadata["rowmill.database"]+"."+metadata["rowmill.table"])
	columns := fields[at].children
	for _, f := range columns {
		s.names = append(s.names, appendText(nil, f.name))
		s.ignored = append(s.ignored, slices.Contains(settings.Ignore, f.name))
	}
	var key []int
	if err := json.Unmarshal([]byte(metadata["rowmill.key"]), &key); err != nil {
		return refuse("bad-schema", "reading the key of schema %d: %v", id, err)
	}
	for _, ordinal := range key {
		if ordinal < 0 || ordinal >= len(columns) {
			return refuse("bad-schema", "reading the key of schema %d: there is no column %d", id, ordinal)
		}
		column, err := readKeyColumn(ordinal, &columns[ordinal])
		if err != nil {
			return err
		}
		s.key = append(s.key, column)
	}
	schemas[id] = s
	return nil
}

func readKeyColumn(ordinal int, f *field) (keyColumn, error) {
	c := keyColumn{ordinal: ordinal, member: append(appendText(nil, f.name), ':')}
	switch kind := f.metadata["rowmill.kind"]; {
	case f.tag == arrowBool:
		c.write = writeBool
	case f.tag == arrowInt && kind == "enum":
		c.write = writeLabel
		if err := json.Unmarshal([]byte(f.metadata["rowmill.labels"]), &c.labels); err != nil {
			return c, refuse("bad-schema", "reading the labels of column %s: %v", f.name, err)
		}
	case f.tag == arrowInt && kind != "set":
		c.write = writeInteger
	case f.tag == arrowUtf8:
		c.write = writeString
	case f.tag == arrowBinary:
		c.write = writeBytes
	case kind == "date":
		c.write, c.layout = writeDate, time.DateOnly
	case kind == "datetime" || kind == "timestamp":
		c.write, c.layout = writeTime, time.DateTime
		if digits, _ := strconv.Atoi(f.metadata["rowmill.fsp"]); digits > 0 {
			c.layout += ".000000"[:1+min(digits, 6)]
		}
		if kind == "timestamp" {
			c.layout += "Z"
		}
	default:
		return c, refuse("unknown-type", "writing column %s of the key, whose type it does not write: %s", f.name, f.metadata["rowmill.type"])
	}
	return c, nil
}

func closeSchema(id uint32) { delete(schemas, id) }

// ---- Writing ---------------------------------------------------------------------------------------------------------------------------

func appendText[T string | []byte](line []byte, text T) []byte {
	const hex = "0123456789abcdef"
	line = append(line, '"')
	plain := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		line = append(line, text[plain:i]...)
		if c < 0x20 {
			line = append(line, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			line = append(line, '\\', c)
		}
		plain = i + 1
	}
	return append(append(line, text[plain:]...), '"')
}

func writeBool(line []byte, _ *keyColumn, of *column, row int) []byte {
	return strconv.AppendBool(line, of.bytes(row)[0] != 0)
}

func writeInteger(line []byte, _ *keyColumn, of *column, row int) []byte {
	if of.width == 8 && !of.signed {
		return strconv.AppendUint(line, uint64(of.integer(row)), 10)
	}
	return strconv.AppendInt(line, of.integer(row), 10)
}

func writeString(line []byte, _ *keyColumn, of *column, row int) []byte {
	return appendText(line, of.bytes(row))
}

// Without a label there is the error value, which is empty.
func writeLabel(line []byte, c *keyColumn, of *column, row int) []byte {
	label := ""
	if index := int(of.integer(row)); index > 0 && index <= len(c.labels) {
		label = c.labels[index-1]
	}
	return appendText(line, label)
}

func writeBytes(line []byte, _ *keyColumn, of *column, row int) []byte {
	line = base64.StdEncoding.AppendEncode(append(line, '"'), of.bytes(row))
	return append(line, '"')
}

func writeDate(line []byte, c *keyColumn, of *column, row int) []byte {
	days := int64(int32(binary.LittleEndian.Uint32(of.bytes(row))))
	return time.Unix(days*86400, 0).UTC().AppendFormat(append(line, '"'), c.layout+`"`)
}

func writeTime(line []byte, c *keyColumn, of *column, row int) []byte {
	micros := int64(binary.LittleEndian.Uint64(of.bytes(row)))
	return time.UnixMicro(micros).UTC().AppendFormat(append(line, '"'), c.layout+`"`)
}

// ---- Batches ---------------------------------------------------------------------------------------------------------------------------

// An image of the rows: before or after.
type image struct {
	number         uint64 // as odd_dates has it
	whole, present *column
}

// Whether a row's image has a column, be it with NULL.
func (i *image) has(ordinal, row int) bool {
	if i.whole == nil || i.whole.isNull(row) {
		return false
	}
	if i.present == nil || i.present.isNull(row) {
		return true
	}
	return bit(i.present.bytes(row), ordinal)
}

func (i *image) column(ordinal int) *column { return &i.whole.children[ordinal] }

// A batch under way, and the transactions of its rows.
type batch struct {
	*opened
	transactions
	before, after             image
	op, flags, ts, txn, dates *column
}

func (s *opened) batch(columns []column, of transactions) *batch {
	b := &batch{opened: s, transactions: of, before: image{number: 0}, after: image{number: 1}}
	for i := range columns {
		c := &columns[i]
		switch c.name {
		case "op":
			b.op = c
		case "flags":
			b.flags = c
		case "ts":
			b.ts = c
		case "txn":
			b.txn = c
		case "before":
			b.before.whole = c
		case "after":
			b.after.whole = c
		case "before_present":
			b.before.present = c
		case "after_present":
			b.after.present = c
		case "odd_dates":
			b.dates = c
		}
	}
	return b
}

// The text of a date that Arrow has no value for, such as 0000-00-00; the empty text where a column is NULL.
func (b *batch) oddDate(of *image, ordinal, row int) []byte {
	if b.dates == nil || b.dates.isNull(row) {
		return nil
	}
	entries := b.dates.children[0].children
	for i := int(b.dates.offsets[row]); i < int(b.dates.offsets[row+1]); i++ {
		if uint64(entries[0].integer(i)) == of.number && int(entries[1].integer(i)) == ordinal {
			return entries[2].bytes(i)
		}
	}
	return nil
}

// Whether an update changed a column. The image after it has all that changed; a partial image before it may have no more than the key.
func (b *batch) changed(ordinal, row int) bool {
	if !b.after.has(ordinal, row) {
		return false
	}
	if !b.before.has(ordinal, row) {
		return true
	}
	before, after := b.before.column(ordinal), b.after.column(ordinal)
	if before.isNull(row) != after.isNull(row) {
		return true
	}
	if before.isNull(row) {
		return !bytes.Equal(b.oddDate(&b.before, ordinal, row), b.oddDate(&b.after, ordinal, row))
	}
	return !bytes.Equal(before.bytes(row), after.bytes(row))
}

// The key of a row as one image has it. A partial image of an update may lack a column of the key, which is then as it is in the other one.
func (b *batch) appendKey(line []byte, of, other *image, row int) []byte {
	line = append(line, '{')
	for i := range b.key {
		c := &b.key[i]
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, c.member...)
		from := of
		if !from.has(c.ordinal, row) {
			from = other
		}
		switch {
		case !from.has(c.ordinal, row):
			line = append(line, "null"...)
		case !from.column(c.ordinal).isNull(row):
			line = c.write(line, c, from.column(c.ordinal), row)
		default:
			if text := b.oddDate(from, c.ordinal, row); len(text) > 0 {
				line = appendText(line, text)
			} else {
				line = append(line, "null"...)
			}
		}
	}
	return append(line, '}')
}

// The names of the columns that an update changed, as a JSON list, and whether there is one.
func (b *batch) appendChanged(line []byte, row int) ([]byte, bool) {
	start := len(line)
	for i, name := range b.names {
		if !b.ignored[i] && b.changed(i, row) {
			line = append(append(line, ','), name...)
		}
	}
	if len(line) == start {
		return append(line, "[]"...), false
	}
	line[start] = '['
	return append(line, ']'), true
}

// The GTID of a row's transaction; where the source has none, its place in the binlog.
func (b *batch) transaction(row int) []byte {
	text := func(texts []byte, ends []uint32, i int) []byte {
		if i == 0 {
			return texts[:ends[0]]
		}
		return texts[ends[i-1]:ends[i]]
	}
	i := int(b.txn.integer(row))
	if gtid := text(b.gtids, b.gtidEnds, i); len(gtid) > 0 {
		return gtid
	}
	return text(b.places, b.placeEnds, i)
}

func (b *batch) appendRow(out *records, row int) {
	op := b.op.integer(row)
	now, former := &b.after, &b.before
	if op == opDelete {
		now, former = former, now
	}
	start := len(out.data)
	line := b.appendKey(out.data, now, former, row)
	key, keyEnd, flags := line[start:], len(line), byte(0)
	if len(b.key) == 0 {
		line, key, keyEnd, flags = out.data, noKey, start, recordWithoutKey
	}
	line = append(line, b.start...)
	line = append(append(append(line, `,"op":"`...), opNames[op]...), `","ts":`...)
	line = strconv.AppendInt(line, b.ts.integer(row), 10)
	line = appendText(append(line, `,"transaction":`...), b.transaction(row))
	line = append(append(line, `,"key":`...), key...)
	if op == opUpdate {
		keyIsOther := len(b.key) > 0 && b.flags.integer(row)&keyChanged != 0
		if keyIsOther {
			line = b.appendKey(append(line, `,"former_key":`...), former, now, row)
		}
		var isAny bool
		if line, isAny = b.appendChanged(append(line, `,"changed":`...), row); !isAny && !keyIsOther {
			return
		}
	}
	out.rows, out.flags = append(out.rows, uint32(row)), append(out.flags, flags)
	out.bounds = append(out.bounds, uint32(keyEnd), uint32(len(line)+1))
	out.data = append(line, '}')
}

var out records

func encode(id uint32, message []byte, of transactions) error {
	s := schemas[id]
	if s == nil {
		return refuse("unknown-schema", "encoding a batch of schema %d, which was not opened", id)
	}
	columns, rows := readBatch(s.fields, message)
	b := s.batch(columns, of)
	out.begin()
	for row := range rows {
		b.appendRow(&out, row)
		if len(out.data) >= handOverBytes {
			out.handOver()
		}
	}
	out.handOver()
	return nil
}
