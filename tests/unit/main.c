#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suites.h"

/* One line a module; the name is what TEST= selects. */
/* clang-format off */
static const struct {
	const char *name;
	Suite *(*make)(void);
} suites[] = {
	{ "asm", asm_suite },
	{ "backoff", backoff_suite },
	{ "buf", buf_suite },
	{ "classify", classify_suite },
	{ "compress", compress_suite },
	{ "config", config_suite },
	{ "context", context_suite },
	{ "cursor", cursor_suite },
	{ "damage", damage_suite },
	{ "delivery", delivery_suite },
	{ "dist", dist_suite },
	{ "endpoint", endpoint_suite },
	{ "environ", environ_suite },
	{ "err", err_suite },
	{ "file_out", file_out_suite },
	{ "folder", folder_suite },
	{ "inbox", inbox_suite },
	{ "json_text", json_text_suite },
	{ "kept_file", kept_file_suite },
	{ "listener", listener_suite },
	{ "landlock", landlock_suite },
	{ "late", late_suite },
	{ "log", log_suite },
	{ "look", look_suite },
	{ "frontier", frontier_suite },
	{ "generation", generation_suite },
	{ "gotext", gotext_suite },
	{ "grpc", grpc_suite },
	{ "header", header_suite },
	{ "ids", ids_suite },
	{ "idset", idset_suite },
	{ "map", map_suite },
	{ "mapper", mapper_suite },
	{ "mapper_clock", mapper_clock_suite },
	{ "mapper_ids", mapper_ids_suite },
	{ "mapper_limits", mapper_limits_suite },
	{ "mapper_memory", mapper_memory_suite },
	{ "mapper_random", mapper_random_suite },
	{ "mapper_waits", mapper_waits_suite },
	{ "metrics", metrics_suite },
	{ "node", node_suite },
	{ "num", num_suite },
	{ "otlp_batch", otlp_batch_suite },
	{ "otlp_json", otlp_json_suite },
	{ "otlp_reply", otlp_reply_suite },
	{ "otlp_split", otlp_split_suite },
	{ "otlp_transcode", otlp_transcode_suite },
	{ "queue", queue_suite },
	{ "queue_damage", queue_damage_suite },
	{ "queue_file", queue_file_suite },
	{ "queue_random", queue_random_suite },
	{ "residency", residency_suite },
	{ "retry", retry_suite },
	{ "rules", rules_suite },
	{ "salvage", salvage_suite },
	{ "sampler", sampler_suite },
	{ "schema", schema_suite },
	{ "sender", sender_suite },
	{ "sender_time", sender_time_suite },
	{ "sent", sent_suite },
	{ "source", source_suite },
	{ "span_file", span_file_suite },
	{ "span_limit", span_limit_suite },
	{ "stackpool", stackpool_suite },
	{ "starved", starved_suite },
	{ "stats", stats_suite },
	{ "stats_print", stats_print_suite },
	{ "stream", stream_suite },
	{ "subst", subst_suite },
	{ "tables", tables_suite },
	{ "timesort", timesort_suite },
	{ "transport", transport_suite },
	{ "transport_links", transport_links_suite },
	{ "utf8", utf8_suite },
	{ "watch", watch_suite },
};
/* clang-format on */

/* Runs all suites, or the one that TEST names. CK_FORK and CK_VERBOSITY are libcheck's. */
int main(void)
{
	const char *only = getenv("TEST");
	SRunner *runner = srunner_create(NULL);
	int found = 0;
	int failed;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		if (only && *only && strcmp(only, suites[i].name) != 0)
			continue;
		srunner_add_suite(runner, suites[i].make());
		found++;
	}
	if (!found) {
		fprintf(stderr, "unit: no suite is named %s\n", only ? only : "");
		srunner_free(runner);
		return 2;
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
