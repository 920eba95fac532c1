/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-text.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Wide enough for the longest label of English and a gap behind it. */
#define LABEL_WIDTH 16
#define GAP 2

/* List()'s keys (section 7 of the specification). Rows come in any order, JSON in this one. */
static const char *const row_keys[] = {
  "event_id",      "event_type",    "mission_id",  "aggregate_id",  "status",
  "error_code",    "error_message", "timestamp",   "lamport_clock", "queued_at",
  "last_retry_at", "delivered_at",  "retry_count",
};

gboolean
lamp_cli_is_terminal (void)
{
  return isatty (STDOUT_FILENO);
}

/* https://no-color.org: any value but an empty one counts. */
static gboolean
wants_colors (void)
{
  const char *no_color = g_getenv ("NO_COLOR");

  return (no_color == NULL || *no_color == '\0') && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0 &&
         lamp_cli_is_terminal ();
}

char *
lamp_cli_paint (LampCliColor color,
                const char  *text)
{
  static const char *const codes[] = {
    [LAMP_CLI_BOLD] = "1",
    [LAMP_CLI_RED] = "31",
    [LAMP_CLI_GREEN] = "32",
    [LAMP_CLI_YELLOW] = "33",
  };

  if (color == LAMP_CLI_PLAIN || !wants_colors ())
    return g_strdup (text);

  return g_strdup_printf ("\033[%sm%s\033[0m", codes[color], text);
}

char *
lamp_cli_clean (const char *text)
{
  GString *clean = g_string_new (NULL);

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar character = g_utf8_get_char (text);

      g_string_append_unichar (clean, g_unichar_iscntrl (character) ? ' ' : character);
    }

  return g_string_free (clean, FALSE);
}

void
lamp_cli_complain (const char *message)
{
  g_autofree char *valid = g_utf8_make_valid (message, -1);
  g_autofree char *clean = lamp_cli_clean (valid);

  /* What was printed comes first where both go to one place. */
  fflush (stdout);
  g_printerr ("lamppost: %s\n", clean);
}

char *
lamp_cli_dup_time (gint64 time)
{
  g_autoptr (GDateTime) utc = NULL;
  g_autoptr (GDateTime) local = NULL;

  if (time == 0)
    /* TRANSLATORS: where a time would be: it has not happened yet */
    return g_strdup (_("never"));

  utc = g_date_time_new_from_unix_utc (time / G_TIME_SPAN_SECOND);
  if (utc != NULL)
    local = g_date_time_to_local (utc);

  return local != NULL ? g_date_time_format (local, "%Y-%m-%d %H:%M:%S") : g_strdup ("?");
}

gsize
lamp_cli_text_width (const char *text)
{
  gsize width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar character = g_utf8_get_char (text);

      if (g_unichar_iswide (character))
        width += 2;
      else if (!g_unichar_iszerowidth (character))
        width += 1;
    }

  return width;
}

void
lamp_cli_pad (GString    *line,
              const char *text,
              gsize       width)
{
  g_string_append (line, text);
  for (gsize i = lamp_cli_text_width (text); i < width; i++)
    g_string_append_c (line, ' ');
}

gsize
lamp_cli_widen (gsize       width,
                const char *label)
{
  return MAX (MAX (width, LABEL_WIDTH), lamp_cli_text_width (label) + GAP);
}

void
lamp_cli_print_fact (const char *label,
                     gsize       width,
                     const char *value)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *clean = NULL;

  if (value == NULL)
    return;

  clean = lamp_cli_clean (value);
  lamp_cli_pad (line, label, width);
  g_print ("%s%s\n", line->str, clean);
}

void
lamp_cli_write (const char *text,
                gssize      length)
{
  fwrite (text, 1, length < 0 ? strlen (text) : (gsize) length, stdout);
}

gboolean
lamp_cli_flush (void)
{
  return fflush (stdout) == 0 && !ferror (stdout);
}

gboolean
lamp_cli_has_reader (void)
{
  GPollFD poll = { .fd = STDOUT_FILENO, .events = G_IO_OUT };

  return g_poll (&poll, 1, 0) <= 0 || (poll.revents & (G_IO_ERR | G_IO_HUP)) == 0;
}

static void
append_integer (GString  *json,
                GVariant *value)
{
  g_autofree char *text = g_variant_print (value, FALSE);

  g_string_append (json, text);
}

void
lamp_cli_append_json (GString  *json,
                      GVariant *value)
{
  if (value == NULL)
    g_string_append (json, "null");
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    lamp_json_append_string (json, g_variant_get_string (value, NULL));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    g_string_append (json, g_variant_get_boolean (value) ? "true" : "false");
  else
    append_integer (json, value);
}

void
lamp_cli_append_json_member (GString    *json,
                             const char *name,
                             GVariant   *value)
{
  if (json->str[json->len - 1] != '{')
    g_string_append (json, ", ");

  lamp_json_append_string (json, name);
  g_string_append (json, ": ");
  lamp_cli_append_json (json, value);
}

void
lamp_cli_append_json_row (GString  *json,
                          GVariant *row)
{
  g_string_append_c (json, '{');
  for (gsize i = 0; i < G_N_ELEMENTS (row_keys); i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (row, row_keys[i], NULL);

      lamp_cli_append_json_member (json, row_keys[i], value);
    }
  g_string_append_c (json, '}');
}
