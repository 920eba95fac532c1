/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-queue-private.h"

#include "lamp-clock.h"
#include "lamp-error.h"
#include "lamp-import.h"
#include "lamp-store-private.h"
#include "lamp-store-rows.h"

#include <inttypes.h>

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

/* Bytes of an id that a problem quotes: ours have 26. */
#define QUOTE_MAX 64

/* A part is read in one job and added in another: reading happens once, and while it lasts
 * nobody waits for the lock of the queue. */
typedef enum
{
  STEP_READ,
  STEP_ADD,
  STEP_END,
} Step;

typedef struct
{
  char *path;               /* (owned) */
  LampImport *reader;       /* (owned) (nullable) until it is opened */
  LampImportSlice *slice;   /* (owned) (nullable) */
  LampImportReport *report; /* (owned) */
  LampImportFunc progress;  /* (nullable) */
  gpointer progress_data;
  Step step;

  /* Of the job that adds, which forgets them when it runs again: */
  GPtrArray *conflicts; /* (owned) */
  guint added;
  guint64 room; /* events that may still be added */
  guint64 capacity;
  gint64 clock; /* the largest that was received */
  gboolean full;
} Import;

/* --- the report --------------------------------------------------------- */

static LampImportReport *
report_new (void)
{
  LampImportReport *report = g_new0 (LampImportReport, 1);

  report->problems = g_ptr_array_new_with_free_func (g_free);

  return report;
}

void
lamp_import_report_free (LampImportReport *self)
{
  g_ptr_array_unref (self->problems);
  g_free (self);
}

static void
report_problems (LampImportReport *report,
                 GPtrArray        *problems)
{
  report->n_problems += problems->len;
  for (guint i = 0; i < problems->len && report->problems->len < LAMP_IMPORT_PROBLEMS_MAX; i++)
    g_ptr_array_add (report->problems, g_strdup (g_ptr_array_index (problems, i)));
}

/* --- on the store's thread ---------------------------------------------- */

static gboolean
is_same_file (const char *a,
              const char *b)
{
  g_autofree char *absolute_a = g_canonicalize_filename (a, NULL);
  g_autofree char *absolute_b = g_canonicalize_filename (b, NULL);
  GStatBuf status_a;
  GStatBuf status_b;

  if (g_str_equal (absolute_a, absolute_b))
    return TRUE;

  return g_stat (a, &status_a) == 0 && g_stat (b, &status_b) == 0 && status_a.st_ino != 0 &&
         status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

/* Also without a wrong result in view: to open and close one of these files a second time would
 * take the locks of the store's own connection away. */
static gboolean
check_not_own (LampStore  *store,
               const char *path,
               GError    **error)
{
  static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *own = g_strconcat (lamp_store_get_path (store), suffixes[i], NULL);

      if (is_same_file (path, own))
        {
          g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
                       _(
                        "The file “%s” belongs to the queue itself; its events are there already"),
                       path);
          return FALSE;
        }
    }

  return TRUE;
}

static gboolean
read_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  Import *import = data;

  g_clear_pointer (&import->slice, lamp_import_slice_free);
  if (import->reader == NULL)
    {
      if (!check_not_own (store, import->path, error))
        return FALSE;

      import->reader = lamp_import_open (import->path, error);
      if (import->reader == NULL)
        return FALSE;
    }

  import->slice = lamp_import_read (import->reader, error);

  return import->slice != NULL;
}

static void
add_conflict (Import             *import,
              const LampImported *event)
{
  g_autofree char *shown = g_utf8_substring (event->event_id, 0,
                                             MIN (g_utf8_strlen (event->event_id, -1), QUOTE_MAX));
  g_autofree char *reason = NULL;

  reason = g_strdup_printf (_("the event “%s” is there already with other content; "
                              "it was not replaced"),
                            shown);
  g_ptr_array_add (import->conflicts,
                   lamp_import_dup_problem (import->reader, event->place, reason));
}

static gboolean
add_event (LampStore          *store,
           Import             *import,
           const LampImported *event,
           gint64              now,
           GError            **error)
{
  gboolean known;
  gboolean same;

  if (!lamp_store_compare (store, event->event_id, event->envelope, event->length, &known, &same,
                           error))
    return FALSE;

  if (known)
    {
      if (!same)
        add_conflict (import, event);
      return TRUE;
    }

  import->full = import->room == 0;
  if (import->full)
    return TRUE;

  if (!lamp_store_insert_imported (store, event, now, error))
    return FALSE;

  lamp_store_set_adopted (store, lamp_store_get_last_id (store));
  import->room--;
  import->added++;
  import->clock = MAX (import->clock, event->lamport_clock);

  return TRUE;
}

static gboolean
add_run (LampStore *store,
         gpointer   data,
         GError   **error)
{
  Import *import = data;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  guint64 count;

  g_ptr_array_set_size (import->conflicts, 0);
  import->added = 0;
  import->clock = -1;
  import->full = FALSE;
  if (!lamp_store_count_undelivered (store, &count, error) || !lamp_clock_adopt (store, error))
    return FALSE;

  import->room = import->capacity - MIN (count, import->capacity);
  for (guint i = 0; i < import->slice->events->len && !import->full; i++)
    if (!add_event (store, import, g_ptr_array_index (import->slice->events, i), now, error))
      return FALSE;

  return lamp_clock_receive (store, import->clock, error);
}

/* --- on the caller's thread --------------------------------------------- */

static Import *
import_new (LampQueue     *self,
            const char    *path,
            LampImportFunc progress,
            gpointer       progress_data)
{
  Import *import = g_new0 (Import, 1);

  import->path = g_strdup (path);
  import->report = report_new ();
  import->conflicts = g_ptr_array_new_with_free_func (g_free);
  import->capacity = lamp_queue_get_capacity (self);
  import->progress = progress;
  import->progress_data = progress_data;

  return import;
}

static void
import_free (Import *import)
{
  g_clear_pointer (&import->reader, lamp_import_free);
  g_clear_pointer (&import->slice, lamp_import_slice_free);
  g_clear_pointer (&import->report, lamp_import_report_free);
  g_ptr_array_unref (import->conflicts);
  g_free (import->path);
  g_free (import);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Import, import_free)

static LampStoreMode
step_mode (const Import *import)
{
  return import->step == STEP_READ ? LAMP_STORE_READ : LAMP_STORE_WRITE;
}

static LampStoreFunc
step_func (const Import *import)
{
  return import->step == STEP_READ ? read_run : add_run;
}

static void
count_read (Import *import)
{
  const LampImportSlice *slice = import->slice;

  import->report->skipped += slice->problems->len + slice->delivered;
  report_problems (import->report, slice->problems);
}

static void
count_added (Import *import)
{
  const LampImportSlice *slice = import->slice;

  import->report->imported += import->added;
  import->report->skipped += slice->events->len - import->added;
  report_problems (import->report, import->conflicts);
}

/* After a job that went well: the next one. */
static void
go_on (LampQueue *self,
       Import    *import)
{
  gboolean added = import->step == STEP_ADD;

  if (added)
    count_added (import);
  else
    count_read (import);

  if (!added && import->slice->events->len > 0)
    import->step = STEP_ADD;
  else
    import->step = import->slice->at_end || import->full ? STEP_END : STEP_READ;

  if (import->step == STEP_ADD)
    return;

  if (added && import->added > 0)
    g_signal_emit_by_name (self, "rewritten");

  if (import->progress != NULL)
    import->progress (import->report, lamp_import_get_progress (import->reader),
                      import->progress_data);
}

static GError *
new_full_error (const Import *import)
{
  return g_error_new (LAMP_ERROR, LAMP_ERROR_QUEUE_FULL,
                      _("The queue is full: it holds as many events as the setting “capacity” "
                        "allows (%" PRIu64 "). Let it be replayed, discard failed events, or "
                        "raise the setting, and import the file again"),
                      import->capacity);
}

/* Where the import broke off: what was committed stays. */
static void
add_context (const Import *import,
             GError       *error)
{
  const guint n = import->report->imported;
  g_autofree char *message = NULL;

  if (n == 0)
    return;

  message = g_strdup_printf (ngettext ("%s. %u event was imported before that",
                                       "%s. %u events were imported before that", n),
                             error->message, n);
  g_free (error->message);
  error->message = g_steal_pointer (&message);
}

static GError *
end_error (const Import *import,
           GError       *error)
{
  if (error == NULL && import->full)
    error = new_full_error (import);

  if (error != NULL)
    add_context (import, error);

  return error;
}

LampImportReport *
lamp_queue_import (LampQueue     *self,
                   const char    *path,
                   LampImportFunc progress,
                   gpointer       progress_data,
                   GError       **error)
{
  g_autoptr (Import) import = NULL;
  GError *local_error = NULL;
  LampTally tally;

  g_return_val_if_fail (LAMP_IS_QUEUE (self), NULL);
  g_return_val_if_fail (path != NULL, NULL);

  import = import_new (self, path, progress, progress_data);
  while (import->step != STEP_END &&
         lamp_store_run (lamp_queue_get_store (self), step_mode (import), step_func (import),
                         import, &tally, &local_error))
    {
      lamp_queue_take_tally (self, &tally);
      go_on (self, import);
    }

  local_error = end_error (import, local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, local_error);
      return NULL;
    }

  return g_steal_pointer (&import->report);
}

static void run_step (GTask *task);

static void
step_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  LampQueue *self = g_task_get_source_object (task);
  Import *import = g_task_get_task_data (task);
  GError *error = NULL;
  LampTally tally;

  if (lamp_store_run_finish (LAMP_STORE (source), result, NULL, &tally, &error))
    {
      lamp_queue_take_tally (self, &tally);
      go_on (self, import);
      if (import->step != STEP_END)
        {
          run_step (g_steal_pointer (&task));
          return;
        }
    }

  error = end_error (import, error);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_steal_pointer (&import->report),
                           (GDestroyNotify) lamp_import_report_free);
}

static void
run_step (GTask *task)
{
  LampQueue *self = g_task_get_source_object (task);
  Import *import = g_task_get_task_data (task);

  lamp_store_run_async (lamp_queue_get_store (self), step_mode (import), step_func (import), import,
                        NULL, step_cb, task);
}

void
lamp_queue_import_async (LampQueue          *self,
                         const char         *path,
                         LampImportFunc      progress,
                         gpointer            progress_data,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  GTask *task = NULL;

  g_return_if_fail (LAMP_IS_QUEUE (self));
  g_return_if_fail (path != NULL);

  task = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (task, lamp_queue_import_async);
  g_task_set_task_data (task, import_new (self, path, progress, progress_data),
                        (GDestroyNotify) import_free);
  run_step (task);
}

LampImportReport *
lamp_queue_import_finish (LampQueue    *self,
                          GAsyncResult *result,
                          GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, lamp_queue_import_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
