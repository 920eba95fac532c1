/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-source.h"
#include "lamp-cli-text.h"

#include <glib/gi18n.h>

/* What a person does about failed events: resend, discard. */

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

  return ids == NULL || count > 0 ? LAMP_CLI_DONE : LAMP_CLI_FAILED;
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

  return count > 0 ? LAMP_CLI_DONE : LAMP_CLI_FAILED;
}

LampCliExit
lamp_cli_discard (LampCli *cli,
                  char  ***arguments)
{
  g_auto (GStrv) ids = NULL;
  const GOptionEntry entries[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &ids, NULL, N_("ID…") }, { NULL }
  };

  if (!lamp_cli_parse (cli, entries, _("Only failed events are deleted. It can't be undone."),
                       arguments))
    return LAMP_CLI_USAGE;

  if (ids == NULL)
    return lamp_cli_usage (cli, _("The ids of the failed events are missing."));

  return lamp_cli_open (cli) ? discard (cli, ids) : LAMP_CLI_UNREACHABLE;
}
