/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-facts.h"

#include "lamp-cli-text.h"

#include <glib/gi18n.h>
#include <inttypes.h>

/* In the order in which “status --json” prints them. */
const LampCliFact lamp_cli_facts[] = {
  { "State", "state", LAMP_CLI_FACT_TEXT },
  { "Online", "online", LAMP_CLI_FACT_BOOLEAN },
  { "Paused", "paused", LAMP_CLI_FACT_BOOLEAN },
  { "Pending", "pending", LAMP_CLI_FACT_NUMBER },
  { "Failed", "failed", LAMP_CLI_FACT_NUMBER },
  { "Delivered", "delivered", LAMP_CLI_FACT_NUMBER },
  { "Capacity", "capacity", LAMP_CLI_FACT_NUMBER },
  { "ReplayDone", "replay_done", LAMP_CLI_FACT_NUMBER },
  { "ReplayTotal", "replay_total", LAMP_CLI_FACT_NUMBER },
  { "NextRetry", "next_retry", LAMP_CLI_FACT_TIME },
  { "LastDelivery", "last_delivery", LAMP_CLI_FACT_TIME },
  { "OldestPending", "oldest_pending", LAMP_CLI_FACT_TIME },
  { "LamportClock", "lamport_clock", LAMP_CLI_FACT_NUMBER },
  { "NodeId", "node_id", LAMP_CLI_FACT_TEXT },
  { "ServerUrl", "server_url", LAMP_CLI_FACT_TEXT },
  { "QueuePath", "queue_path", LAMP_CLI_FACT_TEXT },
  { "LastError", "last_error", LAMP_CLI_FACT_TEXT },
  { "TrayStatus", "tray_status", LAMP_CLI_FACT_TEXT },
  { "Version", "version", LAMP_CLI_FACT_TEXT },
};
const gsize lamp_cli_n_facts = G_N_ELEMENTS (lamp_cli_facts);

/* Section 7 of the specification. */
static const struct
{
  const char *state;
  const char *words;
} states[] = {
  { "idle", N_("Online") },
  { "replaying", N_("Sending") },
  { "waiting", N_("Online") },
  { "offline", N_("Offline") },
  { "unauthorized", N_("Sign-in needed") },
  { "throttled", N_("The server asks to wait") },
  { "misconfigured", N_("The server's address is wrong") },
  { "paused", N_("Paused") },
  { "unconfigured", N_("No server is set") },
  { "", N_("No agent runs") },
};

const char *
lamp_cli_facts_get_text (GVariant   *facts,
                         const char *property)
{
  const char *text = "";

  g_variant_lookup (facts, property, "&s", &text);

  return text;
}

guint64
lamp_cli_facts_get_count (GVariant   *facts,
                          const char *property)
{
  guint64 count = 0;

  g_variant_lookup (facts, property, "t", &count);

  return count;
}

gint64
lamp_cli_facts_get_time (GVariant   *facts,
                         const char *property)
{
  gint64 time = 0;

  g_variant_lookup (facts, property, "x", &time);

  return time;
}

char *
lamp_cli_facts_dup_value (GVariant          *facts,
                          const LampCliFact *fact)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (facts, fact->property, NULL);

  if (value == NULL)
    return NULL;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return g_variant_dup_string (value, NULL);

  if (fact->kind == LAMP_CLI_FACT_TIME && g_variant_is_of_type (value, G_VARIANT_TYPE_INT64))
    return lamp_cli_dup_time (g_variant_get_int64 (value));

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    return g_strdup (g_variant_get_boolean (value) ? _("yes") : _("no"));

  return g_variant_print (value, FALSE);
}

static const char *
words_for_state (const char *state)
{
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    if (g_str_equal (states[i].state, state))
      return _(states[i].words);

  return state;
}

static void
append_progress (GString  *summary,
                 GVariant *facts)
{
  guint64 total = lamp_cli_facts_get_count (facts, "ReplayTotal");

  if (total > 0)
    g_string_append_printf (summary, _(", %" PRIu64 " of %" PRIu64),
                            lamp_cli_facts_get_count (facts, "ReplayDone"), total);
}

static void
append_next_retry (GString  *summary,
                   GVariant *facts)
{
  gint64 left = lamp_cli_facts_get_time (facts, "NextRetry") - g_get_real_time ();
  g_autofree char *duration = NULL;

  if (left <= 0)
    return;

  duration = lamp_cli_dup_duration (left);
  g_string_append_printf (summary, _(", next try in %s"), duration);
}

char *
lamp_cli_facts_dup_summary (GVariant *facts)
{
  const char *state = lamp_cli_facts_get_text (facts, "State");
  GString *summary = g_string_new (words_for_state (state));
  guint64 pending = lamp_cli_facts_get_count (facts, "Pending");
  guint64 failed = lamp_cli_facts_get_count (facts, "Failed");

  if (pending > 0)
    g_string_append_printf (summary, _(", %" PRIu64 " waiting"), pending);
  if (failed > 0)
    g_string_append_printf (summary, _(", %" PRIu64 " failed"), failed);
  if (pending == 0 && failed == 0 && g_str_equal (state, "idle"))
    g_string_append (summary, _(", everything is delivered"));

  append_progress (summary, facts);
  append_next_retry (summary, facts);

  return g_string_free (summary, FALSE);
}
