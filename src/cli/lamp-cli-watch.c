/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-facts.h"
#include "lamp-cli-source.h"
#include "lamp-cli-text.h"

#include <glib-unix.h>
#include <glib/gi18n.h>

/* The widest first word of English and a gap; another language may have a wider one. */
#define WORD_WIDTH 16
#define GAP 1

typedef struct
{
  LampCli *cli;
  GMainLoop *loop; /* (owned by the caller) */
  LampCliExit code;
} Watch;

static void print_event (Watch *self, const char *word, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

/* One line: the time, what happened, and to what. */
static void
print_event (Watch      *self,
             const char *word,
             const char *format,
             ...)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%H:%M:%S");
  g_autofree char *text = NULL;
  g_autofree char *clean = NULL;
  g_autoptr (GString) line = g_string_new (NULL);
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  clean = lamp_cli_clean (text);
  g_string_printf (line, "%s  ", time);
  lamp_cli_pad (line, word, MAX (WORD_WIDTH, lamp_cli_text_width (word) + GAP));
  g_print ("%s%s\n", line->str, clean);

  /* A reader that went away ends it. */
  if (!lamp_cli_flush ())
    g_main_loop_quit (self->loop);
}

static void
queued_cb (LampBusAgent1 *agent,
           const char    *event_id,
           const char    *event_type,
           const char    *mission_id,
           gint64         lamport_clock,
           gpointer       user_data)
{
  print_event (user_data, C_("watch", "queued"), "%s  %s  %s", event_id, mission_id, event_type);
}

static void
delivered_cb (LampBusAgent1     *agent,
              const char *const *event_ids,
              gpointer           user_data)
{
  for (gsize i = 0; event_ids[i] != NULL; i++)
    print_event (user_data, C_("watch", "delivered"), "%s", event_ids[i]);
}

static void
failed_cb (LampBusAgent1 *agent,
           GVariant      *refusals,
           gpointer       user_data)
{
  GVariantIter iter;
  const char *event_id;
  const char *code;
  const char *message;

  g_variant_iter_init (&iter, refusals);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &event_id, &code, &message))
    print_event (user_data, C_("watch", "failed"), "%s  %s: %s", event_id, code, message);
}

static void
finished_cb (LampBusAgent1 *agent,
             guint          delivered,
             guint          failed,
             guint          left,
             const char    *error,
             gpointer       user_data)
{
  const char *word = _("replay finished");

  if (*error == '\0')
    /* TRANSLATORS: numbers of events after a replay; each may be 0 or 1 */
    print_event (user_data, word, _("%u delivered, %u failed, %u left"), delivered, failed, left);
  else
    /* TRANSLATORS: numbers of events after a replay, each may be 0 or 1, and what went wrong */
    print_event (user_data, word, _("%u delivered, %u failed, %u left: %s"), delivered, failed,
                 left, error);
}

static void
changed_cb (GDBusProxy        *proxy,
            GVariant          *changed,
            const char *const *invalidated,
            gpointer           user_data)
{
  for (gsize i = 0; i < lamp_cli_n_facts; i++)
    {
      g_autofree char *value = lamp_cli_facts_dup_value (changed, &lamp_cli_facts[i]);

      if (value != NULL)
        print_event (user_data, lamp_cli_facts[i].key, "%s", value);
    }
}

static void
available_cb (Watch *self)
{
  if (lamp_client_get_available (self->cli->client))
    return;

  lamp_cli_complain (_("The agent is gone. Start it with “lamppost-agent”."));
  self->code = LAMP_CLI_UNREACHABLE;
  g_main_loop_quit (self->loop);
}

static gboolean
interrupted_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);

  return G_SOURCE_CONTINUE;
}

static void
print_summary (Watch *self)
{
  g_autoptr (GVariant) facts = lamp_cli_source_get_facts (self->cli);
  g_autofree char *summary = lamp_cli_facts_dup_summary (facts);

  print_event (self, _("now"), "%s", summary);
}

static LampCliExit
watch (LampCli       *cli,
       LampBusAgent1 *agent)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Watch self = { .cli = cli, .loop = loop, .code = LAMP_CLI_DONE };
  guint interrupt_id = g_unix_signal_add (SIGINT, interrupted_cb, loop);
  guint terminate_id = g_unix_signal_add (SIGTERM, interrupted_cb, loop);

  g_signal_connect (agent, "event-queued", G_CALLBACK (queued_cb), &self);
  g_signal_connect (agent, "events-delivered", G_CALLBACK (delivered_cb), &self);
  g_signal_connect (agent, "events-failed", G_CALLBACK (failed_cb), &self);
  g_signal_connect (agent, "replay-finished", G_CALLBACK (finished_cb), &self);
  g_signal_connect (agent, "g-properties-changed", G_CALLBACK (changed_cb), &self);
  g_signal_connect_swapped (cli->client, "notify::available", G_CALLBACK (available_cb), &self);
  print_summary (&self);
  g_main_loop_run (loop);
  g_signal_handlers_disconnect_by_data (cli->client, &self);
  g_signal_handlers_disconnect_by_data (agent, &self);
  g_source_remove (interrupt_id);
  g_source_remove (terminate_id);

  return self.code;
}

LampCliExit
lamp_cli_watch (LampCli *cli,
                char  ***arguments)
{
  LampBusAgent1 *agent;

  if (!lamp_cli_parse (cli, NULL, _("Ctrl+C ends it."), arguments))
    return LAMP_CLI_USAGE;

  agent = lamp_cli_open_agent (cli);

  return agent != NULL ? watch (cli, agent) : LAMP_CLI_UNREACHABLE;
}
