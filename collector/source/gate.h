/*
 * gate: one request at a time for each program that is asked for snapshots.
 *
 * A program is a host and port as URLs name them: localhost and 127.0.0.1 are two. One gate for
 * the process, since sources do not know of each other. Any thread.
 */
#ifndef COLLECTOR_SOURCE_GATE_H
#define COLLECTOR_SOURCE_GATE_H

#include <stdbool.h>

/*
 * False: its program is being asked, or MAX_PULLS others are. `url` is borrowed, and
 * stands for the request, until gate_leave() gets the same pointer.
 */
bool gate_enter(const char *url);
void gate_leave(const char *url);

#endif /* COLLECTOR_SOURCE_GATE_H */
