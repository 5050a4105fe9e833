/* Reads what timesort.go writes and sorts the same arrays: every element at the same place. */
#include "collector/trace/timesort.h"

#define MAX_ELEMENTS 100000

static int64_t times[MAX_ELEMENTS], want[MAX_ELEMENTS];
static struct timed got[MAX_ELEMENTS];

/* The number of elements of the next array; -1 at the end, -2 if the input is broken. */
static int64_t read_array(void)
{
	int64_t n;

	if (fread(&n, sizeof(n), 1, stdin) != 1)
		return -1;
	if (n < 0 || n > MAX_ELEMENTS ||
	    fread(times, sizeof(*times), (size_t)n, stdin) != (size_t)n ||
	    fread(want, sizeof(*want), (size_t)n, stdin) != (size_t)n)
		return -2;
	return n;
}

int main(void)
{
	int64_t n;
	size_t arrays = 0;

	while ((n = read_array()) >= 0) {
		for (int64_t i = 0; i < n; i++)
			got[i] = (struct timed){ times[i], &times[i] };
		timesort(got, (size_t)n);
		for (int64_t i = 0; i < n; i++) {
			if (got[i].item == &times[want[i]])
				continue;
			printf("array %zu of %lld: another element at %lld\n", arrays, (long long)n,
			       (long long)i);
			return 1;
		}
		arrays++;
	}
	if (n == -2 || arrays < 1000) {
		printf("the input is broken after %zu arrays\n", arrays);
		return 1;
	}
	return 0;
}
