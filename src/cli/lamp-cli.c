/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli.h"

#include "lamp-bus-error.h"
#include "lamp-cli-text.h"
#include "lamp-error.h"
#include "lamp-settings.h"

#include <glib/gi18n.h>
#include <string.h>

/* What GDBus and the bus say when nobody is there, or no longer. */
static const struct
{
  GQuark (*domain) (void);
  int code;
} unreachable[] = {
  { g_dbus_error_quark, G_DBUS_ERROR_SERVICE_UNKNOWN },
  { g_dbus_error_quark, G_DBUS_ERROR_NAME_HAS_NO_OWNER },
  { g_dbus_error_quark, G_DBUS_ERROR_NO_REPLY },
  { g_dbus_error_quark, G_DBUS_ERROR_NO_SERVER },
  { g_dbus_error_quark, G_DBUS_ERROR_DISCONNECTED },
  { g_dbus_error_quark, G_DBUS_ERROR_TIMEOUT },
  { g_dbus_error_quark, G_DBUS_ERROR_TIMED_OUT },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_EXEC_FAILED },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_FORK_FAILED },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_CHILD_EXITED },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_CHILD_SIGNALED },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_FAILED },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_SETUP_FAILED },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_CONFIG_INVALID },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_SERVICE_INVALID },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_PERMISSIONS_INVALID },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_FILE_INVALID },
  { g_dbus_error_quark, G_DBUS_ERROR_SPAWN_NO_MEMORY },
  { g_io_error_quark, G_IO_ERROR_CLOSED },
  { g_io_error_quark, G_IO_ERROR_TIMED_OUT },
};

void
lamp_cli_clear (LampCli *self)
{
  g_clear_object (&self->client);
  g_clear_object (&self->queue);
  g_clear_object (&self->connection);
}

LampCliExit
lamp_cli_usage (LampCli    *self,
                const char *format,
                ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  lamp_cli_complain (message);
  g_printerr (_("“lamppost %s --help” tells what can be given.\n"), self->command->name);

  return LAMP_CLI_USAGE;
}

gboolean
lamp_cli_parse (LampCli            *self,
                const GOptionEntry *entries,
                const char         *description,
                char             ***arguments)
{
  g_autofree char *program = g_strconcat ("lamppost ", self->command->name, NULL);
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  /* GOption prints the program's name in front of the usage; the command belongs to it. */
  g_set_prgname (program);
  g_option_context_set_summary (context, _(self->command->summary));
  g_option_context_set_description (context, description);
  g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);

  if (!g_option_context_parse_strv (context, arguments, &error))
    {
      lamp_cli_usage (self, "%s", error->message);
      return FALSE;
    }

  if ((*arguments)[0] != NULL && (*arguments)[1] != NULL)
    {
      lamp_cli_usage (self, _("“%s” is one word too many."), (*arguments)[1]);
      return FALSE;
    }

  return TRUE;
}

static gboolean
is_unreachable (const GError *error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (unreachable); i++)
    if (g_error_matches (error, unreachable[i].domain (), unreachable[i].code))
      return TRUE;

  return FALSE;
}

LampCliExit
lamp_cli_fail (LampCli *self,
               GError  *error)
{
  lamp_bus_error_strip (error);

  if (is_unreachable (error))
    {
      lamp_cli_complain (_("The agent can’t be reached. Start it with “lamppost-agent”."));
      g_debug ("%s", error->message);
      return LAMP_CLI_UNREACHABLE;
    }

  if (g_error_matches (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS) ||
      g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS))
    return lamp_cli_usage (self, "%s", error->message);

  lamp_cli_complain (error->message);

  return LAMP_CLI_FAILED;
}

/* GLib would start a bus of its own where it finds none (dbus-launch), which nobody asked for:
 * so only an address that was given, or the well-known one of the login session. */
static char *
dup_bus_address (void)
{
  const char *address = g_getenv ("DBUS_SESSION_BUS_ADDRESS");
  const char *runtime_dir = g_getenv ("XDG_RUNTIME_DIR");
  g_autofree char *path = NULL;
  g_autofree char *escaped = NULL;

  if (address != NULL && *address != '\0')
    return strstr (address, "autolaunch:") == NULL ? g_strdup (address) : NULL;

  if (runtime_dir == NULL || *runtime_dir == '\0')
    return NULL;

  path = g_build_filename (runtime_dir, "bus", NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;

  escaped = g_dbus_address_escape_value (path);

  return g_strconcat ("unix:path=", escaped, NULL);
}

static GDBusConnection *
connect_bus (void)
{
  g_autofree char *address = dup_bus_address ();
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  if (address == NULL)
    return NULL;

  connection =
    g_dbus_connection_new_for_address_sync (address,
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  if (connection == NULL)
    g_debug ("no session bus at %s: %s", address, error->message);

  return g_steal_pointer (&connection);
}

static gboolean
open_agent (LampCli *self,
            GError **error)
{
  self->client = lamp_client_new_sync (self->connection, NULL, error);
  if (self->client == NULL)
    return FALSE;

  if (lamp_client_get_available (self->client))
    return TRUE;

  g_clear_object (&self->client);
  g_set_error_literal (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN, LAMP_AGENT_ID);

  return FALSE;
}

static gboolean
open_queue (LampCli *self,
            GError **error)
{
  g_autoptr (GSettings) settings = NULL;
  g_autoptr (LampQueue) queue = NULL;

  /* What reads the settings must not look for a bus in its own way either. */
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", "disabled:", TRUE);
  settings = lamp_settings_new ();
  queue = lamp_settings_new_queue (settings, NULL);
  if (!lamp_queue_open (queue, error))
    return FALSE;

  self->queue = g_steal_pointer (&queue);

  return TRUE;
}

gboolean
lamp_cli_try_open (LampCli *self,
                   GError **error)
{
  self->connection = connect_bus ();

  return self->connection != NULL ? open_agent (self, error) : open_queue (self, error);
}

gboolean
lamp_cli_open (LampCli *self)
{
  g_autoptr (GError) error = NULL;

  if (lamp_cli_try_open (self, &error))
    return TRUE;

  lamp_cli_fail (self, error);

  return FALSE;
}

LampBusAgent1 *
lamp_cli_open_agent (LampCli *self)
{
  g_autoptr (GError) error = NULL;

  self->connection = connect_bus ();

  if (self->connection == NULL)
    lamp_cli_complain (
      _("There is no session bus here, so the agent can’t be reached. "
        "Run this in your desktop session, where “lamppost-agent” runs."));
  else if (!open_agent (self, &error))
    lamp_cli_fail (self, error);

  return self->client != NULL ? lamp_client_get_proxy (self->client) : NULL;
}

char *
lamp_cli_dup_queue_path (LampCli *self)
{
  if (self->client != NULL)
    return lamp_bus_agent1_dup_queue_path (lamp_client_get_proxy (self->client));

  return lamp_queue_dup_default_path ();
}
