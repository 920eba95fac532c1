/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A server that says any bytes at all, for what a good HTTP server would never send. It lives in
 * threads of its own, so that the loop of the test serves nobody but the client. */

/**
 * LampRawEnd:
 * @LAMP_RAW_KEEP: the connection stays, for the next request
 * @LAMP_RAW_CLOSE: the connection is closed
 * @LAMP_RAW_RESET: the connection is torn down
 * @LAMP_RAW_HANG: nothing more comes, until the client leaves
 * @LAMP_RAW_CLOSE_UNREAD: it is closed before the request was read
 * @LAMP_RAW_RESET_UNREAD: it is torn down before the request was read
 *
 * What follows the bytes of an answer. The last two go with no bytes.
 */
typedef enum
{
  LAMP_RAW_KEEP,
  LAMP_RAW_CLOSE,
  LAMP_RAW_RESET,
  LAMP_RAW_HANG,
  LAMP_RAW_CLOSE_UNREAD,
  LAMP_RAW_RESET_UNREAD,
} LampRawEnd;

#define LAMP_TYPE_RAW_SERVER (lamp_raw_server_get_type ())
G_DECLARE_FINAL_TYPE (LampRawServer, lamp_raw_server, LAMP, RAW_SERVER, GObject)

/**
 * lamp_raw_server_new:
 *
 * Returns: (transfer full): a server that listens on 127.0.0.1
 */
LampRawServer *lamp_raw_server_new             (void);

/**
 * lamp_raw_server_get_url:
 *
 * Returns: (transfer none): where it is, http://, without a slash at the end
 */
const char    *lamp_raw_server_get_url         (LampRawServer *self);

/**
 * lamp_raw_server_push:
 * @bytes: (transfer full): the answer, head and all
 * @times: how often they are said; %G_MAXUINT is for ever
 * @pace_ms: how long to wait before each single byte, 0 to say all at once
 * @end: what follows
 *
 * Scripts the answer to one request. A request that finds no answer is closed.
 */
void           lamp_raw_server_push            (LampRawServer *self,
                                                GBytes        *bytes,
                                                guint          times,
                                                guint          pace_ms,
                                                LampRawEnd     end);

/**
 * lamp_raw_server_push_text:
 * @text: the answer, head and all
 *
 * The same for an answer that is said once, at once.
 */
void           lamp_raw_server_push_text       (LampRawServer *self,
                                                const char    *text,
                                                LampRawEnd     end);

/**
 * lamp_raw_server_get_n_connections:
 *
 * Returns: how many connections there were
 */
guint          lamp_raw_server_get_n_connections (LampRawServer *self);

/**
 * lamp_raw_server_get_n_open:
 *
 * Returns: how many connections there are; the main context is woken when one ends
 */
guint          lamp_raw_server_get_n_open      (LampRawServer *self);

/**
 * lamp_raw_server_get_n_requests:
 *
 * Returns: how many requests were read
 */
guint          lamp_raw_server_get_n_requests  (LampRawServer *self);

/**
 * lamp_raw_server_dup_head:
 *
 * Returns: (transfer full): the head of a request, as it came
 */
char          *lamp_raw_server_dup_head        (LampRawServer *self,
                                                guint          index);

G_END_DECLS
