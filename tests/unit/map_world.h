/*
 * map_world: a made-up capture for the tests of the mapper.
 *
 * A script is commands `TIME G VERB ARGUMENT...`, parted by ';' or newlines; G is
 * gN or `-` for nobody, `~` is the empty text. Time is in ns since the capture's
 * begin, which is a sync event at 0. Verbs:
 *
 *   task ID NAME [PARENT]    end ID              tasks
 *   region TASK NAME         close TASK NAME     regions; task 0: none
 *   log TASK CATEGORY MESSAGE
 *   is STATE                 first known in it   again STATE   stated once more
 *   block REASON [sN]        syscall [sN]        it stops, at stack N
 *   wakes gM [sN]            runs                yields
 *   back                     lost                from a system call, with or without its proc
 *   go gM [STATE]            dies
 *   switch gM                switchdies gM       coroutines
 *   gc gcend gcactive        stw KIND  stwend KIND
 *   sync +N | none | bad     a generation; its wall clock N ns ahead, missing, nonsense
 *
 * and `set OPTION NUMBER`, without time and actor, before all others. Thresholds
 * are 100 ns for a span and 5 ns for an event. Stack N is main.fN of the first
 * generation, main.gN of the later ones; stack 9 is sync.Lock. Strings and stacks of a generation
 * are gone when the next begins.
 */
#ifndef TESTS_UNIT_MAP_WORLD_H
#define TESTS_UNIT_MAP_WORLD_H

#include "collector/trace/tables.h"
#include "mapping/mapper.h"
#include "tests/unit/map_record.h"

#define WORLD_BASE 1000			  /* trace time of a script's 0 */
#define WORLD_WALL 1700000000000000000ull /* its wall time */
#define WORLD_TEXTS 100000
#define WORLD_GENERATIONS 4

struct map_note;

struct map_world {
	struct mapper_options opt;
	struct mapper *mapper;
	struct records records;
	struct span_sink sink; /* the records, unless a test takes another */
	struct err err;
	int64_t now;	     /* trace time */
	int64_t late;	     /* of the script's events: added to their times */
	int64_t wire_late;   /* how much less is recorded: see event.wire_time */
	int64_t begin;	     /* of the capture, on the script's clock */
	struct slice *texts; /* of every generation, by string id - 1; borrowed */
	size_t n_texts;
	struct {
		struct buf bytes;
		struct tables tables;
	} gens[WORLD_GENERATIONS];
	size_t gen; /* the current one, counted from 1 */
	struct clock_snapshot clock;
	struct map_note *notes; /* of the goroutines, as the reader keeps them */
};

void map_world_init(struct map_world *w);
void map_world_release(struct map_world *w);

/* The id of a string in every generation; new ones before map_world_tables() only. */
uint64_t map_world_text(struct map_world *w, struct slice text);
void map_world_tables(struct map_world *w);
/* The mapper, and the first sync event. */
enum status map_world_start(struct map_world *w);
enum status map_world_sync(struct map_world *w, bool has_clock);
/* At w->now, in the current generation. */
enum status map_world_feed(struct map_world *w, struct event ev);
/* The sync event that ends a trace, and mapper_finish(). */
enum status map_world_finish(struct map_world *w);

/* All of a script, from map_world_text() on, to the end. */
enum status map_world_run(struct map_world *w, const char *script);
/* The same in parts: texts, settings and tables; start; the events; finish. */
void map_world_load(struct map_world *w, const char *script);
enum status map_world_play(struct map_world *w, const char *script);

/* A script, and what has to come out; with the capture's own trace if that leads it. */
struct map_row {
	const char *name, *script, *text;
};
void map_row_check(const struct map_row *row);

/* What came out, as records_text(); static, good until the next call. */
const char *map_world_text_out(const struct map_world *w, bool capture);

#endif /* TESTS_UNIT_MAP_WORLD_H */
