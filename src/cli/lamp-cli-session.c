/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-secret.h"
#include "lamp-cli-text.h"
#include "lamp-cli.h"
#include "lamp-settings.h"

#include <glib/gi18n.h>
#include <string.h>

/* Commands to the agent itself: login, logout, pause, unpause, open. */

/* In the agent's environment, which may be another than this one: the agent says so once the
 * server has refused it. */
static gboolean
is_overridden (LampBusAgent1 *agent)
{
  const char *last_error = lamp_bus_agent1_get_last_error (agent);

  return lamp_settings_get_token_override () != NULL ||
         (last_error != NULL && strstr (last_error, LAMP_SETTINGS_TOKEN_VARIABLE) != NULL);
}

static void
print_done (const char *done,
            gboolean    overridden)
{
  g_print ("%s\n", done);
  if (overridden)
    g_print ("%s\n", _("But SAAS_API_KEY is set and overrides it: unset that where the agent is "
                       "started, and start it anew."));
}

static LampCliExit
login (LampCli       *cli,
       LampBusAgent1 *agent)
{
  g_autoptr (LampCliSecret) token = NULL;
  g_autoptr (GError) error = NULL;
  gboolean overridden = is_overridden (agent);

  /* TRANSLATORS: a prompt; keep the space at the end */
  token = lamp_cli_read_secret (_("Token (it is not shown): "), &error);
  if (token == NULL)
    return lamp_cli_fail (cli, error);

  /* A person may have to unlock the keyring first. */
  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (agent), G_MAXINT);
  if (!lamp_bus_agent1_call_set_token_sync (agent, token, NULL, &error))
    return lamp_cli_fail (cli, error);

  print_done (_("The token is kept."), overridden);

  return LAMP_CLI_DONE;
}

LampCliExit
lamp_cli_login (LampCli *cli,
                char  ***arguments)
{
  LampBusAgent1 *agent;

  if (!lamp_cli_parse (cli, NULL,
                       _("The token is read from the terminal without showing it, "
                         "or else from standard input."),
                       arguments))
    return LAMP_CLI_USAGE;

  agent = lamp_cli_open_agent (cli);

  return agent != NULL ? login (cli, agent) : LAMP_CLI_UNREACHABLE;
}

LampCliExit
lamp_cli_logout (LampCli *cli,
                 char  ***arguments)
{
  g_autoptr (GError) error = NULL;
  LampBusAgent1 *agent;
  gboolean overridden;

  if (!lamp_cli_parse (cli, NULL, NULL, arguments))
    return LAMP_CLI_USAGE;

  agent = lamp_cli_open_agent (cli);
  if (agent == NULL)
    return LAMP_CLI_UNREACHABLE;

  overridden = is_overridden (agent);
  if (!lamp_bus_agent1_call_clear_token_sync (agent, NULL, &error))
    return lamp_cli_fail (cli, error);

  print_done (_("The token is forgotten."), overridden);

  return LAMP_CLI_DONE;
}

/* The generated setter doesn't tell whether it worked. */
static gboolean
set_paused (LampBusAgent1 *agent,
            gboolean       paused,
            GError       **error)
{
  GDBusProxy *proxy = G_DBUS_PROXY (agent);
  g_autoptr (GVariant) result = NULL;

  result = g_dbus_proxy_call_sync (proxy, "org.freedesktop.DBus.Properties.Set",
                                   g_variant_new ("(ssv)", g_dbus_proxy_get_interface_name (proxy),
                                                  "Paused", g_variant_new_boolean (paused)),
                                   G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);

  return result != NULL;
}

static LampCliExit
pause_or_unpause (LampCli    *cli,
                  char     ***arguments,
                  gboolean    paused,
                  const char *done)
{
  g_autoptr (GError) error = NULL;
  LampBusAgent1 *agent;

  if (!lamp_cli_parse (cli, NULL, NULL, arguments))
    return LAMP_CLI_USAGE;

  agent = lamp_cli_open_agent (cli);
  if (agent == NULL)
    return LAMP_CLI_UNREACHABLE;

  if (!set_paused (agent, paused, &error))
    return lamp_cli_fail (cli, error);

  g_print ("%s\n", done);

  return LAMP_CLI_DONE;
}

LampCliExit
lamp_cli_pause (LampCli *cli,
                char  ***arguments)
{
  return pause_or_unpause (cli, arguments, TRUE,
                           _("Replay is paused. Events are stored all the same."));
}

LampCliExit
lamp_cli_unpause (LampCli *cli,
                  char  ***arguments)
{
  return pause_or_unpause (cli, arguments, FALSE, _("Replay goes on."));
}

LampCliExit
lamp_cli_open_window (LampCli *cli,
                      char  ***arguments)
{
  g_autoptr (GError) error = NULL;
  LampBusAgent1 *agent;

  if (!lamp_cli_parse (cli, NULL, NULL, arguments))
    return LAMP_CLI_USAGE;

  agent = lamp_cli_open_agent (cli);
  if (agent == NULL)
    return LAMP_CLI_UNREACHABLE;

  if (!lamp_bus_agent1_call_show_window_sync (agent, NULL, &error))
    return lamp_cli_fail (cli, error);

  return LAMP_CLI_DONE;
}
