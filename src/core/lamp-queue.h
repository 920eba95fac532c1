/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-batch.h"
#include "lamp-event.h"
#include "lamp-filter.h"
#include "lamp-outcome.h"
#include "lamp-row.h"
#include "lamp-tally.h"

G_BEGIN_DECLS

#define LAMP_TYPE_QUEUE (lamp_queue_get_type ())

/**
 * LampQueue:
 *
 * The events that are not delivered yet, and for a while those that are: what
 * the rest of the program talks to. It keeps the file's rules (section 4 of the
 * specification) and tells of every change.
 *
 * Each operation comes twice: plain, which waits for the disk and is for programs
 * without a main loop, and _async, which doesn't. Both run the same job on the
 * store's thread. The tally is up to date before an operation answers.
 *
 * Where nothing else is said, operations fail with %LAMP_ERROR_STORAGE when the
 * file can't be used; nothing has changed then.
 *
 * What it guarantees, beside what its store does (see LampStore):
 *
 * - An append is all or none, and durable when it is answered. Clock tick, ULID and
 *   row are one transaction in every process: both strictly rise, no value is given
 *   twice, and the order of the rows is the order of the clocks.
 * - Nothing that is not delivered is ever thrown away to make room: a full queue
 *   refuses. Only lamp_queue_discard() deletes, and only what is failed.
 * - That an event was delivered is durable in the commit that records the answer. An
 *   answer counts only for a row that is still as it was sent (same row, same id,
 *   same bytes); another stays pending and is sent as it is now. After a kill a batch
 *   may be sent again, never forgotten.
 * - The same event again is no second event: with the same bytes it is accepted
 *   silently, with others it is refused and nothing is replaced.
 * - The file is the other tool's too. A row that it inserts or replaces is a new
 *   pending event, one that it deletes is gone, its clocks count as received; while
 *   lamp_queue_watch() is on, all of this is noticed within 2 seconds.
 * - A row whose data is no envelope is logged and set to failed, with the code
 *   "corrupt"; those behind it go on.
 * - The history never holds more than was asked for once lamp_queue_tidy() has ended.
 * - The tally is what a full count would give, whoever wrote the rows.
 *
 * Signals, all on the thread that made the queue:
 *   "changed" (): the tally is another one.
 *   "rewritten" (): rows came or changed that "appended" doesn’t tell: another program
 *     has written to the file, a file was imported, failed events are pending again.
 *   "appended" (GPtrArray of LampReceipt): events were stored through this object.
 *   "delivered" (char **ids): events were taken by the server.
 *   "failed" (GPtrArray of LampRefusal): events were set to failed.
 */
G_DECLARE_FINAL_TYPE (LampQueue, lamp_queue, LAMP, QUEUE, GObject)

/**
 * LampReceipt:
 * @event: (owned): what was stored
 * @event_id: the ULID it was given
 * @lamport_clock: the clock it was given
 */
typedef struct
{
  LampEvent *event;
  char *event_id;
  gint64 lamport_clock;
} LampReceipt;

/**
 * LampRefusal:
 * @event_id: (owned): the event
 * @code: (owned): a short name for the reason
 * @message: (owned): the reason
 */
typedef struct
{
  char *event_id;
  char *code;
  char *message;
} LampRefusal;

/**
 * LampImportReport:
 * @imported: how many events were added
 * @skipped: how many were there already, delivered, or can't be imported
 * @problems: (owned) (element-type utf8): what can't be imported, by line or row, and
 *   why; the first %LAMP_IMPORT_PROBLEMS_MAX
 * @n_problems: how many there were
 *
 * What has become of a file that was imported.
 */
typedef struct
{
  guint imported;
  guint skipped;
  GPtrArray *problems;
  guint n_problems;
} LampImportReport;

#define LAMP_IMPORT_PROBLEMS_MAX 100

void             lamp_import_report_free       (LampImportReport     *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampImportReport, lamp_import_report_free)

/**
 * LampImportFunc:
 * @report: what was done until now
 * @progress: how much of the file was read, 0 to 1
 */
typedef void   (*LampImportFunc)               (const LampImportReport *report,
                                                double                  progress,
                                                gpointer                user_data);

/**
 * LampPage:
 * @rows: (owned) (element-type LampRow): the newest first
 * @next_cursor: where the next page starts, 0 at the end
 */
typedef struct
{
  GPtrArray *rows;
  gint64 next_cursor;
} LampPage;

void             lamp_page_free                (LampPage             *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampPage, lamp_page_free)

/**
 * lamp_queue_new:
 * @path: the queue's file
 * @node_id: (nullable): this installation's node, or %NULL for the default one
 *
 * Returns: (transfer full): a queue; its file is opened by lamp_queue_open() or
 *   by the first operation
 */
LampQueue       *lamp_queue_new                (const char           *path,
                                                const char           *node_id);

/**
 * lamp_queue_open:
 *
 * Opens, migrates and counts, in time that doesn't depend on the queue's length.
 * Reads the clock file of the spec-kitty command line beside the queue.
 */
gboolean         lamp_queue_open               (LampQueue            *self,
                                                GError              **error);

void             lamp_queue_open_async         (LampQueue            *self,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

gboolean         lamp_queue_open_finish        (LampQueue            *self,
                                                GAsyncResult         *result,
                                                GError              **error);

const char      *lamp_queue_get_path           (LampQueue            *self);

const char      *lamp_queue_get_node_id        (LampQueue            *self);

/**
 * lamp_queue_get_tally:
 *
 * Returns: (transfer none): the numbers as of the last operation or change noticed
 */
const LampTally *lamp_queue_get_tally          (LampQueue            *self);

/**
 * lamp_queue_dup_notice:
 *
 * Returns: (transfer full) (nullable): what a person must be told of the file:
 *   that it was damaged, what could be saved, and where the damaged one is
 */
char            *lamp_queue_dup_notice         (LampQueue            *self);

guint64          lamp_queue_get_capacity       (LampQueue            *self);

/**
 * lamp_queue_is_nearly_full:
 *
 * Returns: whether undelivered events take four fifths of the capacity: time to tell
 *   somebody, for a full queue refuses events
 */
gboolean         lamp_queue_is_nearly_full     (LampQueue            *self);

/**
 * lamp_queue_set_capacity:
 * @capacity: pending and failed events the queue takes; a full one refuses more
 */
void             lamp_queue_set_capacity       (LampQueue            *self,
                                                guint64               capacity);

/**
 * lamp_queue_set_history:
 * @days: how long delivered events are kept
 * @events: how many
 */
void             lamp_queue_set_history        (LampQueue            *self,
                                                guint                 days,
                                                guint                 events);

/**
 * lamp_queue_append:
 * @events: (element-type LampEvent): what to store, all or none, in this order
 * @error: return location for %LAMP_ERROR_QUEUE_FULL, %LAMP_ERROR_INVALID_EVENT
 *   (an envelope is too long) or %LAMP_ERROR_STORAGE
 *
 * Gives each event its id and its clock and stores it. When this answers, the
 * events survive a power cut.
 *
 * Returns: (transfer full) (element-type LampReceipt) (nullable): one for each event
 */
GPtrArray       *lamp_queue_append             (LampQueue            *self,
                                                GPtrArray            *events,
                                                GError              **error);

void             lamp_queue_append_async       (LampQueue            *self,
                                                GPtrArray            *events,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

GPtrArray       *lamp_queue_append_finish      (LampQueue            *self,
                                                GAsyncResult         *result,
                                                GError              **error);

/**
 * lamp_queue_list:
 * @filter: which events
 * @cursor: 0, or what the page before gave
 * @limit: rows, 1 to %LAMP_LIST_MAX
 *
 * Returns: (transfer full) (nullable): a page
 */
LampPage        *lamp_queue_list               (LampQueue            *self,
                                                const LampFilter     *filter,
                                                gint64                cursor,
                                                guint                 limit,
                                                GError              **error);

void             lamp_queue_list_async         (LampQueue            *self,
                                                const LampFilter     *filter,
                                                gint64                cursor,
                                                guint                 limit,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

LampPage        *lamp_queue_list_finish        (LampQueue            *self,
                                                GAsyncResult         *result,
                                                GError              **error);

/**
 * lamp_queue_get:
 * @event_id: an event, delivered or not
 * @error: return location for %LAMP_ERROR_NOT_FOUND or %LAMP_ERROR_STORAGE
 *
 * Returns: (transfer full) (nullable): the event
 */
LampRow         *lamp_queue_get                (LampQueue            *self,
                                                const char           *event_id,
                                                GError              **error);

void             lamp_queue_get_async          (LampQueue            *self,
                                                const char           *event_id,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

LampRow         *lamp_queue_get_finish         (LampQueue            *self,
                                                GAsyncResult         *result,
                                                GError              **error);

/**
 * lamp_queue_resend:
 * @event_ids: (nullable) (array zero-terminated=1): failed events, %NULL for all
 * @count: (out): how many were failed and are pending again
 */
gboolean         lamp_queue_resend             (LampQueue            *self,
                                                const char *const    *event_ids,
                                                guint                *count,
                                                GError              **error);

void             lamp_queue_resend_async       (LampQueue            *self,
                                                const char *const    *event_ids,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

gboolean         lamp_queue_resend_finish      (LampQueue            *self,
                                                GAsyncResult         *result,
                                                guint                *count,
                                                GError              **error);

/**
 * lamp_queue_discard:
 * @event_ids: (array zero-terminated=1): failed events
 * @count: (out): how many were failed and are gone now
 */
gboolean         lamp_queue_discard            (LampQueue            *self,
                                                const char *const    *event_ids,
                                                guint                *count,
                                                GError              **error);

void             lamp_queue_discard_async      (LampQueue            *self,
                                                const char *const    *event_ids,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

gboolean         lamp_queue_discard_finish     (LampQueue            *self,
                                                GAsyncResult         *result,
                                                guint                *count,
                                                GError              **error);

/**
 * lamp_queue_observe_async:
 * @received: a clock that came from elsewhere
 *
 * Moves this node's clock past @received (section 5 of the specification). A
 * value below 0 or above 2^53 is %LAMP_ERROR_INVALID_EVENT.
 */
void             lamp_queue_observe_async      (LampQueue            *self,
                                                gint64                received,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

gboolean         lamp_queue_observe_finish     (LampQueue            *self,
                                                GAsyncResult         *result,
                                                gint64               *clock,
                                                GError              **error);

/**
 * lamp_queue_read_batch_async:
 * @after: only rows behind this one
 * @until: only rows up to this one; %G_MAXINT64 for all
 * @skip: (nullable) (element-type gint64): rows to leave out, ascending
 * @max_events: events, at least 1
 * @max_bytes: bytes of the body; an event that is longer goes alone
 *
 * Reads the oldest pending events as the body of a request. Rows that are no
 * envelope, or that are longer than %LAMP_BATCH_MAX_BYTES allows, are set to failed
 * on the way ("failed" is emitted) and left out.
 */
void             lamp_queue_read_batch_async   (LampQueue            *self,
                                                gint64                after,
                                                gint64                until,
                                                GArray               *skip,
                                                guint                 max_events,
                                                gsize                 max_bytes,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

/**
 * lamp_queue_read_batch_finish:
 * @n_failed: (out) (optional): how many rows were set to failed, also where @error is set
 *
 * Returns: (transfer full) (nullable): a batch, empty if nothing is left; %NULL
 *   with @error set
 */
LampBatch       *lamp_queue_read_batch_finish  (LampQueue            *self,
                                                GAsyncResult         *result,
                                                guint                *n_failed,
                                                GError              **error);

/**
 * lamp_queue_settle_async:
 * @batch: what was sent
 * @outcome: what the server said of it, a verdict for each event
 * @origin: the server that answered
 *
 * Records an answer in one transaction. It counts only for rows that are as they
 * were sent; "delivered" and "failed" name those.
 */
void             lamp_queue_settle_async       (LampQueue            *self,
                                                LampBatch            *batch,
                                                const LampOutcome    *outcome,
                                                const char           *origin,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

/**
 * lamp_queue_settle_finish:
 * @n_delivered: (out) (optional): how many rows are delivered by it
 * @n_failed: (out) (optional): how many are failed by it
 */
gboolean         lamp_queue_settle_finish      (LampQueue            *self,
                                                GAsyncResult         *result,
                                                guint                *n_delivered,
                                                guint                *n_failed,
                                                GError              **error);

/**
 * lamp_queue_check_server:
 * @origin: the server that events are to go to
 * @last: (out) (nullable) (transfer full): the server that took the last event, where
 *   consent is wanted; otherwise %NULL
 *
 * Tells whether pending events may go to a server (section 6 of the specification): yes if
 * it took the last one, if none was ever taken, or if it was agreed to. Where nothing is
 * pending it is agreed to by this. Going back to the server that took the last event takes
 * back what was agreed to. All of this survives a restart.
 */
gboolean         lamp_queue_check_server       (LampQueue            *self,
                                                const char           *origin,
                                                char                **last,
                                                GError              **error);

void             lamp_queue_check_server_async (LampQueue            *self,
                                                const char           *origin,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

gboolean         lamp_queue_check_server_finish (LampQueue           *self,
                                                GAsyncResult         *result,
                                                char                **last,
                                                GError              **error);

/**
 * lamp_queue_agree_to_server_async:
 * @origin: a server
 *
 * Somebody has consented: pending events may go there.
 */
void             lamp_queue_agree_to_server_async (LampQueue         *self,
                                                const char           *origin,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

gboolean         lamp_queue_agree_to_server_finish (LampQueue        *self,
                                                GAsyncResult         *result,
                                                GError              **error);

/**
 * lamp_queue_flush_async:
 *
 * Answered when everything that was handed in before has been.
 */
void             lamp_queue_flush_async        (LampQueue            *self,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

void             lamp_queue_flush_finish       (LampQueue            *self,
                                                GAsyncResult         *result);

/**
 * lamp_queue_tidy:
 *
 * Moves what was delivered out of the shared table into the history and prunes
 * that, in small steps, while nothing else waits. Called when a pass ends.
 */
void             lamp_queue_tidy               (LampQueue            *self);

/**
 * lamp_queue_watch:
 *
 * From now on notices what other programs do to the queue's file ("changed" and
 * "rewritten"), and new clocks in the spec-kitty command line's clock file. Needs a main loop.
 */
void             lamp_queue_watch              (LampQueue            *self);

/**
 * lamp_queue_import:
 * @path: another queue's file, or lines of envelopes; neither it nor what lies beside it
 *   is changed
 * @progress: (nullable) (scope call): told after each part of the file
 * @error: return location for %LAMP_ERROR_NOT_FOUND (no such file), %LAMP_ERROR_INVALID_ARGS
 *   (not a file of that kind, or this queue itself), %LAMP_ERROR_QUEUE_FULL or
 *   %LAMP_ERROR_STORAGE
 *
 * Adds the events of a file (section 7 of the specification, Import) in parts of at most
 * 500; each part is one transaction, and between two of them others have their turn.
 * Delivered ones are left out, failed ones stay failed. An id that the queue or the
 * history has already is left out, with a problem if its bytes are others; so twice is
 * harmless. After an error the parts before are kept, and its message says how many
 * events that were. "rewritten" is emitted for each part that added something.
 *
 * Returns: (transfer full) (nullable): what was done
 */
LampImportReport *lamp_queue_import            (LampQueue            *self,
                                                const char           *path,
                                                LampImportFunc        progress,
                                                gpointer              progress_data,
                                                GError              **error);

/**
 * lamp_queue_import_async:
 * @progress: (nullable): as of lamp_queue_import(), until it is answered
 */
void             lamp_queue_import_async       (LampQueue            *self,
                                                const char           *path,
                                                LampImportFunc        progress,
                                                gpointer              progress_data,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);

LampImportReport *lamp_queue_import_finish     (LampQueue            *self,
                                                GAsyncResult         *result,
                                                GError              **error);

/**
 * lamp_queue_dup_default_path:
 *
 * Returns: (transfer full): queue.db in $SPEC_KITTY_HOME, or else in ~/.spec-kitty
 */
char            *lamp_queue_dup_default_path   (void);

G_END_DECLS
