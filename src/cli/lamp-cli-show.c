/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-source.h"
#include "lamp-cli-text.h"
#include "lamp-json-pretty.h"

#include <glib/gi18n.h>
#include <string.h>

/* An envelope that another program stored may be deeper than ours; it is shown all the same. */
#define ENVELOPE_MAX_DEPTH 1000

/* One event for people, for programs, or as it is stored; and the whole queue as it is stored. */

typedef struct
{
  const char *key;
  const char *label;
} Fact;

static const Fact facts[] = {
  { "event_id", NC_("event", "event") },
  { "event_type", NC_("event", "type") },
  { "mission_id", NC_("event", "mission") },
  { "aggregate_id", NC_("event", "aggregate") },
  { "status", NC_("event", "status") },
  { "lamport_clock", NC_("event", "clock") },
  { "timestamp", NC_("event", "emitted") },
  { "queued_at", NC_("event", "queued") },
  { "last_retry_at", NC_("event", "last attempt") },
  { "delivered_at", NC_("event", "delivered") },
  { "retry_count", NC_("event", "refusals") },
  { "error_code", NC_("event", "error") },
  { "error_message", NC_("event", "message") },
};

static gboolean
parse_envelope (const char *envelope,
                LampJson   *object)
{
  return lamp_json_check (envelope, strlen (envelope), ENVELOPE_MAX_DEPTH, object, NULL);
}

/* NULL for what isn't so (yet). The only integers of 64 bits that are no times are clocks. */
static char *
dup_fact (GVariant   *row,
          const char *key)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (row, key, NULL);

  if (value == NULL)
    return NULL;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return *g_variant_get_string (value, NULL) != '\0' ? g_variant_dup_string (value, NULL) : NULL;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
    return g_strdup_printf ("%u", g_variant_get_uint32 (value));

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_INT64))
    return NULL;

  if (g_str_equal (key, "lamport_clock"))
    return g_strdup_printf ("%" G_GINT64_FORMAT, g_variant_get_int64 (value));

  return g_variant_get_int64 (value) != 0 ? lamp_cli_dup_time (g_variant_get_int64 (value)) : NULL;
}

static void
print_for_people (const char *envelope,
                  GVariant   *row)
{
  g_autoptr (GString) pretty = g_string_new ("\n");
  LampJson object;
  gsize width = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (facts); i++)
    width = lamp_cli_widen (width, g_dpgettext2 (NULL, "event", facts[i].label));

  for (gsize i = 0; i < G_N_ELEMENTS (facts); i++)
    {
      g_autofree char *value = dup_fact (row, facts[i].key);

      lamp_cli_print_fact (g_dpgettext2 (NULL, "event", facts[i].label), width, value);
    }

  if (parse_envelope (envelope, &object))
    {
      lamp_json_append_pretty (pretty, &object);
    }
  else
    {
      g_autofree char *clean = lamp_cli_clean (envelope);

      g_string_append (pretty, clean);
    }

  g_string_append_c (pretty, '\n');
  lamp_cli_write (pretty->str, pretty->len);
}

/* An envelope that isn't JSON is a string there, so that the whole stays JSON. */
static void
print_json (const char *envelope,
            GVariant   *row)
{
  g_autoptr (GString) json = g_string_new ("{\"envelope\": ");
  LampJson object;

  if (parse_envelope (envelope, &object))
    g_string_append (json, envelope);
  else
    lamp_json_append_string (json, envelope);

  g_string_append (json, ", \"row\": ");
  lamp_cli_append_json_row (json, row);
  g_string_append (json, "}\n");
  lamp_cli_write (json->str, json->len);
}

static LampCliExit
show (LampCli    *cli,
      const char *event_id,
      gboolean    json,
      gboolean    raw)
{
  g_autoptr (GVariant) row = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *envelope = lamp_cli_source_get (cli, event_id, &row, &error);

  if (envelope == NULL)
    return lamp_cli_fail (cli, error);

  if (raw)
    lamp_cli_write (envelope, -1);
  else if (json)
    print_json (envelope, row);
  else
    print_for_people (envelope, row);

  return LAMP_CLI_DONE;
}

LampCliExit
lamp_cli_show (LampCli *cli,
               char  ***arguments)
{
  g_auto (GStrv) ids = NULL;
  gboolean json = FALSE;
  gboolean raw = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_("Print a JSON object"), NULL },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &raw, N_("Print the envelope’s bytes and nothing else"),
      NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &ids, NULL, N_("ID") },
    { NULL }
  };

  if (!lamp_cli_parse (cli, entries, NULL, arguments))
    return LAMP_CLI_USAGE;

  if (ids == NULL)
    return lamp_cli_usage (cli, _("The event’s id is missing."));

  if (ids[1] != NULL)
    return lamp_cli_usage (cli, _("“%s” is one word too many."), ids[1]);

  if (json && raw)
    return lamp_cli_usage (cli, _("--json and --raw exclude each other."));

  return lamp_cli_open (cli) ? show (cli, ids[0], json, raw) : LAMP_CLI_UNREACHABLE;
}

/* Lists come newest first, so the ids are collected before the first line is printed. */
static GPtrArray *
collect_ids (LampCli    *cli,
             const char *status,
             GError    **error)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GVariant) filter = NULL;
  gint64 cursor = 0;

  filter = g_variant_ref_sink (g_variant_new_parsed ("{'status': <%s>}", status));
  do
    {
      g_autoptr (GVariant) rows = lamp_cli_source_list (cli, filter, &cursor, LAMP_LIST_MAX, error);
      gsize n_rows = rows != NULL ? g_variant_n_children (rows) : 0;

      if (rows == NULL)
        return NULL;

      for (gsize i = 0; i < n_rows; i++)
        {
          g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
          char *event_id = NULL;

          if (g_variant_lookup (row, "event_id", "s", &event_id))
            g_ptr_array_add (ids, event_id);
        }
    }
  while (cursor != 0);

  return g_steal_pointer (&ids);
}

static void
reverse (GPtrArray *array)
{
  for (guint i = 0; i < array->len / 2; i++)
    {
      gpointer other = array->pdata[array->len - 1 - i];

      array->pdata[array->len - 1 - i] = array->pdata[i];
      array->pdata[i] = other;
    }
}

/* Returns whether the envelope is one. */
static gboolean
write_envelope (const char *envelope)
{
  g_autoptr (GString) line = NULL;
  LampJson object;

  if (!parse_envelope (envelope, &object))
    return FALSE;

  line = g_string_sized_new (object.length + 1);
  lamp_json_append_line (line, &object);
  g_string_append_c (line, '\n');
  lamp_cli_write (line->str, line->len);

  return TRUE;
}

static gboolean
write_envelopes (LampCli   *cli,
                 GPtrArray *ids,
                 guint     *n_corrupt,
                 GError   **error)
{
  for (guint first = 0; first < ids->len && lamp_cli_flush (); first += LAMP_CLI_READ_MAX)
    {
      guint n_ids = MIN (ids->len - first, LAMP_CLI_READ_MAX);
      g_autoptr (GPtrArray) envelopes = NULL;

      envelopes = lamp_cli_source_read (cli, (char **) ids->pdata + first, n_ids, error);
      if (envelopes == NULL)
        return FALSE;

      for (guint i = 0; i < envelopes->len; i++)
        if (envelopes->pdata[i] != NULL && !write_envelope (envelopes->pdata[i]))
          *n_corrupt += 1;
    }

  return TRUE;
}

static LampCliExit export(LampCli *cli, const char *status)
{
  g_autoptr (GPtrArray) ids = NULL;
  g_autoptr (GError) error = NULL;
  guint n_corrupt = 0;

  ids = collect_ids (cli, status, &error);
  if (ids == NULL)
    return lamp_cli_fail (cli, error);

  reverse (ids);
  if (!write_envelopes (cli, ids, &n_corrupt, &error))
    return lamp_cli_fail (cli, error);

  if (n_corrupt > 0)
    {
      g_autofree char *message = NULL;

      message = g_strdup_printf (ngettext ("%u event was left out because it is not JSON.",
                                           "%u events were left out because they are not JSON.",
                                           n_corrupt),
                                 n_corrupt);
      lamp_cli_complain (message);
    }

  return n_corrupt == 0 ? LAMP_CLI_DONE : LAMP_CLI_FAILED;
}

LampCliExit
lamp_cli_export (LampCli *cli,
                 char  ***arguments)
{
  g_autofree char *status = NULL;
  const GOptionEntry entries[] = { { "status", 's', 0, G_OPTION_ARG_STRING, &status,
                                     N_("Only these: pending, failed, delivered or all (all)"),
                                     N_("STATUS") },
                                   { NULL } };

  if (!lamp_cli_parse (cli, entries, NULL, arguments))
    return LAMP_CLI_USAGE;

  if (!lamp_cli_open (cli))
    return LAMP_CLI_UNREACHABLE;

  return export(cli, status != NULL ? status : "all");
}
