/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-json.h"
#include "lamp-queue-private.h"
#include "lamp-store-rows.h"

#include <glib/gi18n-lib.h>

/* Rows without a readable envelope that are set to failed together. */
#define UNFIT_MAX 250

/* A pending row that can't be sent. */
typedef struct
{
  gint64 id;
  gint64 revision;
  char *event_id;
  const char *code;
  char *message;
} Unfit;

/* --- reading ------------------------------------------------------------ */

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
add_refusal (LampQueueJob *job,
             const char   *event_id,
             const char   *code,
             const char   *message)
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
  if (**event_id == '\0')
    return g_strdup (
      _("the stored event has an empty event_id, so no server could answer for it"));

  return NULL;
}

static gboolean
add_unfit (LampQueueJob *job,
           gint64        id,
           gint64        revision,
           const char   *event_id,
           const char   *code,
           char         *message)
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
  LampQueueJob *job = user_data;
  g_autofree char *name = NULL;
  char *problem = check_envelope (envelope, length, &name);

  if (problem != NULL)
    return add_unfit (job, id, revision, event_id, "corrupt", problem);

  if (lamp_batch_add (job->batch, id, revision, name, envelope, length, job->max_bytes))
    return lamp_batch_get_size (job->batch) < job->limit;

  if (lamp_batch_get_size (job->batch) > 0)
    return FALSE;

  /* Larger than what is asked for goes alone: the server may take it all the same. */
  if (lamp_batch_add (job->batch, id, revision, name, envelope, length, LAMP_BATCH_MAX_BYTES))
    return FALSE;

  return add_unfit (
    job, id, revision, event_id, "oversized",
    g_strdup_printf (_("the event has %zu bytes, and a batch holds no more than %zu"), length,
                     (gsize) LAMP_BATCH_MAX_BYTES));
}

static gboolean
read_batch_run (LampStore *store,
                gpointer   data,
                GError   **error)
{
  LampQueueJob *job = data;

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
  LampQueueJob *job = data;
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
read_batch_done (LampQueue    *self,
                 LampQueueJob *job)
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
    g_signal_emit_by_name (self, "failed", job->failed);
  job->count += job->failed->len;

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
  LampQueueJob *job = NULL;

  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (max_events >= 1);

  job = lamp_queue_job_new (LAMP_STORE_READ, read_batch_run);
  job->done = read_batch_done;
  job->unfit = g_array_new (FALSE, FALSE, sizeof (Unfit));
  g_array_set_clear_func (job->unfit, clear_unfit);
  job->failed = g_ptr_array_new_with_free_func (refusal_free);
  job->after = after;
  job->until = until;
  job->skip = skip != NULL ? g_array_ref (skip) : NULL;
  job->limit = max_events;
  job->max_bytes = max_bytes;
  lamp_queue_run_job_async (self, job, lamp_queue_read_batch_async, callback, user_data);
}

LampBatch *
lamp_queue_read_batch_finish (LampQueue    *self,
                              GAsyncResult *result,
                              guint        *n_failed,
                              GError      **error)
{
  LampQueueJob *job = lamp_queue_finish_job (self, result, lamp_queue_read_batch_async, error);

  if (n_failed != NULL)
    *n_failed = ((LampQueueJob *) g_task_get_task_data (G_TASK (result)))->count;

  return job != NULL ? g_steal_pointer (&job->batch) : NULL;
}

/* --- settling ----------------------------------------------------------- */

static gboolean
settle_delivered (LampStore            *store,
                  LampQueueJob         *job,
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
                 LampQueueJob         *job,
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
  LampQueueJob *job = data;
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
settle_done (LampQueue    *self,
             LampQueueJob *job)
{
  g_auto (GStrv) delivered = g_strv_builder_end (job->delivered);

  if (delivered[0] != NULL)
    g_signal_emit_by_name (self, "delivered", delivered);
  if (job->failed->len > 0)
    g_signal_emit_by_name (self, "failed", job->failed);

  lamp_queue_keep_tidy (self);

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
  LampQueueJob *job = NULL;

  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (batch != NULL);
  g_return_if_fail (outcome != NULL && outcome->n_verdicts <= lamp_batch_get_size (batch));
  g_return_if_fail (origin != NULL);

  job = lamp_queue_job_new (LAMP_STORE_WRITE, settle_run);
  job->done = settle_done;
  job->batch = lamp_batch_ref (batch);
  job->outcome = lamp_outcome_copy (outcome);
  job->text = g_strdup (origin);
  job->failed = g_ptr_array_new_with_free_func (refusal_free);
  lamp_queue_run_job_async (self, job, lamp_queue_settle_async, callback, user_data);
}

gboolean
lamp_queue_settle_finish (LampQueue    *self,
                          GAsyncResult *result,
                          guint        *n_delivered,
                          guint        *n_failed,
                          GError      **error)
{
  LampQueueJob *job = lamp_queue_finish_job (self, result, lamp_queue_settle_async, error);

  if (job == NULL)
    return FALSE;

  if (n_delivered != NULL)
    *n_delivered = job->count;
  if (n_failed != NULL)
    *n_failed = job->failed->len;

  return TRUE;
}
