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

/* Rows that housekeeping moves before other jobs get their turn. */
#define TIDY_SLICE 250

/* Rows behind the limit of the history that may wait in the shared table while a pass runs. */
#define TIDY_SLACK 1000

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
  LampQueueJob *job = data;

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
look_done (LampQueue    *self,
           LampQueueJob *job)
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

static LampQueueJob *
open_job (LampQueue *self)
{
  LampQueueJob *job = lamp_queue_job_new (LAMP_STORE_WRITE, open_run);

  job->done = look_done;
  job->text = lamp_watch_dup_clock_path (lamp_store_get_path (self->store));

  return job;
}

gboolean
lamp_queue_open (LampQueue *self,
                 GError   **error)
{
  g_autoptr (LampQueueJob) job = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), FALSE);

  job = open_job (self);

  return lamp_queue_run_job (self, job, error);
}

void
lamp_queue_open_async (LampQueue          *self,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));

  lamp_queue_run_job_async (self, open_job (self), lamp_queue_open_async, callback, user_data);
}

gboolean
lamp_queue_open_finish (LampQueue    *self,
                        GAsyncResult *result,
                        GError      **error)
{
  return lamp_queue_finish_job (self, result, lamp_queue_open_async, error) != NULL;
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
check_capacity (LampStore    *store,
                LampQueueJob *job,
                GError      **error)
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
  LampQueueJob *job = data;

  g_ptr_array_set_size (job->receipts, 0);
  if (!check_capacity (store, job, error) || !lamp_clock_adopt (store, error))
    return FALSE;

  for (guint i = 0; i < job->events->len; i++)
    if (!append_event (store, g_ptr_array_index (job->events, i), job->receipts, error))
      return FALSE;

  return TRUE;
}

static gboolean
append_done (LampQueue    *self,
             LampQueueJob *job)
{
  if (job->receipts->len > 0)
    g_signal_emit (self, signals[APPENDED], 0, job->receipts);

  return TRUE;
}

static LampQueueJob *
append_job (LampQueue *self,
            GPtrArray *events)
{
  LampQueueJob *job = lamp_queue_job_new (LAMP_STORE_WRITE, append_run);

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
  g_autoptr (LampQueueJob) job = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);
  g_return_val_if_fail (events != NULL, NULL);

  job = append_job (self, events);

  return lamp_queue_run_job (self, job, error) ? g_ptr_array_ref (job->receipts) : NULL;
}

void
lamp_queue_append_async (LampQueue          *self,
                         GPtrArray          *events,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (events != NULL);

  lamp_queue_run_job_async (self, append_job (self, events), lamp_queue_append_async, callback,
                            user_data);
}

GPtrArray *
lamp_queue_append_finish (LampQueue    *self,
                          GAsyncResult *result,
                          GError      **error)
{
  LampQueueJob *job = lamp_queue_finish_job (self, result, lamp_queue_append_async, error);

  return job != NULL ? g_ptr_array_ref (job->receipts) : NULL;
}

/* --- clock -------------------------------------------------------------- */

static gboolean
observe_run (LampStore *store,
             gpointer   data,
             GError   **error)
{
  LampQueueJob *job = data;

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
  LampQueueJob *job = NULL;

  g_return_if_fail (LAMP_IS_QUEUE (self));

  job = lamp_queue_job_new (LAMP_STORE_WRITE, observe_run);
  job->after = received;
  lamp_queue_run_job_async (self, job, lamp_queue_observe_async, callback, user_data);
}

gboolean
lamp_queue_observe_finish (LampQueue    *self,
                           GAsyncResult *result,
                           gint64       *clock,
                           GError      **error)
{
  LampQueueJob *job = lamp_queue_finish_job (self, result, lamp_queue_observe_async, error);

  if (job == NULL)
    return FALSE;

  *clock = job->value;

  return TRUE;
}

/* --- the end ------------------------------------------------------------ */

static gboolean
flush_run (LampStore *store,
           gpointer   data,
           GError   **error)
{
  return TRUE;
}

void
lamp_queue_flush_async (LampQueue          *self,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));

  lamp_queue_run_job_async (self, lamp_queue_job_new (LAMP_STORE_WRITE, flush_run),
                            lamp_queue_flush_async, callback, user_data);
}

void
lamp_queue_flush_finish (LampQueue    *self,
                         GAsyncResult *result)
{
  lamp_queue_finish_job (self, result, lamp_queue_flush_async, NULL);
}

/* --- housekeeping ------------------------------------------------------- */

static gboolean
tidy_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  LampQueueJob *job = data;
  gint64 oldest = g_get_real_time () - (gint64) job->days * G_TIME_SPAN_DAY;

  if (!lamp_store_move_settled (store, TIDY_SLICE, job->limit, &job->count, error))
    return FALSE;

  if (job->count == 0 &&
      !lamp_store_prune_history (store, TIDY_SLICE, oldest, job->limit, &job->count, error))
    return FALSE;

  return job->count > 0 || lamp_store_vacuum (store, TIDY_SLICE, &job->count, error);
}

static gboolean
tidy_done (LampQueue    *self,
           LampQueueJob *job)
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
  if (lamp_queue_finish_job (self, result, lamp_queue_tidy, &error) == NULL)
    g_warning ("Delivered events could not be moved to the history: %s", error->message);
}

void
lamp_queue_tidy (LampQueue *self)
{
  LampQueueJob *job = NULL;

  g_return_if_fail (LAMP_IS_QUEUE (self));

  if (self->tidying)
    return;

  self->tidying = TRUE;
  job = lamp_queue_job_new (LAMP_STORE_WRITE, tidy_run);
  job->done = tidy_done;
  job->limit = self->history_events;
  job->days = self->history_days;
  lamp_queue_run_job_async (self, job, lamp_queue_tidy, tidy_cb, NULL);
}

void
lamp_queue_keep_tidy (LampQueue *self)
{
  if (self->tally.settled > (guint64) self->history_events + TIDY_SLACK)
    lamp_queue_tidy (self);
}

/* --- what other programs do --------------------------------------------- */

static gboolean
look_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  LampQueueJob *job = data;

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
  if (lamp_queue_finish_job (self, result, look_cb, &error) == NULL)
    g_warning ("%s", error->message);

  if (self->look_again)
    look (self);
}

static void
look (LampQueue *self)
{
  LampQueueJob *job = NULL;

  /* The look under way may have been before the change that asks for this one. */
  self->look_again = self->looking;
  if (self->looking)
    return;

  self->looking = TRUE;
  job = lamp_queue_job_new (LAMP_STORE_READ, look_run);
  job->done = look_done;
  lamp_queue_run_job_async (self, job, look_cb, look_cb, NULL);
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
  if (self->data_version != 0)
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
  if (memcmp (&self->tally, tally, sizeof *tally) == 0)
    return;

  self->tally = *tally;
  g_signal_emit (self, signals[CHANGED], 0);
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
