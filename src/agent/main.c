/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent.h"
#include "lamp-settings.h"

#include <glib/gi18n.h>
#include <locale.h>

#ifdef G_OS_UNIX
#include <glib-unix.h>
#endif

#define EXIT_USAGE 2

#ifdef G_OS_UNIX
static gboolean
signal_cb (gpointer user_data)
{
  lamp_agent_end (LAMP_AGENT (user_data));

  return G_SOURCE_CONTINUE;
}
#endif

static void
end_on_signals (LampAgent *agent)
{
#ifdef G_OS_UNIX
  g_unix_signal_add (SIGTERM, signal_cb, agent);
  g_unix_signal_add (SIGINT, signal_cb, agent);
  g_unix_signal_add (SIGHUP, signal_cb, agent);
#endif
}

static gboolean
parse (int               *argc,
       char            ***argv,
       LampAgentOptions  *options,
       gboolean          *version,
       GError           **error)
{
  gboolean no_tray = FALSE;
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  const GOptionEntry entries[] = {
    { "queue", 0, 0, G_OPTION_ARG_FILENAME, &options->queue,
      N_("The queue’s file, instead of ~/.spec-kitty/queue.db"), N_("FILE") },
    { "server", 0, 0, G_OPTION_ARG_STRING, &options->server,
      N_("The team server, instead of the one that is set"), N_("URL") },
    { "no-tray", 0, 0, G_OPTION_ARG_NONE, &no_tray, N_("Show no tray icon"), NULL },
    { "replace", 0, 0, G_OPTION_ARG_NONE, &options->replace,
      N_("Take over from an agent that runs"), NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, version, N_("Print the version"), NULL },
    { NULL },
  };

  g_option_context_set_summary (context, _("Keeps events and brings them to the team server."));
  g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;

  options->tray = !no_tray;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, _("“%s” is not understood"),
                   (*argv)[1]);
      return FALSE;
    }

  return TRUE;
}

static int
run (const LampAgentOptions *options)
{
  g_autoptr (GSettings) settings = lamp_settings_new ();
  g_autoptr (LampAgent) agent = NULL;

  if (settings == NULL)
    {
      g_printerr (_("The settings schema “%s” is not installed; install Lamppost again\n"),
                  LAMP_SCHEMA_ID);
      return EXIT_FAILURE;
    }

  /* GLib's idle threads wake up after 15 seconds, just to end. They may as well sleep on. */
  g_thread_pool_set_max_idle_time (0);

  agent = lamp_agent_new (settings, options);
  end_on_signals (agent);

  return lamp_agent_run (agent);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  LampAgentOptions options = { 0 };
  gboolean version = FALSE;
  int status;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, LAMP_LOCALE_DIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_application_name (_("Lamppost"));

  if (!parse (&argc, &argv, &options, &version, &error))
    {
      g_printerr (_("%s\nTry “lamppost-agent --help”.\n"), error->message);
      status = EXIT_USAGE;
    }
  else if (version)
    {
      g_print ("lamppost-agent %s\n", LAMP_VERSION);
      status = EXIT_SUCCESS;
    }
  else
    {
      status = run (&options);
    }

  g_free (options.queue);
  g_free (options.server);

  return status;
}
