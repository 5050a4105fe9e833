#include "mapping/explain.h"

#include "mapping/mapper_state.h"

/* What the waker did, most of it first: more than this nobody reads. */
#define MAX_PARTS 3

/* Rounded: a person reads it. */
static void put_time(struct buf *b, uint64_t ns)
{
	uint64_t tenths = (ns + 50000) / 100000; /* of a millisecond */

	if (ns < 1000) {
		buf_u64(b, ns);
		buf_str(b, " ns");
	} else if (ns < 999500) { /* else it is 1 ms, rounded */
		buf_u64(b, (ns + 500) / 1000);
		buf_str(b, " us");
	} else if (tenths < 100 && tenths % 10) {
		buf_u64(b, tenths / 10);
		buf_u8(b, '.');
		buf_u64(b, tenths % 10);
		buf_str(b, " ms");
	} else {
		buf_u64(b, (tenths + 5) / 10);
		buf_str(b, " ms");
	}
}

/* Something that took time, as "ran" or "waited for sync mutex". */
struct part {
	uint64_t ns;
	const char *verb;
	struct slice what;
};

/* Keep the MAX_PARTS longest, longest first. */
static void add(struct part *list, struct part new)
{
	for (int i = 0; new.ns &&i < MAX_PARTS; i++) {
		struct part old = list[i];

		if (new.ns <= old.ns)
			continue;
		list[i] = new;
		new = old;
	}
}

static void put_parts(struct buf *b, const struct mapper *m, const struct path *p)
{
	struct part parts[MAX_PARTS] = { { 0 } };

	add(parts, (struct part){ p->sums.ns[PART_RUNNING], "ran ", { NULL, 0 } });
	add(parts,
	    (struct part){ p->sums.ns[PART_RUNNABLE], "waited for a processor ", { NULL, 0 } });
	add(parts, (struct part){ p->sums.ns[PART_SYSCALL], "was in system calls ", { NULL, 0 } });
	for (const struct reason_sum *s = p->sums.reasons; s; s = s->next) {
		struct slice word = m->reasons.list[s->reason].name;

		if (slice_is(word, "sleep"))
			add(parts, (struct part){ s->ns, "slept ", { NULL, 0 } });
		else
			add(parts, (struct part){ s->ns, "waited on ", word });
	}
	add(parts, (struct part){ p->unknown_ns, "did something unknown ", { NULL, 0 } });
	/* A hundredth of the longest explains nothing. */
	for (int i = 0; i < MAX_PARTS && parts[i].ns > parts[0].ns / 100; i++) {
		buf_str(b, i ? ", " : ": it ");
		buf_str(b, parts[i].verb);
		buf_slice(b, parts[i].what);
		if (parts[i].what.len)
			buf_u8(b, ' ');
		put_time(b, parts[i].ns);
	}
}

struct slice explain(struct mapper *m, const struct node *wait)
{
	const struct wait *w = wait->wait;
	const struct reason *reason = &m->reasons.list[w->reason];
	struct buf *b = &m->words;

	buf_clear(b);
	buf_str(b, "blocked ");
	put_time(b, (uint64_t)(w->ready - w->stopped));
	buf_str(b, " on ");
	buf_slice(b, reason->name);
	buf_str(b, " until ");
	if (w->waker_name) {
		buf_u8(b, '`');
		buf_slice(b, pooled_slice(w->waker_name));
		buf_u8(b, '`');
		if (memcmp(w->waker_trace, trace_id_of(wait), TRACE_ID_BYTES) != 0)
			buf_str(b, " of another trace");
	} else {
		buf_str(b, "goroutine ");
		buf_i64(b, w->waker);
	}
	buf_str(b, " let it go");
	put_parts(b, m, wait->path);
	return b->failed ? (struct slice){ NULL, 0 } : buf_view(b);
}
