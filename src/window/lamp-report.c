/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-report.h"

#include "lamp-event-item.h"
#include "lamp-reason.h"
#include "lamp-words.h"

#include <glib/gi18n.h>

/* Rows that are asked for at once. */
#define PAGE_ROWS 500

typedef struct
{
  LampClient *client; /* (owned) */
  GFile *file;        /* (owned) */
  GString *text;      /* (owned) */
} Report;

static void
report_free (Report *report)
{
  g_object_unref (report->client);
  g_object_unref (report->file);
  g_string_free (report->text, TRUE);
  g_free (report);
}

void
lamp_report_append_event (GString  *report,
                          GVariant *row)
{
  g_autoptr (LampEventItem) item = lamp_event_item_new (row);
  const char *code = lamp_event_item_get_text (item, "error_code");
  g_autofree char *queued = NULL;
  g_autofree char *tried = NULL;

  queued = lamp_words_dup_full_moment (lamp_event_item_get_number (item, "queued_at"));
  tried = lamp_words_dup_full_moment (lamp_event_item_get_number (item, "last_retry_at"));
  g_string_append_printf (report, "\n%s  %s\n", lamp_event_item_get_text (item, "event_id"),
                          lamp_event_item_get_text (item, "event_type"));
  g_string_append_printf (report, _("  Mission: %s\n"),
                          lamp_event_item_get_text (item, "mission_id"));
  g_string_append_printf (report, _("  Reason: %s (%s)\n"), lamp_reason_for_code (code).title,
                          code);
  g_string_append_printf (report, _("  The server’s words: %s\n"),
                          lamp_event_item_get_text (item, "error_message"));
  g_string_append_printf (report, _("  Stored: %s; last attempt: %s; refusals: %u\n"), queued,
                          tried, (guint) lamp_event_item_get_number (item, "retry_count"));
}

/* --- the file ----------------------------------------------------------- */

static void
begin (Report *report)
{
  LampBusAgent1 *agent = lamp_client_get_proxy (report->client);
  g_autofree char *now = lamp_words_dup_full_moment (g_get_real_time ());

  /* TRANSLATORS: the first line of a report; the placeholder is a time */
  g_string_append_printf (report->text, _("Failed events of Lamppost, %s\n"), now);
  g_string_append_printf (report->text, _("Server: %s\n"), lamp_bus_agent1_get_server_url (agent));
  g_string_append_printf (report->text, _("Node: %s\n"), lamp_bus_agent1_get_node_id (agent));
  g_string_append_printf (report->text, _("Version: %s\n"), lamp_bus_agent1_get_version (agent));
}

static void
written_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;

  if (g_file_replace_contents_finish (G_FILE (source), result, NULL, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
write_report (GTask *task)
{
  Report *report = g_task_get_task_data (task);
  g_autoptr (GBytes) bytes = g_bytes_new (report->text->str, report->text->len);

  g_file_replace_contents_bytes_async (report->file, bytes, NULL, FALSE,
                                       G_FILE_CREATE_REPLACE_DESTINATION,
                                       g_task_get_cancellable (task), written_cb,
                                       g_object_ref (task));
}

static void read_page (GTask *task, gint64 cursor);

static void
listed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  Report *report = g_task_get_task_data (task);
  g_autoptr (GVariant) rows = NULL;
  g_autoptr (GError) error = NULL;
  GVariantIter iter;
  GVariant *row;
  gint64 next;

  if (!lamp_bus_agent1_call_list_finish (LAMP_BUS_AGENT1 (source), &rows, &next, result, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  g_variant_iter_init (&iter, rows);
  while ((row = g_variant_iter_next_value (&iter)) != NULL)
    {
      lamp_report_append_event (report->text, row);
      g_variant_unref (row);
    }

  if (next != 0)
    read_page (task, next);
  else
    write_report (task);
}

static void
read_page (GTask *task,
           gint64 cursor)
{
  Report *report = g_task_get_task_data (task);
  g_auto (GVariantDict) filter = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&filter, "status", "s", "failed");
  lamp_bus_agent1_call_list (lamp_client_get_proxy (report->client), g_variant_dict_end (&filter),
                             cursor, PAGE_ROWS, g_task_get_cancellable (task), listed_cb,
                             g_object_ref (task));
}

void
lamp_report_save_async (LampClient         *client,
                        GFile              *file,
                        GCancellable       *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Report *report = g_new0 (Report, 1);

  report->client = g_object_ref (client);
  report->file = g_object_ref (file);
  report->text = g_string_new (NULL);
  g_task_set_source_tag (task, lamp_report_save_async);
  g_task_set_task_data (task, report, (GDestroyNotify) report_free);
  begin (report);
  read_page (task, 0);
}

gboolean
lamp_report_save_finish (GAsyncResult *result,
                         GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
