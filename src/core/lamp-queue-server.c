/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-queue-private.h"
#include "lamp-store-rows.h"

/* Whether events may go to a server. One server's events never go to another unasked. */

static gboolean
agree_run (LampStore *store,
           gpointer   data,
           GError   **error)
{
  LampQueueJob *job = data;

  return lamp_store_get_server (store, job->text, &job->value, error) &&
         lamp_store_set_agreed_server (store, job->value, error);
}

static gboolean
check_run (LampStore *store,
           gpointer   data,
           GError   **error)
{
  LampQueueJob *job = data;
  g_autofree char *last = NULL;
  gboolean agreed;
  gboolean pending;

  g_clear_pointer (&job->last_server, g_free);
  if (!lamp_store_get_last_server (store, job->text, &last, &agreed, &pending, error))
    return FALSE;

  if (last == NULL)
    return TRUE;

  if (g_str_equal (last, job->text))
    return lamp_store_set_agreed_server (store, 0, error);

  if (agreed)
    return TRUE;

  if (!pending)
    return agree_run (store, job, error);

  job->last_server = g_steal_pointer (&last);

  return TRUE;
}

static LampQueueJob *
job_for_server (LampStoreFunc run,
                const char   *origin)
{
  LampQueueJob *job = lamp_queue_job_new (LAMP_STORE_WRITE, run);

  job->text = g_strdup (origin);

  return job;
}

gboolean
lamp_queue_check_server (LampQueue  *self,
                         const char *origin,
                         char      **last,
                         GError    **error)
{
  g_autoptr (LampQueueJob) job = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (origin != NULL, FALSE);

  job = job_for_server (check_run, origin);
  if (!lamp_queue_run_job (self, job, error))
    return FALSE;

  *last = g_steal_pointer (&job->last_server);

  return TRUE;
}

void
lamp_queue_check_server_async (LampQueue          *self,
                               const char         *origin,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (origin != NULL);

  lamp_queue_run_job_async (self, job_for_server (check_run, origin), lamp_queue_check_server_async,
                            callback, user_data);
}

gboolean
lamp_queue_check_server_finish (LampQueue    *self,
                                GAsyncResult *result,
                                char        **last,
                                GError      **error)
{
  LampQueueJob *job = lamp_queue_finish_job (self, result, lamp_queue_check_server_async, error);

  if (job == NULL)
    return FALSE;

  *last = g_steal_pointer (&job->last_server);

  return TRUE;
}

void
lamp_queue_agree_to_server_async (LampQueue          *self,
                                  const char         *origin,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (origin != NULL);

  lamp_queue_run_job_async (self, job_for_server (agree_run, origin),
                            lamp_queue_agree_to_server_async, callback, user_data);
}

gboolean
lamp_queue_agree_to_server_finish (LampQueue    *self,
                                   GAsyncResult *result,
                                   GError      **error)
{
  return lamp_queue_finish_job (self, result, lamp_queue_agree_to_server_async, error) != NULL;
}
