/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What may be a server's address, and what is the same server. No socket is touched. */

/**
 * LAMP_URL_FLAGS:
 *
 * How addresses are read: as libsoup reads them, so that both mean the same host.
 */
#define LAMP_URL_FLAGS                                                                            \
  (G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY |              \
   G_URI_FLAGS_ENCODED_FRAGMENT | G_URI_FLAGS_SCHEME_NORMALIZE)

/**
 * lamp_url_parse_server:
 * @url: an address as a person wrote it; space around it doesn't count
 * @allow_insecure: whether http:// may leave this machine
 * @error: return location for a %LAMP_ERROR_INVALID_ARGS that says what is wrong
 *   with @url, without the password that it may hold
 *
 * Returns: (transfer full) (nullable): the address, %NULL with @error set if it is no
 *   server's
 */
GUri    *lamp_url_parse_server (const char  *url,
                                gboolean     allow_insecure,
                                GError     **error);

/**
 * lamp_url_dup_shown:
 * @url: anything, also what can't be read as an address
 *
 * Returns: (transfer full): @url in one line and without what stands before an “@”, which may be
 *   a password
 */
char    *lamp_url_dup_shown    (const char  *url);

/**
 * lamp_url_is_loopback:
 *
 * Whether an address is this machine's by its spelling alone: 127.0.0.0/8, ::1, and the names
 * that GLib's resolver never asks a name server for, localhost and what ends in .localhost.
 * Other spellings of the same are not, since other programs may read them otherwise.
 */
gboolean lamp_url_is_loopback  (GUri        *uri);

/**
 * lamp_url_same_origin:
 *
 * Returns: whether scheme, host and port are the same
 */
gboolean lamp_url_same_origin  (GUri        *a,
                                GUri        *b);

/**
 * lamp_url_dup_origin:
 *
 * Returns: (transfer full): scheme, host and port, in one spelling for each origin
 */
char    *lamp_url_dup_origin   (GUri        *uri);

G_END_DECLS
