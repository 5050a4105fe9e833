#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

static const struct map_row rows[] = {
	{ "a task", "10 g1 task 1 a; 20 g1 end 1", "T a 10-20 t=1 g=1\n" },
};
#define N_ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

START_TEST(tasks_regions_logs)
{
	map_row_check(&rows[_i]);
}
END_TEST

Suite *mapper_suite(void)
{
	Suite *s = suite_create("mapper");
	TCase *c = tcase_create("mapper");

	tcase_add_loop_test(c, tasks_regions_logs, 0, N_ROWS);
	suite_add_tcase(s, c);
	return s;
}
