/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-json-pretty.h"

/* Spaces for each level. */
#define INDENT 2

static void
append_line_break (GString *json,
                   guint    depth)
{
  g_string_append_c (json, '\n');
  for (guint i = 0; i < depth * INDENT; i++)
    g_string_append_c (json, ' ');
}

/* JSON allows U+007F to U+009F in a string as they are; a terminal might obey them. */
static void
append_scalar (GString        *json,
               const LampJson *value)
{
  const char *end = value->text + value->length;

  for (const char *position = value->text; position < end; position = g_utf8_next_char (position))
    {
      gunichar character = g_utf8_get_char (position);

      if (g_unichar_iscntrl (character))
        g_string_append_printf (json, "\\u%04x", character);
      else
        g_string_append_unichar (json, character);
    }
}

static void
append_pretty (GString        *json,
               const LampJson *value,
               guint           depth)
{
  gboolean object = value->type == LAMP_JSON_OBJECT;
  LampJsonIter iter;
  LampJson name;
  LampJson child;
  guint n_children = 0;

  if (!object && value->type != LAMP_JSON_ARRAY)
    {
      append_scalar (json, value);
      return;
    }

  g_string_append_c (json, object ? '{' : '[');
  lamp_json_iter_init (&iter, value);
  for (; lamp_json_iter_next (&iter, &name, &child); n_children++)
    {
      if (n_children > 0)
        g_string_append_c (json, ',');
      append_line_break (json, depth + 1);
      if (object)
        {
          append_scalar (json, &name);
          g_string_append (json, ": ");
        }
      append_pretty (json, &child, depth + 1);
    }

  if (n_children > 0)
    append_line_break (json, depth);
  g_string_append_c (json, object ? '}' : ']');
}

void
lamp_json_append_pretty (GString        *json,
                         const LampJson *value)
{
  append_pretty (json, value, 0);
}
