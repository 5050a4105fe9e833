/* keys: the table of attribute names (mapping/keys.h) as docs/mapping.md shows it. */
#include <stdio.h>

#include "mapping/keys.h"

int main(void)
{
	puts("| attribute | type | on | meaning |\n| --- | --- | --- | --- |");
	for (size_t i = 0; i < N_ATTRIBUTE_KEYS; i++) {
		const struct key_info *k = &key_infos[i];

		printf("| `%s` | %s | %s | %s |\n", k->name, k->type, k->where, k->meaning);
	}
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
