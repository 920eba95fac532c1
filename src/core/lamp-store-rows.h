/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-filter.h"
#include "lamp-import.h"
#include "lamp-row.h"
#include "lamp-store.h"

G_BEGIN_DECLS

/* The statements on events, one function each. For jobs on the store's thread; all of them fail
 * with LAMP_ERROR_STORAGE and nothing else. */

/* How many events are pending or failed. */
gboolean lamp_store_count_undelivered (LampStore   *store,
                                       guint64     *count,
                                       GError     **error);

/* Called with the envelope of a row. */
typedef void (*LampEnvelopeFunc)      (const char  *envelope,
                                       gsize        length,
                                       gpointer     user_data);

/* Walks the envelopes of all rows behind @after, and of those that another program has rewritten,
 * which are forgotten as such. @last: the last row there is. */
gboolean lamp_store_walk_foreign      (LampStore        *store,
                                       gint64            after,
                                       LampEnvelopeFunc  func,
                                       gpointer          user_data,
                                       gint64           *last,
                                       GError          **error);

/* Adds a pending event. @now: Unix seconds. */
gboolean lamp_store_insert            (LampStore   *store,
                                       const char  *event_id,
                                       const char  *event_type,
                                       const char  *envelope,
                                       gsize        length,
                                       gint64       now,
                                       GError     **error);

/* The row that was inserted last. */
gint64   lamp_store_get_last_id       (LampStore   *store);

/* Remembers the mission of the event that was inserted last, where its envelope doesn't tell it. */
gboolean lamp_store_set_last_mission  (LampStore   *store,
                                       const char  *mission_id,
                                       GError     **error);

/* Whether an event is in the queue or the history, and whether it has these very bytes there. */
gboolean lamp_store_compare           (LampStore   *store,
                                       const char  *event_id,
                                       const char  *envelope,
                                       gsize        length,
                                       gboolean    *known,
                                       gboolean    *same,
                                       GError     **error);

/* Adds an event of another file as it stood there. @now: Unix seconds, where it has no time. */
gboolean lamp_store_insert_imported   (LampStore          *store,
                                       const LampImported *event,
                                       gint64              now,
                                       GError            **error);

/* Called with each pending row; @event_id is the column's. Return FALSE to stop. */
typedef gboolean (*LampPendingFunc)   (gint64       id,
                                       gint64       revision,
                                       const char  *event_id,
                                       const char  *envelope,
                                       gsize        length,
                                       gpointer     user_data);

/* Walks the pending rows behind @after and up to @until, oldest first, leaving out @skip. */
gboolean lamp_store_walk_pending      (LampStore      *store,
                                       gint64          after,
                                       gint64          until,
                                       GArray         *skip,
                                       LampPendingFunc func,
                                       gpointer        user_data,
                                       GError        **error);

/* The number by which rows remember a server; made when it is new. */
gboolean lamp_store_get_server        (LampStore   *store,
                                       const char  *origin,
                                       gint64      *server,
                                       GError     **error);

/* Sets a pending row that still has @revision to delivered; @changed tells whether it had. */
gboolean lamp_store_mark_delivered    (LampStore   *store,
                                       gint64       id,
                                       gint64       revision,
                                       gint64       server,
                                       gint64       now,
                                       gboolean    *changed,
                                       GError     **error);

gboolean lamp_store_set_last_delivery (LampStore   *store,
                                       gint64       server,
                                       gint64       now,
                                       GError     **error);

/* @last: (out) (nullable) (transfer full): the server that took an event last.
 * @agreed: whether events may go to @origin all the same; @pending: whether there are any. */
gboolean lamp_store_get_last_server   (LampStore   *store,
                                       const char  *origin,
                                       char       **last,
                                       gboolean    *agreed,
                                       gboolean    *pending,
                                       GError     **error);

/* @server: 0 for none. */
gboolean lamp_store_set_agreed_server (LampStore   *store,
                                       gint64       server,
                                       GError     **error);

/* Sets a pending row that still has @revision to failed.
 * @retries: what to add to its retry count.  */
gboolean lamp_store_mark_failed       (LampStore   *store,
                                       gint64       id,
                                       gint64       revision,
                                       const char  *code,
                                       const char  *message,
                                       guint        retries,
                                       gint64       now,
                                       gboolean    *changed,
                                       GError     **error);

/* Failed → pending. @event_id: NULL for all. Adds to @count. */
gboolean lamp_store_resend            (LampStore   *store,
                                       const char  *event_id,
                                       guint       *count,
                                       GError     **error);

/* Deletes a failed event. Adds to @count. */
gboolean lamp_store_discard           (LampStore   *store,
                                       const char  *event_id,
                                       guint       *count,
                                       GError     **error);

/* Called with each row of a walk, which it takes; return FALSE to stop. */
typedef gboolean (*LampRowFunc)       (LampRow     *row,
                                       gpointer     user_data);

/* Looks at up to @limit rows below @before, newest first, over the shared table and the history,
 * and hands on those that @filter lets through. @last: the last row looked at, 0 at the end. */
gboolean lamp_store_walk_rows         (LampStore        *store,
                                       const LampFilter *filter,
                                       gint64            before,
                                       guint             limit,
                                       LampRowFunc       func,
                                       gpointer          user_data,
                                       gint64           *last,
                                       GError          **error);

/* @row: (out) (nullable): NULL if there is no such event. */
gboolean lamp_store_find              (LampStore   *store,
                                       const char  *event_id,
                                       LampRow    **row,
                                       GError     **error);

/* Moves up to @limit delivered rows to the history. Rows that the history would prune at once,
 * because it may hold no more than @history_events, are deleted without a copy. */
gboolean lamp_store_move_settled      (LampStore   *store,
                                       guint        limit,
                                       guint        history_events,
                                       guint       *moved,
                                       GError     **error);

/* Deletes up to @limit events of the history that are older than @oldest (Unix µs) or too many. */
gboolean lamp_store_prune_history     (LampStore   *store,
                                       guint        limit,
                                       gint64       oldest,
                                       guint        history_events,
                                       guint       *pruned,
                                       GError     **error);

/* Gives up to @limit unused pages back to the disk, but keeps some for the rows to come. A file that
 * another program has made may not be able to; its unused pages are used again, and that is all. */
gboolean lamp_store_vacuum            (LampStore   *store,
                                       guint        limit,
                                       guint       *freed,
                                       GError     **error);

G_END_DECLS
