#pragma once

/* The TLS side of the front door: TLS 1.2 and 1.3, a certificate that can be replaced while it serves. */

#include "base/fault.h"

#include <stdbool.h>

struct bufferevent;
struct event_base;
struct tls;

/* tls_without_files: before anything else is asked of OpenSSL: this process reads no PEM file itself (certificates of servers are
   libcurl's), so the texts of what may be wrong with one are not loaded: half a megabyte. What may be wrong with connections has its
   texts. A file that a reload brings is used all the same; of one that is refused the fault says so without OpenSSL's word for it. */
void tls_without_files(void);
/* tls_new: reads both PEM files (the certificate's chain with it). The fault names the file and the cause. */
struct tls *tls_new(const char *cert_file, const char *key_file, struct fault *fault) CHECKED;
/* tls_free: connections that were made with it live on. */
void tls_free(struct tls *tls);
/* tls_accept: for evhttp to put an accepted socket into; owns its socket. NULL when memory is out. */
struct bufferevent *tls_accept(struct tls *tls, struct event_base *base) CHECKED;
/* tls_bye: tells the peer that nothing more is to come; does nothing to a plain bufferevent. */
void tls_bye(struct bufferevent *bev);
