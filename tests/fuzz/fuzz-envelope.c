/* SPDX-License-Identifier: GPL-3.0-or-later */

#define _GNU_SOURCE /* memfd_create() */

#include "config.h"

#include "lamp-batch.h"
#include "lamp-event.h"
#include "lamp-fuzz.h"
#include "lamp-import.h"
#include "lamp-ulid.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Envelopes: ours, of whatever a caller gives, and those of others. The input is either lines
 * of a file to be imported, the first of which begins with a brace, or else:
 *
 *   the mission
 *   the event's type
 *   the node
 *   options, a line each: name:text or name#number
 *   an empty line
 *   the payload: all that is left */

#define EVENT_ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define TIMESTAMP_FORM "0000-00-00T00:00:00.000000Z"

/* One in so many events is made as long as an envelope may get, give or take a little. */
#define LONG_ONE_IN 256
#define LONG_SPREAD 4096

static const char *const members[] = {
  "event_id",       "event_type",     "aggregate_id", "payload",      "timestamp",
  "node_id",        "lamport_clock",  "causation_id", "project_uuid", "project_slug",
  "correlation_id", "schema_version", "data_tier",
};

typedef struct
{
  char *mission_id;
  char *event_type;
  char *node_id;
  char *payload;
  GVariant *options;
} Given;

static void
given_clear (Given *self)
{
  g_free (self->mission_id);
  g_free (self->event_type);
  g_free (self->node_id);
  g_free (self->payload);
  g_variant_unref (self->options);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Given, given_clear)

/* --- what was given ----------------------------------------------------- */

static guint
sum (const char *text)
{
  guint total = 0;

  for (; *text != '\0'; text++)
    total = total * 31 + (guchar) *text;

  return total;
}

/* No text in a GVariant may be anything but UTF-8. */
static void
add_option (GVariantDict *options,
            const char   *line)
{
  gsize length = strcspn (line, ":#");
  g_autofree char *name = g_strndup (line, length);
  g_autofree char *valid_name = g_utf8_make_valid (name, -1);
  g_autofree char *text = NULL;

  if (line[length] == '#')
    {
      g_variant_dict_insert (options, valid_name, "i",
                             (gint32) g_ascii_strtoll (line + length + 1, NULL, 10));
      return;
    }

  text = g_utf8_make_valid (line[length] == ':' ? line + length + 1 : "", -1);
  g_variant_dict_insert (options, valid_name, "s", text);
}

static char *
dup_payload (const char *text)
{
  guint number = sum (text);
  g_autofree char *filler = NULL;

  if (number % LONG_ONE_IN != 0)
    return g_strdup (text);

  filler = g_strnfill (LAMP_EVENT_MAX_BYTES - LONG_SPREAD + number / LONG_ONE_IN % LONG_SPREAD,
                       'x');

  return g_strdup_printf ("{\"filler\":\"%s\",\"rest\":%s}", filler, text);
}

static void
read_given (Given      *given,
            const char *position,
            const char *end)
{
  g_auto (GVariantDict) options = G_VARIANT_DICT_INIT (NULL);
  g_autofree char *rest = NULL;

  given->mission_id = lamp_fuzz_take_line (&position, end);
  given->event_type = lamp_fuzz_take_line (&position, end);
  given->node_id = lamp_fuzz_take_line (&position, end);

  for (;;)
    {
      g_autofree char *line = lamp_fuzz_take_line (&position, end);

      if (*line == '\0')
        break;

      add_option (&options, line);
    }

  rest = g_strndup (position, end - position);
  given->payload = dup_payload (rest);
  given->options = g_variant_ref_sink (g_variant_dict_end (&options));
}

/* --- what became of it -------------------------------------------------- */

/* White space around a payload is no part of it, and line breaks are spaces. */
static char *
dup_line (const char *payload)
{
  static const char space[] = " \t\r\n";
  const char *end = payload + strlen (payload);
  GString *line = g_string_new (NULL);

  payload += strspn (payload, space);
  while (end > payload && strchr (space, end[-1]) != NULL)
    end--;

  while (payload < end)
    {
      gsize skip = g_str_has_prefix (payload, "\r\n") ? 2 : 1;

      g_string_append_c (line, *payload == '\r' || *payload == '\n' ? ' ' : *payload);
      payload += skip;
    }

  return g_string_free (line, FALSE);
}

static void
check_members (const LampJson *envelope)
{
  LampJsonIter iter;
  LampJson name;
  gsize n_members = 0;

  lamp_json_iter_init (&iter, envelope);
  for (; lamp_json_iter_next (&iter, &name, NULL); n_members++)
    for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
      g_assert_true (lamp_json_string_equals (&name, members[i]) == (i == n_members));

  g_assert_cmpuint (n_members, >=, G_N_ELEMENTS (members));
}

static void
check_timestamp (const char *timestamp)
{
  g_assert_cmpuint (strlen (timestamp), ==, strlen (TIMESTAMP_FORM));
  for (gsize i = 0; timestamp[i] != '\0'; i++)
    g_assert_true (TIMESTAMP_FORM[i] == '0' ? g_ascii_isdigit (timestamp[i])
                                            : timestamp[i] == TIMESTAMP_FORM[i]);
}

static void
check_text (const LampJson *envelope,
            const char     *name,
            const char     *expected)
{
  g_autofree char *text = lamp_fuzz_read_member (envelope, name);

  g_assert_cmpstr (text, ==, expected);
}

static void
check_option (const LampJson *envelope,
              const Given    *given,
              const char     *name,
              const char     *otherwise)
{
  const char *expected = otherwise;

  g_variant_lookup (given->options, name, "&s", &expected);
  check_text (envelope, name, expected);
}

static void
check_values (const LampJson *envelope,
              const Given    *given,
              gint64          clock)
{
  g_autofree char *aggregate = g_strconcat ("mission/", given->mission_id, NULL);
  g_autofree char *timestamp = lamp_fuzz_read_member (envelope, "timestamp");
  g_autofree char *uuid = lamp_fuzz_read_member (envelope, "project_uuid");
  g_autofree char *payload = dup_line (given->payload);
  gint32 tier = 0;
  LampJson value;
  gint64 number;

  check_text (envelope, "event_id", EVENT_ID);
  check_text (envelope, "event_type", given->event_type);
  check_text (envelope, "node_id", given->node_id);
  check_option (envelope, given, "aggregate_id", aggregate);
  check_option (envelope, given, "causation_id", NULL);
  check_option (envelope, given, "project_uuid", uuid);
  check_option (envelope, given, "project_slug", NULL);
  check_option (envelope, given, "correlation_id", "00000000000000000000000000");
  check_option (envelope, given, "schema_version", "1.0.0");
  check_timestamp (timestamp);
  g_assert_true (g_uuid_string_is_valid (uuid));

  g_variant_lookup (given->options, "data_tier", "i", &tier);
  g_assert_true (lamp_json_find (envelope, "data_tier", &value));
  g_assert_true (lamp_json_get_int (&value, &number));
  g_assert_cmpint (number, ==, tier);
  g_assert_cmpint (number, >=, 0);
  g_assert_true (lamp_json_find (envelope, "lamport_clock", &value));
  g_assert_true (lamp_json_get_int (&value, &number));
  g_assert_cmpint (number, ==, clock);

  g_assert_true (lamp_json_find (envelope, "payload", &value));
  g_assert_cmpint (value.type, ==, LAMP_JSON_OBJECT);
  g_assert_cmpmem (value.text, value.length, payload, strlen (payload));
}

static void
check_mission (const LampJson  *envelope,
               const LampEvent *event)
{
  g_autofree char *mission = lamp_event_dup_mission_of (envelope);

  g_assert_true (lamp_event_has_plain_mission (event) ==
                 (strcmp (mission, lamp_event_get_mission_id (event)) == 0));
}

/* An envelope taken apart gives, put together, the same one: what was accepted is accepted. */
static LampEvent *
make_again (const LampJson *envelope,
            const Given    *given)
{
  static const char *const texts[] = { "aggregate_id",  "timestamp",    "causation_id",
                                       "project_uuid",  "project_slug", "correlation_id",
                                       "schema_version" };
  g_auto (GVariantDict) options = G_VARIANT_DICT_INIT (given->options);
  g_autoptr (GVariant) ended = NULL;
  g_autofree char *payload = NULL;
  LampJson value;
  LampEvent *event;
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *text = lamp_fuzz_read_member (envelope, texts[i]);

      if (text != NULL)
        g_variant_dict_insert (&options, texts[i], "s", text);
    }
  ended = g_variant_ref_sink (g_variant_dict_end (&options));

  lamp_json_find (envelope, "payload", &value);
  payload = g_strndup (value.text, value.length);
  event = lamp_event_new (given->mission_id, given->event_type, payload, ended, given->node_id,
                          &error);
  g_assert_no_error (error);

  return event;
}

static void
check_envelope (const char      *text,
                gsize            length,
                const LampEvent *event,
                const Given     *given,
                gint64           clock)
{
  g_autoptr (LampEvent) again = NULL;
  g_autofree char *text_again = NULL;
  LampJson envelope;

  g_assert_cmpuint (strlen (text), ==, length);
  g_assert_cmpuint (length, <=, LAMP_EVENT_MAX_BYTES);
  g_assert_null (strpbrk (text, "\r\n"));
  g_assert_true (g_utf8_validate_len (text, length, NULL));
  g_assert_true (lamp_json_check (text, length, LAMP_EVENT_MAX_DEPTH, &envelope, NULL));
  g_assert_cmpint (envelope.type, ==, LAMP_JSON_OBJECT);
  g_assert_cmpuint (envelope.length, ==, length);

  check_members (&envelope);
  check_values (&envelope, given, clock);
  check_mission (&envelope, event);

  again = make_again (&envelope, given);
  text_again = lamp_event_to_envelope (again, EVENT_ID, clock, NULL, NULL);
  g_assert_cmpstr (text_again, ==, text);
}

static void
make_event (const char *data,
            const char *end)
{
  g_auto (Given) given = { NULL };
  g_autoptr (LampEvent) event = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length = 0;
  gint64 clock;

  read_given (&given, data, end);
  clock = (gint64) sum (given.payload) << (sum (given.mission_id) % 32);

  event = lamp_event_new (given.mission_id, given.event_type, given.payload, given.options,
                          given.node_id, &error);
  if (event != NULL)
    text = lamp_event_to_envelope (event, EVENT_ID, clock, &length, &error);

  if (text != NULL)
    check_envelope (text, length, event, &given, clock);
  else
    lamp_fuzz_assert_words (error->message);
}

/* --- others' envelopes -------------------------------------------------- */

/* All that a file's lines make, or NULL if it isn't lines. */
static GPtrArray *
import (const char *data,
        gsize       size)
{
  g_autoptr (GPtrArray) slices = g_ptr_array_new_with_free_func (
    (GDestroyNotify) lamp_import_slice_free);
  int fd = memfd_create ("lines", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (LampImport) lines = NULL;
  g_autoptr (GError) error = NULL;
  LampImportSlice *slice;

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, data, size), ==, size);
  lines = lamp_import_open (path, &error);
  close (fd);
  if (lines == NULL)
    {
      lamp_fuzz_assert_words (error->message);
      return NULL;
    }

  do
    {
      slice = lamp_import_read (lines, &error);
      g_assert_no_error (error);
      g_ptr_array_add (slices, slice);
    }
  while (!slice->at_end);

  return g_steal_pointer (&slices);
}

static void
check_imported (const LampImported *event)
{
  g_autofree char *event_id = NULL;
  g_autofree char *event_type = NULL;
  g_autofree char *mission = NULL;
  LampJson envelope;

  g_assert_cmpuint (strlen (event->envelope), ==, event->length);
  g_assert_null (strchr (event->envelope, '\n'));
  g_assert_true (
    lamp_json_check (event->envelope, event->length, LAMP_EVENT_MAX_DEPTH, &envelope, NULL));
  g_assert_cmpint (envelope.type, ==, LAMP_JSON_OBJECT);
  g_assert_cmpint (event->lamport_clock, >=, -1);
  g_assert_cmpint (event->last_retry_at, >=, 0);
  g_assert_true (event->status == LAMP_STATUS_PENDING || event->status == LAMP_STATUS_FAILED);

  event_id = lamp_fuzz_read_member (&envelope, "event_id");
  event_type = lamp_fuzz_read_member (&envelope, "event_type");
  mission = lamp_event_dup_mission_of (&envelope);
  g_assert_cmpstr (event_id, ==, event->event_id);
  g_assert_cmpstr (event_type, ==, event->event_type);
  g_assert_true (g_utf8_validate (mission, -1, NULL));
  g_assert_false (lamp_json_find (&envelope, "_replay_status", NULL));
  g_assert_false (lamp_json_find (&envelope, "_retry_count", NULL));
  g_assert_false (lamp_json_find (&envelope, "_last_retry_at", NULL));
}

/* What was imported, as lines; all of it fits a request. */
static char *
dup_lines (GPtrArray *slices)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();
  g_autoptr (GBytes) body = NULL;
  GString *lines = g_string_new (NULL);

  for (guint i = 0; i < slices->len; i++)
    {
      const LampImportSlice *slice = g_ptr_array_index (slices, i);

      for (guint j = 0; j < slice->problems->len; j++)
        lamp_fuzz_assert_words (g_ptr_array_index (slice->problems, j));

      for (guint j = 0; j < slice->events->len; j++)
        {
          const LampImported *event = g_ptr_array_index (slice->events, j);

          check_imported (event);
          lamp_batch_add (batch, j, 0, event->event_id, event->envelope, event->length, G_MAXSIZE);
          g_string_append_printf (lines, "%s\n", event->envelope);
        }
    }

  body = lamp_batch_dup_body (batch);
  g_assert_true (lamp_json_check (g_bytes_get_data (body, NULL), g_bytes_get_size (body),
                                  LAMP_EVENT_MAX_DEPTH + 2, NULL, NULL));

  return g_string_free (lines, FALSE);
}

/* Once more, nothing is left out and nothing changes. */
static void
import_twice (const char *data,
              gsize       size)
{
  g_autoptr (GPtrArray) first = import (data, size);
  g_autoptr (GPtrArray) second = NULL;
  g_autofree char *lines = NULL;
  g_autofree char *lines_again = NULL;

  if (first == NULL)
    return;

  /* An empty file is none. */
  lines = dup_lines (first);
  if (*lines == '\0')
    return;

  second = import (lines, strlen (lines));
  g_assert_nonnull (second);
  lines_again = dup_lines (second);
  g_assert_cmpstr (lines_again, ==, lines);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  const char *text = (const char *) data;

  if (size > 0 && text[0] == '{')
    import_twice (text, size);
  else
    make_event (text, text + size);

  return 0;
}
