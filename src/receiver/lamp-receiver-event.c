/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-receiver-event.h"

#include "lamp-event.h"
#include "lamp-ulid.h"

#include <string.h>

/* The messages go to another machine, whose language is not ours, so they are not translated. */

/* Ids in the other tool's own sample data lack a character and know no forbidden letters. */
#define SHORT_ID_LENGTH (LAMP_ULID_LENGTH - 1)

/* Section 3 of the specification: characters, not bytes. */
#define LABEL_MAX 128

typedef struct
{
  const char *member;
  gboolean (*holds) (const LampJson *value);
  const char *rule;
  gboolean required; /* those that have a default may be left out */
} Rule;

static gboolean
is_short_id (const char *id)
{
  return strlen (id) == SHORT_ID_LENGTH && *id >= '0' && *id <= '7' &&
         strspn (id, G_CSET_DIGITS G_CSET_A_2_Z G_CSET_a_2_z) == SHORT_ID_LENGTH;
}

static gboolean
is_id (const LampJson *value)
{
  g_autofree char *id = NULL;

  if (value->type != LAMP_JSON_STRING)
    return FALSE;

  id = lamp_json_dup_string (value);

  return lamp_ulid_is_valid (id) || is_short_id (id);
}

static gboolean
is_id_or_null (const LampJson *value)
{
  return value->type == LAMP_JSON_NULL || is_id (value);
}

static gboolean
is_label (const LampJson *value)
{
  g_autofree char *label = NULL;
  glong length;

  if (value->type != LAMP_JSON_STRING)
    return FALSE;

  /* U+0000 has no place in a C string and would come out as another character. */
  if (g_strstr_len (value->text, value->length, "\\u0000") != NULL)
    return FALSE;

  label = lamp_json_dup_string (value);
  length = g_utf8_strlen (label, -1);
  if (length < 1 || length > LABEL_MAX)
    return FALSE;

  for (const char *p = label; *p != '\0'; p = g_utf8_next_char (p))
    {
      if (g_unichar_iscntrl (g_utf8_get_char (p)))
        return FALSE;
    }

  return TRUE;
}

static gboolean
is_string (const LampJson *value)
{
  return value->type == LAMP_JSON_STRING;
}

static gboolean
is_string_or_null (const LampJson *value)
{
  return value->type == LAMP_JSON_STRING || value->type == LAMP_JSON_NULL;
}

static gboolean
is_object (const LampJson *value)
{
  return value->type == LAMP_JSON_OBJECT;
}

static gboolean
is_time (const LampJson *value)
{
  g_autoptr (GDateTime) time = NULL;
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autofree char *text = NULL;

  if (value->type != LAMP_JSON_STRING)
    return FALSE;

  text = lamp_json_dup_string (value);
  time = g_date_time_new_from_iso8601 (text, utc);

  return time != NULL;
}

static gboolean
is_count (const LampJson *value)
{
  gint64 number;

  return value->type == LAMP_JSON_NUMBER && lamp_json_get_int (value, &number) && number >= 0;
}

static gboolean
is_correlation (const LampJson *value)
{
  g_autofree char *text = NULL;

  if (value->type != LAMP_JSON_STRING)
    return FALSE;

  text = lamp_json_dup_string (value);

  return g_utf8_strlen (text, -1) == LAMP_ULID_LENGTH;
}

/* Members may come in any order and others may stand between them: not every sender is ours. */
static const Rule rules[] = {
  { "event_id", is_id, "must be a ULID (26 characters)", TRUE },
  { "event_type", is_label, "must be a string of 1 to 128 characters, no control characters",
    TRUE },
  { "aggregate_id", is_string, "must be a string", TRUE },
  { "payload", is_object, "must be an object", TRUE },
  { "timestamp", is_time, "must be a time in ISO 8601", TRUE },
  { "node_id", is_string, "must be a string", TRUE },
  { "lamport_clock", is_count, "must be an integer of 0 or more", TRUE },
  { "causation_id", is_id_or_null, "must be a ULID (26 characters) or null", FALSE },
  { "project_uuid", is_string, "must be a string", TRUE },
  { "project_slug", is_string_or_null, "must be a string or null", FALSE },
  { "correlation_id", is_correlation, "must be a string of 26 characters", FALSE },
  { "schema_version", is_string, "must be a string", FALSE },
  { "data_tier", is_count, "must be an integer of 0 or more", FALSE },
};

static gboolean
check_rules (LampReceiverEvent *self,
             const LampJson    *envelope)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      LampJson value = { LAMP_JSON_NONE };
      gboolean found = lamp_json_find (envelope, rules[i].member, &value);

      if (!found && !rules[i].required)
        continue;

      if (!found || !rules[i].holds (&value))
        {
          lamp_receiver_event_reject (self, "invalid_event",
                                      g_strdup_printf ("%s %s%s", rules[i].member, rules[i].rule,
                                                       found ? "" : " (it is missing)"));
          return FALSE;
        }
    }

  return TRUE;
}

/* Whoever sent the event finds it again by this, so it is read before anything is checked. */
static void
read_event_id (LampReceiverEvent *self,
               const LampJson    *envelope)
{
  LampJson value = { LAMP_JSON_NONE };

  if (!lamp_json_find (envelope, "event_id", &value) || value.type != LAMP_JSON_STRING)
    return;

  self->event_id = lamp_json_dup_string (&value);
  if (*self->event_id == '\0')
    g_clear_pointer (&self->event_id, g_free);
}

static void
read_columns (LampReceiverEvent *self,
              const LampJson    *envelope)
{
  LampJson value = { LAMP_JSON_NONE };

  if (lamp_json_find (envelope, "event_type", &value))
    self->event_type = lamp_json_dup_string (&value);
  if (lamp_json_find (envelope, "lamport_clock", &value))
    lamp_json_get_int (&value, &self->lamport_clock);

  self->mission = lamp_event_dup_mission_of (envelope);
  if (self->mission == NULL)
    self->mission = g_strdup ("");
}

/**
 * lamp_receiver_event_new:
 * @envelope: an element of a checked body's list
 *
 * Reads one event and checks it against the rules of the envelope. The event
 * borrows the body's bytes.
 *
 * Returns: (transfer full): the event, rejected where it breaks a rule
 */
LampReceiverEvent *
lamp_receiver_event_new (const LampJson *envelope)
{
  LampReceiverEvent *self;

  g_return_val_if_fail (envelope != NULL, NULL);

  self = g_new0 (LampReceiverEvent, 1);
  self->envelope = envelope->text;
  self->length = envelope->length;

  if (envelope->type != LAMP_JSON_OBJECT)
    {
      lamp_receiver_event_reject (self, "invalid_event", g_strdup ("an event must be an object"));
      return self;
    }

  read_event_id (self, envelope);

  if (self->length > LAMP_EVENT_MAX_BYTES)
    lamp_receiver_event_reject (self, "oversized",
                                g_strdup_printf ("an event must not exceed %d bytes",
                                                 LAMP_EVENT_MAX_BYTES));
  else if (check_rules (self, envelope))
    read_columns (self, envelope);

  return self;
}

/**
 * lamp_receiver_event_free:
 * @self: (transfer full): an event
 *
 * Frees the event, but not the bytes it borrowed.
 */
void
lamp_receiver_event_free (LampReceiverEvent *self)
{
  g_free (self->event_id);
  g_free (self->event_type);
  g_free (self->mission);
  g_free (self->message);
  g_free (self);
}

/**
 * lamp_receiver_event_is_rejected:
 * @self: an event
 *
 * Whether a rule, the store or an option spoke against the event.
 */
gboolean
lamp_receiver_event_is_rejected (const LampReceiverEvent *self)
{
  g_return_val_if_fail (self != NULL, TRUE);

  return self->code != NULL;
}

/**
 * lamp_receiver_event_reject:
 * @self: an event
 * @code: (not nullable): a short name that lives as long as the program
 * @message: (transfer full): the reason in words
 *
 * Says no to the event.
 */
void
lamp_receiver_event_reject (LampReceiverEvent *self,
                            const char        *code,
                            char              *message)
{
  g_return_if_fail (self != NULL && code != NULL);

  self->code = code;
  g_free (self->message);
  self->message = message;
}
