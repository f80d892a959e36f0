#pragma once

/* The sd_notify protocol (systemd's sd_notify(3)): datagrams to $NOTIFY_SOCKET. Without that variable nothing happens. */

/* notify_send: "READY=1", "STOPPING=1", ...; lines separated by '\n'. */
void notify_send(const char *state);
/* notify_reloading: "RELOADING=1" with the monotonic time that systemd wants beside it. */
void notify_reloading(void);
