/*
 * asm: an execution trace from its text form.
 *
 * The text is the reference's raw form (trace format section 11): a line
 * `Trace Go1.NN`, then a line per record, `Name arg=value ...`, with all
 * arguments in the order of the wire. A `#` starts a comment. A Stack is
 * followed by a line per frame, a String or ExperimentalBatch by one line
 * `data="..."`, quoted as in Go; without that line the data is empty.
 *
 * Beyond the reference, for cases written by hand:
 *   size=auto     of an EventBatch: its data lasts to the next batch header,
 *                 EndOfGeneration or EndBatch line; size=auto10 in ten bytes
 *   EndBatch      ends such a batch and writes nothing
 *   Raw           and a data line: these bytes, whatever they mean
 *   arg=-1        2^64-1; and every record is known to every version
 *   Generation gen=N  from 1.26 on ends the one before, then writes a sync batch
 *                 of 1 GHz, strings 1 to 5 and stacks 1 and 2, all at time 1000*N;
 *                 the end of the text ends it, or an EndOfGeneration line
 *   Thread m=M time=T  an EventBatch of that generation with size=auto
 */
#ifndef TESTS_ASM_ASM_H
#define TESTS_ASM_ASM_H

#include "base/buf.h"

/*
 * Append the trace's bytes to `out`, whose maximum bounds them. ST_FORMAT: err
 * names the line. What was written before an error stays in `out`.
 */
MUST_CHECK enum status asm_assemble(struct slice text, struct buf *out, struct err *err);

/*
 * Append the value of a Go string literal in double quotes. False: it is not
 * one. Bytes that are not UTF-8 pass as they are.
 */
bool asm_unquote(struct slice literal, struct buf *out);

#endif /* TESTS_ASM_ASM_H */
