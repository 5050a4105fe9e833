#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status err_set(struct err *err, enum status code, uint64_t offset, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	err->offset = offset;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return code;
}

enum status err_wrap(struct err *err, const char *fmt, ...)
{
	char context[sizeof(err->msg)];
	size_t n;
	va_list ap;

	if (!err)
		return ST_OK;
	va_start(ap, fmt);
	vsnprintf(context, sizeof(context) - 3, fmt, ap);
	va_end(ap);
	n = strlen(context);
	context[n++] = ':';
	context[n++] = ' ';
	/* The context pushes the old text to the right; what does not fit is cut. */
	memmove(err->msg + n, err->msg, sizeof(err->msg) - n);
	memcpy(err->msg, context, n);
	err->msg[sizeof(err->msg) - 1] = '\0';
	return err->code;
}

enum status err_nomem(struct err *err, const char *what)
{
	return err_set(err, ST_NOMEM, ERR_NO_OFFSET, "out of memory for %s", what);
}

enum status err_errno(struct err *err, const char *what)
{
	return err_set(err, ST_IO, ERR_NO_OFFSET, "%s: %s", what, strerror(errno));
}
