/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-event.h"

#include "lamp-error.h"
#include "lamp-node.h"
#include "lamp-ulid.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define MISSION_PREFIX "mission/"
#define DEFAULT_SCHEMA_VERSION "1.0.0"
#define DEFAULT_CORRELATION_ID "00000000000000000000000000"

/* Section 3 of the specification: 1 to 128 characters, and room for more in an aggregate. */
#define NAME_MAX_CHARACTERS 128
#define AGGREGATE_MAX_CHARACTERS 256
#define CORRELATION_CHARACTERS 26

/* A message quotes so much of what it refuses: enough to find it, too little to spill it. */
#define QUOTE_CHARACTERS 40

/* The digits of the largest clock. */
#define CLOCK_BYTES 19

#define ENVELOPE_HEAD "{\"event_id\":\""

struct _LampEvent
{
  char *mission_id;
  char *event_type;
  gboolean plain_mission; /* the envelope alone tells the mission */
  GString *before_clock;  /* (owned) the envelope behind the event id, up to the clock */
  GString *after_clock;   /* (owned) and behind the clock */
};

G_DEFINE_BOXED_TYPE (LampEvent, lamp_event, lamp_event_ref, lamp_event_unref)

typedef enum
{
  OPTION_CAUSATION_ID,
  OPTION_CORRELATION_ID,
  OPTION_PROJECT_UUID,
  OPTION_PROJECT_SLUG,
  OPTION_SCHEMA_VERSION,
  OPTION_AGGREGATE_ID,
  OPTION_TIMESTAMP,
  OPTION_DATA_TIER,
  OPTION_EXTRA,
  N_OPTIONS,
} Option;

/* What the caller gave, and what was made of it. */
typedef struct
{
  const char *mission_id;
  const char *event_type;
  const char *payload_text;
  const char *node_id;
  const char *texts[N_OPTIONS]; /* (nullable) the options that are strings */
  GVariant *values[N_OPTIONS];  /* (owned) (nullable) all options */
  char *aggregate_id;           /* (owned) */
  char *timestamp;              /* (owned) */
  char *project_uuid;           /* (owned) */
  gint32 data_tier;
  LampJson payload;
  GString *extra; /* (owned) the extra members, each with a comma before it */
} Draft;

static void
draft_clear (Draft *self)
{
  for (gsize i = 0; i < N_OPTIONS; i++)
    g_clear_pointer (&self->values[i], g_variant_unref);

  g_clear_pointer (&self->aggregate_id, g_free);
  g_clear_pointer (&self->timestamp, g_free);
  g_clear_pointer (&self->project_uuid, g_free);
  g_string_free (g_steal_pointer (&self->extra), TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Draft, draft_clear)

static gboolean refuse (GError **error, const char *field, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

static gboolean
refuse (GError    **error,
        const char *field,
        const char *format,
        ...)
{
  g_autofree char *rule = NULL;
  va_list arguments;

  va_start (arguments, format);
  rule = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT, "%s: %s", field, rule);

  return FALSE;
}

/* Never more than the beginning of what was found, and nothing that upsets a terminal. */
static char *
quote (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, strnlen (text, QUOTE_CHARACTERS * 4 + 1));
  g_autoptr (GString) start = g_string_new (NULL);
  const char *position = valid;

  for (gsize i = 0; i < QUOTE_CHARACTERS && *position != '\0'; i++)
    {
      gunichar character = g_utf8_get_char (position);

      g_string_append_unichar (start, g_unichar_iscntrl (character) ? ' ' : character);
      position = g_utf8_next_char (position);
    }

  if (*position != '\0')
    /* TRANSLATORS: quotation marks around the beginning of what was found */
    return g_strdup_printf (_("“%s…”"), start->str);

  /* TRANSLATORS: quotation marks around what was found */
  return g_strdup_printf (_("“%s”"), start->str);
}

static gboolean
check_utf8 (const char *field,
            const char *text,
            GError    **error)
{
  const char *end;

  if (!g_utf8_validate (text, -1, &end))
    return refuse (error, field, _("must be UTF-8, but is not at byte %zu"), (gsize) (end - text));

  return TRUE;
}

static gboolean
check_controls (const char *field,
                const char *text,
                GError    **error)
{
  gsize index = 0;

  for (const char *position = text; *position != '\0'; position = g_utf8_next_char (position))
    {
      gunichar character = g_utf8_get_char (position);

      index++;
      if (character < 0x20 || (character >= 0x7f && character <= 0x9f))
        return refuse (error, field,
                       _("must hold no control characters, but has U+%04X as character %zu"),
                       character, index);
    }

  return TRUE;
}

static gboolean
check_name (const char *field,
            const char *text,
            int         max_characters,
            GError    **error)
{
  glong characters;

  if (!check_utf8 (field, text, error))
    return FALSE;

  characters = g_utf8_strlen (text, -1);
  if (characters < 1 || characters > max_characters)
    return refuse (error, field, _("must be 1 to %d characters long, but has %ld"), max_characters,
                   characters);

  return check_controls (field, text, error);
}

static const char *
describe_type (LampJsonType type)
{
  static const char *const names[] = {
    /* TRANSLATORS: “must be a JSON object, but it is null”, or one of the following */
    [LAMP_JSON_NONE] = N_("nothing"),    [LAMP_JSON_NULL] = N_("null"),
    [LAMP_JSON_FALSE] = N_("a boolean"), [LAMP_JSON_TRUE] = N_("a boolean"),
    [LAMP_JSON_NUMBER] = N_("a number"), [LAMP_JSON_STRING] = N_("a string"),
    [LAMP_JSON_ARRAY] = N_("an array"),  [LAMP_JSON_OBJECT] = N_("an object"),
  };

  return _(names[type]);
}

static gboolean
check_object (const char *field,
              const char *text,
              LampJson   *object,
              GError    **error)
{
  LampJsonProblem problem;

  if (*text == '\0')
    return refuse (error, field, _("must be a JSON object, but it is empty"));

  if (!lamp_json_check (text, strlen (text), LAMP_JSON_MAX_DEPTH, object, &problem))
    return refuse (error, field, _("not valid JSON at byte %zu: %s"), problem.offset,
                   problem.rule);

  if (object->type != LAMP_JSON_OBJECT)
    /* TRANSLATORS: the placeholder is “null”, “a number”, “an array” … */
    return refuse (error, field, _("must be a JSON object, but it is %s"),
                   describe_type (object->type));

  return TRUE;
}

static gboolean
read_causation_id (Draft      *draft,
                   const char *field,
                   const char *text,
                   GError    **error)
{
  g_autofree char *quoted = NULL;

  if (lamp_ulid_is_valid (text))
    return TRUE;

  quoted = quote (text);

  return refuse (error, field, _("must be a ULID of 26 characters, but is %s"), quoted);
}

static gboolean
read_correlation_id (Draft      *draft,
                     const char *field,
                     const char *text,
                     GError    **error)
{
  glong characters;

  if (!check_utf8 (field, text, error))
    return FALSE;

  characters = g_utf8_strlen (text, -1);
  if (characters != CORRELATION_CHARACTERS)
    return refuse (error, field, _("must be %d characters long, but has %ld"),
                   CORRELATION_CHARACTERS, characters);

  return check_controls (field, text, error);
}

static gboolean
read_project_uuid (Draft      *draft,
                   const char *field,
                   const char *text,
                   GError    **error)
{
  g_autofree char *quoted = NULL;

  if (g_uuid_string_is_valid (text))
    {
      draft->project_uuid = g_strdup (text);
      return TRUE;
    }

  quoted = quote (text);

  return refuse (error, field, _("must be a UUID, but is %s"), quoted);
}

static gboolean
read_project_slug (Draft      *draft,
                   const char *field,
                   const char *text,
                   GError    **error)
{
  return check_utf8 (field, text, error);
}

static gboolean
read_schema_version (Draft      *draft,
                     const char *field,
                     const char *text,
                     GError    **error)
{
  return check_name (field, text, NAME_MAX_CHARACTERS, error);
}

static gboolean
read_aggregate_id (Draft      *draft,
                   const char *field,
                   const char *text,
                   GError    **error)
{
  draft->aggregate_id = g_strdup (text);

  return check_name (field, text, AGGREGATE_MAX_CHARACTERS, error);
}

/* ISO 8601 with microseconds, which g_date_time_format() pads no year for. */
static char *
format_utc (GDateTime *utc)
{
  return g_strdup_printf ("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", g_date_time_get_year (utc),
                          g_date_time_get_month (utc), g_date_time_get_day_of_month (utc),
                          g_date_time_get_hour (utc), g_date_time_get_minute (utc),
                          g_date_time_get_second (utc), g_date_time_get_microsecond (utc));
}

static gboolean
read_timestamp (Draft      *draft,
                const char *field,
                const char *text,
                GError    **error)
{
  g_autoptr (GDateTime) given = g_date_time_new_from_iso8601 (text, NULL);
  g_autoptr (GDateTime) utc = given != NULL ? g_date_time_to_utc (given) : NULL;
  g_autofree char *quoted = NULL;

  if (utc != NULL)
    {
      draft->timestamp = format_utc (utc);
      return TRUE;
    }

  quoted = quote (text);

  return refuse (error, field,
                 _("must be a date and time with seconds and a zone, such as "
                   "2026-02-03T14:05:06.789012Z, but is %s"),
                 quoted);
}

static gboolean
read_data_tier (Draft      *draft,
                const char *field,
                const char *text,
                GError    **error)
{
  draft->data_tier = g_variant_get_int32 (draft->values[OPTION_DATA_TIER]);

  if (draft->data_tier < 0)
    return refuse (error, field, _("must be 0 or more, but is %d"), draft->data_tier);

  return TRUE;
}

static gboolean
is_envelope_member (const char *name)
{
  static const char *const members[] = {
    "event_id",       "event_type",     "aggregate_id", "payload",      "timestamp",
    "node_id",        "lamport_clock",  "causation_id", "project_uuid", "project_slug",
    "correlation_id", "schema_version", "data_tier",    NULL,
  };

  return g_strv_contains (members, name);
}

static gboolean
read_extra_member (Draft          *draft,
                   GHashTable     *names,
                   const char     *field,
                   const LampJson *name,
                   const LampJson *value,
                   GError        **error)
{
  char *decoded = lamp_json_dup_string (name);
  gboolean known = is_envelope_member (decoded);
  gboolean twice = !known && g_hash_table_contains (names, decoded);
  g_autofree char *quoted = known || twice ? quote (decoded) : NULL;

  g_hash_table_add (names, decoded);

  if (known)
    return refuse (error, field, _("must not replace the member %s of the envelope"), quoted);

  if (twice)
    return refuse (error, field, _("must give each member once, but gives %s twice"), quoted);

  g_string_append_c (draft->extra, ',');
  lamp_json_append_line (draft->extra, name);
  g_string_append_c (draft->extra, ':');
  lamp_json_append_line (draft->extra, value);

  return TRUE;
}

static gboolean
read_extra (Draft      *draft,
            const char *field,
            const char *text,
            GError    **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  LampJson object;
  LampJson name;
  LampJson value;
  LampJsonIter iter;

  if (!check_object (field, text, &object, error))
    return FALSE;

  lamp_json_iter_init (&iter, &object);
  while (lamp_json_iter_next (&iter, &name, &value))
    if (!read_extra_member (draft, names, field, &name, &value, error))
      return FALSE;

  return TRUE;
}

static const struct
{
  const char *name;
  const char *type;
  gboolean (*read) (Draft *draft, const char *field, const char *text, GError **error);
} options[N_OPTIONS] = {
  [OPTION_CAUSATION_ID] = { "causation_id", "s", read_causation_id },
  [OPTION_CORRELATION_ID] = { "correlation_id", "s", read_correlation_id },
  [OPTION_PROJECT_UUID] = { "project_uuid", "s", read_project_uuid },
  [OPTION_PROJECT_SLUG] = { "project_slug", "s", read_project_slug },
  [OPTION_SCHEMA_VERSION] = { "schema_version", "s", read_schema_version },
  [OPTION_AGGREGATE_ID] = { "aggregate_id", "s", read_aggregate_id },
  [OPTION_TIMESTAMP] = { "timestamp", "s", read_timestamp },
  [OPTION_DATA_TIER] = { "data_tier", "i", read_data_tier },
  [OPTION_EXTRA] = { "extra", "s", read_extra },
};

static gboolean
refuse_unknown (const char *key,
                GError    **error)
{
  g_autofree char *quoted = quote (key);
  g_autoptr (GString) known = g_string_new (options[0].name);

  for (gsize i = 1; i < N_OPTIONS; i++)
    /* TRANSLATORS: between the names of a list */
    g_string_append_printf (known, "%s%s", C_("names", ", "), options[i].name);

  /* TRANSLATORS: a name, and a list of names */
  return refuse (error, "options", _("%s is not known; known are %s"), quoted, known->str);
}

static gboolean
collect_option (Draft      *draft,
                const char *key,
                GVariant   *value,
                GError    **error)
{
  Option option = 0;

  while (option < N_OPTIONS && strcmp (options[option].name, key) != 0)
    option++;

  if (option == N_OPTIONS)
    return refuse_unknown (key, error);

  if (draft->values[option] != NULL)
    return refuse (error, key, _("must be given once, but is given twice"));

  if (strcmp (g_variant_get_type_string (value), options[option].type) != 0)
    return refuse (error, key, _("must be of the D-Bus type “%s”, but is of type “%.40s”"),
                   options[option].type, g_variant_get_type_string (value));

  draft->values[option] = g_variant_ref (value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    draft->texts[option] = g_variant_get_string (value, NULL);

  return TRUE;
}

static gboolean
read_options (Draft    *draft,
              GVariant *given,
              GError  **error)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, given);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      g_autoptr (GVariant) owned = value;

      if (!collect_option (draft, key, owned, error))
        return FALSE;
    }

  for (Option option = 0; option < N_OPTIONS; option++)
    if (draft->values[option] != NULL &&
        !options[option].read (draft, options[option].name, draft->texts[option], error))
      return FALSE;

  return TRUE;
}

static void
fill_defaults (Draft *draft)
{
  g_autoptr (GDateTime) now = NULL;

  if (draft->aggregate_id == NULL)
    draft->aggregate_id = g_strconcat (MISSION_PREFIX, draft->mission_id, NULL);

  if (draft->project_uuid == NULL)
    draft->project_uuid = lamp_node_dup_project_uuid (draft->node_id);

  if (draft->timestamp == NULL)
    {
      now = g_date_time_new_now_utc ();
      draft->timestamp = format_utc (now);
    }

  if (draft->texts[OPTION_CORRELATION_ID] == NULL)
    draft->texts[OPTION_CORRELATION_ID] = DEFAULT_CORRELATION_ID;

  if (draft->texts[OPTION_SCHEMA_VERSION] == NULL)
    draft->texts[OPTION_SCHEMA_VERSION] = DEFAULT_SCHEMA_VERSION;
}

static gboolean
check_draft (Draft    *draft,
             GVariant *given,
             GError  **error)
{
  return check_name ("mission_id", draft->mission_id, NAME_MAX_CHARACTERS, error) &&
         check_name ("event_type", draft->event_type, NAME_MAX_CHARACTERS, error) &&
         check_name ("node_id", draft->node_id, NAME_MAX_CHARACTERS, error) &&
         check_object ("payload", draft->payload_text, &draft->payload, error) &&
         (given == NULL || read_options (draft, given, error));
}

static void
append_name (GString    *json,
             const char *name)
{
  g_string_append_printf (json, ",\"%s\":", name);
}

static void
append_text (GString    *json,
             const char *name,
             const char *text)
{
  append_name (json, name);
  if (text != NULL)
    lamp_json_append_string (json, text);
  else
    g_string_append (json, "null");
}

static GString *
write_before_clock (const Draft *draft)
{
  GString *json = g_string_sized_new (draft->payload.length + 512);

  g_string_append_c (json, '"');
  append_text (json, "event_type", draft->event_type);
  append_text (json, "aggregate_id", draft->aggregate_id);
  append_name (json, "payload");
  lamp_json_append_line (json, &draft->payload);
  append_text (json, "timestamp", draft->timestamp);
  append_text (json, "node_id", draft->node_id);
  append_name (json, "lamport_clock");

  return json;
}

static GString *
write_after_clock (const Draft *draft)
{
  GString *json = g_string_sized_new (draft->extra->len + 256);

  append_text (json, "causation_id", draft->texts[OPTION_CAUSATION_ID]);
  append_text (json, "project_uuid", draft->project_uuid);
  append_text (json, "project_slug", draft->texts[OPTION_PROJECT_SLUG]);
  append_text (json, "correlation_id", draft->texts[OPTION_CORRELATION_ID]);
  append_text (json, "schema_version", draft->texts[OPTION_SCHEMA_VERSION]);
  append_name (json, "data_tier");
  g_string_append_printf (json, "%d", draft->data_tier);
  g_string_append_len (json, draft->extra->str, draft->extra->len);
  g_string_append_c (json, '}');

  return json;
}

/* The rule for a row of the other tool, which has no mission beside its envelope. */
static char *
find_mission (const char     *aggregate_id,
              const LampJson *payload)
{
  LampJson mission;

  if (aggregate_id != NULL && g_str_has_prefix (aggregate_id, MISSION_PREFIX))
    return g_strdup (aggregate_id + strlen (MISSION_PREFIX));

  if (lamp_json_find (payload, "mission_id", &mission) && mission.type == LAMP_JSON_STRING)
    return lamp_json_dup_string (&mission);

  return g_strdup ("");
}

static LampEvent *
event_from_draft (const Draft *draft)
{
  LampEvent *self = g_atomic_rc_box_new0 (LampEvent);
  g_autofree char *found = find_mission (draft->aggregate_id, &draft->payload);

  self->mission_id = g_strdup (draft->mission_id);
  self->event_type = g_strdup (draft->event_type);
  self->plain_mission = strcmp (found, draft->mission_id) == 0;
  self->before_clock = write_before_clock (draft);
  self->after_clock = write_after_clock (draft);

  return self;
}

LampEvent *
lamp_event_new (const char *mission_id,
                const char *event_type,
                const char *payload,
                GVariant   *given,
                const char *node_id,
                GError    **error)
{
  g_auto (Draft) draft = {
    .mission_id = mission_id,
    .event_type = event_type,
    .payload_text = payload,
    .node_id = node_id,
    .extra = g_string_new (NULL),
  };

  g_return_val_if_fail (mission_id != NULL, NULL);
  g_return_val_if_fail (event_type != NULL, NULL);
  g_return_val_if_fail (payload != NULL, NULL);
  g_return_val_if_fail (given == NULL || g_variant_is_of_type (given, G_VARIANT_TYPE_VARDICT),
                        NULL);
  g_return_val_if_fail (node_id != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!check_draft (&draft, given, error))
    return NULL;

  fill_defaults (&draft);

  return event_from_draft (&draft);
}

LampEvent *
lamp_event_ref (LampEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_atomic_rc_box_acquire (self);
}

static void
clear_event (gpointer data)
{
  LampEvent *self = data;

  g_free (self->mission_id);
  g_free (self->event_type);
  g_string_free (self->before_clock, TRUE);
  g_string_free (self->after_clock, TRUE);
}

void
lamp_event_unref (LampEvent *self)
{
  g_return_if_fail (self != NULL);

  g_atomic_rc_box_release_full (self, clear_event);
}

const char *
lamp_event_get_mission_id (const LampEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->mission_id;
}

const char *
lamp_event_get_event_type (const LampEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->event_type;
}

gboolean
lamp_event_has_plain_mission (const LampEvent *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->plain_mission;
}

typedef struct
{
  const char *text;
  gsize length;
} Part;

static char *
join (const Part *parts,
      gsize       n_parts,
      gsize       total)
{
  char *joined = g_malloc (total + 1);
  char *to = joined;

  for (gsize i = 0; i < n_parts; i++)
    {
      memcpy (to, parts[i].text, parts[i].length);
      to += parts[i].length;
    }

  *to = '\0';

  return joined;
}

static char *
write_envelope (const LampEvent *self,
                const char      *event_id,
                gint64           lamport_clock,
                gsize           *length,
                GError         **error)
{
  char clock[CLOCK_BYTES + 1];
  const Part parts[] = {
    { ENVELOPE_HEAD, strlen (ENVELOPE_HEAD) },
    { event_id, LAMP_ULID_LENGTH },
    { self->before_clock->str, self->before_clock->len },
    { clock, g_snprintf (clock, sizeof clock, "%" G_GINT64_FORMAT, lamport_clock) },
    { self->after_clock->str, self->after_clock->len },
  };
  gsize total = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    total += parts[i].length;

  if (total > LAMP_EVENT_MAX_BYTES)
    {
      refuse (error, "envelope", _("must be at most %d bytes long, but has %zu"),
              LAMP_EVENT_MAX_BYTES, total);
      return NULL;
    }

  if (length != NULL)
    *length = total;

  return join (parts, G_N_ELEMENTS (parts), total);
}

char *
lamp_event_to_envelope (const LampEvent *self,
                        const char      *event_id,
                        gint64           lamport_clock,
                        gsize           *length,
                        GError         **error)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (lamp_ulid_is_valid (event_id), NULL);
  g_return_val_if_fail (lamport_clock >= 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return write_envelope (self, event_id, lamport_clock, length, error);
}

char *
lamp_event_dup_mission_of (const LampJson *envelope)
{
  g_autofree char *aggregate_id = NULL;
  LampJson value;

  g_return_val_if_fail (envelope != NULL, NULL);

  if (lamp_json_find (envelope, "aggregate_id", &value) && value.type == LAMP_JSON_STRING)
    aggregate_id = lamp_json_dup_string (&value);

  lamp_json_find (envelope, "payload", &value);

  return find_mission (aggregate_id, &value);
}
