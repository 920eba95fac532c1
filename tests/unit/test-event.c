/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-event.h"
#include "lamp-node.h"

#include <string.h>

#define NODE "abcdef012345"
#define EVENT_ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define UUID "123e4567-e89b-12d3-a456-426614174000"
#define TIME "2026-02-03T14:05:06.789012Z"
#define ZEROS "00000000000000000000000000"

/* Options in GVariant's text format. */
static GVariant *
options (const char *text)
{
  GError *error = NULL;
  GVariant *parsed = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

  g_assert_no_error (error);

  return parsed;
}

static GVariant *
option (const char *name,
        const char *value)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, name, "s", value);

  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static char *
repeat (const char *text,
        gsize       times)
{
  GString *repeated = g_string_new (NULL);

  for (gsize i = 0; i < times; i++)
    g_string_append (repeated, text);

  return g_string_free (repeated, FALSE);
}

static LampEvent *
make (const char *mission_id,
      const char *event_type,
      const char *payload,
      GVariant   *given)
{
  g_autoptr (GVariant) owned = given;
  GError *error = NULL;
  LampEvent *event = lamp_event_new (mission_id, event_type, payload, owned, NODE, &error);

  g_assert_no_error (error);
  g_assert_nonnull (event);

  return event;
}

static char *
envelope_of (const char *payload,
             GVariant   *given)
{
  g_autoptr (LampEvent) event = make ("m-1", "CommentPosted", payload, given);
  GError *error = NULL;
  gsize length = 0;
  char *envelope = lamp_event_to_envelope (event, EVENT_ID, 7, &length, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (strlen (envelope), ==, length);
  g_assert_true (lamp_json_check (envelope, length, LAMP_EVENT_MAX_DEPTH, NULL, NULL));

  return envelope;
}

static char *
member_of (const char *envelope,
           const char *name)
{
  LampJson object;
  LampJson value;

  g_assert_true (
    lamp_json_check (envelope, strlen (envelope), LAMP_EVENT_MAX_DEPTH, &object, NULL));
  g_assert_true (lamp_json_find (&object, name, &value));

  return g_strndup (value.text, value.length);
}

static void
assert_member (const char *payload,
               GVariant   *given,
               const char *name,
               const char *expected)
{
  g_autofree char *envelope = envelope_of (payload, given);
  g_autofree char *value = member_of (envelope, name);

  g_assert_cmpstr (value, ==, expected);
}

static void
assert_refused (const char *mission_id,
                const char *event_type,
                const char *payload,
                GVariant   *given,
                const char *message)
{
  g_autoptr (GVariant) owned = given;
  g_autoptr (GError) error = NULL;
  g_autoptr (LampEvent) event = NULL;

  event = lamp_event_new (mission_id, event_type, payload, owned, NODE, &error);

  g_assert_null (event);
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT);
  g_assert_cmpstr (error->message, ==, message);
}

static void
assert_option_refused (GVariant   *given,
                       const char *message)
{
  assert_refused ("m", "T", "{}", given, message);
}

static void
test_writes_members_in_order (void)
{
  g_autofree char *uuid = lamp_node_dup_project_uuid (NODE);
  g_autofree char *envelope = NULL;
  g_autofree char *expected = NULL;

  envelope = envelope_of ("{\"body\":\"It works\"}", option ("timestamp", TIME));
  expected = g_strconcat ("{\"event_id\":\"" EVENT_ID
                          "\",\"event_type\":\"CommentPosted\","
                          "\"aggregate_id\":\"mission/m-1\","
                          "\"payload\":{\"body\":\"It works\"},"
                          "\"timestamp\":\"" TIME "\",\"node_id\":\"" NODE
                          "\","
                          "\"lamport_clock\":7,\"causation_id\":null,\"project_uuid\":\"",
                          uuid,
                          "\",\"project_slug\":null,\"correlation_id\":\"" ZEROS
                          "\","
                          "\"schema_version\":\"1.0.0\",\"data_tier\":0}",
                          NULL);

  g_assert_cmpstr (envelope, ==, expected);
}

static void
test_writes_all_options (void)
{
  g_autofree char *envelope = NULL;

  envelope = envelope_of ("{}", options (
                                  "{'extra': <'{\"team\": \"a\", \"n\":[1, 2]}'>, 'data_tier': <3>,"
                                  " 'timestamp': <'" TIME "'>, 'aggregate_id': <'board/7'>,"
                                  " 'schema_version': <'2.1'>, 'project_slug': <'lamp'>,"
                                  " 'project_uuid': <'" UUID "'>,"
                                  " 'correlation_id': <'01ARZ3NDEKTSV4RRFFQ69G5FAX'>,"
                                  " 'causation_id': <'01ARZ3NDEKTSV4RRFFQ69G5FAW'>}"));

  g_assert_cmpstr (envelope, ==,
                   "{\"event_id\":\"" EVENT_ID
                   "\",\"event_type\":\"CommentPosted\","
                   "\"aggregate_id\":\"board/7\",\"payload\":{},\"timestamp\":\"" TIME
                   "\","
                   "\"node_id\":\"" NODE
                   "\",\"lamport_clock\":7,"
                   "\"causation_id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAW\","
                   "\"project_uuid\":\"" UUID
                   "\",\"project_slug\":\"lamp\","
                   "\"correlation_id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAX\","
                   "\"schema_version\":\"2.1\",\"data_tier\":3,"
                   "\"team\":\"a\",\"n\":[1, 2]}");
}

static void
test_keeps_payload_verbatim (void)
{
  static const struct
  {
    const char *payload;
    const char *kept;
  } cases[] = {
    { "{}", "{}" },
    { " \n{ } \r\n", "{ }" },
    { "{\"n\":1.50, \"e\":1E2,\"u\":\"\\u00e4\\/\",\"n\":2}",
      "{\"n\":1.50, \"e\":1E2,\"u\":\"\\u00e4\\/\",\"n\":2}" },
    { "{\n  \"a\": \"x\\ny\",\r\n  \"b\": 1\r}", "{   \"a\": \"x\\ny\",   \"b\": 1 }" },
    { "{\"s\":\"ä€😀\"}", "{\"s\":\"ä€😀\"}" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_member (cases[i].payload, NULL, "payload", cases[i].kept);
}

static void
test_envelope_is_one_line (void)
{
  g_autofree char *envelope = envelope_of ("{\r\n\"a\":\n1\r}",
                                           option ("extra", "{\n\"x\"\r\n:\n[\n1\n]\n}"));

  g_assert_null (strpbrk (envelope, "\r\n"));
  g_assert_true (g_str_has_suffix (envelope, ",\"x\":[ 1 ]}"));
}

static void
test_escapes_text (void)
{
  g_autoptr (LampEvent) event = make ("a\"b\\c", "Ä\"", "{}", NULL);
  g_autofree char *envelope = lamp_event_to_envelope (event, EVENT_ID, 0, NULL, NULL);
  g_autofree char *aggregate_id = member_of (envelope, "aggregate_id");
  g_autofree char *event_type = member_of (envelope, "event_type");

  g_assert_cmpstr (aggregate_id, ==, "\"mission/a\\\"b\\\\c\"");
  g_assert_cmpstr (event_type, ==, "\"Ä\\\"\"");
}

static void
test_remembers_mission_and_type (void)
{
  g_autoptr (LampEvent) event = make ("m-1", "MissionJoined", "{}", NULL);
  g_autoptr (LampEvent) other = lamp_event_ref (event);

  g_assert_cmpstr (lamp_event_get_mission_id (other), ==, "m-1");
  g_assert_cmpstr (lamp_event_get_event_type (other), ==, "MissionJoined");
}

static void
test_writes_any_clock (void)
{
  const gint64 clocks[] = { 0, 9, G_GINT64_CONSTANT (9007199254740992), G_MAXINT64 };
  g_autoptr (LampEvent) event = make ("m", "T", "{}", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (clocks); i++)
    {
      g_autofree char *envelope = lamp_event_to_envelope (event, EVENT_ID, clocks[i], NULL, NULL);
      g_autofree char *written = member_of (envelope, "lamport_clock");
      g_autofree char *expected = g_strdup_printf ("%" G_GINT64_FORMAT, clocks[i]);

      g_assert_cmpstr (written, ==, expected);
    }
}

static void
test_stamps_the_moment (void)
{
  const gint64 before = g_get_real_time ();
  g_autofree char *envelope = envelope_of ("{}", NULL);
  const gint64 after = g_get_real_time ();
  g_autofree char *timestamp = member_of (envelope, "timestamp");
  g_autoptr (GDateTime) date = NULL;
  gint64 time;

  g_assert_cmpuint (strlen (timestamp), ==, strlen ("\"" TIME "\""));
  timestamp[strlen (timestamp) - 1] = '\0';
  date = g_date_time_new_from_iso8601 (timestamp + 1, NULL);
  g_assert_nonnull (date);

  /* The reader works on doubles and may be off by one. */
  time = g_date_time_to_unix (date) * G_USEC_PER_SEC + g_date_time_get_microsecond (date);
  g_assert_cmpint (time, >=, before - 1);
  g_assert_cmpint (time, <=, after + 1);
}

static void
test_normalises_timestamps (void)
{
  static const struct
  {
    const char *given;
    const char *written;
  } cases[] = {
    { TIME, "\"" TIME "\"" },
    { "2026-02-03T14:05:06Z", "\"2026-02-03T14:05:06.000000Z\"" },
    { "2026-02-03T14:05:06.5Z", "\"2026-02-03T14:05:06.500000Z\"" },
    { "2026-02-03T14:05:06,25Z", "\"2026-02-03T14:05:06.250000Z\"" },
    { "2026-02-03T00:05:06+01:30", "\"2026-02-02T22:35:06.000000Z\"" },
    { "2026-12-31T23:59:59.999999-05:00", "\"2027-01-01T04:59:59.999999Z\"" },
    { "2026-02-03 14:05:06.000001+00:00", "\"2026-02-03T14:05:06.000001Z\"" },
    { "2024-02-29T12:00:00.123456Z", "\"2024-02-29T12:00:00.123456Z\"" },
    { "0900-01-01T00:00:00Z", "\"0900-01-01T00:00:00.000000Z\"" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_member ("{}", option ("timestamp", cases[i].given), "timestamp", cases[i].written);
}

/* What another tool wrote with microseconds must come out as it went in. */
static void
test_keeps_every_microsecond (void)
{
  for (guint usec = 0; usec < G_USEC_PER_SEC; usec += 997)
    {
      g_autofree char *given = g_strdup_printf ("2026-02-03T14:05:%02u.%06uZ", usec % 60, usec);
      g_autofree char *written = g_strdup_printf ("\"%s\"", given);

      assert_member ("{}", option ("timestamp", given), "timestamp", written);
    }
}

static void
test_refuses_bad_timestamps (void)
{
  static const char *const texts[] = {
    "",
    "yesterday",
    "2026-02-03",
    "14:05:06Z",
    "2026-02-03T14:05:06",
    "2026-02-03T14:05Z",
    "2026-02-30T14:05:06Z",
    "2026-13-03T14:05:06Z",
    "2026-02-03T24:05:06Z",
    "2026-02-03T14:05:06.Z",
    "1770127506",
    "0001-01-01T00:00:00+05:00",
    "9999-12-31T23:59:59-05:00",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *message = g_strdup_printf (
        "timestamp: must be a date and time with seconds and a zone, such as "
        "2026-02-03T14:05:06.789012Z, but is “%s”",
        texts[i]);

      assert_option_refused (option ("timestamp", texts[i]), message);
    }
}

static void
test_refuses_names_of_wrong_length (void)
{
  g_autofree char *longest = repeat ("ä", 128);
  g_autofree char *too_long = repeat ("ä", 129);
  g_autoptr (LampEvent) event = make (longest, longest, "{}", NULL);

  g_assert_cmpstr (lamp_event_get_mission_id (event), ==, longest);

  assert_refused ("", "T", "{}", NULL, "mission_id: must be 1 to 128 characters long, but has 0");
  assert_refused (too_long, "T", "{}", NULL,
                  "mission_id: must be 1 to 128 characters long, but has 129");
  assert_refused ("m", "", "{}", NULL, "event_type: must be 1 to 128 characters long, but has 0");
  assert_refused ("m", too_long, "{}", NULL,
                  "event_type: must be 1 to 128 characters long, but has 129");
}

static void
test_refuses_control_characters (void)
{
  g_autoptr (LampEvent) event = make ("a\xc2\xa0z ~", "T", "{}", NULL);

  g_assert_nonnull (event);
  assert_refused ("a\nb", "T", "{}", NULL,
                  "mission_id: must hold no control characters, but has U+000A as character 2");
  assert_refused ("\x1f", "T", "{}", NULL,
                  "mission_id: must hold no control characters, but has U+001F as character 1");
  assert_refused ("m", "ä\x7f", "{}", NULL,
                  "event_type: must hold no control characters, but has U+007F as character 2");
  assert_refused ("m", "\xc2\x80", "{}", NULL,
                  "event_type: must hold no control characters, but has U+0080 as character 1");
  assert_refused ("m", "\xc2\x9f", "{}", NULL,
                  "event_type: must hold no control characters, but has U+009F as character 1");
}

static void
test_refuses_invalid_utf8 (void)
{
  assert_refused ("ab\xff", "T", "{}", NULL, "mission_id: must be UTF-8, but is not at byte 2");
  assert_refused ("m", "\xc3", "{}", NULL, "event_type: must be UTF-8, but is not at byte 0");
  assert_refused ("m", "T", "{\"a\":\"\xff\"}", NULL,
                  "payload: not valid JSON at byte 6: the text is not valid UTF-8");
}

static void
test_refuses_bad_node (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LampEvent) event = lamp_event_new ("m", "T", "{}", NULL, "", &error);

  g_assert_null (event);
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT);
  g_assert_cmpstr (error->message, ==, "node_id: must be 1 to 128 characters long, but has 0");
}

static void
test_refuses_payload_that_is_no_object (void)
{
  static const struct
  {
    const char *payload;
    const char *found;
  } cases[] = {
    { "[]", "an array" },    { "\"{}\"", "a string" }, { "12", "a number" },
    { "true", "a boolean" }, { "false", "a boolean" }, { "null", "null" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *message = g_strdup_printf ("payload: must be a JSON object, but it is %s",
                                                  cases[i].found);

      assert_refused ("m", "T", cases[i].payload, NULL, message);
    }

  assert_refused ("m", "T", "", NULL, "payload: must be a JSON object, but it is empty");
}

static void
test_refuses_payload_that_is_no_json (void)
{
  assert_refused ("m", "T", "{\"a\":1,}", NULL,
                  "payload: not valid JSON at byte 6: "
                  "a comma before the closing bracket is not allowed");
  assert_refused ("m", "T", "{\"a\":NaN}", NULL,
                  "payload: not valid JSON at byte 5: NaN is not allowed");
  assert_refused ("m", "T", "{\"a\":1} // one", NULL,
                  "payload: not valid JSON at byte 8: a comment is not allowed");
  assert_refused ("m", "T", "{\"a\"", NULL,
                  "payload: not valid JSON at byte 4: the text ends too early");
  assert_refused ("m", "T", " ", NULL,
                  "payload: not valid JSON at byte 1: the text ends too early");
}

static void
test_refuses_payload_that_is_too_deep (void)
{
  g_autofree char *opening = repeat ("[", 63);
  g_autofree char *closing = repeat ("]", 63);
  g_autofree char *deepest = g_strconcat ("{\"a\":", opening, closing, "}", NULL);
  g_autofree char *too_deep = g_strconcat ("{\"a\":[", opening, closing, "]}", NULL);
  g_autofree char *envelope = envelope_of (deepest, NULL);

  g_assert_nonnull (envelope);
  assert_refused ("m", "T", too_deep, NULL,
                  "payload: not valid JSON at byte 68: objects and arrays are nested too deeply");
}

static void
test_refuses_unknown_options (void)
{
  assert_option_refused (
    options ("{'colour': <'red'>}"),
    "options: “colour” is not known; known are causation_id, correlation_id, project_uuid, "
    "project_slug, schema_version, aggregate_id, timestamp, data_tier, extra");
}

static void
test_refuses_options_of_wrong_type (void)
{
  assert_option_refused (options ("{'causation_id': <7>}"),
                         "causation_id: must be of the D-Bus type “s”, but is of type “i”");
  assert_option_refused (options ("{'data_tier': <'1'>}"),
                         "data_tier: must be of the D-Bus type “i”, but is of type “s”");
  assert_option_refused (options ("{'data_tier': <uint32 1>}"),
                         "data_tier: must be of the D-Bus type “i”, but is of type “u”");
  assert_option_refused (options ("{'extra': <{'a': <1>}>}"),
                         "extra: must be of the D-Bus type “s”, but is of type “a{sv}”");
}

static void
test_refuses_options_given_twice (void)
{
  assert_option_refused (options ("{'data_tier': <1>, 'data_tier': <2>}"),
                         "data_tier: must be given once, but is given twice");
}

static void
test_checks_causation_id (void)
{
  assert_member ("{}", option ("causation_id", "01arz3ndektsv4rrffq69g5fav"), "causation_id",
                 "\"01arz3ndektsv4rrffq69g5fav\"");
  assert_option_refused (option ("causation_id", ""),
                         "causation_id: must be a ULID of 26 characters, but is “”");
  assert_option_refused (option ("causation_id", "81ARZ3NDEKTSV4RRFFQ69G5FAV"),
                         "causation_id: must be a ULID of 26 characters, "
                         "but is “81ARZ3NDEKTSV4RRFFQ69G5FAV”");
}

static void
test_checks_correlation_id (void)
{
  g_autofree char *umlauts = repeat ("ä", 26);
  g_autofree char *quoted = g_strdup_printf ("\"%s\"", umlauts);

  assert_member ("{}", option ("correlation_id", umlauts), "correlation_id", quoted);
  assert_option_refused (option ("correlation_id", "short"),
                         "correlation_id: must be 26 characters long, but has 5");
  assert_option_refused (option ("correlation_id", ""),
                         "correlation_id: must be 26 characters long, but has 0");
  assert_option_refused (
    option ("correlation_id", "0000000000000000000000000\t"),
    "correlation_id: must hold no control characters, but has U+0009 as character 26");
}

static void
test_checks_project_uuid (void)
{
  assert_member ("{}", option ("project_uuid", UUID), "project_uuid", "\"" UUID "\"");
  assert_option_refused (option ("project_uuid", "12"),
                         "project_uuid: must be a UUID, but is “12”");
  assert_option_refused (option ("project_uuid", ""), "project_uuid: must be a UUID, but is “”");
}

static void
test_takes_any_project_slug (void)
{
  assert_member ("{}", option ("project_slug", ""), "project_slug", "\"\"");
  assert_member ("{}", option ("project_slug", "a\nb"), "project_slug", "\"a\\nb\"");
}

static void
test_checks_schema_version (void)
{
  g_autofree char *too_long = repeat ("1", 129);

  assert_member ("{}", option ("schema_version", "2"), "schema_version", "\"2\"");
  assert_option_refused (option ("schema_version", ""),
                         "schema_version: must be 1 to 128 characters long, but has 0");
  assert_option_refused (option ("schema_version", too_long),
                         "schema_version: must be 1 to 128 characters long, but has 129");
  assert_option_refused (
    option ("schema_version", "1\r"),
    "schema_version: must hold no control characters, but has U+000D as character 2");
}

static void
test_checks_aggregate_id (void)
{
  g_autofree char *longest = repeat ("a", 256);
  g_autofree char *quoted = g_strdup_printf ("\"%s\"", longest);
  g_autofree char *too_long = repeat ("a", 257);

  assert_member ("{}", option ("aggregate_id", longest), "aggregate_id", quoted);
  assert_option_refused (option ("aggregate_id", ""),
                         "aggregate_id: must be 1 to 256 characters long, but has 0");
  assert_option_refused (option ("aggregate_id", too_long),
                         "aggregate_id: must be 1 to 256 characters long, but has 257");
}

static void
test_checks_data_tier (void)
{
  assert_member ("{}", options ("{'data_tier': <2147483647>}"), "data_tier", "2147483647");
  assert_option_refused (options ("{'data_tier': <-1>}"),
                         "data_tier: must be 0 or more, but is -1");
}

static void
test_checks_extra (void)
{
  assert_option_refused (option ("extra", ""), "extra: must be a JSON object, but it is empty");
  assert_option_refused (option ("extra", "[]"),
                         "extra: must be a JSON object, but it is an array");
  assert_option_refused (option ("extra", "{\"a\"}"),
                         "extra: not valid JSON at byte 4: "
                         "a colon is missing after the name of a member");
  assert_option_refused (option ("extra", "{\"a\":1,\"b\":2,\"\\u0061\":3}"),
                         "extra: must give each member once, but gives “a” twice");
}

static void
test_extra_replaces_no_member (void)
{
  static const char *const members[] = {
    "event_id",       "event_type",     "aggregate_id", "payload",      "timestamp",
    "node_id",        "lamport_clock",  "causation_id", "project_uuid", "project_slug",
    "correlation_id", "schema_version", "data_tier",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    {
      g_autofree char *plain = g_strdup_printf ("{\"x\":1,\"%s\":1}", members[i]);
      g_autofree char *escaped = g_strdup_printf ("{\"\\u%04x%s\":1}", (guint) members[i][0],
                                                  members[i] + 1);
      g_autofree char *message =
        g_strdup_printf ("extra: must not replace the member “%s” of the envelope", members[i]);

      assert_option_refused (option ("extra", plain), message);
      assert_option_refused (option ("extra", escaped), message);
    }
}

static void
test_empty_extra_adds_nothing (void)
{
  g_autofree char *envelope = envelope_of ("{}", option ("extra", " { } "));

  g_assert_true (g_str_has_suffix (envelope, ",\"data_tier\":0}"));
}

static void
test_quotes_little (void)
{
  g_autofree char *secret = repeat ("s€", 500);
  g_autofree char *shown = repeat ("s€", 20);
  g_autofree char *message =
    g_strdup_printf ("causation_id: must be a ULID of 26 characters, but is “%s…”", shown);

  assert_option_refused (option ("causation_id", secret), message);
  assert_option_refused (option ("causation_id", "a\x1b[31m"),
                         "causation_id: must be a ULID of 26 characters, but is “a [31m”");
}

static void
test_limits_the_envelope (void)
{
  g_autofree char *least = envelope_of ("{\"a\":\"\"}", NULL);
  gsize room = LAMP_EVENT_MAX_BYTES - strlen (least);
  g_autofree char *text = repeat ("x", room);
  g_autofree char *payload = g_strdup_printf ("{\"a\":\"%s\"}", text);
  g_autofree char *largest = envelope_of (payload, NULL);
  g_autofree char *larger = g_strdup_printf ("{\"a\":\"x%s\"}", text);
  g_autoptr (LampEvent) event = make ("m-1", "CommentPosted", larger, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *none = lamp_event_to_envelope (event, EVENT_ID, 7, NULL, &error);

  g_assert_cmpuint (strlen (largest), ==, LAMP_EVENT_MAX_BYTES);
  g_assert_null (none);
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT);
  g_assert_cmpstr (error->message, ==,
                   "envelope: must be at most 262144 bytes long, but has 262145");
}

static void
assert_mission (const char *envelope,
                const char *expected)
{
  LampJson value;
  g_autofree char *mission = NULL;

  g_assert_true (lamp_json_check (envelope, strlen (envelope), LAMP_EVENT_MAX_DEPTH, &value, NULL));
  mission = lamp_event_dup_mission_of (&value);
  g_assert_cmpstr (mission, ==, expected);
}

static void
test_finds_mission_of_other_rows (void)
{
  assert_mission ("{\"aggregate_id\":\"mission/m-1\"}", "m-1");
  assert_mission ("{\"aggregate_id\":\"mission/a/b\",\"payload\":{\"mission_id\":\"c\"}}", "a/b");
  assert_mission ("{\"aggregate_id\":\"mission/\",\"payload\":{\"mission_id\":\"c\"}}", "");
  assert_mission ("{\"aggregate_id\":\"WP01\",\"payload\":{\"mission_id\":\"c\\u00e4\"}}", "cä");
  assert_mission ("{\"payload\":{\"mission_id\":\"c\"}}", "c");
  assert_mission ("{\"aggregate_id\":null,\"payload\":{\"mission_id\":\"c\"}}", "c");
  assert_mission ("{\"aggregate_id\":\"WP01\",\"payload\":{\"mission_id\":7}}", "");
  assert_mission ("{\"aggregate_id\":\"WP01\",\"payload\":[\"mission_id\"]}", "");
  assert_mission ("{\"aggregate_id\":\"Mission/m\"}", "");
  assert_mission ("{\"mission_id\":\"m\"}", "");
  assert_mission ("{}", "");
}

static void
test_tells_whether_the_mission_is_plain (void)
{
  static const struct
  {
    const char *aggregate_id;
    const char *payload;
    gboolean plain;
  } cases[] = {
    { NULL, "{}", TRUE },
    { NULL, "{\"mission_id\":\"other\"}", TRUE },
    { "mission/m-1", "{}", TRUE },
    { "mission/m-2", "{}", FALSE },
    { "mission/", "{\"mission_id\":\"m-1\"}", FALSE },
    { "board/7", "{}", FALSE },
    { "board/7", "{\"mission_id\":\"m-1\"}", TRUE },
    { "board/7", "{\"mission_id\":\"m-2\"}", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *aggregate_id = cases[i].aggregate_id;
      GVariant *given = aggregate_id != NULL ? option ("aggregate_id", aggregate_id) : NULL;
      g_autoptr (LampEvent) event = make ("m-1", "T", cases[i].payload, given);
      g_autofree char *envelope = lamp_event_to_envelope (event, EVENT_ID, 1, NULL, NULL);
      g_autofree char *found = NULL;
      LampJson value;

      g_assert_true (lamp_event_has_plain_mission (event) == cases[i].plain);
      g_assert_true (
        lamp_json_check (envelope, strlen (envelope), LAMP_EVENT_MAX_DEPTH, &value, NULL));
      found = lamp_event_dup_mission_of (&value);
      g_assert_true ((strcmp (found, "m-1") == 0) == cases[i].plain);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/event/writes-members-in-order", test_writes_members_in_order);
  g_test_add_func ("/event/writes-all-options", test_writes_all_options);
  g_test_add_func ("/event/keeps-payload-verbatim", test_keeps_payload_verbatim);
  g_test_add_func ("/event/envelope-is-one-line", test_envelope_is_one_line);
  g_test_add_func ("/event/escapes-text", test_escapes_text);
  g_test_add_func ("/event/remembers-mission-and-type", test_remembers_mission_and_type);
  g_test_add_func ("/event/writes-any-clock", test_writes_any_clock);
  g_test_add_func ("/event/stamps-the-moment", test_stamps_the_moment);
  g_test_add_func ("/event/normalises-timestamps", test_normalises_timestamps);
  g_test_add_func ("/event/keeps-every-microsecond", test_keeps_every_microsecond);
  g_test_add_func ("/event/refuses-bad-timestamps", test_refuses_bad_timestamps);
  g_test_add_func ("/event/refuses-names-of-wrong-length", test_refuses_names_of_wrong_length);
  g_test_add_func ("/event/refuses-control-characters", test_refuses_control_characters);
  g_test_add_func ("/event/refuses-invalid-utf8", test_refuses_invalid_utf8);
  g_test_add_func ("/event/refuses-bad-node", test_refuses_bad_node);
  g_test_add_func ("/event/refuses-payload-that-is-no-object",
                   test_refuses_payload_that_is_no_object);
  g_test_add_func ("/event/refuses-payload-that-is-no-json", test_refuses_payload_that_is_no_json);
  g_test_add_func ("/event/refuses-payload-that-is-too-deep",
                   test_refuses_payload_that_is_too_deep);
  g_test_add_func ("/event/refuses-unknown-options", test_refuses_unknown_options);
  g_test_add_func ("/event/refuses-options-of-wrong-type", test_refuses_options_of_wrong_type);
  g_test_add_func ("/event/refuses-options-given-twice", test_refuses_options_given_twice);
  g_test_add_func ("/event/checks-causation-id", test_checks_causation_id);
  g_test_add_func ("/event/checks-correlation-id", test_checks_correlation_id);
  g_test_add_func ("/event/checks-project-uuid", test_checks_project_uuid);
  g_test_add_func ("/event/takes-any-project-slug", test_takes_any_project_slug);
  g_test_add_func ("/event/checks-schema-version", test_checks_schema_version);
  g_test_add_func ("/event/checks-aggregate-id", test_checks_aggregate_id);
  g_test_add_func ("/event/checks-data-tier", test_checks_data_tier);
  g_test_add_func ("/event/checks-extra", test_checks_extra);
  g_test_add_func ("/event/extra-replaces-no-member", test_extra_replaces_no_member);
  g_test_add_func ("/event/empty-extra-adds-nothing", test_empty_extra_adds_nothing);
  g_test_add_func ("/event/quotes-little", test_quotes_little);
  g_test_add_func ("/event/limits-the-envelope", test_limits_the_envelope);
  g_test_add_func ("/event/finds-mission-of-other-rows", test_finds_mission_of_other_rows);
  g_test_add_func ("/event/tells-whether-the-mission-is-plain",
                   test_tells_whether_the_mission_is_plain);

  return g_test_run ();
}
