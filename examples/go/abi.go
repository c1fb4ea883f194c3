package main

// The functions of wit/rowmill.wit as a core module sees them (the component model's canonical ABI): text and lists are a pointer and a
// length, a result is written to memory and its address returned, and the host asks for memory by cabi_realloc. Go's collector moves
// nothing, so that an address stays what it is for as long as something refers to it.

import (
	"errors"
	"fmt"
	"unsafe"
)

// A text or a list, as it crosses: pointers have 32 bits there, and 64 in Go's own structures.
type list struct{ at, count uint32 }

func address(at unsafe.Pointer) uint32 { return uint32(uintptr(at)) }

func listOf[T any](items []T) list {
	return list{address(unsafe.Pointer(unsafe.SliceData(items))), uint32(len(items))}
}

func textOf(text string) list {
	return list{address(unsafe.Pointer(unsafe.StringData(text))), uint32(len(text))}
}

// What the host has written for the call under way: Go's own memory, looked at as what it is.
func given[T any](at unsafe.Pointer, count uint32) []T { return unsafe.Slice((*T)(at), count) }

// ---- Memory ----------------------------------------------------------------------------------------------------------------------------

// Memory that the host has asked for, for the call that follows. Whatever of it is still referred to when that has ended stays.
var lent [][]uint64

//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldBytes, alignment, bytes uint32) unsafe.Pointer {
	block := make([]uint64, (bytes+7)/8+1)
	lent = append(lent, block)
	at := unsafe.Pointer(unsafe.SliceData(block))
	copy(given[byte](at, bytes), given[byte](old, oldBytes))
	return at
}

// ---- Results ---------------------------------------------------------------------------------------------------------------------------

// A refusal is the contract's record error, about a whole batch or schema: what was tried, and a short stable code.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.message }

func refuse(code, format string, values ...any) error {
	return &refusal{code, fmt.Sprintf(format, values...)}
}

// result<_, error>
type outcome struct {
	failed        uint8
	code, message list
	hasRow        uint8
	row           uint32
	retryable     uint8
}

// What the host is told last, and the texts that it points at.
var (
	answer      outcome
	answerTexts refusal
	description list
)

// Does what the host has called for. An error is told as the contract has it, and the instance goes on. A panic is a trap: the instance is
// thrown away, and the log has the reason, which would otherwise go to a standard error that there is not.
func answering(work func() error) unsafe.Pointer {
	defer tellPanic()
	err := work()
	clear(lent)
	lent = lent[:0]
	answer = outcome{}
	if err != nil {
		answerTexts = refusal{"failed", err.Error()}
		if told := (*refusal)(nil); errors.As(err, &told) {
			answerTexts = *told
		}
		answer = outcome{failed: 1, code: textOf(answerTexts.code), message: textOf(answerTexts.message)}
	}
	return unsafe.Pointer(&answer)
}

func tellPanic() {
	if reason := recover(); reason != nil {
		log(levelError, fmt.Sprint("panic: ", reason))
		panic(reason)
	}
}

// ---- What the host offers --------------------------------------------------------------------------------------------------------------

const levelError = 3

//go:wasmimport rowmill:plugin/host@1.0.0 log
func log(level uint32, message string)

// The parameters of output.emit: more than 16 numbers go through memory.
type emitted struct {
	rows, topics, topicNames, partitions, timestamps, flags, bounds, headerEnds, headerBounds, headerData, data list
}

//go:wasmimport rowmill:plugin/output@1.0.0 emit
func outputEmit(records unsafe.Pointer)

const recordWithoutKey = 1

// Records under way, which lie one behind the other: a key, a value, a key, a value.
type records struct {
	rows, bounds []uint32
	flags, data  []byte
	parameters   emitted
}

func (r *records) begin() {
	r.rows, r.flags, r.data = r.rows[:0], r.flags[:0], r.data[:0]
	r.bounds = append(r.bounds[:0], 0)
}

func (r *records) handOver() {
	if len(r.rows) > 0 {
		r.parameters = emitted{rows: listOf(r.rows), flags: listOf(r.flags), bounds: listOf(r.bounds), data: listOf(r.data)}
		outputEmit(unsafe.Pointer(&r.parameters))
	}
	r.begin()
}

// The source transactions of a batch's rows; the contract has more of each.
type transactions struct {
	gtids, places       []byte
	gtidEnds, placeEnds []uint32
}

// ---- What the host calls ---------------------------------------------------------------------------------------------------------------

//go:wasmexport rowmill:plugin/lifecycle@1.0.0#describe
func exportDescribe() unsafe.Pointer {
	description = textOf(describe)
	return unsafe.Pointer(&description)
}

//go:wasmexport rowmill:plugin/lifecycle@1.0.0#configure
func exportConfigure(at unsafe.Pointer, bytes uint32) unsafe.Pointer {
	return answering(func() error { return configure(given[byte](at, bytes)) })
}

//go:wasmexport rowmill:plugin/lifecycle@1.0.0#open-schema
func exportOpenSchema(id uint32, at unsafe.Pointer, bytes uint32) unsafe.Pointer {
	return answering(func() error { return openSchema(id, given[byte](at, bytes)) })
}

//go:wasmexport rowmill:plugin/lifecycle@1.0.0#close-schema
func exportCloseSchema(id uint32) { closeSchema(id) }

//go:wasmexport rowmill:plugin/lifecycle@1.0.0#flush
func exportFlush(reason uint32) unsafe.Pointer { return answering(func() error { return nil }) }

//go:wasmexport rowmill:plugin/encode@1.0.0#encode
func exportEncode(id uint32, at unsafe.Pointer, bytes uint32, gtids unsafe.Pointer, gtidBytes uint32, gtidEnds unsafe.Pointer, gtidCount uint32,
	places unsafe.Pointer, placeBytes uint32, placeEnds unsafe.Pointer, placeCount uint32, xids unsafe.Pointer, xidCount uint32) unsafe.Pointer {
	return answering(func() error {
		return encode(id, given[byte](at, bytes), transactions{
			given[byte](gtids, gtidBytes), given[byte](places, placeBytes), given[uint32](gtidEnds, gtidCount), given[uint32](placeEnds, placeCount),
		})
	})
}

//go:wasmexport rowmill:plugin/encode@1.0.0#control
func exportControl(at unsafe.Pointer, bytes uint32) unsafe.Pointer {
	return answering(func() error { return nil })
}

// A library has no main of its own; the linker wants one.
func main() {}
