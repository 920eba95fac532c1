/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* A team server for tests that does what it is told. It lives in the main context
 * of the test, on 127.0.0.1, so nothing happens before that context is iterated.
 *
 * A batch is answered by the first script line that was pushed and not used yet, or
 * else as a good server would: everything is accepted. Rules (token, limits, ids to
 * reject, a culprit) stand between: they hold for every batch that no line answers. */

/**
 * LampFakeDialect:
 * @LAMP_FAKE_DIALECT_LISTS: {"accepted":[…],"rejected":[…]}
 * @LAMP_FAKE_DIALECT_EVENT_IDS: {"accepted_event_ids":[…],"rejected_events":[{…}]}
 * @LAMP_FAKE_DIALECT_RESULTS: {"results":[{"event_id":…,"status":…}]}
 *
 * In which words an answer names events; servers of three ages exist.
 */
typedef enum
{
  LAMP_FAKE_DIALECT_LISTS = 1,
  LAMP_FAKE_DIALECT_EVENT_IDS,
  LAMP_FAKE_DIALECT_RESULTS,
} LampFakeDialect;

/**
 * LampFakeBreak:
 * @LAMP_FAKE_BREAK_CUT: the events are taken and the right answer's JSON is cut in half
 * @LAMP_FAKE_BREAK_HTML: nothing is taken; 200 with a page, as a captive portal sends
 * @LAMP_FAKE_BREAK_LOST: the events are taken and the connection closed without an answer
 * @LAMP_FAKE_BREAK_CLOSE: nothing is taken and the connection closed without an answer
 * @LAMP_FAKE_BREAK_SILENCE: nothing is taken and no answer ever comes
 *
 * How an exchange may go wrong on the way.
 */
typedef enum
{
  LAMP_FAKE_BREAK_CUT,
  LAMP_FAKE_BREAK_HTML,
  LAMP_FAKE_BREAK_LOST,
  LAMP_FAKE_BREAK_CLOSE,
  LAMP_FAKE_BREAK_SILENCE,
} LampFakeBreak;

/**
 * LampFakeRequest:
 * @method: the method
 * @path: path and query as sent
 * @headers: all headers
 * @body: the bytes as they came, compressed or not
 * @event_ids: the ids of the events in a batch, in order
 * @is_batch: whether it went to the batch path
 * @version: of HTTP
 * @port: the client's; another one is another connection
 * @time: monotonic time at which it was complete, µs
 *
 * One request as it was received.
 */
typedef struct
{
  char *method;
  char *path;
  SoupMessageHeaders *headers;
  GBytes *body;
  char **event_ids;
  gboolean is_batch;
  SoupHTTPVersion version;
  guint port;
  gint64 time;
} LampFakeRequest;

/**
 * LampFakeAnswer:
 *
 * One line of the script, to be refined before it is used. Belongs to the server.
 */
typedef struct _LampFakeAnswer LampFakeAnswer;

#define LAMP_TYPE_FAKE_SERVER (lamp_fake_server_get_type ())
G_DECLARE_FINAL_TYPE (LampFakeServer, lamp_fake_server, LAMP, FAKE_SERVER, GObject)

LampFakeServer        *lamp_fake_server_new            (void);
LampFakeServer        *lamp_fake_server_new_tls        (GTlsCertificate    *certificate);

const char            *lamp_fake_server_get_url        (LampFakeServer     *self);

/* Up and down */

void                   lamp_fake_server_start          (LampFakeServer     *self);
void                   lamp_fake_server_stop           (LampFakeServer     *self);
void                   lamp_fake_server_set_certificate (LampFakeServer    *self,
                                                         GTlsCertificate   *certificate);

/* The script of the batches */

LampFakeAnswer        *lamp_fake_server_push_accept    (LampFakeServer     *self);
LampFakeAnswer        *lamp_fake_server_push_reject    (LampFakeServer     *self,
                                                        const char *const  *event_ids,
                                                        const char         *code,
                                                        const char         *text);
LampFakeAnswer        *lamp_fake_server_push_ignore    (LampFakeServer     *self,
                                                        const char *const  *event_ids);
LampFakeAnswer        *lamp_fake_server_push_results   (LampFakeServer     *self,
                                                        const char         *verdict);
LampFakeAnswer        *lamp_fake_server_push_status    (LampFakeServer     *self,
                                                        guint               status,
                                                        const char         *body);
LampFakeAnswer        *lamp_fake_server_push_redirect  (LampFakeServer     *self,
                                                        const char         *location);
LampFakeAnswer        *lamp_fake_server_push_throttled (LampFakeServer     *self,
                                                        guint               status,
                                                        const char         *retry_after);
LampFakeAnswer        *lamp_fake_server_push_broken    (LampFakeServer     *self,
                                                        LampFakeBreak       how);

void                   lamp_fake_answer_set_dialect    (LampFakeAnswer     *answer,
                                                        LampFakeDialect     dialect);
void                   lamp_fake_answer_set_header     (LampFakeAnswer     *answer,
                                                        const char         *name,
                                                        const char         *value);
void                   lamp_fake_answer_set_delay      (LampFakeAnswer     *answer,
                                                        guint               delay_ms);
void                   lamp_fake_answer_set_times      (LampFakeAnswer     *answer,
                                                        guint               times);

/* Rules for the batches that no line of the script answers */

void                   lamp_fake_server_set_dialect    (LampFakeServer     *self,
                                                        LampFakeDialect     dialect);
void                   lamp_fake_server_set_token      (LampFakeServer     *self,
                                                        const char         *token);
void                   lamp_fake_server_set_limits     (LampFakeServer     *self,
                                                        guint               max_events,
                                                        gsize               max_bytes);
void                   lamp_fake_server_set_culprit    (LampFakeServer     *self,
                                                        const char         *event_id,
                                                        guint               status);
void                   lamp_fake_server_set_delay      (LampFakeServer     *self,
                                                        guint               delay_ms);
void                   lamp_fake_server_reject_id      (LampFakeServer     *self,
                                                        const char         *event_id,
                                                        const char         *code,
                                                        const char         *text);

/* Health */

void                   lamp_fake_server_set_health     (LampFakeServer     *self,
                                                        guint               status,
                                                        const char         *body);
void                   lamp_fake_server_set_gzip       (LampFakeServer     *self,
                                                        gboolean            offered);

/* What was received */

guint                  lamp_fake_server_get_n_requests (LampFakeServer     *self);
const LampFakeRequest *lamp_fake_server_get_request    (LampFakeServer     *self,
                                                        guint               index);
guint                  lamp_fake_server_get_n_connections (LampFakeServer  *self);
guint                  lamp_fake_server_get_n_batches  (LampFakeServer     *self);
const LampFakeRequest *lamp_fake_server_get_batch      (LampFakeServer     *self,
                                                        guint               index);
guint                  lamp_fake_server_get_n_doubles  (LampFakeServer     *self);
char                 **lamp_fake_server_dup_ids        (LampFakeServer     *self);
gboolean               lamp_fake_server_wait_batches   (LampFakeServer     *self,
                                                        guint               n_batches);

G_END_DECLS
