/*
 * node: a YAML file as a tree, with the line and column of everything.
 *
 * One document of maps, lists and scalars. Scalars have their environment
 * references resolved (config/subst.h); keys do not. Anchors, aliases, tags,
 * repeated keys and keys that are not scalars are refused, and depth, count and
 * size are bounded (base/limits.h). All nodes and texts belong to the doc and die
 * with it. Every error is one line that starts with FILE:LINE:COLUMN.
 */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include "base/err.h"
#include "base/slice.h"
#include "config/env.h"
#include "config/arena.h"

enum node_kind { NODE_SCALAR, NODE_MAP, NODE_LIST };

/* Counted from 1, columns in characters; line 0 is nowhere. */
struct place {
	size_t line;
	size_t column;
};

struct node {
	enum node_kind kind;
	bool quoted;	    /* a scalar in quotes or block style: a string */
	struct place place; /* of the value */
	struct slice key;   /* in a map: its key, NUL-terminated */
	struct place key_place;
	struct slice text;   /* scalar: resolved, NUL-terminated, without a NUL inside */
	struct slice source; /* scalar: as the file has it; for messages */
	struct node *first;  /* children, in the order of the file */
	struct node *next;   /* sibling */
	size_t n;	     /* children */
};

struct doc {
	const char *name;  /* for messages; in the arena */
	struct node *root; /* NULL: nothing in the file */
	size_t n_nodes;
	struct arena arena;
};

/* An empty doc, which doc_release() may be given. */
void doc_init(struct doc *d);
void doc_release(struct doc *d);

/*
 * Fill an initialised doc from `bytes`; `name` stands for the file in messages. On
 * failure the doc holds a part and only doc_release() makes sense: ST_CONFIG,
 * ST_LIMIT or ST_NOMEM.
 */
MUST_CHECK enum status doc_parse(struct doc *d, const char *name, struct slice bytes,
				 const struct env *env, struct err *err);

/* doc_parse() of a file; one that cannot be read is ST_CONFIG. */
MUST_CHECK enum status doc_load(struct doc *d, const char *path, const struct env *env,
				struct err *err);

/* The child of a map with this key, or NULL; NULL for any other node. */
struct node *node_child(const struct node *map, struct slice key);

/* A scalar that reads as null: `key:`, `key: ~`, or a variable that is not set. */
bool node_is_null(const struct node *n);

/* Put "FILE:LINE:COLUMN: " in front of err's message; returns err->code. */
enum status doc_at(const struct doc *d, struct place place, struct err *err);

#endif /* CONFIG_NODE_H */
