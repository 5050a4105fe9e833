/*
 * banned: functions that read or write without a bound, parse without an error,
 * or keep hidden state. Included before everything else by the Makefile, so
 * using one is a compile error that names it. (From the rules of git and curl.)
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With clang and _FORTIFY_SOURCE these are macros, which cannot be poisoned. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets
#pragma GCC poison atoi atol atoll strtol strtoul strtoll strtoull sscanf
#pragma GCC poison gmtime localtime ctime asctime

#endif /* BASE_BANNED_H */
