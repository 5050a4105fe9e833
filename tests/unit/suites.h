/*
 * suites: every unit test suite of the program.
 *
 * tests/unit/test_<module>.c tests <module> through its header alone and
 * exports one function that builds its suite; tests/unit/main.c lists it. A
 * suite prints nothing when it passes, except one SKIP line if it cannot run.
 */
#ifndef TESTS_UNIT_SUITES_H
#define TESTS_UNIT_SUITES_H

#include <check.h>

Suite *utf8_suite(void);
Suite *dist_suite(void);
Suite *stats_suite(void);
Suite *stats_print_suite(void);

#endif /* TESTS_UNIT_SUITES_H */
