/*
 * notify: tell systemd how the service is (sd_notify(3)), without its library.
 *
 * The protocol is one datagram to the socket named by $NOTIFY_SOCKET. Without one nothing
 * happens.
 */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

#include <stdint.h>

/* Such as "READY=1\nSTATUS=...". What goes wrong is nobody's business. */
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* How often the watchdog of this process wants a sign of life, in ns; 0: there is none. */
uint64_t notify_watchdog_ns(void);

/* A reload began: "RELOADING=1" and the time, as Type=notify-reload wants it. */
void notify_reloading(void);

#endif /* CLI_NOTIFY_H */
