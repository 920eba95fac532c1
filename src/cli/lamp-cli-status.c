/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-facts.h"
#include "lamp-cli-source.h"
#include "lamp-cli-text.h"

#include <glib/gi18n.h>

typedef struct
{
  const char *label;
  const char *property;
} Line;

static const Line lines[] = {
  { NC_("status", "pending"), "Pending" },
  { NC_("status", "failed"), "Failed" },
  { NC_("status", "delivered"), "Delivered" },
  { NC_("status", "server"), "ServerUrl" },
  { NC_("status", "node"), "NodeId" },
  { NC_("status", "queue file"), "QueuePath" },
  { NC_("status", "clock"), "LamportClock" },
  { NC_("status", "last delivery"), "LastDelivery" },
  { NC_("status", "oldest pending"), "OldestPending" },
  { NC_("status", "last error"), "LastError" },
};

static const LampCliFact *
find_fact (const char *property)
{
  for (gsize i = 0; i < lamp_cli_n_facts; i++)
    if (g_str_equal (lamp_cli_facts[i].property, property))
      return &lamp_cli_facts[i];

  g_assert_not_reached ();
}

static void
print_line (GVariant   *facts,
            const Line *line,
            gsize       width)
{
  const LampCliFact *fact = find_fact (line->property);
  g_autofree char *value = lamp_cli_facts_dup_value (facts, fact);
  const char *shown = value;

  if (value == NULL)
    /* TRANSLATORS: beside any label, such as “server”, “clock” or “last delivery” */
    shown = _("unknown");
  else if (*value == '\0' || (fact->kind == LAMP_CLI_FACT_TIME &&
                              lamp_cli_facts_get_time (facts, fact->property) == 0))
    /* TRANSLATORS: beside “server”, “last delivery” or “last error”: what goes with any of them */
    shown = _("none");

  lamp_cli_print_fact (g_dpgettext2 (NULL, "status", line->label), width, shown);
}

static void
print_for_people (GVariant *facts)
{
  g_autofree char *summary = lamp_cli_facts_dup_summary (facts);
  g_autofree char *painted = lamp_cli_paint (LAMP_CLI_BOLD, summary);
  gsize width = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    width = lamp_cli_widen (width, g_dpgettext2 (NULL, "status", lines[i].label));

  g_print ("%s\n", painted);
  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    print_line (facts, &lines[i], width);
}

static void
print_json (GVariant *facts,
            gboolean  agent)
{
  g_autoptr (GString) json = g_string_new ("{");
  g_autoptr (GVariant) agent_value = g_variant_ref_sink (g_variant_new_boolean (agent));

  for (gsize i = 0; i < lamp_cli_n_facts; i++)
    {
      g_autoptr (GVariant) value = NULL;

      value = g_variant_lookup_value (facts, lamp_cli_facts[i].property, NULL);
      lamp_cli_append_json_member (json, lamp_cli_facts[i].key, value);
    }

  lamp_cli_append_json_member (json, "agent", agent_value);
  g_string_append (json, "}\n");
  lamp_cli_write (json->str, json->len);
}

LampCliExit
lamp_cli_status (LampCli *cli,
                 char  ***arguments)
{
  g_autoptr (GVariant) facts = NULL;
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_("Print a JSON object"), NULL }, { NULL }
  };

  if (!lamp_cli_parse (cli, entries, NULL, arguments))
    return LAMP_CLI_USAGE;

  if (!lamp_cli_open (cli))
    return LAMP_CLI_UNREACHABLE;

  facts = lamp_cli_source_get_facts (cli);
  if (json)
    print_json (facts, cli->client != NULL);
  else
    print_for_people (facts);

  return LAMP_CLI_DONE;
}
