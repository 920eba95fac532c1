/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-facts.h"

#include "lamp-cli-text.h"
#include "lamp-settings.h"
#include "lamp-status-text.h"

#include <glib/gi18n.h>

/* “stalled-after-hours” where there are no settings (section 9 of the specification). */
#define STALLED_AFTER_HOURS 24

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

gint64
lamp_cli_facts_get_stalled_after (void)
{
  g_autoptr (GSettings) settings = lamp_settings_new ();
  guint hours = STALLED_AFTER_HOURS;

  if (settings != NULL)
    hours = g_settings_get_uint (settings, "stalled-after-hours");

  return hours * G_TIME_SPAN_HOUR;
}

static LampTally
get_tally (GVariant *facts)
{
  return (LampTally){
    .pending = lamp_cli_facts_get_count (facts, "Pending"),
    .failed = lamp_cli_facts_get_count (facts, "Failed"),
  };
}

char *
lamp_cli_facts_dup_summary (GVariant *facts)
{
  gint64 now = g_get_real_time ();
  g_autoptr (LampSnapshot) snapshot = NULL;
  g_autofree char *counts = NULL;
  LampTally tally;

  snapshot = lamp_snapshot_new_from_properties (facts, lamp_cli_facts_get_stalled_after (), now);
  if (snapshot != NULL)
    return lamp_status_text_dup_summary (snapshot, now);

  tally = get_tally (facts);
  counts = lamp_status_text_dup_counts (&tally);
  if (*counts == '\0')
    return g_strdup (_("No agent runs"));

  /* TRANSLATORS: numbers of events like “12 waiting, 2 failed” */
  return g_strdup_printf (_("No agent runs, %s"), counts);
}
