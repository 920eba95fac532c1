/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-event.h"

#include "lamp-error.h"
#include "lamp-event.h"

#include <glib/gi18n.h>

/* A line may wrap a payload in one more object. */
#define LINE_MAX_DEPTH (LAMP_JSON_MAX_DEPTH + 1)

/* Lines are checked before they are sent, so that a mistake is told with its number; these are
 * filled in later and do not matter for that. */
#define ANY_NODE "node"
#define ANY_ID "00000000000000000000000000"

GVariant *
lamp_cli_event_new (const char *mission_id,
                    const char *event_type,
                    const char *payload,
                    GVariant   *options)
{
  return g_variant_ref_sink (
    g_variant_new ("(sss@a{sv})", mission_id, event_type, payload, options));
}

/* A string of C ends at its first NUL, so what lies behind it would be lost without a word. */
static char *
dup_text (const char     *name,
          const LampJson *string,
          GError        **error)
{
  if (g_strstr_len (string->text, (gssize) string->length, "\\u0000") == NULL)
    return lamp_json_dup_string (string);

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT,
               _("%s: must hold no control characters, but has U+0000"), name);

  return NULL;
}

static char *
member_or_default (const LampJson *object,
                   const char     *name,
                   const char     *fallback,
                   GError        **error)
{
  LampJson value;

  if (!lamp_json_find (object, name, &value))
    {
      if (fallback == NULL)
        g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT,
                     _("%s: is given neither in the line nor on the command line"), name);
      return g_strdup (fallback);
    }

  if (value.type != LAMP_JSON_STRING)
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT, _("%s: must be a string"), name);
      return NULL;
    }

  return dup_text (name, &value, error);
}

/* The option's value as Emit() wants it; NULL with no error for null, which is as good as not
 * given. */
static GVariant *
option_value (const char     *key,
              const LampJson *value,
              GError        **error)
{
  g_autofree char *text = NULL;
  gint64 number;

  if (value->type == LAMP_JSON_STRING)
    text = dup_text (key, value, error);
  else if (value->type == LAMP_JSON_OBJECT)
    text = g_strndup (value->text, value->length);

  if (text != NULL)
    return g_variant_new_string (text);
  if (value->type == LAMP_JSON_STRING)
    return NULL;

  if (lamp_json_get_int (value, &number) && number == (gint32) number)
    return g_variant_new_int32 (number);

  if (value->type != LAMP_JSON_NULL)
    g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT, _("%s: has a value of a wrong type"),
                 key);

  return NULL;
}

static gboolean
take_member (GVariantDict   *options,
             const LampJson *name,
             const LampJson *value,
             GError        **error)
{
  g_autofree char *key = lamp_json_dup_string (name);
  g_autoptr (GError) local_error = NULL;
  GVariant *option = option_value (key, value, &local_error);

  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  if (option != NULL)
    g_variant_dict_insert_value (options, key, option);
  else
    g_variant_dict_remove (options, key);

  return TRUE;
}

static gboolean
is_event_member (const LampJson *name)
{
  return lamp_json_string_equals (name, "mission_id") ||
         lamp_json_string_equals (name, "event_type") || lamp_json_string_equals (name, "payload");
}

static GVariant *
options_of_line (const LampJson *object,
                 GVariant       *defaults,
                 GError        **error)
{
  g_auto (GVariantDict) options = G_VARIANT_DICT_INIT (defaults);
  LampJsonIter iter;
  LampJson name;
  LampJson value;

  lamp_json_iter_init (&iter, object);
  while (lamp_json_iter_next (&iter, &name, &value))
    if (!is_event_member (&name) && !take_member (&options, &name, &value, error))
      return NULL;

  return g_variant_ref_sink (g_variant_dict_end (&options));
}

static GVariant *
event_from_object (const LampJson             *object,
                   const LampCliEventDefaults *defaults,
                   GError                    **error)
{
  g_autofree char *mission_id = NULL;
  g_autofree char *event_type = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GVariant) options = NULL;
  LampJson payload;

  mission_id = member_or_default (object, "mission_id", defaults->mission_id, error);
  if (mission_id == NULL)
    return NULL;

  event_type = member_or_default (object, "event_type", defaults->event_type, error);
  if (event_type == NULL)
    return NULL;

  options = options_of_line (object, defaults->options, error);
  if (options == NULL)
    return NULL;

  if (lamp_json_find (object, "payload", &payload))
    text = g_strndup (payload.text, payload.length);

  return lamp_cli_event_new (mission_id, event_type, text != NULL ? text : "{}", options);
}

/* A line that names none of the three is the payload itself. */
static gboolean
is_bare_payload (const LampJson             *object,
                 const LampCliEventDefaults *defaults)
{
  return defaults->mission_id != NULL && defaults->event_type != NULL &&
         !lamp_json_find (object, "mission_id", NULL) &&
         !lamp_json_find (object, "event_type", NULL) && !lamp_json_find (object, "payload", NULL);
}

static gboolean
check_event (GVariant *event,
             GError  **error)
{
  g_autoptr (GVariant) options = NULL;
  g_autoptr (LampEvent) checked = NULL;
  g_autofree char *envelope = NULL;
  const char *mission_id;
  const char *event_type;
  const char *payload;

  g_variant_get (event, "(&s&s&s@a{sv})", &mission_id, &event_type, &payload, &options);
  checked = lamp_event_new (mission_id, event_type, payload, options, ANY_NODE, error);
  if (checked != NULL)
    envelope = lamp_event_to_envelope (checked, ANY_ID, 0, NULL, error);

  return envelope != NULL;
}

GVariant *
lamp_cli_event_from_line (const char                 *line,
                          gsize                       length,
                          const LampCliEventDefaults *defaults,
                          GError                    **error)
{
  g_autoptr (GVariant) event = NULL;
  LampJsonProblem problem;
  LampJson object;

  if (!lamp_json_check (line, length, LINE_MAX_DEPTH, &object, &problem))
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT, _("not JSON at byte %zu: %s"),
                   problem.offset, problem.rule);
      return NULL;
    }

  if (object.type != LAMP_JSON_OBJECT)
    {
      g_set_error_literal (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT, _("not a JSON object"));
      return NULL;
    }

  if (is_bare_payload (&object, defaults))
    event = lamp_cli_event_new (defaults->mission_id, defaults->event_type, line,
                                defaults->options);
  else
    event = event_from_object (&object, defaults, error);

  if (event == NULL || !check_event (event, error))
    return NULL;

  return g_steal_pointer (&event);
}
