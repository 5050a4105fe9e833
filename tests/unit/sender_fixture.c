#include "tests/unit/sender_fixture.h"

struct sender_fixture rx;

static bool has_poison(struct slice batch)
{
	struct span_set s = { 0 };
	bool found = false;

	span_set_message(&s, batch);
	for (size_t i = 0; i < s.n; i++)
		found |= !memcmp(s.ptr[i].span, rx.poison, 8);
	span_set_release(&s);
	return found;
}

static void answer(char letter, struct attempt_result *out)
{
	static const struct {
		char letter;
		enum send_class class;
		long status;
		const char *outcome;
	} answers[] = {
		{ '.', SEND_ACCEPTED, 200, "HTTP status 200" },
		{ 'r', SEND_RETRY, 503, "HTTP status 503" },
		{ 't', SEND_TRANSPORT, 0, "connection reset" },
		{ 'c', SEND_CONFIG, 401, "HTTP status 401" },
		{ 'T', SEND_TLS, 0, "certificate expired" },
		{ 'p', SEND_PERMANENT, 400, "HTTP status 400" },
		{ 'P', SEND_PERMANENT, 500, "HTTP status 500" },
		{ 'b', SEND_TOO_BIG, 413, "HTTP status 413" },
		{ 'o', SEND_OURS, 0, "out of memory" },
	};
	size_t i = 0;

	while (answers[i].letter != letter)
		i++;
	*out = (struct attempt_result){ .class = answers[i].class,
					.http_status = answers[i].status,
					.grpc_status = -1 };
	snprintf(out->outcome, sizeof(out->outcome), "%s", answers[i].outcome);
	if (letter == 'r')
		out->wait_ns = rx.asked_ns;
}

static void attempt(void *arg, struct slice batch, size_t n_spans, struct attempt_result *out)
{
	char letter = '.';

	(void)arg;
	ck_assert_uint_lt(rx.n, 20000);
	if (*rx.script)
		letter = *rx.script++;
	else if (rx.max_bytes && batch.len > rx.max_bytes)
		letter = 'b';
	else if (rx.poisoned && has_poison(batch))
		letter = rx.poisoned;
	if (rx.n < 64) {
		rx.at[rx.n] = qf.now_ns;
		rx.spans[rx.n] = n_spans;
	}
	rx.n++;
	answer(letter, out);
	if (letter != '.')
		return;
	out->spans_rejected = rx.rejected;
	out->bytes_sent = batch.len / 10;
	ck_assert_uint_eq(span_set_message(&rx.got, batch), n_spans);
}

static void tell(void *arg, const char *line, uint64_t wait_ns)
{
	size_t len = strlen(rx.told);

	(void)arg;
	if (wait_ns && rx.n_waits < 64)
		rx.waits[rx.n_waits++] = wait_ns;
	rx.n_told++;
	snprintf(rx.told + len, sizeof(rx.told) - len, "%s\n", line);
}

void sender_setup(void)
{
	queue_setup();
	qf.set.path = NULL;
	memset(&rx, 0, sizeof(rx));
	rx.script = "";
	queue_reopen();
}

void sender_teardown(void)
{
	sender_close(rx.sender);
	span_set_release(&rx.got);
	queue_teardown();
}

void open_sender_with(struct sender_settings set)
{
	set.queue = qf.q;
	set.shown = "http://there/";
	set.attempt = attempt;
	set.clock = &queue_clock;
	set.tell = tell;
	ok(sender_open(&rx.sender, &set, &qf.err));
}

void open_sender(uint64_t give_up_ns)
{
	open_sender_with((struct sender_settings){ .give_up_ns = give_up_ns });
}

enum sender_state run_until(uint64_t end_ns)
{
	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t wait;
		enum sender_state state = sender_step(rx.sender, &wait);

		if (state == SENDER_IDLE || state == SENDER_HALTED)
			return state;
		if (state == SENDER_WAIT) {
			ck_assert_uint_gt(wait, 0);
			if (qf.now_ns + wait >= end_ns)
				return state;
			qf.now_ns += wait;
		}
		if (i % 64 == 0)
			check_sums();
	}
	ck_abort_msg("100000 steps and no end");
	return SENDER_BUSY;
}

enum sender_state run(void)
{
	return run_until(UINT64_MAX);
}
