// The functions of wit/rowmill.wit as a core module sees them (the component model's canonical ABI): text and lists are a pointer and a
// length, a result is written to memory and its address returned, and the host asks for memory by cabi_realloc.
#ifndef ROWMILL_H
#define ROWMILL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
_Static_assert(sizeof(u16) == 2 && sizeof(u32) == 4 && sizeof(u64) == 8 && sizeof(void *) == 4, "this is wasm32");

typedef struct {
    const void *at;
    u32 count;
} list;

#define TEXT(literal) ((list){literal, sizeof(literal) - 1})

// result<_, error>
typedef struct {
    u8 failed;
    list code, message;
    u8 has_row;
    u32 row;
    u8 retryable;
} outcome;
_Static_assert(sizeof(outcome) == 32 && __builtin_offsetof(outcome, row) == 24, "as the canonical ABI lays it out");

// The parameters of output.emit: more than 16 numbers go through memory.
typedef struct {
    list rows, topics, topic_names, partitions, timestamps, flags, bounds, header_ends, header_bounds, header_data, data;
} emitted;

enum { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };
enum { RECORD_WITHOUT_KEY = 1, RECORD_IS_TOMBSTONE = 2 };

#define IMPORT(interface, function) __attribute__((import_module("rowmill:plugin/" interface "@1.0.0"), import_name(function)))
#define EXPORT(interface, function) __attribute__((export_name("rowmill:plugin/" interface "@1.0.0#" function)))

IMPORT("host", "log") void host_log(u32 level, const void *text, u32 length);
IMPORT("host", "metric") void host_metric(const void *name, u32 length, double value);
IMPORT("output", "emit") void output_emit(const emitted *records);

// Memory: what is kept lies from __heap_base on, what one call needs lies behind it and is forgotten when the next one has been answered.
void *reserve(u32 bytes, u32 alignment);

static inline void copy(void *to, const void *from, u32 bytes) { __builtin_memcpy(to, from, bytes); }

static inline int same(list a, list b) {
    if (a.count != b.count) return 0;
    for (u32 i = 0; i < a.count; i++)
        if (((const u8 *)a.at)[i] != ((const u8 *)b.at)[i]) return 0;
    return 1;
}

#endif
