/*
 * schema: the table of all keys of the configuration.
 *
 * Everything about a key is one row: binding, defaults, environment variables,
 * validation, `config print` and the reference page all read it. A path has its
 * parts joined by dots; the keys of a list's entries stand under `LIST[].`. A row
 * without an offset is known and checked but not kept in struct settings: such a
 * section can be read as a tree (settings_section()).
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "base/slice.h"

enum key_type {
	KEY_SECTION,	/* a map of keys of this table; field: bool, set when present */
	KEY_ITEMS,	/* a list of such maps; field: struct { T *ptr; size_t n; } */
	KEY_STRING,	/* any scalar, as text; field: const char * */
	KEY_NAME,	/* a short plain name, usable in paths and metrics; const char * */
	KEY_URL,	/* no blanks; may hold a password; const char * */
	KEY_BOOL,	/* bool */
	KEY_COUNT,	/* a whole number; uint64_t */
	KEY_REAL,	/* a number; double */
	KEY_AMOUNT,	/* a number or a size; double */
	KEY_DURATION,	/* in ns; uint64_t */
	KEY_SIZE,	/* in bytes; uint64_t */
	KEY_WORD,	/* one of `words`; an enum that counts from 0 in their order */
	KEY_TEXTS,	/* a list of strings; struct setting_texts */
	KEY_HEADERS,	/* names to secret strings; struct setting_pairs */
	KEY_ATTRIBUTES, /* names to typed scalars; struct setting_pairs */
};

enum key_flag {
	KEY_SECRET = 1,	    /* never shown, not even when it is wrong */
	KEY_REQUIRED = 2,   /* must be in each entry of its list */
	KEY_UNIQUE = 4,	    /* differs between the entries of its list */
	KEY_CHOICE = 8,	    /* exactly one of the keys so marked beside each other */
	KEY_NOT_EMPTY = 16, /* a string of at least one byte */
	KEY_ENV_MS = 32,    /* the environment gives a bare number of milliseconds */
};

struct key {
	const char *path;
	enum key_type type;
	const char *text;	  /* the default as in the file, "" when there is none */
	const char *words;	  /* KEY_WORD: separated by blanks */
	const char *least, *most; /* bounds as in the file, or NULL */
	const char *env;	  /* variables, the strongest first, separated by blanks */
	const char *attribute;	  /* the resource attribute that means this key */
	uint64_t flags;		  /* enum key_flag */
	size_t offset;		  /* of the field in its record; 0: not kept */
	size_t size;		  /* KEY_ITEMS: bytes of one record, 0: not kept */
	const char *help;	  /* one line */
};

/* The rows, a section before what is in it; the last has a NULL path. */
extern const struct key schema_keys[];

/* The number of rows. */
size_t schema_size(void);

/* The row's place in the table. */
size_t schema_index(const struct key *k);

/* The row directly under `parent` (NULL: at the top) with this name, or NULL. */
const struct key *schema_child(const struct key *parent, struct slice name);

/* The row that a resource attribute of this name means, or NULL. */
const struct key *schema_by_attribute(struct slice name);

/*
 * Is `k` directly under `parent`? Then *name is its last part.
 */
bool schema_is_child(const struct key *parent, const struct key *k, struct slice *name);

/* Does `k` stand anywhere under `parent`? A list holds the rows of its entries. */
bool schema_is_under(const struct key *parent, const struct key *k);

/*
 * Write advice about the unknown `name` under `parent` into `out`: what was likely
 * meant, or what is known there.
 */
void schema_advise(const struct key *parent, struct slice name, char *out, size_t cap);

#endif /* CONFIG_SCHEMA_H */
