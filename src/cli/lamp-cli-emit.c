/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bus-error.h"
#include "lamp-cli-event.h"
#include "lamp-cli-lines.h"
#include "lamp-cli-source.h"
#include "lamp-cli-text.h"
#include "lamp-error.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* The limits of EmitBatch() (section 7 of the specification). */
#define PART_MAX_EVENTS 1000
#define PART_MAX_BYTES (16 * 1024 * 1024)

/* What an event may take in the message beside its own bytes: alignment and where it ends. */
#define FRAMING_BYTES 16

typedef struct
{
  char *mission_id;   /* (owned) (nullable) */
  char *event_type;   /* (owned) (nullable) */
  char *payload;      /* (owned) (nullable) */
  char *causation_id; /* (owned) (nullable) */
  char **options;     /* (owned) (nullable) KEY=VALUE */
  GVariant *defaults; /* (owned) (nullable) the options as an a{sv} */
  gboolean lines;
} Emit;

/* Events that are sent together, all or none. */
typedef struct
{
  GPtrArray *events; /* (owned) (element-type GVariant) */
  gsize size;
  guint64 first_line; /* 0 where they don't come from lines */
  guint64 n_stored;   /* in all parts before */
} Part;

static void
emit_clear (Emit *self)
{
  g_free (self->mission_id);
  g_free (self->event_type);
  g_free (self->payload);
  g_free (self->causation_id);
  g_strfreev (self->options);
  g_clear_pointer (&self->defaults, g_variant_unref);
}

static void
part_clear (Part *self)
{
  g_ptr_array_unref (self->events);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Emit, emit_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Part, part_clear)

static gboolean
parse_number (const char *text,
              gint32     *number)
{
  gint64 value;

  if (!g_ascii_string_to_signed (text, 10, G_MININT32, G_MAXINT32, &value, NULL))
    return FALSE;

  *number = value;

  return TRUE;
}

/* Whether there is such an option, and whether the value is right, the queue knows better;
 * only the type must be right here. */
static gboolean
read_option (const char   *option,
             GVariantDict *options,
             GError      **error)
{
  const char *equals = strchr (option, '=');
  g_autofree char *key = NULL;
  gint32 number;

  if (equals == NULL)
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
                   _("An option is given as KEY=VALUE, but there is “%s”."), option);
      return FALSE;
    }

  key = g_strndup (option, equals - option);
  if (!g_str_equal (key, "data_tier"))
    {
      g_variant_dict_insert (options, key, "s", equals + 1);
      return TRUE;
    }

  if (!parse_number (equals + 1, &number))
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
                   _("data_tier must be a number, but is “%s”."), equals + 1);
      return FALSE;
    }

  g_variant_dict_insert (options, key, "i", number);

  return TRUE;
}

static gboolean
read_defaults (Emit    *emit,
               GError **error)
{
  g_auto (GVariantDict) options = G_VARIANT_DICT_INIT (NULL);

  for (guint i = 0; emit->options != NULL && emit->options[i] != NULL; i++)
    if (!read_option (emit->options[i], &options, error))
      return FALSE;

  if (emit->causation_id != NULL)
    g_variant_dict_insert (&options, "causation_id", "s", emit->causation_id);

  emit->defaults = g_variant_ref_sink (g_variant_dict_end (&options));

  return TRUE;
}

static gboolean
send_part (LampCli *cli,
           Part    *part,
           GError **error)
{
  g_autoptr (GVariant) events = NULL;
  g_autoptr (GPtrArray) ids = NULL;

  if (part->events->len == 0)
    return TRUE;

  events = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("(sssa{sv})"),
                                                    (GVariant *const *) part->events->pdata,
                                                    part->events->len));
  ids = lamp_cli_source_emit (cli, events, error);
  if (ids == NULL)
    {
      if (part->first_line > 0)
        {
          lamp_bus_error_strip (*error);
          /* TRANSLATORS: before the words of what is wrong; keep the space at the end */
          g_prefix_error (error, _("Line %" PRIu64 " and on: "), part->first_line);
        }
      return FALSE;
    }

  for (guint i = 0; i < ids->len; i++)
    {
      lamp_cli_write (g_ptr_array_index (ids, i), -1);
      lamp_cli_write ("\n", 1);
    }

  part->n_stored += ids->len;
  g_ptr_array_set_size (part->events, 0);
  part->size = 0;

  /* If nobody takes the ids, the events are stored all the same: main() tells of it. */
  lamp_cli_flush ();

  return TRUE;
}

static gboolean
add_to_part (LampCli  *cli,
             Part     *part,
             GVariant *event,
             GError  **error)
{
  gsize size = g_variant_get_size (event) + FRAMING_BYTES;

  if (part->events->len == PART_MAX_EVENTS || part->size + size > PART_MAX_BYTES)
    if (!send_part (cli, part, error))
      return FALSE;

  g_ptr_array_add (part->events, g_variant_ref (event));
  part->size += size;

  return TRUE;
}

static gboolean
is_blank (const char *line)
{
  return line[strspn (line, " \t\r")] == '\0';
}

static gboolean
emit_line (LampCli    *cli,
           const Emit *emit,
           Part       *part,
           guint64     number,
           const char *line,
           gsize       length,
           GError    **error)
{
  const LampCliEventDefaults defaults = { emit->mission_id, emit->event_type, emit->defaults };
  g_autoptr (GVariant) event = NULL;

  if (is_blank (line) && strlen (line) == length)
    return TRUE;

  event = lamp_cli_event_from_line (line, length, &defaults, error);
  if (event == NULL)
    {
      /* TRANSLATORS: before the words of what is wrong; keep the space at the end */
      g_prefix_error (error, _("Line %" PRIu64 ": "), number);
      return FALSE;
    }

  if (!add_to_part (cli, part, event, error))
    return FALSE;

  if (part->events->len == 1)
    part->first_line = number;

  return TRUE;
}

static LampCliExit
fail_after (LampCli    *cli,
            const Part *part,
            GError     *error)
{
  LampCliExit code = lamp_cli_fail (cli, error);

  g_printerr (ngettext ("%" PRIu64 " event was stored before that.\n",
                        "%" PRIu64 " events were stored before that.\n", part->n_stored),
              part->n_stored);

  return code;
}

static LampCliExit
emit_lines (LampCli    *cli,
            const Emit *emit)
{
  g_autoptr (LampCliLines) lines = lamp_cli_lines_new (STDIN_FILENO);
  g_auto (Part) part = { g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref) };
  LampCliLineResult result = LAMP_CLI_LINE;
  g_autoptr (GError) error = NULL;

  while (error == NULL && result != LAMP_CLI_LINE_END)
    {
      const char *line;
      gsize length;

      result = lamp_cli_lines_next (lines, part.events->len > 0, &line, &length, &error);
      if (result == LAMP_CLI_LINE)
        emit_line (cli, emit, &part, lamp_cli_lines_get_number (lines), line, length, &error);
      else if (result != LAMP_CLI_LINE_ERROR)
        send_part (cli, &part, &error);
    }

  return error == NULL ? LAMP_CLI_DONE : fail_after (cli, &part, error);
}

static LampCliExit
emit_one (LampCli *cli,
          Emit    *emit)
{
  g_auto (Part) part = { g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref) };
  g_autoptr (GError) error = NULL;

  if (g_strcmp0 (emit->payload, "-") == 0)
    {
      g_autofree char *text = lamp_cli_read_all (STDIN_FILENO, &error);

      if (text == NULL)
        return lamp_cli_fail (cli, error);

      g_free (emit->payload);
      emit->payload = g_steal_pointer (&text);
    }

  /* A D-Bus message holds nothing but UTF-8, so this is told here. */
  if (emit->payload != NULL && !g_utf8_validate (emit->payload, -1, NULL))
    {
      lamp_cli_complain (_("payload: must be UTF-8"));
      return LAMP_CLI_FAILED;
    }

  g_ptr_array_add (part.events, lamp_cli_event_new (emit->mission_id, emit->event_type,
                                                    emit->payload != NULL ? emit->payload : "{}",
                                                    emit->defaults));

  return send_part (cli, &part, &error) ? LAMP_CLI_DONE : lamp_cli_fail (cli, error);
}

static LampCliExit
check_usage (LampCli *cli,
             Emit    *emit)
{
  g_autoptr (GError) error = NULL;

  if (!emit->lines && emit->mission_id == NULL)
    return lamp_cli_usage (cli, _("The event’s mission is missing: -m MISSION."));

  if (!emit->lines && emit->event_type == NULL)
    return lamp_cli_usage (cli, _("The event’s type is missing: -t TYPE."));

  if (emit->lines && emit->payload != NULL)
    return lamp_cli_usage (cli, _("With --lines the payloads are in the lines; -p is too much."));

  return read_defaults (emit, &error) ? LAMP_CLI_DONE : lamp_cli_fail (cli, error);
}

LampCliExit
lamp_cli_emit (LampCli *cli,
               char  ***arguments)
{
  g_auto (Emit) emit = { NULL };
  LampCliExit code;
  const GOptionEntry entries[] = {
    { "mission", 'm', 0, G_OPTION_ARG_STRING, &emit.mission_id,
      N_("The mission that the event belongs to"), N_("MISSION") },
    { "type", 't', 0, G_OPTION_ARG_STRING, &emit.event_type, N_("What kind of event it is"),
      N_("TYPE") },
    { "payload", 'p', 0, G_OPTION_ARG_STRING, &emit.payload,
      /* TRANSLATORS: “({})” is what holds where nothing is given */
      N_("A JSON object, or - to read it from standard input ({})"), N_("JSON") },
    { "causation-id", 0, 0, G_OPTION_ARG_STRING, &emit.causation_id,
      N_("The event that caused this one"), N_("ID") },
    { "option", 0, 0, G_OPTION_ARG_STRING_ARRAY, &emit.options,
      N_("A further member: correlation_id, project_uuid, project_slug, schema_version, "
         "aggregate_id, timestamp, data_tier, or extra (a JSON object)"),
      N_("KEY=VALUE") },
    { "lines", 0, 0, G_OPTION_ARG_NONE, &emit.lines,
      N_("Read one event a line from standard input"), NULL },
    { NULL }
  };

  if (!lamp_cli_parse (
        cli, entries,
        _("Prints the id of the stored event.\n\n"
          "With --lines each line is a JSON object with mission_id, event_type and payload, and "
          "any of the keys of --option. What a line lacks is taken from the command line. With "
          "-m and -t, a line that has none of the three is the payload itself. Up to 1000 lines "
          "are stored together, all or none."),
        arguments))
    return LAMP_CLI_USAGE;

  code = check_usage (cli, &emit);
  if (code != LAMP_CLI_DONE)
    return code;

  if (!lamp_cli_open (cli))
    return LAMP_CLI_UNREACHABLE;

  return emit.lines ? emit_lines (cli, &emit) : emit_one (cli, &emit);
}
