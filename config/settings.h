/*
 * settings: what the user asked for, typed and complete.
 *
 * One load brings together, the stronger first: flags (settings_set() and friends,
 * after the load), the YAML file, OTEL_* environment variables, defaults. All texts
 * are NUL-terminated, never NULL, and live until settings_release(). Nothing here
 * prints: a failure is one line in `err`, a problem with an environment variable
 * is a warning to be logged by the caller. No message ever holds a secret.
 * The keys, their types and defaults are the table in config/keys.c.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/err.h"
#include "base/log.h"
#include "base/slice.h"
#include "config/env.h"
#include "config/scalar.h"

/* Where a value comes from, the weaker first. */
enum setting_origin { ORIGIN_DEFAULT, ORIGIN_ENV, ORIGIN_FILE, ORIGIN_FLAG };

enum setting_mode { SETTING_ADOPT, SETTING_LINK, SETTING_OFF };
enum setting_protocol { SETTING_HTTP_PROTOBUF, SETTING_HTTP_JSON, SETTING_GRPC };
enum setting_compression { SETTING_NONE, SETTING_GZIP, SETTING_ZSTD };
/* What becomes of an endpoint's path: v1/traces unless it is there, always, or never. */
enum setting_path { SETTING_PATH_TRACES, SETTING_PATH_APPEND, SETTING_PATH_AS_IS };
enum setting_encoding { SETTING_OTLP_JSON, SETTING_OTLP_PROTO };
enum setting_format { SETTING_TEXT, SETTING_JSON };
enum setting_full { SETTING_DROP_OLDEST, SETTING_BLOCK };
enum setting_signal { SETTING_USR1, SETTING_USR2 };
enum setting_after { SETTING_DELETE, SETTING_ARCHIVE, SETTING_KEEP };

/* A name of the user's own with its value: an attribute or a header. */
struct setting_pair {
	const char *name;
	const char *text;    /* the value as text, whatever its type */
	struct scalar value; /* attributes only: STRING, BOOL, INT or FLOAT */
	enum setting_origin origin;
};

struct setting_pairs {
	struct setting_pair *ptr;
	size_t n;
};

struct setting_texts {
	const char **ptr;
	size_t n;
};

/* Which key of a record was set by whom; private to config/. */
struct setting_given;

struct setting_record {
	struct setting_given *given;
	enum setting_origin origin; /* who made the record */
};

struct service_settings {
	const char *name;
	const char *namespace; /* "" unset, as the next two */
	const char *version;
	const char *instance_id;
	struct setting_pairs attributes; /* none of the four above */
};

/* Where traces come from: exactly one of the four. */
struct source_settings {
	struct setting_record record; /* first */
	const char *name;
	bool is_directory, is_pull, is_stream, is_push;
	struct {
		const char *path, *pattern;
		uint64_t settle_ns;
		enum setting_after after;
		uint64_t archive_bytes; /* most of archive/, and of bad/ */
	} directory;
	struct {
		const char *url, *method;
		struct setting_pairs headers; /* values are secrets */
		const char *token, *token_file;
		uint64_t timeout_ns, max_bytes;
	} pull;
	struct {
		const char *url;
		uint64_t window_ns, max_bytes;
	} stream;
	struct {
		const char *listen, *token, *token_file;
		uint64_t max_bytes;
	} push;
};

/* When to capture: exactly one condition. */
struct trigger_settings {
	struct setting_record record; /* first */
	const char *name;
	bool by_task, by_block, by_region, by_stop, by_runnable, by_log, by_metric, by_prometheus;
	struct {
		const char *name; /* a pattern */
		uint64_t longer_than_ns;
	} task, block, region, stop, runnable;
	struct {
		const char *category, *message; /* patterns */
	} log;
	struct {
		const char *name;
		double above;
	} metric;
	struct {
		const char *url, *metric;
		double above;
		uint64_t every_ns;
	} prometheus;
	uint64_t every_ns;
	enum setting_signal signal;
	struct setting_texts capture; /* names of sources; none: all */
	uint64_t delay_ns, cooldown_ns, max_per_hour;
};

/* One policy; what it has no condition for is met. */
struct sampling_settings {
	struct setting_record record; /* first */
	const char *name;
	struct setting_texts sources; /* names of those it is for; none: all */
	bool by_latency, by_log;
	uint64_t longer_than_ns;
	const char *category, *message; /* patterns of a log */
	double keep;			/* 0 to 1 */
};

struct mapping_settings {
	struct {
		uint64_t spans_over_ns;
		uint64_t events_over_ns;
		bool stacks;
	} blocking;
	bool regions;
	bool logs;
	struct {
		bool gc;
		bool stop_the_world;
	} runtime;
	struct {
		struct setting_texts categories;
		enum setting_mode mode;
	} context;
	bool metrics;
	struct {
		uint64_t spans_per_trace;
		uint64_t bytes_per_trace;
		uint64_t events_per_span;
		uint64_t attributes_per_span;
		uint64_t links_per_span;
		uint64_t attributes_per_event;
		uint64_t attributes_per_link;
		uint64_t attribute_bytes; /* longest text of one attribute */
	} limits;
};

struct otlp_settings {
	bool metrics; /* not spans: other paths; set by who sends, no key */
	const char *endpoint;
	enum setting_path path; /* of the endpoint, for OTLP/HTTP */
	bool insecure;		/* gRPC: an endpoint without a scheme is plain text */
	enum setting_protocol protocol;
	enum setting_compression compression;
	struct setting_pairs headers; /* values are secrets */
	uint64_t timeout_ns;
	uint64_t max_request_bytes; /* serialized, uncompressed; 0: what receivers take */
	struct {
		const char *ca_file; /* "" unset, as the next two */
		const char *cert_file;
		const char *key_file;
	} tls;
};

struct file_settings {
	const char *path;
	enum setting_encoding encoding;
	uint64_t rotate_bytes;		      /* 0: never */
	uint64_t keep;			      /* rotated files kept */
	enum setting_compression compression; /* of rotated files */
};

/* One destination: exactly one of is_otlp and is_file. */
struct exporter_settings {
	struct setting_record record; /* first; origin ENV: made of OTEL_* variables alone */
	const char *name;
	bool is_otlp;
	bool is_file;
	struct otlp_settings otlp;
	struct file_settings file;
};

struct queue_config {
	const char *path;
	uint64_t max_bytes;
	uint64_t min_free_bytes; /* that the queue leaves on its disk */
	enum setting_full full;
	uint64_t flush_ns;    /* how long a program that is told to stop may send on */
	uint64_t spread_ns;   /* with a backlog, the first request comes within this time */
	uint64_t drain_bytes; /* of a backlog, a second and destination; 0: no limit */
};

struct settings {
	struct setting_record record; /* first */
	struct service_settings service;
	struct {
		struct source_settings *ptr;
		size_t n;
	} sources;
	struct {
		struct trigger_settings *ptr;
		size_t n;
	} triggers;
	struct {
		struct sampling_settings *ptr;
		size_t n;
	} sampling;
	struct mapping_settings mapping;
	struct {
		struct exporter_settings *ptr;
		size_t n;
	} exporters;
	struct queue_config queue;
	bool restricted; /* `run` keeps no rights but those it needs */
	struct {
		const char *listen; /* "": off */
		const char *token, *token_file;
	} admin;
	struct {
		enum log_level level;
		enum setting_format format;
	} log;
	struct setting_texts warnings; /* about the environment; one line each */
	struct settings_state *state;  /* private */
};

/*
 * Fill *s, whatever it held, from the file at `path` (NULL: no file) and `env`,
 * which stays borrowed. Wrong settings are ST_CONFIG with
 * `FILE:LINE:COLUMN: key PATH: ...`; else ST_LIMIT or ST_NOMEM. After a failure
 * there is nothing to release. The exporters are those of the file; without any
 * there, one named "otlp" if OTEL_EXPORTER_OTLP[_TRACES]_ENDPOINT is set.
 */
MUST_CHECK enum status settings_load(struct settings *s, const char *path, const struct env *env,
				     struct err *err);

/* settings_load() of a file already read; `name` stands for it in messages. */
MUST_CHECK enum status settings_parse(struct settings *s, const char *name, struct slice yaml,
				      const struct env *env, struct err *err);

/* Free everything; safe on zeroed memory and twice. */
void settings_release(struct settings *s);

/*
 * Set one key from a flag: `path` as in messages ("log.level",
 * "exporters[0].otlp.timeout"), `text` as in the file but never resolved. Copied.
 * ST_CONFIG leaves the old value.
 */
MUST_CHECK enum status settings_set(struct settings *s, const char *path, const char *text,
				    struct err *err);

/*
 * Make one OTLP exporter named "flag" the only destination. What else it needs
 * comes from the environment and defaults: headers of the file's exporters were
 * meant for other hosts.
 */
MUST_CHECK enum status settings_send_to(struct settings *s, const char *endpoint, struct err *err);

/* Where the value of `path` comes from; ORIGIN_DEFAULT for an unknown path. */
enum setting_origin settings_origin(const struct settings *s, const char *path);

/*
 * Which of the sections named in `unused` (separated by blanks) the file has, as
 * "sources, queue" in `out`; returns how many. So a command warns of what it ignores.
 */
size_t settings_unused(const struct settings *s, const char *unused, char *out, size_t cap);

/*
 * Put "FILE:LINE:COLUMN: key PATH: " in front of err's message, the place being that of
 * `path` ("sources[1].push") in the file, or of what holds it; returns err->code.
 */
enum status settings_at(const struct settings *s, const char *path, struct err *err);

/* Is all that two loads say of a section, or of one entry of a list, the same? */
bool settings_same(const struct settings *a, const struct settings *b, const char *section);
bool settings_same_entry(const char *list, const struct setting_record *a,
			 const struct setting_record *b);

/* Who set the key of an entry of a list, by its path in the table ("triggers[].every"). */
enum setting_origin settings_entry_origin(const struct setting_record *record, const char *path);

/* The tree of a top-level section of the file (config/node.h), or NULL. Borrowed. */
const struct node *settings_section(const struct settings *s, const char *name);

/*
 * Call `fn` for each key of the typed settings in the order of the table, with the
 * value as text, secrets masked, and for ORIGIN_ENV the variable's name (else NULL).
 * The arguments last for the call.
 */
void settings_visit(const struct settings *s,
		    void (*fn)(void *arg, const char *path, const char *shown,
			       enum setting_origin origin, const char *variable),
		    void *arg);

/* "default", "env", "file" or "flag". */
const char *settings_origin_name(enum setting_origin origin);

#endif /* CONFIG_SETTINGS_H */
