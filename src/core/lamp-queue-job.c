/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-queue-private.h"

void
lamp_queue_job_free (LampQueueJob *job)
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
  g_clear_pointer (&job->points, g_array_unref);
  g_free (job->text);
  g_free (job->last_server);
  g_free (job);
}

LampQueueJob *
lamp_queue_job_new (LampStoreMode mode,
                    LampStoreFunc run)
{
  LampQueueJob *job = g_new0 (LampQueueJob, 1);

  job->mode = mode;
  job->run = run;

  return job;
}

gboolean
lamp_queue_run_job (LampQueue    *self,
                    LampQueueJob *job,
                    GError      **error)
{
  LampTally tally;

  do
    {
      if (!lamp_store_run (lamp_queue_get_store (self), job->mode, job->run, job, &tally, error))
        return FALSE;

      lamp_queue_take_tally (self, &tally);
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
  LampQueueJob *job = g_task_get_task_data (task);
  LampTally tally;

  if (!lamp_store_run_finish (LAMP_STORE (source), result, NULL, &tally, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  lamp_queue_take_tally (self, &tally);
  if (job->done == NULL || job->done (self, job))
    g_task_return_boolean (task, TRUE);
  else
    lamp_store_run_async (lamp_queue_get_store (self), job->mode, job->run, job, NULL, job_cb,
                          g_steal_pointer (&task));
}

void
lamp_queue_run_job_async (LampQueue          *self,
                          LampQueueJob       *job,
                          gpointer            source_tag,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);

  g_task_set_source_tag (task, source_tag);
  g_task_set_task_data (task, job, (GDestroyNotify) lamp_queue_job_free);
  lamp_store_run_async (lamp_queue_get_store (self), job->mode, job->run, job, NULL, job_cb,
                        g_steal_pointer (&task));
}

LampQueueJob *
lamp_queue_finish_job (LampQueue    *self,
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
