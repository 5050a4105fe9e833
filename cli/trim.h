/*
 * trim: memory that only the start needed.
 *
 * Loading, relocating and initialising the libraries touches a good part of their code, and
 * with it the kernel maps what lies around. None of it is needed again for hours: the pages
 * leave the process, stay in the page cache, and come back when they are run.
 */
#ifndef CLI_TRIM_H
#define CLI_TRIM_H

/* Once, when all is started. What fails is no failure. */
void trim_code(void);

#endif /* CLI_TRIM_H */
