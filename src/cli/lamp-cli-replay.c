/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-text.h"
#include "lamp-cli.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#define BAR_WIDTH 30

/* Goes to the line's start and clears what is there. */
#define LINE_START "\r\033[K"

typedef struct
{
  LampCli *cli;
  LampBusAgent1 *agent;
  GMainLoop *loop;  /* (owned) */
  gboolean started; /* the agent has answered: passes that end from now on are ours */
  gboolean bar;     /* a bar is on the line */
  LampCliExit code;
} Replay;

static void
finish (Replay     *self,
        LampCliExit code)
{
  self->code = code;
  g_main_loop_quit (self->loop);
}

static void
clear_bar (Replay *self)
{
  if (!self->bar)
    return;

  lamp_cli_write (LINE_START, -1);
  self->bar = FALSE;
}

static void
draw_bar (Replay *self)
{
  guint64 done = lamp_bus_agent1_get_replay_done (self->agent);
  guint64 total = lamp_bus_agent1_get_replay_total (self->agent);
  g_autoptr (GString) line = g_string_new (LINE_START "[");
  guint filled;

  if (total == 0 || !lamp_cli_is_terminal ())
    return;

  filled = MIN (done, total) * BAR_WIDTH / total;
  for (guint i = 0; i < BAR_WIDTH; i++)
    g_string_append_c (line, i < filled ? '#' : ' ');
  g_string_append_printf (line, "] %" PRIu64 "/%" PRIu64, done, total);
  lamp_cli_write (line->str, line->len);
  lamp_cli_flush ();
  self->bar = TRUE;
}

static void
print_result (guint delivered,
              guint failed,
              guint left)
{
  g_print (ngettext ("%u event was delivered.\n", "%u events were delivered.\n", delivered),
           delivered);
  if (failed > 0)
    g_print (ngettext ("%u was refused; “lamppost list --status failed” tells why.\n",
                       "%u were refused; “lamppost list --status failed” tells why.\n", failed),
             failed);
  if (left > 0)
    g_print (ngettext ("%u is still waiting.\n", "%u are still waiting.\n", left), left);
}

static void
finished_cb (LampBusAgent1 *agent,
             guint          delivered,
             guint          failed,
             guint          left,
             const char    *error,
             gpointer       user_data)
{
  Replay *self = user_data;

  if (!self->started)
    return;

  clear_bar (self);
  print_result (delivered, failed, left);
  if (*error != '\0')
    lamp_cli_complain (error);

  finish (self, left == 0 && failed == 0 && *error == '\0' ? LAMP_CLI_DONE : LAMP_CLI_FAILED);
}

static void
available_cb (Replay *self)
{
  /* Before that the call itself fails. */
  if (lamp_client_get_available (self->cli->client) || !self->started)
    return;

  clear_bar (self);
  lamp_cli_complain (_("The agent is gone. Start it with “lamppost-agent”; no event is lost."));
  finish (self, LAMP_CLI_UNREACHABLE);
}

static void
started_cb (GObject      *object,
            GAsyncResult *result,
            gpointer      user_data)
{
  Replay *self = user_data;
  g_autoptr (GError) error = NULL;

  self->started = lamp_bus_agent1_call_replay_now_finish (LAMP_BUS_AGENT1 (object), result, &error);

  if (!self->started)
    finish (self, lamp_cli_fail (self->cli, error));
}

/* The call is asynchronous so that its answer and the signals come in the order in which the
 * agent sent them: the end of an earlier pass must not be taken for ours. */
static LampCliExit
replay_and_wait (LampCli       *cli,
                 LampBusAgent1 *agent)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Replay self = { .cli = cli, .agent = agent, .loop = loop, .code = LAMP_CLI_DONE };

  g_signal_connect (agent, "replay-finished", G_CALLBACK (finished_cb), &self);
  g_signal_connect_swapped (agent, "g-properties-changed", G_CALLBACK (draw_bar), &self);
  g_signal_connect_swapped (cli->client, "notify::available", G_CALLBACK (available_cb), &self);
  lamp_bus_agent1_call_replay_now (agent, NULL, started_cb, &self);
  g_main_loop_run (loop);
  g_signal_handlers_disconnect_by_data (cli->client, &self);
  g_signal_handlers_disconnect_by_data (agent, &self);

  return self.code;
}

static LampCliExit
replay (LampCli       *cli,
        LampBusAgent1 *agent)
{
  g_autoptr (GError) error = NULL;

  if (!lamp_bus_agent1_call_replay_now_sync (agent, NULL, &error))
    return lamp_cli_fail (cli, error);

  g_print ("%s\n", _("Replay has started."));

  return LAMP_CLI_DONE;
}

LampCliExit
lamp_cli_replay (LampCli *cli,
                 char  ***arguments)
{
  gboolean wait = FALSE;
  LampBusAgent1 *agent;
  const GOptionEntry entries[] = { { "wait", 'w', 0, G_OPTION_ARG_NONE, &wait,
                                     N_("Wait until everything was tried"), NULL },
                                   { NULL } };

  if (!lamp_cli_parse (cli, entries, NULL, arguments))
    return LAMP_CLI_USAGE;

  agent = lamp_cli_open_agent (cli);
  if (agent == NULL)
    return LAMP_CLI_UNREACHABLE;

  return wait ? replay_and_wait (cli, agent) : replay (cli, agent);
}
