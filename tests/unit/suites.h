/*
 * suites: every unit test suite of the program.
 *
 * tests/unit/test_<module>.c tests <module> through its header alone and
 * exports one function that builds its suite; tests/unit/main.c lists it. A
 * suite prints nothing when it passes, except its seed and one SKIP line if it
 * cannot run.
 */
#ifndef TESTS_UNIT_SUITES_H
#define TESTS_UNIT_SUITES_H

#include <check.h>

Suite *asm_suite(void);
Suite *backoff_suite(void);
Suite *buf_suite(void);
Suite *classify_suite(void);
Suite *compress_suite(void);
Suite *config_suite(void);
Suite *context_suite(void);
Suite *cursor_suite(void);
Suite *damage_suite(void);
Suite *delivery_suite(void);
Suite *dist_suite(void);
Suite *endpoint_suite(void);
Suite *environ_suite(void);
Suite *err_suite(void);
Suite *file_out_suite(void);
Suite *folder_suite(void);
Suite *inbox_suite(void);
Suite *json_text_suite(void);
Suite *kept_file_suite(void);
Suite *listener_suite(void);
Suite *landlock_suite(void);
Suite *late_suite(void);
Suite *log_suite(void);
Suite *look_suite(void);
Suite *frontier_suite(void);
Suite *generation_suite(void);
Suite *gotext_suite(void);
Suite *grpc_suite(void);
Suite *header_suite(void);
Suite *ids_suite(void);
Suite *idset_suite(void);
Suite *map_suite(void);
Suite *mapper_suite(void);
Suite *mapper_clock_suite(void);
Suite *mapper_ids_suite(void);
Suite *mapper_limits_suite(void);
Suite *mapper_memory_suite(void);
Suite *mapper_random_suite(void);
Suite *mapper_waits_suite(void);
Suite *metrics_suite(void);
Suite *node_suite(void);
Suite *num_suite(void);
Suite *otlp_batch_suite(void);
Suite *otlp_json_suite(void);
Suite *otlp_reply_suite(void);
Suite *otlp_split_suite(void);
Suite *otlp_transcode_suite(void);
Suite *queue_damage_suite(void);
Suite *queue_file_suite(void);
Suite *queue_random_suite(void);
Suite *queue_suite(void);
Suite *residency_suite(void);
Suite *retry_suite(void);
Suite *rules_suite(void);
Suite *salvage_suite(void);
Suite *sampler_suite(void);
Suite *schema_suite(void);
Suite *sender_suite(void);
Suite *sender_time_suite(void);
Suite *sent_suite(void);
Suite *source_suite(void);
Suite *span_file_suite(void);
Suite *span_limit_suite(void);
Suite *stackpool_suite(void);
Suite *starved_suite(void);
Suite *stats_suite(void);
Suite *stats_print_suite(void);
Suite *stream_suite(void);
Suite *subst_suite(void);
Suite *tables_suite(void);
Suite *timesort_suite(void);
Suite *transport_suite(void);
Suite *transport_links_suite(void);
Suite *utf8_suite(void);
Suite *watch_suite(void);

#endif /* TESTS_UNIT_SUITES_H */
