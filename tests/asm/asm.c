#include "tests/asm/asm.h"

#include "base/num.h"
#include "collector/trace/wire.h"

#define NO_BATCH_OPEN SIZE_MAX

/* What one run works on. */
struct assembler {
	struct slice rest;   /* of the text, behind the current line */
	struct slice line;   /* the current line; tokens are taken off its front */
	unsigned int number; /* of the current line, from 1 */
	struct buf *out;
	struct buf data; /* scratch: an unquoted data line */
	size_t batch;	 /* where the size of the open size=auto batch belongs */
	bool wide;	 /* that size takes ten bytes */
	unsigned int version;
	uint64_t gen; /* of the last Generation line; 0: none, or it is ended */
	struct err *err;
};

static const char *const frame_args[4] = { "pc", "func", "file", "line" };

static enum status fail(const struct assembler *a, const char *what, struct slice text)
{
	return err_set(a->err, ST_FORMAT, ERR_NO_OFFSET, "line %u: %s '%.*s'", a->number, what,
		       (int)(text.len < 60 ? text.len : 60),
		       text.len ? (const char *)text.ptr : "");
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The next line as it stands, comments and all. */
static bool take_line(struct assembler *a)
{
	const uint8_t *end;

	if (!a->rest.len)
		return false;
	end = memchr(a->rest.ptr, '\n', a->rest.len);
	a->line = a->rest;
	if (end)
		a->line.len = (size_t)(end - a->rest.ptr);
	a->rest.ptr += a->line.len + (end != NULL);
	a->rest.len -= a->line.len + (end != NULL);
	a->number++;
	return true;
}

/* The next word of the line; empty at its end or at a comment. */
static struct slice take_token(struct assembler *a)
{
	struct slice *l = &a->line;
	struct slice token;

	while (l->len && is_space(l->ptr[0])) {
		l->ptr++;
		l->len--;
	}
	token = (struct slice){ l->ptr, 0 };
	while (token.len < l->len && !is_space(l->ptr[token.len]) && l->ptr[token.len] != '#')
		token.len++;
	/* The empty text has no pointer to move. */
	if (token.len)
		*l = (struct slice){ l->ptr + token.len, l->len - token.len };
	return token;
}

/* The first word of the next line that has one; empty at the end of the text. */
static struct slice next_record(struct assembler *a)
{
	while (take_line(a)) {
		struct slice token = take_token(a);

		if (token.len)
			return token;
	}
	return (struct slice){ NULL, 0 };
}

static bool starts_with(struct slice s, const char *prefix)
{
	return s.len >= strlen(prefix) && !memcmp(s.ptr, prefix, strlen(prefix));
}

/* One `name=value`; *value borrows the text behind the sign. */
static enum status take_arg(struct assembler *a, const char *name, struct slice *value)
{
	struct slice token = take_token(a);
	size_t n = strlen(name);

	if (!starts_with(token, name) || token.len == n || token.ptr[n] != '=')
		return fail(a, "expected another argument, got", token);
	*value = (struct slice){ token.ptr + n + 1, token.len - n - 1 };
	return ST_OK;
}

static enum status take_number(struct assembler *a, const char *name, uint64_t *out)
{
	struct slice value = { NULL, 0 };
	enum status st = take_arg(a, name, &value);

	if (st)
		return st;
	if (slice_is(value, "-1"))
		*out = UINT64_MAX;
	else if (!num_u64(value, UINT64_MAX, out))
		return fail(a, "not a number:", value);
	return ST_OK;
}

static enum status no_more(struct assembler *a)
{
	struct slice token = take_token(a);

	return token.len ? fail(a, "unexpected text at the end of the line:", token) : ST_OK;
}

/* Read a data line into a->data if the next record is one, else leave it empty. */
static enum status take_data(struct assembler *a)
{
	struct assembler ahead = *a;
	struct slice token = next_record(&ahead);
	struct slice literal;

	buf_clear(&a->data);
	if (!starts_with(token, "data="))
		return ST_OK;
	a->rest = ahead.rest;
	a->number = ahead.number;
	/* The literal may hold blanks and #: it lasts to the end of the line. */
	literal.ptr = token.ptr + strlen("data=");
	literal.len = (size_t)(ahead.line.ptr + ahead.line.len - literal.ptr);
	while (literal.len && is_space(literal.ptr[literal.len - 1]))
		literal.len--;
	if (!asm_unquote(literal, &a->data))
		return fail(a, "not a quoted string:", literal);
	a->line.len = 0;
	return buf_status(&a->data, "data", a->err);
}

/* Put the size of the open batch in front of its data. */
static void end_batch(struct assembler *a)
{
	uint8_t digits[10];
	size_t n = 0, size;

	if (a->batch == NO_BATCH_OPEN)
		return;
	size = a->out->len - a->batch;
	for (size_t v = size; n < sizeof(digits) && (!n || v || a->wide); v >>= 7)
		digits[n++] = (uint8_t)((v & 0x7f) | 0x80);
	digits[n - 1] &= 0x7f;
	if (buf_reserve(a->out, n)) {
		uint8_t *at = a->out->ptr + a->batch;

		memmove(at + n, at, size);
		memcpy(at, digits, n);
		a->out->len += n;
	}
	a->batch = NO_BATCH_OPEN;
}

/* The last argument of an EventBatch: a number, auto or auto10. */
static enum status take_size(struct assembler *a)
{
	struct assembler ahead = *a;
	struct slice value = { NULL, 0 };
	uint64_t size;
	enum status st = take_arg(&ahead, "size", &value);

	if (!st && starts_with(value, "auto")) {
		a->wide = slice_is(value, "auto10");
		if (!a->wide && !slice_is(value, "auto"))
			return fail(a, "not a size:", value);
		a->line = ahead.line;
		a->batch = a->out->len;
		return ST_OK;
	}
	st = take_number(a, "size", &size);
	if (!st)
		buf_uvarint(a->out, size);
	return st;
}

static enum status take_frames(struct assembler *a, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct slice first = next_record(a);
		uint64_t v;
		enum status st = ST_OK;

		if (!first.len)
			return fail(a, "the text ends inside a stack", first);
		/* The line begins with an argument: give it back. */
		a->line.len += (size_t)(a->line.ptr - first.ptr);
		a->line.ptr = first.ptr;
		for (unsigned int k = 0; !st && k < 4; k++) {
			st = take_number(a, frame_args[k], &v);
			if (!st)
				buf_uvarint(a->out, v);
		}
		if (!st)
			st = no_more(a);
		if (!st)
			st = buf_status(a->out, "the trace", a->err);
		if (st)
			return st;
	}
	return ST_OK;
}

static enum status add_record(struct assembler *a, uint8_t type)
{
	const struct wire_spec *spec = &wire_specs[type];
	uint64_t v = 0;
	enum status st = ST_OK;

	if (type == EV_EVENT_BATCH || type == EV_EXPERIMENTAL_BATCH || type == EV_END_OF_GENERATION)
		end_batch(a);
	buf_u8(a->out, type);
	for (unsigned int i = 0; !st && i < spec->n_args; i++) {
		if (type == EV_EVENT_BATCH && i == 3) {
			st = take_size(a);
			continue;
		}
		st = take_number(a, spec->args[i], &v);
		if (!st)
			buf_uvarint(a->out, v);
	}
	if (!st)
		st = no_more(a);
	if (!st && type == EV_STACK)
		st = take_frames(a, v);
	if (!st && spec->data) {
		st = take_data(a);
		buf_uvarint(a->out, a->data.len);
		buf_slice(a->out, buf_view(&a->data));
	}
	return st;
}

static enum status add_line(struct assembler *a, struct slice name);

/* Assemble lines of our own in between. They are known to be right. */
static enum status add_text(struct assembler *a, struct slice text)
{
	struct slice rest = a->rest;
	unsigned int number = a->number;
	struct slice name;
	enum status st = ST_OK;

	a->rest = text;
	while (!st && (name = next_record(a)).len)
		st = add_line(a, name);
	a->rest = rest;
	a->number = number;
	a->line.len = 0;
	return st;
}

static enum status end_generation(struct assembler *a)
{
	bool mark = a->gen && a->version >= 26;

	a->gen = 0;
	return mark ? add_text(a, SLICE("EndOfGeneration\n")) : ST_OK;
}

/* The lines that Generation gen=N stands for. */
static enum status add_generation(struct assembler *a)
{
	static const char names[] =
		"Strings\nString id=1\ndata=\"alpha\"\nString id=2\ndata=\"beta\"\n"
		"String id=3\ndata=\"gamma\"\nString id=4\ndata=\"main.work\"\n"
		"String id=5\ndata=\"main.go\"\n";
	static const char stacks[] = "Stacks\nStack id=1 nframes=1\npc=4096 func=4 file=5 line=10\n"
				     "Stack id=2 nframes=2\npc=4096 func=4 file=5 line=10\n"
				     "pc=8192 func=3 file=5 line=20\n";
	unsigned long long gen;
	uint64_t n;
	struct buf text;
	enum status st = take_number(a, "gen", &n);

	if (!st)
		st = no_more(a);
	if (!st)
		st = end_generation(a);
	if (st)
		return st;
	a->gen = gen = n;
	buf_init(&text, 4096);
	for (unsigned int i = 0; i < 3; i++) {
		buf_printf(&text, "EventBatch gen=%llu m=-1 time=%llu size=auto\n", gen,
			   gen * 1000);
		if (i)
			buf_str(&text, i == 1 ? names : stacks);
		else
			buf_printf(&text, "%sFrequency freq=1000000000\n",
				   a->version < 25 ? "" : "Sync\n");
		if (!i && a->version >= 25)
			buf_printf(&text, "ClockSnapshot dt=0 mono=%llu sec=%llu nsec=%llu\n",
				   gen * 1000, 1700000000 + gen, gen % 1000);
	}
	st = buf_status(&text, "a generation", a->err);
	if (!st)
		st = add_text(a, buf_view(&text));
	buf_release(&text);
	return st;
}

/* A batch of the generation at hand. */
static enum status add_thread(struct assembler *a)
{
	uint64_t m, time;
	enum status st = take_number(a, "m", &m);

	if (!st)
		st = take_number(a, "time", &time);
	if (!st)
		st = no_more(a);
	if (st)
		return st;
	end_batch(a);
	buf_u8(a->out, EV_EVENT_BATCH);
	buf_uvarint(a->out, a->gen);
	buf_uvarint(a->out, m);
	buf_uvarint(a->out, time);
	a->batch = a->out->len;
	a->wide = false;
	return ST_OK;
}

static enum status add_line(struct assembler *a, struct slice name)
{
	enum status st;

	if (slice_is(name, "Generation"))
		return add_generation(a);
	if (slice_is(name, "Thread"))
		return add_thread(a);
	if (slice_is(name, "EndOfGeneration"))
		a->gen = 0;
	if (slice_is(name, "EndBatch")) {
		end_batch(a);
		return no_more(a);
	}
	if (slice_is(name, "Raw")) {
		st = no_more(a);
		if (!st)
			st = take_data(a);
		buf_slice(a->out, buf_view(&a->data));
		return st;
	}
	for (unsigned int type = 0; type < N_WIRE_TYPES; type++)
		if (wire_specs[type].name && slice_is(name, wire_specs[type].name))
			return add_record(a, (uint8_t)type);
	return fail(a, "no record is named", name);
}

/* `Trace Go1.NN` becomes the 16 bytes of the header. */
static enum status add_header(struct assembler *a)
{
	struct slice trace = next_record(a);
	struct slice version = take_token(a);

	if (!slice_is(trace, "Trace") || !starts_with(version, "Go1.") || version.len != 6 ||
	    !is_digit(version.ptr[4]) || !is_digit(version.ptr[5]))
		return fail(a, "expected Trace Go1.NN, got", trace);
	a->version = (version.ptr[4] - '0') * 10u + (version.ptr[5] - '0');
	buf_str(a->out, "go 1.");
	buf_add(a->out, version.ptr + 4, 2);
	buf_add(a->out, " trace\0\0", 9);
	return no_more(a);
}

enum status asm_assemble(struct slice text, struct buf *out, struct err *err)
{
	struct assembler a = { .rest = text, .out = out, .batch = NO_BATCH_OPEN, .err = err };
	enum status st;

	buf_init(&a.data, text.len);
	st = add_header(&a);
	while (!st) {
		struct slice name = next_record(&a);

		if (!name.len)
			break;
		st = add_line(&a, name);
		if (!st)
			st = buf_status(out, "the trace", err);
	}
	if (!st)
		st = end_generation(&a);
	end_batch(&a);
	if (!st)
		st = buf_status(out, "the trace", err);
	buf_release(&a.data);
	return st;
}
