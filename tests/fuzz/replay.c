/* replay FILE...: a fuzz target over recorded inputs, without libFuzzer. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/support.h"

#define MAX_INPUT ((size_t)16 << 20)

static void replay(const char *path)
{
	FILE *in = fopen(path, "rb");
	struct buf input;
	uint8_t *exact;
	size_t n = 1;

	if (!in)
		die("%s: cannot open", path);
	buf_init(&input, MAX_INPUT);
	while (n && buf_reserve(&input, 65536)) {
		n = fread(input.ptr + input.len, 1, 65536, in);
		input.len += n;
	}
	fclose(in);
	/* In memory of just its size, so that a sanitizer sees a byte too far. */
	exact = malloc(input.len ? input.len : 1);
	if (!exact)
		die("out of memory");
	memcpy(exact, input.ptr, input.len);
	LLVMFuzzerTestOneInput(exact, input.len);
	free(exact);
	buf_release(&input);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	return 0;
}
