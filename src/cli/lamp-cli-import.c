/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bus-error.h"
#include "lamp-cli-source.h"
#include "lamp-cli-text.h"
#include "lamp-cli.h"
#include "lamp-error.h"
#include "lamp-import.h"

#include <glib/gi18n.h>
#include <string.h>

/* Goes to the line's start and clears what is there. */
#define LINE_START "\r\033[K"

/* Events that are asked back from the agent, a second's worth, to see which it has refused. */
#define COMPARE_MAX 10000

/* What is wrong with a file, as far as it can be told from outside the agent. */
typedef struct
{
  LampCli *cli;
  const char *path;
  guint n_problems;
  guint n_compared;
} Reread;

/* @progress: 0 to 1, below 0 if it isn't known */
static void
draw_progress (const char *path,
               double      progress)
{
  g_autofree char *display_name = g_filename_display_basename (path);
  g_autofree char *name = lamp_cli_clean (display_name);
  g_autofree char *line = NULL;

  if (!lamp_cli_is_terminal ())
    return;

  line = progress < 0 ? g_strdup_printf (_("Importing “%s”…"), name)
                      : g_strdup_printf (_("Importing “%s”, %d %%"), name, (int) (progress * 100));
  lamp_cli_write (LINE_START, -1);
  lamp_cli_write (line, -1);
  lamp_cli_flush ();
}

static void
clear_progress (void)
{
  if (lamp_cli_is_terminal ())
    lamp_cli_write (LINE_START, -1);
}

static void
progress_cb (const LampImportReport *report,
             double                  progress,
             gpointer                user_data)
{
  draw_progress (user_data, progress);
}

static void
print_problem (const char *path,
               const char *problem)
{
  g_autofree char *name = g_filename_display_name (path);
  g_autofree char *message = g_strdup_printf ("%s: %s", name, problem);

  lamp_cli_complain (message);
}

static void
print_more (const char *path,
            guint       n_more)
{
  g_autofree char *message = NULL;

  if (n_more == 0)
    return;

  /* TRANSLATORS: events of a file, besides those that were named one by one */
  message = g_strdup_printf (ngettext ("%u more can’t be imported.", "%u more can’t be imported.",
                                       n_more),
                             n_more);
  print_problem (path, message);
}

static void
print_problems (const char             *path,
                const LampImportReport *report)
{
  for (guint i = 0; i < report->problems->len; i++)
    print_problem (path, g_ptr_array_index (report->problems, i));

  print_more (path, report->n_problems - report->problems->len);
}

static void
reread_problem (Reread     *reread,
                const char *problem)
{
  if (++reread->n_problems <= LAMP_IMPORT_PROBLEMS_MAX)
    print_problem (reread->path, problem);
}

/* What the agent has with other content it has refused. */
static void
compare_events (Reread           *reread,
                const LampImport *import,
                GPtrArray        *events,
                guint             first,
                guint             n_events)
{
  char *ids[LAMP_CLI_READ_MAX];
  g_autoptr (GPtrArray) envelopes = NULL;

  for (guint i = 0; i < n_events; i++)
    ids[i] = ((LampImported *) g_ptr_array_index (events, first + i))->event_id;

  envelopes = lamp_cli_source_read (reread->cli, ids, n_events, NULL);
  for (guint i = 0; envelopes != NULL && i < n_events; i++)
    {
      const LampImported *event = g_ptr_array_index (events, first + i);
      const char *envelope = g_ptr_array_index (envelopes, i);
      g_autofree char *reason = NULL;
      g_autofree char *problem = NULL;

      if (envelope == NULL || strcmp (envelope, event->envelope) == 0)
        continue;

      reason = g_strdup_printf (_("the event “%s” is there already with other content; "
                                  "it was not replaced"),
                                event->event_id);
      problem = lamp_import_dup_problem (import, event->place, reason);
      reread_problem (reread, problem);
    }
}

static void
reread_slice (Reread                *reread,
              const LampImport      *import,
              const LampImportSlice *slice)
{
  for (guint i = 0; i < slice->problems->len; i++)
    reread_problem (reread, g_ptr_array_index (slice->problems, i));

  for (guint i = 0; i < slice->events->len && reread->n_compared < COMPARE_MAX;)
    {
      guint n_events = MIN (slice->events->len - i, LAMP_CLI_READ_MAX);

      compare_events (reread, import, slice->events, i, n_events);
      reread->n_compared += n_events;
      i += n_events;
    }
}

/* The agent tells by number only what it has skipped; its log names each. */
static void
print_problems_of_file (LampCli    *cli,
                        const char *path)
{
  g_autoptr (LampImport) import = lamp_import_open (path, NULL);
  Reread reread = { cli, path, 0, 0 };
  gboolean at_end = import == NULL;

  while (!at_end)
    {
      g_autoptr (LampImportSlice) slice = lamp_import_read (import, NULL);

      at_end = slice == NULL || slice->at_end;
      if (slice != NULL)
        reread_slice (&reread, import, slice);
    }

  if (reread.n_problems > LAMP_IMPORT_PROBLEMS_MAX)
    print_more (path, reread.n_problems - LAMP_IMPORT_PROBLEMS_MAX);
}

/* Each number wants its own plural. */
static void
print_counts (const char *path,
              guint       imported,
              guint       skipped,
              gboolean    named)
{
  g_autofree char *display_name = g_filename_display_name (path);
  g_autofree char *name = lamp_cli_clean (display_name);
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  /* TRANSLATORS: how “12 events were imported, 1 was skipped.” begins */
  first = g_strdup_printf (ngettext ("%u event was imported", "%u events were imported", imported),
                           imported);
  /* TRANSLATORS: how “12 events were imported, 1 was skipped.” ends */
  second = g_strdup_printf (ngettext ("%u was skipped", "%u were skipped", skipped), skipped);
  if (named)
    g_print ("%s: ", name);

  /* TRANSLATORS: the two halves of “12 events were imported, 1 was skipped.” */
  g_print (_("%s, %s.\n"), first, second);
}

static gboolean
import_into_queue (LampCli    *cli,
                   const char *path,
                   guint      *imported,
                   guint      *skipped,
                   GError    **error)
{
  g_autoptr (LampImportReport) report = NULL;

  report = lamp_queue_import (cli->queue, path, progress_cb, (gpointer) path, error);
  clear_progress ();
  if (report == NULL)
    return FALSE;

  print_problems (path, report);
  *imported = report->imported;
  *skipped = report->skipped;

  return TRUE;
}

static gboolean
import_into_agent (LampCli    *cli,
                   const char *path,
                   guint      *imported,
                   guint      *skipped,
                   GError    **error)
{
  LampBusAgent1 *agent = lamp_client_get_proxy (cli->client);
  gboolean done;

  if (!g_utf8_validate (path, -1, NULL))
    {
      g_autofree char *name = g_filename_display_name (path);

      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
                   _("The name of the file “%s” is not UTF-8; rename it"), name);
      return FALSE;
    }

  /* A long file takes its time; should the agent end, the bus answers at once. */
  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (agent), G_MAXINT);
  draw_progress (path, -1);
  done = lamp_bus_agent1_call_import_sync (agent, path, imported, skipped, NULL, error);
  clear_progress ();

  if (done && *skipped > 0)
    print_problems_of_file (cli, path);

  return done;
}

/* A file that can't be imported is no wrong usage: the others still can. */
static LampCliExit
fail_file (LampCli *cli,
           GError  *error)
{
  lamp_bus_error_strip (error);
  if (!g_error_matches (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS) &&
      !g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS))
    return lamp_cli_fail (cli, error);

  lamp_cli_complain (error->message);

  return LAMP_CLI_FAILED;
}

static LampCliExit
import_file (LampCli    *cli,
             const char *file,
             gboolean    named)
{
  g_autofree char *path = g_canonicalize_filename (file, NULL);
  g_autoptr (GError) error = NULL;
  guint imported = 0;
  guint skipped = 0;
  gboolean done = cli->client != NULL ? import_into_agent (cli, path, &imported, &skipped, &error)
                                      : import_into_queue (cli, path, &imported, &skipped, &error);

  if (!done)
    return fail_file (cli, error);

  print_counts (file, imported, skipped, named);

  return LAMP_CLI_DONE;
}

LampCliExit
lamp_cli_import (LampCli *cli,
                 char  ***arguments)
{
  g_auto (GStrv) files = NULL;
  LampCliExit code = LAMP_CLI_DONE;
  const GOptionEntry entries[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, N_("FILE…") }, { NULL }
  };

  if (!lamp_cli_parse (cli, entries,
                       _("A file is another queue or holds one event a line, as JSON. It is not "
                         "changed. What is there already or was delivered is skipped, so twice is "
                         "harmless."),
                       arguments))
    return LAMP_CLI_USAGE;

  if (files == NULL)
    return lamp_cli_usage (cli, _("The file to be imported is missing."));

  if (!lamp_cli_open (cli))
    return LAMP_CLI_UNREACHABLE;

  for (guint i = 0; files[i] != NULL && code != LAMP_CLI_UNREACHABLE; i++)
    {
      LampCliExit result = import_file (cli, files[i], g_strv_length (files) > 1);

      code = MAX (code, result);
    }

  return code;
}
