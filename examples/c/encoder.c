// A rowmill encoder in C, for compacted topics: the row as it is now, as a flat JSON object, under its primary key.
//
//     key    {"id":7}
//     value  {"id":7,"name":"Ann","paid":true}
//
// A delete is a tombstone, and so is the former key where an update changes it. Columns that the row image lacks are left out. It writes
// integers, YEAR, BIT(1), texts and JSON documents; a table with other columns is refused, unless the configuration is
// {"others":"leave-out"}.

#include "arrow.h"

#define INTEGER_BYTES 20
#define HAND_OVER_BYTES (512u << 10)

enum { DELETE = 3, KEY_CHANGED = 4 };

static int leave_others_out;

// ---- Memory ---------------------------------------------------------------------------------------------------------------------

// A schema message that is kept: this head, then its bytes.
typedef struct {
    u32 id, bytes;
} kept;

extern u8 __heap_base;
static u8 *first, *floor_of_call, *top;

static void begin_memory(void) {
    first = floor_of_call = top = (u8 *)(((u32)&__heap_base + 15) & ~15u);
}

void *reserve(u32 bytes, u32 alignment) {
    if (!top) begin_memory();
    u8 *at = (u8 *)(((u32)top + alignment - 1) & ~(alignment - 1));
    u64 end = (u64)(u32)at + bytes, size = (u64)__builtin_wasm_memory_size(0) << 16;
    if (end > size && __builtin_wasm_memory_grow(0, (u32)((end - size + 65535) >> 16)) == (__SIZE_TYPE__)-1) __builtin_trap();
    top = at + bytes;
    return at;
}

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, u32 old_bytes, u32 alignment, u32 bytes) {
    // A list of bytes could lie anywhere, but a message has numbers in it.
    void *at = reserve(bytes, alignment < 8 ? 8 : alignment);
    if (old) copy(at, old, old_bytes < bytes ? old_bytes : bytes);
    return at;
}

static u32 padded(u32 bytes) { return (bytes + 15) & ~15u; }

// Keeps a message beyond the call.
static void keep(u32 id, const u8 *message, u32 bytes) {
    u32 whole = padded(sizeof(kept) + 8 + bytes);
    u8 *last = reserve(whole, 16); // so that there is room, wherever the message lies
    copy(last, message, bytes);
    __builtin_memmove(floor_of_call + 16, last, bytes);
    *(kept *)floor_of_call = (kept){id, bytes};
    floor_of_call += whole;
}

static u32 span(const kept *of) { return padded(sizeof(kept) + 8 + of->bytes); }

static kept *find(u32 id) {
    for (u8 *at = first; at < floor_of_call; at += span((kept *)at))
        if (((kept *)at)->id == id) return (kept *)at;
    return 0;
}

// Every function's last act: what the call needed is forgotten, but for the answer, which lies elsewhere.
static outcome answer;

static outcome *done(void) {
    top = floor_of_call;
    answer = (outcome){0};
    return &answer;
}

static outcome *refuse(list code, list message) {
    done();
    answer = (outcome){.failed = 1, .code = code, .message = message};
    return &answer;
}

static outcome *refuse_column(list name) {
    static u8 reason[256];
    list words = TEXT("writing this column, whose type it does not know: ");
    u32 shown = sizeof(reason) - words.count;
    if (name.count < shown) shown = name.count;
    copy(reason, words.at, words.count);
    copy(reason + words.count, name.at, shown);
    return refuse(TEXT("unknown-type"), (list){reason, words.count + shown});
}

// ---- Schemas --------------------------------------------------------------------------------------------------------------------

static int is(list text, const char *literal, u32 length) { return same(text, (list){literal, length}); }
#define IS(text, literal) is(text, literal, sizeof(literal) - 1)

// How a column is written; of integers it is the width in bits, and one more where they are signed.
enum { LEFT_OUT, BOOLEAN, TEXT_FORM, DOCUMENT, SIGNED = 1 };

static u32 form(const u8 *of) {
    list kind = metadata(of, 6, TEXT("rowmill.kind"));
    const u8 *type = target(of, 3);
    if (IS(kind, "int") || IS(kind, "year")) return word_field(type, 0) | (byte_field(type, 1) ? SIGNED : 0);
    if (IS(kind, "string")) return TEXT_FORM;
    if (IS(kind, "json")) return DOCUMENT;
    return byte_field(of, 2) == ARROW_BOOL ? BOOLEAN : LEFT_OUT;
}

// The fields of `after`, which every schema has.
static const u8 *table_columns(const u8 *message) {
    const u8 *fields = target(header(message), 1);
    for (u32 i = 0; i < length(fields); i++)
        if (IS(text_field(element(fields, i), 0), "after")) return target(element(fields, i), 5);
    return 0;
}

// Ordinals of the key's columns, which the schema has as a text such as [0,2].
static u32 *read_key(const u8 *message, u32 *count) {
    list text = metadata(header(message), 2, TEXT("rowmill.key"));
    u32 *key = reserve((text.count + 1) * sizeof(u32), 4), in_number = 0;
    *count = 0;
    for (u32 i = 0; i < text.count; i++) {
        u32 digit = ((const u8 *)text.at)[i] - '0';
        if (digit < 10 && !in_number) key[(*count)++] = 0;
        if (digit < 10) key[*count - 1] = key[*count - 1] * 10 + digit;
        in_number = digit < 10;
    }
    return key;
}

// ---- Writing --------------------------------------------------------------------------------------------------------------------

// Records under way; `data` is the newest reservation, so that it grows where it is.
static u32 *rows, *bounds, records;
static u8 *flags, *data;

static void room(u32 bytes) { reserve(bytes, 1); }
static void put(u8 byte) { room(1); top[-1] = byte; }

static void put_text(list text) {
    room(text.count);
    copy(top - text.count, text.at, text.count);
}

static void put_integer(u64 number, int negative) {
    u8 digits[INTEGER_BYTES];
    u32 at = INTEGER_BYTES;
    if (negative) number = -number;
    do digits[--at] = '0' + number % 10;
    while (number /= 10);
    if (negative) put('-');
    put_text((list){digits + at, INTEGER_BYTES - at});
}

static void put_string(list text) {
    static const u8 hex[] = "0123456789abcdef";
    const u8 *from = text.at, *end = from + text.count;
    put('"');
    while (from < end) {
        const u8 *plain = from;
        while (from < end && *from >= 0x20 && *from != '"' && *from != '\\') from++;
        put_text((list){plain, from - plain});
        if (from == end) break;
        put('\\');
        switch (*from) {
        case '"':
        case '\\': put(*from); break;
        case '\n': put('n'); break;
        case '\t': put('t'); break;
        case '\r': put('r'); break;
        default: put_text(TEXT("u00")), put(hex[*from >> 4]), put(hex[*from & 15]);
        }
        from++;
    }
    put('"');
}

// Each width by itself: C would make an unsigned number of what is either.
static void put_value(const column *c, u32 row) {
    if (is_null(c, row)) return put_text(TEXT("null"));
    i64 number;
    switch (c->form) {
    case 8: number = c->values[row]; break;
    case 8 | SIGNED: number = ((const i8 *)c->values)[row]; break;
    case 16: number = ((const u16 *)c->values)[row]; break;
    case 16 | SIGNED: number = ((const i16 *)c->values)[row]; break;
    case 32: number = ((const u32 *)c->values)[row]; break;
    case 32 | SIGNED: number = ((const i32 *)c->values)[row]; break;
    case 64: return put_integer(((const u64 *)c->values)[row], 0);
    case 64 | SIGNED: number = ((const i64 *)c->values)[row]; break;
    case BOOLEAN: return put_text(bit(c->values, row) ? TEXT("true") : TEXT("false"));
    default: {
        const u32 *offsets = (const u32 *)c->offsets;
        list text = {c->values + offsets[row], offsets[row + 1] - offsets[row]};
        // A document of MySQL's is JSON as it is.
        return c->form == DOCUMENT ? put_text(text) : put_string(text);
    }
    }
    put_integer(number, number < 0);
}

// ---- Batches --------------------------------------------------------------------------------------------------------------------

// An image of the rows: before or after.
typedef struct {
    column whole, present;
    column *columns;
} image;

typedef struct {
    u32 columns, key_columns;
    u32 *key;
    image before, after;
    const u8 *op, *flags;
    u32 rows;
} batch;

static int has(const batch *b, const image *i, u32 column, u32 row) {
    if (!i->whole.field || is_null(&i->whole, row)) return 0;
    if (!i->present.field || is_null(&i->present, row)) return 1;
    return bit(i->present.values + row * ((b->columns + 7) / 8), column);
}

static void read_image(image *into, cursor *c, const u8 *of) {
    const u8 *children = target(of, 5);
    into->whole = next_column(c, of);
    into->columns = reserve(length(children) * sizeof(column), 8);
    for (u32 i = 0; i < length(children); i++) {
        into->columns[i] = next_column(c, element(children, i));
        into->columns[i].form = form(element(children, i));
        skip_children(c, element(children, i));
    }
}

// A column's name as a member has it, once for all rows.
static void name_columns(const image *of, u32 count) {
    for (u32 i = 0; i < count && of->columns; i++) {
        u8 *start = reserve(0, 1);
        put_string(text_field(of->columns[i].field, 0));
        put(':');
        of->columns[i].name = (list){start, top - start};
    }
}

static batch read_batch(const u8 *schema, const u8 *message) {
    batch b = {0};
    const u8 *head = header(message), *fields = target(header(schema), 1);
    cursor c = {target(head, 2) + 4, body(message)};
    b.rows = (u32)load64(field(head, 0));
    for (u32 i = 0; i < length(fields); i++) {
        const u8 *of = element(fields, i);
        list name = text_field(of, 0);
        if (IS(name, "before")) read_image(&b.before, &c, of);
        else if (IS(name, "after")) read_image(&b.after, &c, of), b.columns = length(target(of, 5));
        else {
            column read = next_column(&c, of);
            skip_children(&c, of);
            if (IS(name, "op")) b.op = read.values;
            if (IS(name, "flags")) b.flags = read.values;
            if (IS(name, "before_present")) b.before.present = read;
            if (IS(name, "after_present")) b.after.present = read;
        }
    }
    name_columns(&b.before, b.columns);
    name_columns(&b.after, b.columns);
    b.key = read_key(schema, &b.key_columns);
    return b;
}

static void put_member(const column *c, u32 row, int *is_first) {
    put(*is_first ? '{' : ',');
    *is_first = 0;
    put_text(c->name);
    put_value(c, row);
}

static void put_row(const batch *b, u32 row) {
    int is_first = 1;
    for (u32 i = 0; i < b->columns; i++)
        if (b->after.columns[i].form && has(b, &b->after, i, row)) put_member(&b->after.columns[i], row, &is_first);
    if (is_first) put('{');
    put('}');
}

static void hand_over(void) {
    if (records)
        output_emit(&(emitted){
            .rows = {rows, records}, .flags = {flags, records}, .bounds = {bounds, 2 * records + 1}, .data = {data, top - data}});
    records = 0;
    top = data;
}

static void put_record(const batch *b, u32 row, int is_tombstone) {
    const image *of = is_tombstone ? &b->before : &b->after, *other = is_tombstone ? &b->after : &b->before;
    rows[records] = row;
    flags[records] = (b->key_columns ? 0 : RECORD_WITHOUT_KEY) | (is_tombstone ? RECORD_IS_TOMBSTONE : 0);
    int is_first = 1;
    for (u32 i = 0; i < b->key_columns; i++) {
        u32 at = b->key[i];
        // A partial image of an update may lack a column of the key, which is then as it is in the other one.
        put_member(has(b, of, at, row) ? &of->columns[at] : &other->columns[at], row, &is_first);
    }
    if (b->key_columns) put('}');
    bounds[2 * records + 1] = top - data;
    if (!is_tombstone) put_row(b, row);
    bounds[2 * records + 2] = top - data;
    records++;
    if (top - data >= (i32)HAND_OVER_BYTES) hand_over();
}

// ---- What the host calls --------------------------------------------------------------------------------------------------------

EXPORT("lifecycle", "describe") list *describe(void) {
    static list text;
    text = TEXT("{\"name\":\"c-json\",\"version\":\"1.0.0\",\"kind\":\"encoder\",\"parallel\":true,\"config\":{\"type\":\"object\",\"properties\":{\"others\":"
                "{\"const\":\"leave-out\",\"description\":\"Leave columns out that are no integers, texts or JSON.\"}},"
                "\"additionalProperties\":false}}");
    done();
    return &text;
}

EXPORT("lifecycle", "configure") outcome *configure(const u8 *config, u32 bytes) {
    list text = {config, bytes};
    leave_others_out = IS(text, "{\"others\":\"leave-out\"}");
    if (!leave_others_out && !IS(text, "{}"))
        return refuse(TEXT("bad-config"), TEXT("reading the configuration: nothing or {\"others\":\"leave-out\"} is expected"));
    return done();
}

EXPORT("lifecycle", "open-schema") outcome *open_schema(u32 id, const u8 *message, u32 bytes) {
    const u8 *columns = table_columns(message);
    u32 key_columns, *key = read_key(message, &key_columns);
    for (u32 i = 0; i < length(columns); i++) {
        const u8 *of = element(columns, i);
        int is_needed = !leave_others_out;
        // Records of different rows must not come under one key.
        for (u32 k = 0; k < key_columns; k++) is_needed |= key[k] == i;
        if (is_needed && !form(of)) return refuse_column(text_field(of, 0));
    }
    keep(id, message, bytes);
    return done();
}

EXPORT("lifecycle", "close-schema") void close_schema(u32 id) {
    kept *closed = find(id);
    if (closed) {
        u32 whole = span(closed);
        u8 *behind = (u8 *)closed + whole;
        __builtin_memmove(closed, behind, floor_of_call - behind);
        floor_of_call -= whole;
    }
    done();
}

EXPORT("lifecycle", "flush") outcome *flush(u32 reason) {
    (void)reason;
    return done();
}

// The rows' transactions follow the batch as five lists, ten numbers; nothing of them is written.
EXPORT("encode", "encode") outcome *encode(u32 schema, const u8 *message, u32 bytes, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f, u32 g, u32 h,
                                          u32 i, u32 j) {
    (void)bytes, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h, (void)i, (void)j;
    const kept *of = find(schema);
    if (!of) return refuse(TEXT("unknown-schema"), TEXT("encoding a batch of a schema that was not opened"));
    batch read = read_batch((const u8 *)of + 16, message);
    rows = reserve(2 * read.rows * sizeof(u32), 4);
    bounds = reserve((4 * read.rows + 1) * sizeof(u32), 4);
    flags = reserve(2 * read.rows, 1);
    data = reserve(0, 1);
    records = bounds[0] = 0;
    for (u32 row = 0; row < read.rows; row++) {
        int is_delete = read.op[row] == DELETE;
        // Without a key there is no record that a tombstone could take away.
        if (read.key_columns && (is_delete || read.flags[row] & KEY_CHANGED)) put_record(&read, row, 1);
        if (!is_delete) put_record(&read, row, 0);
    }
    hand_over();
    return done();
}

EXPORT("encode", "control") outcome *control(const u8 *event, u32 bytes) {
    (void)event, (void)bytes;
    return done();
}
