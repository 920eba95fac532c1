/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-source.h"
#include "lamp-cli-text.h"

#include <glib/gi18n.h>

/* What a person does about failed events: resend, discard. */

/* Nothing was done, and a person wonders why. Ids beyond those that are read at once go without a
 * word. */
static LampCliExit
explain (LampCli *cli,
         char   **ids)
{
  guint n_ids = MIN (g_strv_length (ids), LAMP_CLI_READ_MAX);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) envelopes = lamp_cli_source_read (cli, ids, n_ids, &error);

  if (envelopes == NULL)
    return lamp_cli_fail (cli, error);

  for (guint i = 0; i < n_ids; i++)
    {
      g_autofree char *message = g_strdup_printf (g_ptr_array_index (envelopes, i) != NULL
                                                    ? _("The event %s hasn’t failed")
                                                    : _("There is no event %s"),
                                                  ids[i]);

      lamp_cli_complain (message);
    }

  return LAMP_CLI_FAILED;
}

static LampCliExit
resend (LampCli *cli,
        char   **ids)
{
  g_autoptr (GError) error = NULL;
  guint count = 0;

  if (!lamp_cli_source_resend (cli, (const char *const *) ids, &count, &error))
    return lamp_cli_fail (cli, error);

  g_print (ngettext ("%u event is pending again.\n", "%u events are pending again.\n", count),
           count);

  return ids == NULL || count > 0 ? LAMP_CLI_DONE : explain (cli, ids);
}

LampCliExit
lamp_cli_resend (LampCli *cli,
                 char  ***arguments)
{
  g_auto (GStrv) ids = NULL;
  gboolean all = FALSE;
  const GOptionEntry entries[] = {
    { "all", 0, 0, G_OPTION_ARG_NONE, &all, N_("Every failed event"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &ids, NULL, N_("ID…") },
    { NULL }
  };

  if (!lamp_cli_parse (cli, entries, NULL, arguments))
    return LAMP_CLI_USAGE;

  if (all == (ids != NULL))
    return lamp_cli_usage (cli, _("Give either ids of failed events or --all."));

  return lamp_cli_open (cli) ? resend (cli, ids) : LAMP_CLI_UNREACHABLE;
}

static LampCliExit
discard (LampCli *cli,
         char   **ids)
{
  g_autoptr (GError) error = NULL;
  guint count = 0;

  if (!lamp_cli_source_discard (cli, (const char *const *) ids, &count, &error))
    return lamp_cli_fail (cli, error);

  g_print (ngettext ("%u event was discarded.\n", "%u events were discarded.\n", count), count);

  return count > 0 ? LAMP_CLI_DONE : explain (cli, ids);
}

LampCliExit
lamp_cli_discard (LampCli *cli,
                  char  ***arguments)
{
  g_auto (GStrv) ids = NULL;
  const GOptionEntry entries[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &ids, NULL, N_("ID…") }, { NULL }
  };

  if (!lamp_cli_parse (cli, entries, _("Only failed events are deleted. It can’t be undone."),
                       arguments))
    return LAMP_CLI_USAGE;

  if (ids == NULL)
    return lamp_cli_usage (cli, _("The ids of the failed events are missing."));

  return lamp_cli_open (cli) ? discard (cli, ids) : LAMP_CLI_UNREACHABLE;
}
