/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent.h"
#include "lamp-locale.h"
#include "lamp-settings.h"

#include <errno.h>
#include <glib/gi18n.h>

#ifdef G_OS_UNIX
#include <glib-unix.h>
#include <unistd.h>
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
parse (int              *argc,
       char           ***argv,
       LampAgentOptions *options,
       gboolean         *version,
       GError          **error)
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

/* @again: (out): whether to start anew */
static int
run (const LampAgentOptions *options,
     gboolean               *again)
{
  g_autoptr (GSettings) settings = lamp_settings_new ();
  g_autoptr (LampAgent) agent = NULL;
  int status;

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

  status = lamp_agent_run (agent);
  *again = lamp_agent_wants_again (agent);

  return status;
}

/* The same process goes on, under the same id, with nothing of what it was. */
static void
start_again (char **arguments)
{
#ifdef G_OS_UNIX
  execvp (arguments[0], arguments);
  g_warning ("Could not start again: %s", g_strerror (errno));
#endif
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  LampAgentOptions options = { 0 };
  g_auto (GStrv) arguments = g_strdupv (argv);
  gboolean version = FALSE;
  gboolean again = FALSE;
  int status;

  lamp_locale_init ();
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
      status = run (&options, &again);
    }

  g_free (options.queue);
  g_free (options.server);

  if (again)
    start_again (arguments);

  return status;
}
