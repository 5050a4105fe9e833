/*
 * completion: the table of commands as completions for shells.
 *
 * Commands, their actions, options, and the words that are values of options; where a file
 * may stand, the shell completes files. The texts of the table are ours: no quoting but for
 * what the shells' own syntax needs. Failures stick in the buffer. `commands` ends with NULL.
 */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "base/buf.h"
#include "cli/cli.h"

void completion_bash(struct buf *b, const struct command *const *commands);
void completion_zsh(struct buf *b, const struct command *const *commands);
void completion_fish(struct buf *b, const struct command *const *commands);

#endif /* CLI_COMPLETION_H */
