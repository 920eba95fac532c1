/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-queue-private.h"
#include "lamp-store-rows.h"

#include <glib/gi18n-lib.h>

/* Rows that a list looks at before other jobs get their turn. */
#define LIST_SLICE 2000

/* Bytes of an id that a message quotes: ours have 26. */
#define NOT_FOUND_QUOTE_MAX 64

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
  LampQueueJob *job = user_data;

  g_ptr_array_add (job->page->rows, row);

  return job->page->rows->len <= job->limit;
}

static gboolean
list_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  LampQueueJob *job = data;

  /* What a run that failed has left. */
  g_ptr_array_set_size (job->page->rows, (int) job->count);

  return lamp_store_walk_rows (store, job->filter, job->until, LIST_SLICE, add_row_to_page, job,
                               &job->until, error);
}

static gboolean
list_done (LampQueue    *self,
           LampQueueJob *job)
{
  GPtrArray *rows = job->page->rows;

  job->count = rows->len;
  if (rows->len <= job->limit)
    return job->until == 0;

  g_ptr_array_set_size (rows, (int) job->limit);
  job->page->next_cursor = ((LampRow *) g_ptr_array_index (rows, rows->len - 1))->id;

  return TRUE;
}

static LampQueueJob *
list_job (const LampFilter *filter,
          gint64            cursor,
          guint             limit)
{
  LampQueueJob *job = lamp_queue_job_new (LAMP_STORE_READ, list_run);

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
  g_autoptr (LampQueueJob) job = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);
  g_return_val_if_fail (filter != NULL, NULL);
  g_return_val_if_fail (cursor >= 0 && limit >= 1 && limit <= LAMP_LIST_MAX, NULL);

  job = list_job (filter, cursor, limit);

  return lamp_queue_run_job (self, job, error) ? g_steal_pointer (&job->page) : NULL;
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

  lamp_queue_run_job_async (self, list_job (filter, cursor, limit), lamp_queue_list_async, callback,
                            user_data);
}

LampPage *
lamp_queue_list_finish (LampQueue    *self,
                        GAsyncResult *result,
                        GError      **error)
{
  LampQueueJob *job = lamp_queue_finish_job (self, result, lamp_queue_list_async, error);

  return job != NULL ? g_steal_pointer (&job->page) : NULL;
}

static gboolean
get_run (LampStore *store,
         gpointer   data,
         GError   **error)
{
  LampQueueJob *job = data;
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

static LampQueueJob *
get_job (const char *event_id)
{
  const char *ids[] = { event_id, NULL };
  LampQueueJob *job = lamp_queue_job_new (LAMP_STORE_READ, get_run);

  job->ids = g_strdupv ((char **) ids);

  return job;
}

LampRow *
lamp_queue_get (LampQueue  *self,
                const char *event_id,
                GError    **error)
{
  g_autoptr (LampQueueJob) job = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);
  g_return_val_if_fail (event_id != NULL, NULL);

  job = get_job (event_id);

  return lamp_queue_run_job (self, job, error) ? g_steal_pointer (&job->row) : NULL;
}

void
lamp_queue_get_async (LampQueue          *self,
                      const char         *event_id,
                      GAsyncReadyCallback callback,
                      gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (event_id != NULL);

  lamp_queue_run_job_async (self, get_job (event_id), lamp_queue_get_async, callback, user_data);
}

LampRow *
lamp_queue_get_finish (LampQueue    *self,
                       GAsyncResult *result,
                       GError      **error)
{
  LampQueueJob *job = lamp_queue_finish_job (self, result, lamp_queue_get_async, error);

  return job != NULL ? g_steal_pointer (&job->row) : NULL;
}

/* --- resend and discard ------------------------------------------------- */

static gboolean
resend_run (LampStore *store,
            gpointer   data,
            GError   **error)
{
  LampQueueJob *job = data;

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
  LampQueueJob *job = data;

  job->count = 0;
  for (guint i = 0; job->ids[i] != NULL; i++)
    if (!lamp_store_discard (store, job->ids[i], &job->count, error))
      return FALSE;

  return TRUE;
}

/* Rows behind the place where a pass has got to are news to it. */
static gboolean
resend_done (LampQueue    *self,
             LampQueueJob *job)
{
  if (job->count > 0)
    g_signal_emit_by_name (self, "rewritten");

  return TRUE;
}

static LampQueueJob *
ids_job (LampStoreFunc      run,
         const char *const *event_ids)
{
  LampQueueJob *job = lamp_queue_job_new (LAMP_STORE_WRITE, run);

  job->ids = g_strdupv ((char **) event_ids);

  if (run == resend_run)
    job->done = resend_done;

  return job;
}

static gboolean
run_ids_job (LampQueue         *self,
             LampStoreFunc      run,
             const char *const *event_ids,
             guint             *count,
             GError           **error)
{
  g_autoptr (LampQueueJob) job = ids_job (run, event_ids);

  if (!lamp_queue_run_job (self, job, error))
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
  LampQueueJob *job = lamp_queue_finish_job (self, result, source_tag, error);

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

  lamp_queue_run_job_async (self, ids_job (resend_run, event_ids), lamp_queue_resend_async,
                            callback, user_data);
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

  lamp_queue_run_job_async (self, ids_job (discard_run, event_ids), lamp_queue_discard_async,
                            callback, user_data);
}

gboolean
lamp_queue_discard_finish (LampQueue    *self,
                           GAsyncResult *result,
                           guint        *count,
                           GError      **error)
{
  return finish_ids_job (self, result, lamp_queue_discard_async, count, error);
}
