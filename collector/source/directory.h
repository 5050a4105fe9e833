/*
 * directory: what directory*.c share; for them alone.
 *
 * `files` holds every regular file of the folder that could be a snapshot, by inode. The
 * thread of the source is the only one that adds and removes them; the reader of the inbox
 * changes the state of those that are ASKED.
 */
#ifndef COLLECTOR_SOURCE_DIRECTORY_H
#define COLLECTOR_SOURCE_DIRECTORY_H

#include <pthread.h>

#include "base/map.h"
#include "collector/source/folder.h"
#include "collector/source/source.h"

#define DIRECTORY_SECOND_NS ((uint64_t)1000000000)

enum file_state {
	FILE_WAITING, /* to be complete, or for its turn */
	FILE_ASKED,   /* in the inbox */
	FILE_DONE,    /* and still there */
	FILE_FOREIGN, /* no snapshot */
	FILE_BAD,     /* and still there */
	FILE_DENIED,  /* we may not open it */
};

struct file {
	struct folder_file is;
	enum file_state state;
	bool complete;	   /* its writer said so */
	uint64_t since_ns; /* when it was last seen to change */
	uint64_t not_before_ns;
	uint64_t seen; /* number of the scan */
	char name[];
};

struct directory {
	const struct source_settings *set;
	struct source_env env;
	bool stop, missing_told;
	pthread_t thread;
	bool runs;
	int notify, wake, dir; /* -1: none */
	struct folder_file folder;
	uint64_t scan, next_scan_ns;
	pthread_mutex_t mutex; /* of what follows */
	struct map files;
	size_t n_asked;
	uint64_t n_over;
	uint64_t told_ns; /* when a person was told of these */
};

uint64_t directory_now_ns(void);
bool directory_stopped(const struct directory *d);
/* Make the source's thread look around. */
void directory_wake(struct directory *d);

/* directory_scan.c */
MUST_CHECK bool directory_enter(struct directory *d);
void directory_leave(struct directory *d);
/* Is the folder at the path the one that is watched? */
bool directory_same(const struct directory *d);
/* Look at every file. */
void directory_scan(struct directory *d);
/* Look at what inotify names. */
void directory_events(struct directory *d);

/*
 * directory_ask.c: give the inbox those files whose turn it is, the oldest first. Returns
 * when the next one is due.
 */
uint64_t directory_hand_over(struct directory *d);

#endif /* COLLECTOR_SOURCE_DIRECTORY_H */
