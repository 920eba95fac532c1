/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-queue.h"

#include "lamp-clock.h"
#include "lamp-error.h"
#include "lamp-node.h"
#include "lamp-queue-private.h"
#include "lamp-store-private.h"
#include "lamp-store-rows.h"
#include "lamp-ulid.h"
#include "lamp-watch.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#define DEFAULT_CAPACITY 100000
#define DEFAULT_HISTORY_DAYS 7
#define DEFAULT_HISTORY_EVENTS 10000

/* Rows that a list looks at, and that housekeeping moves, before other jobs get their turn. */
#define LIST_SLICE 2000
#define TIDY_SLICE 250

/* Rows behind the limit of the history that may wait in the shared table while a pass runs. */
#define TIDY_SLACK 1000

/* Rows without a readable envelope that are set to failed together. */
#define UNFIT_MAX 250

/* Bytes of an id that a message quotes: ours have 26. */
#define NOT_FOUND_QUOTE_MAX 64

/* One operation: what runs on the store's thread, and what follows on the caller's. */
typedef struct _Job Job;

struct _Job
{
  LampStoreMode mode;
  LampStoreFunc run;

  /* (nullable) After a run that succeeded; FALSE asks for another run. */
  gboolean (*done) (LampQueue *self, Job *job);

  GPtrArray *events;       /* (owned) (nullable) append */
  GPtrArray *receipts;     /* (owned) (nullable) */
  LampFilter *filter;      /* (owned) (nullable) list */
  LampPage *page;          /* (owned) (nullable) */
  LampRow *row;            /* (owned) (nullable) get */
  char **ids;              /* (owned) (nullable) get, resend, discard */
  LampBatch *batch;        /* (owned) (nullable) read, settle */
  GArray *skip;            /* (owned) (nullable) */
  GArray *unfit;           /* (owned) (nullable) of Unfit */
  LampOutcome *outcome;    /* (owned) (nullable) settle */
  GStrvBuilder *delivered; /* (owned) (nullable) */
  GPtrArray *failed;       /* (owned) (nullable) of LampRefusal */
  char *text;              /* (owned) (nullable) an origin, a path */
  gint64 after;
  gint64 until;
  gint64 value;
  guint64 capacity;
  gsize max_bytes;
  guint limit;
  guint days;
  guint count;
  int data_version;
};

/* A pending row that can't be sent. */
typedef struct
{
  gint64 id;
  gint64 revision;
  char *event_id;
  const char *code;
  char *message;
} Unfit;

struct _LampQueue
{
  GObject parent_instance;

  LampStore *store; /* (owned) */
  LampTally tally;
  guint64 capacity;
  guint history_days;
  guint history_events;

  LampWatch *watch; /* (owned) (nullable) */
  int data_version; /* as of the last look at the file, 0 before the first */
  gboolean looking;
  gboolean look_again;
  gboolean tidying;
};

G_DEFINE_FINAL_TYPE (LampQueue, lamp_queue, G_TYPE_OBJECT)

enum
{
  CHANGED,
  REWRITTEN,
  APPENDED,
  DELIVERED,
  FAILED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
job_free (Job *job)
{
  g_clear_pointer (&job->events, g_ptr_array_unref);
  g_clear_pointer (&job->receipts, g_ptr_array_unref);
  g_clear_pointer (&job->filter, lamp_filter_free);
  g_clear_pointer (&job->page, lamp_page_free);
  g_clear_pointer (&job->row, lamp_row_free);
  g_clear_pointer (&job->ids, g_strfreev);
  g_clear_pointer (&job->batch, lamp_batch_unref);
  g_clear_pointer (&job->skip, g_array_unref);
  g_clear_pointer (&job->unfit, g_array_unref);
  g_clear_pointer (&job->outcome, lamp_outcome_free);
  g_clear_pointer (&job->delivered, g_strv_builder_unref);
  g_clear_pointer (&job->failed, g_ptr_array_unref);
  g_free (job->text);
  g_free (job);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Job, job_free)

static Job *
job_new (LampStoreMode mode,
         LampStoreFunc run)
{
  Job *job = g_new0 (Job, 1);

  job->mode = mode;
  job->run = run;

  return job;
}

static void
take_tally (LampQueue       *self,
            const LampTally *tally)
{
  if (memcmp (&self->tally, tally, sizeof *tally) == 0)
    return;

  self->tally = *tally;
  g_signal_emit (self, signals[CHANGED], 0);
}

static gboolean
run_job (LampQueue *self,
         Job       *job,
         GError   **error)
{
  LampTally tally;

  do
    {
      if (!lamp_store_run (self->store, job->mode, job->run, job, &tally, error))
        return FALSE;

      take_tally (self, &tally);
    }
  while (job->done != NULL && !job->done (self, job));

  return TRUE;
}

static void
job_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  LampQueue *self = g_task_get_source_object (task);
  Job *job = g_task_get_task_data (task);
  LampTally tally;

  if (!lamp_store_run_finish (LAMP_STORE (source), result, NULL, &tally, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  take_tally (self, &tally);
  if (job->done == NULL || job->done (self, job))
    g_task_return_boolean (task, TRUE);
  else
    lamp_store_run_async (self->store, job->mode, job->run, job, NULL, job_cb,
                          g_steal_pointer (&task));
}

static void
run_job_async (LampQueue          *self,
               Job                *job,
               gpointer            source_tag,
               GAsyncReadyCallback callback,
               gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);

  g_task_set_source_tag (task, source_tag);
  g_task_set_task_data (task, job, (GDestroyNotify) job_free);
  lamp_store_run_async (self->store, job->mode, job->run, job, NULL, job_cb,
                        g_steal_pointer (&task));
}

/* The job behind a result, or NULL with the error set. */
static Job *
finish_job (LampQueue    *self,
            GAsyncResult *result,
            gpointer      source_tag,
            GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, source_tag), NULL);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;

  return g_task_get_task_data (G_TASK (result));
}

/* --- open --------------------------------------------------------------- */

static gboolean
read_data_version (LampStore *store,
                   int       *version,
                   GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, "PRAGMA data_version", error);
  int step;

  if (statement == NULL || !lamp_store_step (store, statement, &step, error))
    return FALSE;

  *version = sqlite3_column_int (statement, 0);

  return TRUE;
}

static gboolean
open_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  Job *job = data;

  return lamp_clock_read_file (store, job->text, error) && lamp_clock_adopt (store, error) &&
         read_data_version (store, &job->data_version, error);
}

/* Whoever looks at the file, for whatever reason, tells of news: the next look won't see it. */
static gboolean
adopt_run (LampStore *store,
           gpointer   data,
           GError   **error)
{
  return lamp_clock_adopt (store, error);
}

/* After a look, and after opening, which has adopted what it found. */
static gboolean
look_done (LampQueue *self,
           Job       *job)
{
  gboolean rewritten = self->data_version != 0 && self->data_version != job->data_version;

  if (rewritten && job->mode == LAMP_STORE_READ)
    {
      job->mode = LAMP_STORE_WRITE;
      job->run = adopt_run;
      return FALSE;
    }

  self->data_version = job->data_version;
  if (rewritten)
    g_signal_emit (self, signals[REWRITTEN], 0);

  return TRUE;
}

static Job *
open_job (LampQueue *self)
{
  Job *job = job_new (LAMP_STORE_WRITE, open_run);

  job->done = look_done;
  job->text = lamp_watch_dup_clock_path (lamp_store_get_path (self->store));

  return job;
}

gboolean
lamp_queue_open (LampQueue *self,
                 GError   **error)
{
  g_autoptr (Job) job = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), FALSE);

  job = open_job (self);

  return run_job (self, job, error);
}

void
lamp_queue_open_async (LampQueue          *self,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));

  run_job_async (self, open_job (self), lamp_queue_open_async, callback, user_data);
}

gboolean
lamp_queue_open_finish (LampQueue    *self,
                        GAsyncResult *result,
                        GError      **error)
{
  return finish_job (self, result, lamp_queue_open_async, error) != NULL;
}

/* --- append ------------------------------------------------------------- */

static void
receipt_free (gpointer data)
{
  LampReceipt *receipt = data;

  lamp_event_unref (receipt->event);
  g_free (receipt->event_id);
  g_free (receipt);
}

static gboolean
check_capacity (LampStore *store,
                Job       *job,
                GError   **error)
{
  guint64 count;

  if (!lamp_store_count_undelivered (store, &count, error))
    return FALSE;

  if (count + job->events->len <= job->capacity)
    return TRUE;

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_QUEUE_FULL,
               _("The queue is full: it holds %" PRIu64 " of %" PRIu64
                 " events; nothing was stored. Let it be replayed, discard failed events, or "
                 "raise the setting “capacity”"),
               count, job->capacity);

  return FALSE;
}

/* Clock, id and row are one transaction, in every process: two never give out the same. */
static gboolean
append_event (LampStore *store,
              LampEvent *event,
              GPtrArray *receipts,
              GError   **error)
{
  g_autofree char *envelope = NULL;
  char event_id[LAMP_ULID_LENGTH + 1];
  const char *last;
  gint64 now = g_get_real_time ();
  gint64 clock;
  gsize length;
  LampReceipt *receipt = NULL;

  if (!lamp_store_get_last_ulid (store, &last, error) ||
      !lamp_clock_increment (store, lamp_store_get_node_id (store), &clock, error))
    return FALSE;

  lamp_ulid_next (last, now, event_id);
  lamp_store_set_last_ulid (store, event_id);
  envelope = lamp_event_to_envelope (event, event_id, clock, &length, error);
  if (envelope == NULL)
    return FALSE;

  if (!lamp_store_insert (store, event_id, lamp_event_get_event_type (event), envelope, length,
                          now / G_USEC_PER_SEC, error))
    return FALSE;

  lamp_store_set_adopted (store, lamp_store_get_last_id (store));
  if (!lamp_event_has_plain_mission (event) &&
      !lamp_store_set_last_mission (store, lamp_event_get_mission_id (event), error))
    return FALSE;

  receipt = g_new0 (LampReceipt, 1);
  receipt->event = lamp_event_ref (event);
  receipt->event_id = g_strdup (event_id);
  receipt->lamport_clock = clock;
  g_ptr_array_add (receipts, receipt);

  return TRUE;
}

static gboolean
append_run (LampStore *store,
            gpointer   data,
            GError   **error)
{
  Job *job = data;

  g_ptr_array_set_size (job->receipts, 0);
  if (!check_capacity (store, job, error) || !lamp_clock_adopt (store, error))
    return FALSE;

  for (guint i = 0; i < job->events->len; i++)
    if (!append_event (store, g_ptr_array_index (job->events, i), job->receipts, error))
      return FALSE;

  return TRUE;
}

static gboolean
append_done (LampQueue *self,
             Job       *job)
{
  if (job->receipts->len > 0)
    g_signal_emit (self, signals[APPENDED], 0, job->receipts);

  return TRUE;
}

static Job *
append_job (LampQueue *self,
            GPtrArray *events)
{
  Job *job = job_new (LAMP_STORE_WRITE, append_run);

  job->done = append_done;
  job->events = g_ptr_array_ref (events);
  job->receipts = g_ptr_array_new_with_free_func (receipt_free);
  job->capacity = self->capacity;

  return job;
}

GPtrArray *
lamp_queue_append (LampQueue *self,
                   GPtrArray *events,
                   GError   **error)
{
  g_autoptr (Job) job = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);
  g_return_val_if_fail (events != NULL, NULL);

  job = append_job (self, events);

  return run_job (self, job, error) ? g_ptr_array_ref (job->receipts) : NULL;
}

void
lamp_queue_append_async (LampQueue          *self,
                         GPtrArray          *events,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (events != NULL);

  run_job_async (self, append_job (self, events), lamp_queue_append_async, callback, user_data);
}

GPtrArray *
lamp_queue_append_finish (LampQueue    *self,
                          GAsyncResult *result,
                          GError      **error)
{
  Job *job = finish_job (self, result, lamp_queue_append_async, error);

  return job != NULL ? g_ptr_array_ref (job->receipts) : NULL;
}

/* --- list and get ------------------------------------------------------- */

void
lamp_page_free (LampPage *self)
{
  g_ptr_array_unref (self->rows);
  g_free (self);
}

/* One row more than wanted tells whether there is another page. */
static gboolean
add_row_to_page (LampRow *row,
                 gpointer user_data)
{
  Job *job = user_data;

  g_ptr_array_add (job->page->rows, row);

  return job->page->rows->len <= job->limit;
}

static gboolean
list_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  Job *job = data;

  return lamp_store_walk_rows (store, job->filter, job->until, LIST_SLICE, add_row_to_page, job,
                               &job->until, error);
}

static gboolean
list_done (LampQueue *self,
           Job       *job)
{
  GPtrArray *rows = job->page->rows;

  if (rows->len <= job->limit)
    return job->until == 0;

  g_ptr_array_set_size (rows, (int) job->limit);
  job->page->next_cursor = ((LampRow *) g_ptr_array_index (rows, rows->len - 1))->id;

  return TRUE;
}

static Job *
list_job (const LampFilter *filter,
          gint64            cursor,
          guint             limit)
{
  Job *job = job_new (LAMP_STORE_READ, list_run);

  job->done = list_done;
  job->filter = lamp_filter_copy (filter);
  job->until = cursor == 0 ? G_MAXINT64 : cursor;
  job->limit = limit;
  job->page = g_new0 (LampPage, 1);
  job->page->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_row_free);

  return job;
}

LampPage *
lamp_queue_list (LampQueue        *self,
                 const LampFilter *filter,
                 gint64            cursor,
                 guint             limit,
                 GError          **error)
{
  g_autoptr (Job) job = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);
  g_return_val_if_fail (filter != NULL, NULL);
  g_return_val_if_fail (cursor >= 0 && limit >= 1 && limit <= LAMP_LIST_MAX, NULL);

  job = list_job (filter, cursor, limit);

  return run_job (self, job, error) ? g_steal_pointer (&job->page) : NULL;
}

void
lamp_queue_list_async (LampQueue          *self,
                       const LampFilter   *filter,
                       gint64              cursor,
                       guint               limit,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (filter != NULL);
  g_return_if_fail (cursor >= 0 && limit >= 1 && limit <= LAMP_LIST_MAX);

  run_job_async (self, list_job (filter, cursor, limit), lamp_queue_list_async, callback,
                 user_data);
}

LampPage *
lamp_queue_list_finish (LampQueue    *self,
                        GAsyncResult *result,
                        GError      **error)
{
  Job *job = finish_job (self, result, lamp_queue_list_async, error);

  return job != NULL ? g_steal_pointer (&job->page) : NULL;
}

static gboolean
get_run (LampStore *store,
         gpointer   data,
         GError   **error)
{
  Job *job = data;
  g_autofree char *shown = NULL;

  if (!lamp_store_find (store, job->ids[0], &job->row, error))
    return FALSE;

  if (job->row != NULL)
    return TRUE;

  /* A cut through a character would be no text for the bus. */
  shown = g_utf8_make_valid (job->ids[0], (gssize) strnlen (job->ids[0], NOT_FOUND_QUOTE_MAX));
  g_set_error (error, LAMP_ERROR, LAMP_ERROR_NOT_FOUND,
               _("There is no event “%s”; it may have been pruned from the history"), shown);

  return FALSE;
}

static Job *
get_job (const char *event_id)
{
  const char *ids[] = { event_id, NULL };
  Job *job = job_new (LAMP_STORE_READ, get_run);

  job->ids = g_strdupv ((char **) ids);

  return job;
}

LampRow *
lamp_queue_get (LampQueue  *self,
                const char *event_id,
                GError    **error)
{
  g_autoptr (Job) job = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);
  g_return_val_if_fail (event_id != NULL, NULL);

  job = get_job (event_id);

  return run_job (self, job, error) ? g_steal_pointer (&job->row) : NULL;
}

void
lamp_queue_get_async (LampQueue          *self,
                      const char         *event_id,
                      GAsyncReadyCallback callback,
                      gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (event_id != NULL);

  run_job_async (self, get_job (event_id), lamp_queue_get_async, callback, user_data);
}

LampRow *
lamp_queue_get_finish (LampQueue    *self,
                       GAsyncResult *result,
                       GError      **error)
{
  Job *job = finish_job (self, result, lamp_queue_get_async, error);

  return job != NULL ? g_steal_pointer (&job->row) : NULL;
}

/* --- resend and discard ------------------------------------------------- */

static gboolean
resend_run (LampStore *store,
            gpointer   data,
            GError   **error)
{
  Job *job = data;

  job->count = 0;
  if (job->ids == NULL)
    return lamp_store_resend (store, NULL, &job->count, error);

  for (guint i = 0; job->ids[i] != NULL; i++)
    if (!lamp_store_resend (store, job->ids[i], &job->count, error))
      return FALSE;

  return TRUE;
}

static gboolean
discard_run (LampStore *store,
             gpointer   data,
             GError   **error)
{
  Job *job = data;

  job->count = 0;
  for (guint i = 0; job->ids[i] != NULL; i++)
    if (!lamp_store_discard (store, job->ids[i], &job->count, error))
      return FALSE;

  return TRUE;
}

static Job *
ids_job (LampStoreFunc      run,
         const char *const *event_ids)
{
  Job *job = job_new (LAMP_STORE_WRITE, run);

  job->ids = g_strdupv ((char **) event_ids);

  return job;
}

static gboolean
run_ids_job (LampQueue         *self,
             LampStoreFunc      run,
             const char *const *event_ids,
             guint             *count,
             GError           **error)
{
  g_autoptr (Job) job = ids_job (run, event_ids);

  if (!run_job (self, job, error))
    return FALSE;

  *count = job->count;

  return TRUE;
}

static gboolean
finish_ids_job (LampQueue    *self,
                GAsyncResult *result,
                gpointer      source_tag,
                guint        *count,
                GError      **error)
{
  Job *job = finish_job (self, result, source_tag, error);

  if (job == NULL)
    return FALSE;

  *count = job->count;

  return TRUE;
}

gboolean
lamp_queue_resend (LampQueue         *self,
                   const char *const *event_ids,
                   guint             *count,
                   GError           **error)
{
  g_return_val_if_fail (LAMP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (count != NULL, FALSE);

  return run_ids_job (self, resend_run, event_ids, count, error);
}

void
lamp_queue_resend_async (LampQueue          *self,
                         const char *const  *event_ids,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));

  run_job_async (self, ids_job (resend_run, event_ids), lamp_queue_resend_async, callback,
                 user_data);
}

gboolean
lamp_queue_resend_finish (LampQueue    *self,
                          GAsyncResult *result,
                          guint        *count,
                          GError      **error)
{
  return finish_ids_job (self, result, lamp_queue_resend_async, count, error);
}

gboolean
lamp_queue_discard (LampQueue         *self,
                    const char *const *event_ids,
                    guint             *count,
                    GError           **error)
{
  g_return_val_if_fail (LAMP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (event_ids != NULL, FALSE);
  g_return_val_if_fail (count != NULL, FALSE);

  return run_ids_job (self, discard_run, event_ids, count, error);
}

void
lamp_queue_discard_async (LampQueue          *self,
                          const char *const  *event_ids,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (event_ids != NULL);

  run_job_async (self, ids_job (discard_run, event_ids), lamp_queue_discard_async, callback,
                 user_data);
}

gboolean
lamp_queue_discard_finish (LampQueue    *self,
                           GAsyncResult *result,
                           guint        *count,
                           GError      **error)
{
  return finish_ids_job (self, result, lamp_queue_discard_async, count, error);
}

/* --- clock -------------------------------------------------------------- */

static gboolean
observe_run (LampStore *store,
             gpointer   data,
             GError   **error)
{
  Job *job = data;

  if (job->after >= 0 && job->after <= LAMP_CLOCK_RECEIVED_MAX)
    return lamp_clock_update (store, lamp_store_get_node_id (store), job->after, &job->value,
                              error);

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT,
               _("received_clock: must be 0 to 2^53, but is %" PRId64), job->after);

  return FALSE;
}

void
lamp_queue_observe_async (LampQueue          *self,
                          gint64              received,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  Job *job = NULL;

  g_return_if_fail (LAMP_IS_QUEUE (self));

  job = job_new (LAMP_STORE_WRITE, observe_run);
  job->after = received;
  run_job_async (self, job, lamp_queue_observe_async, callback, user_data);
}

gboolean
lamp_queue_observe_finish (LampQueue    *self,
                           GAsyncResult *result,
                           gint64       *clock,
                           GError      **error)
{
  Job *job = finish_job (self, result, lamp_queue_observe_async, error);

  if (job == NULL)
    return FALSE;

  *clock = job->value;

  return TRUE;
}

/* --- batches ------------------------------------------------------------ */

static void
clear_unfit (gpointer data)
{
  Unfit *unfit = data;

  g_free (unfit->event_id);
  g_free (unfit->message);
}

static void
refusal_free (gpointer data)
{
  LampRefusal *refusal = data;

  g_free (refusal->event_id);
  g_free (refusal->code);
  g_free (refusal->message);
  g_free (refusal);
}

static void
add_refusal (Job        *job,
             const char *event_id,
             const char *code,
             const char *message)
{
  LampRefusal *refusal = g_new0 (LampRefusal, 1);

  refusal->event_id = g_strdup (event_id);
  refusal->code = g_strdup (code);
  refusal->message = g_strdup (message);
  g_ptr_array_add (job->failed, refusal);
}

/* Why a row can't be sent, or NULL with the id by which the server will name it. */
static char *
check_envelope (const char *envelope,
                gsize       length,
                char      **event_id)
{
  LampJson object;
  LampJson member;
  LampJsonProblem problem;

  if (!lamp_json_check (envelope, length, LAMP_EVENT_MAX_DEPTH, &object, &problem))
    return g_strdup_printf (_("the stored event is not valid JSON at byte %zu: %s"),
                            problem.offset, problem.rule);

  if (object.type != LAMP_JSON_OBJECT)
    return g_strdup (_("the stored event is not a JSON object"));

  if (!lamp_json_find (&object, "event_id", &member) || member.type != LAMP_JSON_STRING)
    return g_strdup (_("the stored event has no event_id, so no server could answer for it"));

  *event_id = lamp_json_dup_string (&member);

  return NULL;
}

static gboolean
add_unfit (Job        *job,
           gint64      id,
           gint64      revision,
           const char *event_id,
           const char *code,
           char       *message)
{
  Unfit unfit = { id, revision, g_utf8_make_valid (event_id, -1), code, message };

  g_array_append_val (job->unfit, unfit);

  return job->unfit->len < UNFIT_MAX;
}

static gboolean
add_to_batch (gint64      id,
              gint64      revision,
              const char *event_id,
              const char *envelope,
              gsize       length,
              gpointer    user_data)
{
  Job *job = user_data;
  g_autofree char *name = NULL;
  char *problem = check_envelope (envelope, length, &name);

  if (problem != NULL)
    return add_unfit (job, id, revision, event_id, "corrupt", problem);

  if (lamp_batch_add (job->batch, id, revision, name, envelope, length, job->max_bytes))
    return lamp_batch_get_size (job->batch) < job->limit;

  if (lamp_batch_get_size (job->batch) > 0)
    return FALSE;

  return add_unfit (
    job, id, revision, event_id, "oversized",
    g_strdup_printf (_("the event has %zu bytes, and a batch holds no more than %zu"), length,
                     job->max_bytes));
}

static gboolean
read_batch_run (LampStore *store,
                gpointer   data,
                GError   **error)
{
  Job *job = data;

  g_clear_pointer (&job->batch, lamp_batch_unref);
  job->batch = lamp_batch_new ();
  g_array_set_size (job->unfit, 0);

  return lamp_store_walk_pending (store, job->after, job->until, job->skip, add_to_batch, job,
                                  error);
}

static gboolean
fail_unfit_run (LampStore *store,
                gpointer   data,
                GError   **error)
{
  Job *job = data;
  gint64 now = g_get_real_time ();

  g_ptr_array_set_size (job->failed, 0);
  for (guint i = 0; i < job->unfit->len; i++)
    {
      const Unfit *unfit = &g_array_index (job->unfit, Unfit, i);
      gboolean changed;

      if (!lamp_store_mark_failed (store, unfit->id, unfit->revision, unfit->code, unfit->message,
                                   0, now, &changed, error))
        return FALSE;

      if (changed)
        add_refusal (job, unfit->event_id, unfit->code, unfit->message);
    }

  return TRUE;
}

static gboolean
read_batch_done (LampQueue *self,
                 Job       *job)
{
  if (job->run == read_batch_run)
    {
      if (job->unfit->len == 0)
        return TRUE;

      job->mode = LAMP_STORE_WRITE;
      job->run = fail_unfit_run;
      return FALSE;
    }

  for (guint i = 0; i < job->failed->len; i++)
    {
      const LampRefusal *refusal = g_ptr_array_index (job->failed, i);

      g_warning ("Event %s can’t be sent: %s", refusal->event_id, refusal->message);
    }

  if (job->failed->len > 0)
    g_signal_emit (self, signals[FAILED], 0, job->failed);

  job->mode = LAMP_STORE_READ;
  job->run = read_batch_run;

  return lamp_batch_get_size (job->batch) > 0;
}

void
lamp_queue_read_batch_async (LampQueue          *self,
                             gint64              after,
                             gint64              until,
                             GArray             *skip,
                             guint               max_events,
                             gsize               max_bytes,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  Job *job = NULL;

  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (max_events >= 1);

  job = job_new (LAMP_STORE_READ, read_batch_run);
  job->done = read_batch_done;
  job->unfit = g_array_new (FALSE, FALSE, sizeof (Unfit));
  g_array_set_clear_func (job->unfit, clear_unfit);
  job->failed = g_ptr_array_new_with_free_func (refusal_free);
  job->after = after;
  job->until = until;
  job->skip = skip != NULL ? g_array_ref (skip) : NULL;
  job->limit = max_events;
  job->max_bytes = max_bytes;
  run_job_async (self, job, lamp_queue_read_batch_async, callback, user_data);
}

LampBatch *
lamp_queue_read_batch_finish (LampQueue    *self,
                              GAsyncResult *result,
                              GError      **error)
{
  Job *job = finish_job (self, result, lamp_queue_read_batch_async, error);

  return job != NULL ? g_steal_pointer (&job->batch) : NULL;
}

static gboolean
settle_delivered (LampStore            *store,
                  Job                  *job,
                  const LampBatchEvent *event,
                  gint64                now,
                  GError              **error)
{
  gboolean changed;

  if (job->value == 0 && !lamp_store_get_server (store, job->text, &job->value, error))
    return FALSE;

  if (!lamp_store_mark_delivered (store, event->id, event->revision, job->value, now, &changed,
                                  error))
    return FALSE;

  if (changed)
    {
      g_strv_builder_add (job->delivered, event->event_id);
      job->count++;
    }

  return TRUE;
}

static gboolean
settle_rejected (LampStore            *store,
                 Job                  *job,
                 const LampBatchEvent *event,
                 const LampVerdict    *verdict,
                 gint64                now,
                 GError              **error)
{
  const char *code = verdict->code != NULL ? verdict->code : "rejected";
  const char *message = verdict->message != NULL ? verdict->message
                                                 : _("the server gave no reason");
  gboolean changed;

  if (!lamp_store_mark_failed (store, event->id, event->revision, code, message, 1, now, &changed,
                               error))
    return FALSE;

  if (changed)
    add_refusal (job, event->event_id, code, message);

  return TRUE;
}

static gboolean
settle_run (LampStore *store,
            gpointer   data,
            GError   **error)
{
  Job *job = data;
  gint64 now = g_get_real_time ();

  g_clear_pointer (&job->delivered, g_strv_builder_unref);
  job->delivered = g_strv_builder_new ();
  g_ptr_array_set_size (job->failed, 0);
  job->count = 0;
  job->value = 0;

  for (guint i = 0; i < job->outcome->n_verdicts; i++)
    {
      const LampBatchEvent *event = lamp_batch_get_event (job->batch, i);
      const LampVerdict *verdict = &job->outcome->verdicts[i];

      if (verdict->kind == LAMP_VERDICT_DELIVERED &&
          !settle_delivered (store, job, event, now, error))
        return FALSE;

      if (verdict->kind == LAMP_VERDICT_REJECTED &&
          !settle_rejected (store, job, event, verdict, now, error))
        return FALSE;
    }

  return job->count == 0 || lamp_store_set_last_delivery (store, job->value, now, error);
}

static gboolean
settle_done (LampQueue *self,
             Job       *job)
{
  g_auto (GStrv) delivered = g_strv_builder_end (job->delivered);

  if (delivered[0] != NULL)
    g_signal_emit (self, signals[DELIVERED], 0, delivered);
  if (job->failed->len > 0)
    g_signal_emit (self, signals[FAILED], 0, job->failed);

  if (self->tally.settled > (guint64) self->history_events + TIDY_SLACK)
    lamp_queue_tidy (self);

  return TRUE;
}

void
lamp_queue_settle_async (LampQueue          *self,
                         LampBatch          *batch,
                         const LampOutcome  *outcome,
                         const char         *origin,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  Job *job = NULL;

  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (batch != NULL);
  g_return_if_fail (outcome != NULL && outcome->n_verdicts <= lamp_batch_get_size (batch));
  g_return_if_fail (origin != NULL);

  job = job_new (LAMP_STORE_WRITE, settle_run);
  job->done = settle_done;
  job->batch = lamp_batch_ref (batch);
  job->outcome = lamp_outcome_copy (outcome);
  job->text = g_strdup (origin);
  job->failed = g_ptr_array_new_with_free_func (refusal_free);
  run_job_async (self, job, lamp_queue_settle_async, callback, user_data);
}

gboolean
lamp_queue_settle_finish (LampQueue    *self,
                          GAsyncResult *result,
                          guint        *n_delivered,
                          guint        *n_failed,
                          GError      **error)
{
  Job *job = finish_job (self, result, lamp_queue_settle_async, error);

  if (job == NULL)
    return FALSE;

  if (n_delivered != NULL)
    *n_delivered = job->count;
  if (n_failed != NULL)
    *n_failed = job->failed->len;

  return TRUE;
}

/* --- housekeeping ------------------------------------------------------- */

static gboolean
tidy_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  Job *job = data;
  gint64 oldest = g_get_real_time () - (gint64) job->days * G_TIME_SPAN_DAY;

  if (!lamp_store_move_settled (store, TIDY_SLICE, job->limit, &job->count, error))
    return FALSE;

  if (job->count == 0 &&
      !lamp_store_prune_history (store, TIDY_SLICE, oldest, job->limit, &job->count, error))
    return FALSE;

  return job->count > 0 || lamp_store_vacuum (store, TIDY_SLICE, &job->count, error);
}

static gboolean
tidy_done (LampQueue *self,
           Job       *job)
{
  return job->count == 0;
}

static void
tidy_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  LampQueue *self = LAMP_QUEUE (source);
  g_autoptr (GError) error = NULL;

  self->tidying = FALSE;
  if (finish_job (self, result, lamp_queue_tidy, &error) == NULL)
    g_warning ("Delivered events could not be moved to the history: %s", error->message);
}

void
lamp_queue_tidy (LampQueue *self)
{
  Job *job = NULL;

  g_return_if_fail (LAMP_IS_QUEUE (self));

  if (self->tidying)
    return;

  self->tidying = TRUE;
  job = job_new (LAMP_STORE_WRITE, tidy_run);
  job->done = tidy_done;
  job->limit = self->history_events;
  job->days = self->history_days;
  run_job_async (self, job, lamp_queue_tidy, tidy_cb, NULL);
}

/* --- what other programs do --------------------------------------------- */

static gboolean
look_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  Job *job = data;

  return read_data_version (store, &job->data_version, error);
}

static void look (LampQueue *self);

static void
look_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  LampQueue *self = LAMP_QUEUE (source);
  g_autoptr (GError) error = NULL;

  self->looking = FALSE;
  if (finish_job (self, result, look_cb, &error) == NULL)
    g_warning ("%s", error->message);

  if (self->look_again)
    look (self);
}

static void
look (LampQueue *self)
{
  Job *job = NULL;

  /* The look under way may have been before the change that asks for this one. */
  self->look_again = self->looking;
  if (self->looking)
    return;

  self->looking = TRUE;
  job = job_new (LAMP_STORE_READ, look_run);
  job->done = look_done;
  run_job_async (self, job, look_cb, look_cb, NULL);
}

static void
clock_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  g_autoptr (GError) error = NULL;

  if (!lamp_queue_open_finish (LAMP_QUEUE (source), result, &error))
    g_warning ("%s", error->message);
}

static void
clock_changed_cb (LampQueue *self)
{
  lamp_queue_open_async (self, clock_cb, NULL);
}

void
lamp_queue_watch (LampQueue *self)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));

  if (self->watch != NULL)
    return;

  self->watch = lamp_watch_new (lamp_store_get_path (self->store));
  g_signal_connect_object (self->watch, "queue-written", G_CALLBACK (look), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->watch, "clock-written", G_CALLBACK (clock_changed_cb), self,
                           G_CONNECT_SWAPPED);

  /* What an agent that was killed had left to do. */
  lamp_queue_tidy (self);
}

/* --- the object --------------------------------------------------------- */

static void
lamp_queue_dispose (GObject *object)
{
  LampQueue *self = LAMP_QUEUE (object);

  g_clear_object (&self->watch);
  g_clear_object (&self->store);

  G_OBJECT_CLASS (lamp_queue_parent_class)->dispose (object);
}

static void
lamp_queue_class_init (LampQueueClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  object_class->dispose = lamp_queue_dispose;

  signals[CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 0);
  signals[REWRITTEN] = g_signal_new ("rewritten", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                     G_TYPE_NONE, 0);
  signals[APPENDED] = g_signal_new ("appended", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 1, G_TYPE_PTR_ARRAY);
  signals[DELIVERED] = g_signal_new ("delivered", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                     G_TYPE_NONE, 1, G_TYPE_STRV);
  signals[FAILED] = g_signal_new ("failed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_PTR_ARRAY);
}

static void
lamp_queue_init (LampQueue *self)
{
  self->capacity = DEFAULT_CAPACITY;
  self->history_days = DEFAULT_HISTORY_DAYS;
  self->history_events = DEFAULT_HISTORY_EVENTS;
}

LampQueue *
lamp_queue_new (const char *path,
                const char *node_id)
{
  LampQueue *self = NULL;
  g_autofree char *node = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  node = node_id != NULL ? g_strdup (node_id) : lamp_node_default_id ();
  self = g_object_new (LAMP_TYPE_QUEUE, NULL);
  self->store = lamp_store_new (path, node);

  return self;
}

LampStore *
lamp_queue_get_store (LampQueue *self)
{
  return self->store;
}

void
lamp_queue_take_tally (LampQueue       *self,
                       const LampTally *tally)
{
  take_tally (self, tally);
}

const char *
lamp_queue_get_path (LampQueue *self)
{
  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);

  return lamp_store_get_path (self->store);
}

const char *
lamp_queue_get_node_id (LampQueue *self)
{
  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);

  return lamp_store_get_node_id (self->store);
}

const LampTally *
lamp_queue_get_tally (LampQueue *self)
{
  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);

  return &self->tally;
}

char *
lamp_queue_dup_notice (LampQueue *self)
{
  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);

  return lamp_store_dup_notice (self->store);
}

guint64
lamp_queue_get_capacity (LampQueue *self)
{
  g_return_val_if_fail (LAMP_IS_QUEUE (self), 0);

  return self->capacity;
}

gboolean
lamp_queue_is_nearly_full (LampQueue *self)
{
  g_return_val_if_fail (LAMP_IS_QUEUE (self), FALSE);

  return (self->tally.pending + self->tally.failed) * 5 >= self->capacity * 4;
}

void
lamp_queue_set_capacity (LampQueue *self,
                         guint64    capacity)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));

  self->capacity = capacity;
}

void
lamp_queue_set_history (LampQueue *self,
                        guint      days,
                        guint      events)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));

  self->history_days = days;
  self->history_events = events;
}

char *
lamp_queue_dup_default_path (void)
{
  const char *home = g_getenv ("SPEC_KITTY_HOME");

  if (home != NULL && *home != '\0')
    return g_build_filename (home, "queue.db", NULL);

  return g_build_filename (g_get_home_dir (), ".spec-kitty", "queue.db", NULL);
}
