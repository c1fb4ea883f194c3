// Reads Arrow IPC messages in place. Offsets are taken as they are: the host has written them, and what a wrong one would reach is this
// guest's own memory.
#ifndef ARROW_H
#define ARROW_H

#include "rowmill.h"

// Tags of Arrow's union Type.
enum {
    ARROW_INT = 2, ARROW_FLOAT, ARROW_BINARY, ARROW_UTF8, ARROW_BOOL, ARROW_DECIMAL, ARROW_DATE, ARROW_TIME, ARROW_TIMESTAMP,
    ARROW_LIST = 12, ARROW_STRUCT, ARROW_FIXED = 15, ARROW_DURATION = 18
};

static inline u16 load16(const u8 *at) { u16 n; copy(&n, at, 2); return n; }
static inline u32 load32(const u8 *at) { u32 n; copy(&n, at, 4); return n; }
static inline u64 load64(const u8 *at) { u64 n; copy(&n, at, 8); return n; }

// Where field `number` of a flatbuffers table is; null where it is left out.
static inline const u8 *field(const u8 *table, u32 number) {
    const u8 *vtable = table - (i32)load32(table);
    u32 slot = 4 + 2 * number;
    u32 offset = slot < load16(vtable) ? load16(vtable + slot) : 0;
    return offset ? table + offset : 0;
}

// What an offset points at: a table, a text or a vector.
static inline const u8 *target(const u8 *table, u32 number) {
    const u8 *at = field(table, number);
    return at ? at + load32(at) : 0;
}

static inline u32 byte_field(const u8 *table, u32 number) {
    const u8 *at = field(table, number);
    return at ? *at : 0;
}

static inline u32 word_field(const u8 *table, u32 number) {
    const u8 *at = field(table, number);
    return at ? load32(at) : 0;
}

static inline list text_field(const u8 *table, u32 number) {
    const u8 *at = target(table, number);
    return at ? (list){at + 4, load32(at)} : (list){"", 0};
}

// A vector of tables.
static inline u32 length(const u8 *vector) { return vector ? load32(vector) : 0; }
static inline const u8 *element(const u8 *vector, u32 i) {
    const u8 *at = vector + 4 + 4 * i;
    return at + load32(at);
}

// The header of an encapsulated message: the mark, the flatbuffer's length, the flatbuffer, the body.
static inline const u8 *header(const u8 *message) {
    const u8 *root = message + 8 + load32(message + 8);
    return target(root, 2);
}
static inline const u8 *body(const u8 *message) { return message + 8 + load32(message + 4); }

// The value of a key among the metadata that is field `number` of a table.
static inline list metadata(const u8 *table, u32 number, list key) {
    const u8 *entries = target(table, number);
    for (u32 i = 0; i < length(entries); i++)
        if (same(text_field(element(entries, i), 0), key)) return text_field(element(entries, i), 1);
    return (list){"", 0};
}

// A column of a batch: its field in the schema, and its buffers.
typedef struct {
    const u8 *field;
    const u8 *valid;   // bitmap; null where no value is null
    const u8 *values;  // numbers, bits, or the bytes that offsets point into
    const u8 *offsets; // of texts and lists
    u32 form;          // for whoever reads it: how it is written
    list name;
} column;

static inline int bit(const u8 *bits, u32 i) { return bits[i >> 3] >> (i & 7) & 1; }
static inline int is_null(const column *c, u32 row) { return c->valid && !bit(c->valid, row); }

// Where a batch's buffers are taken from, one after the other: they lie in the order of the schema's fields, depth first.
typedef struct {
    const u8 *buffers;
    const u8 *body;
} cursor;

static inline const u8 *next_buffer(cursor *c) {
    u64 offset = load64(c->buffers), bytes = load64(c->buffers + 8);
    c->buffers += 16;
    return bytes ? c->body + (u32)offset : 0;
}

// The buffers of a column itself. Its children's follow.
static inline column next_column(cursor *c, const u8 *of) {
    column found = {.field = of, .valid = next_buffer(c)};
    switch (byte_field(of, 2)) {
    case ARROW_STRUCT: break;
    case ARROW_LIST: found.offsets = next_buffer(c); break;
    case ARROW_UTF8:
    case ARROW_BINARY: found.offsets = next_buffer(c); // and the bytes
    default: found.values = next_buffer(c);
    }
    return found;
}

static inline void skip_children(cursor *c, const u8 *of) {
    const u8 *children = target(of, 5);
    for (u32 i = 0; i < length(children); i++) {
        next_column(c, element(children, i));
        skip_children(c, element(children, i));
    }
}

#endif
