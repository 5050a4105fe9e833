#include "cli/reference.h"
#include "config/value.h"

/* As mdoc(7) wants it: no macro by accident, no dash that is a hyphen. */
static void text(struct buf *b, const char *s)
{
	if (*s == '.' || *s == '\'')
		buf_str(b, "\\&");
	for (; *s; s++) {
		if (*s == '\\')
			buf_str(b, "\\e");
		else if (*s == '-')
			buf_str(b, "\\-");
		else
			buf_u8(b, (uint8_t)*s);
	}
}

/* An argument of a macro, in quotes. */
static void argument(struct buf *b, const char *s)
{
	buf_u8(b, '"');
	for (; *s; s++) {
		char one[2] = { *s, '\0' };

		if (*s == '"')
			buf_str(b, "\\(dq");
		else
			text(b, one);
	}
	buf_u8(b, '"');
}

/* A sentence a line. */
static void sentences(struct buf *b, const char *s)
{
	const char *end;

	for (; (end = strstr(s, ". ")); s = end + 2) {
		char one[512];

		snprintf(one, sizeof(one), "%.*s", (int)(end - s + 1), s);
		text(b, one);
		buf_u8(b, '\n');
	}
	text(b, s);
	buf_u8(b, '\n');
}

static void type(struct buf *b, const struct key *k)
{
	const char *at = k->type == KEY_WORD ? k->words : "";

	if (!*at)
		text(b, reference_type(k));
	for (size_t len; *at; at += len + (at[len] == ' ')) {
		len = strcspn(at, " ");
		buf_printf(b, "%s%.*s", at == k->words ? "" : ", ", (int)len, at);
	}
	reference_range(b, k);
}

static void entry(struct buf *b, const struct key *k)
{
	buf_str(b, ".It Li ");
	argument(b, k->path);
	buf_str(b, "\n");
	if (k->type != KEY_SECTION) {
		buf_u8(b, '(');
		type(b, k);
		if (k->flags & KEY_REQUIRED)
			buf_str(b, "; must be set");
		else if (k->text && *k->text) {
			buf_str(b, "; default ");
			text(b, k->text);
		}
		buf_str(b, ")\n");
	}
	sentences(b, k->help);
	if (k->flags & KEY_CHOICE)
		buf_str(b, "Exactly one of these.\n");
	if (k->flags & KEY_SECRET)
		buf_str(b, "A secret: never shown.\n");
	for (const char *at = k->env ? k->env : ""; *at;) {
		size_t len = strcspn(at, " ");
		bool last = !at[len];

		if (at == k->env)
			buf_str(b, "From the environment:\n");
		buf_printf(b, ".Ev %.*s %s\n", (int)len, at, last ? "." : ",");
		at += len + !last;
	}
}

static void chapter(struct buf *b, const struct key *k)
{
	buf_str(b, ".Ss ");
	text(b, k->path);
	buf_u8(b, '\n');
	sentences(b, k->help);
	if (k->type == KEY_ITEMS && k->most)
		buf_printf(b, "A list of at most %s.\n", k->most);
	buf_str(b, ".Bl -tag -width Ds\n");
}

static void front(struct buf *b)
{
	buf_str(b, ".\\\" Written by `flightspan config man`; make reference writes it anew.\n"
		   ".Dd November 25, 2026\n"
		   ".Dt FLIGHTSPAN.YAML 5\n"
		   ".Os\n"
		   ".Sh NAME\n"
		   ".Nm flightspan.yaml\n"
		   ".Nd configuration of flightspan\n"
		   ".Sh DESCRIPTION\n"
		   "One YAML file, which\n"
		   ".Xr flightspan 1\n"
		   "reads when it is named with\n"
		   ".Fl c .\n"
		   "Every key has a default.\n"
		   ".Ql flightspan config check\n"
		   "tells what is wrong with a file,\n"
		   ".Ql flightspan config print\n"
		   "what is in effect and where it comes from.\n"
		   ".Pp\n"
		   "Durations are numbers with a unit\n"
		   ".Pq 300ms , 1m30s ,\n"
		   "sizes too\n"
		   ".Pq 64MiB , 1GB .\n"
		   "In values,\n"
		   ".Li ${VAR} ,\n"
		   ".Li ${env:VAR}\n"
		   "and\n"
		   ".Li ${VAR:\\-default}\n"
		   "stand for environment variables, and\n"
		   ".Li $$\n"
		   "for a dollar sign.\n"
		   "The stronger first: options, the file, the environment, defaults.\n"
		   "In a pattern, * stands for any text.\n"
		   "SIGHUP makes\n"
		   ".Ql flightspan run\n"
		   "read the file again.\n"
		   ".Sh KEYS\n");
}

static void back(struct buf *b)
{
	buf_str(b, ".El\n"
		   ".Sh EXAMPLES\n"
		   "The least that the sidecar needs:\n"
		   ".Bd -literal -offset indent\n"
		   "service: { name: orders }\n"
		   "sources:\n"
		   "  \\- { name: snapshots, directory: { path: /var/run/flightspan } }\n"
		   "exporters:\n"
		   "  \\- { name: tempo, otlp: { endpoint: \"http://tempo:4318\" } }\n"
		   "queue: { path: /var/lib/flightspan/queue.db }\n"
		   ".Ed\n"
		   ".Sh SEE ALSO\n"
		   ".Xr flightspan 1\n");
}

void reference_man(struct buf *b)
{
	bool open = false;

	front(b);
	for (const struct key *k = schema_keys; k->path; k++) {
		if (!strchr(k->path, '.') && (k->type == KEY_SECTION || k->type == KEY_ITEMS)) {
			if (open)
				buf_str(b, ".El\n");
			open = true;
			chapter(b, k);
			continue;
		}
		entry(b, k);
	}
	back(b);
}
