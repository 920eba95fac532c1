/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-answer.h"

#include <string.h>

#define URL "https://team.example.org/api/v1/events/batch/"
#define SECOND ((gint64) G_USEC_PER_SEC)
#define HOUR (3600 * SECOND)
#define UNREADABLE URL " answered 200 but not with a readable answer: "

/* 1994-11-06 08:49:37 UTC, the date in the examples of RFC 9110. */
#define NOW (784111777 * SECOND)

static LampBatch *
batch_of (const char *const *event_ids)
{
  LampBatch *batch = lamp_batch_new ();

  for (gint64 i = 0; event_ids[i] != NULL; i++)
    g_assert_true (lamp_batch_add (batch, i, 0, event_ids[i], "{}", 2, G_MAXSIZE));

  return batch;
}

/* Reads an answer to a batch of A, B, C and D. */
static LampOutcome *
read_answer (guint       status,
             const char *body)
{
  static const char *const event_ids[] = { "A", "B", "C", "D", NULL };
  g_autoptr (LampBatch) batch = batch_of (event_ids);
  LampOutcome *outcome = lamp_answer_read (batch, URL, status, 0, body, strlen (body));

  g_assert_nonnull (outcome->message);
  g_assert_cmpuint (outcome->n_verdicts, ==, 4);
  g_assert_cmpuint (outcome->status, ==, status);

  return outcome;
}

/* @expected has a letter an event: d for delivered, q for queued, r for rejected, a dot for none.
 */
static void
assert_verdicts (const LampOutcome *outcome,
                 const char        *expected)
{
  static const char letters[] = {
    [LAMP_VERDICT_NONE] = '.',
    [LAMP_VERDICT_DELIVERED] = 'd',
    [LAMP_VERDICT_QUEUED] = 'q',
    [LAMP_VERDICT_REJECTED] = 'r',
  };
  g_autoptr (GString) found = g_string_new (NULL);

  for (guint i = 0; i < outcome->n_verdicts; i++)
    {
      const LampVerdict *verdict = &outcome->verdicts[i];

      g_string_append_c (found, letters[verdict->kind]);
      g_assert_true (verdict->kind == LAMP_VERDICT_REJECTED || verdict->message == NULL);
      g_assert_true ((verdict->kind == LAMP_VERDICT_REJECTED) == (verdict->code != NULL));
    }

  g_assert_cmpstr (found->str, ==, expected);
}

static void
assert_answered (const char *body,
                 const char *expected)
{
  g_autoptr (LampOutcome) outcome = read_answer (200, body);

  g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_ANSWERED);
  assert_verdicts (outcome, expected);
}

static void
assert_reason (const char *entry,
               const char *code,
               const char *message)
{
  g_autofree char *body = g_strdup_printf ("{\"rejected_events\":[%s]}", entry);
  g_autoptr (LampOutcome) outcome = read_answer (200, body);

  assert_verdicts (outcome, "r...");
  g_assert_cmpstr (outcome->verdicts[0].code, ==, code);
  g_assert_cmpstr (outcome->verdicts[0].message, ==, message);
}

static void
assert_unreadable (const char *body,
                   const char *reason)
{
  g_autoptr (LampOutcome) outcome = read_answer (200, body);
  g_autofree char *message = g_strconcat (UNREADABLE, reason, NULL);

  g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_SERVER_ERROR);
  assert_verdicts (outcome, "....");
  g_assert_cmpstr (outcome->message, ==, message);
}

static void
test_reads_first_dialect (void)
{
  assert_answered ("{\"accepted\":[\"A\",\"B\",\"C\"],\"rejected\":[\"D\"]}", "dddr");
  assert_answered ("{\"accepted\":[],\"rejected\":[{\"event_id\":\"B\",\"error\":\"no\"}]}",
                   ".r..");
  assert_answered ("{\"accepted\":[\"A\",\"B\",\"C\",\"D\"]}", "dddd");
}

static void
test_reads_second_dialect (void)
{
  assert_answered (
    "{\"accepted_event_ids\":[\"A\",\"C\"],"
    "\"rejected_events\":[{\"event_id\":\"B\",\"code\":\"bad\"},\"D\"]}",
    "drdr");
}

static void
test_reads_third_dialect (void)
{
  assert_answered (
    "{\"results\":[{\"event_id\":\"A\",\"status\":\"success\"},"
    "{\"event_id\":\"B\",\"status\":\"accepted\"},"
    "{\"event_id\":\"C\",\"status\":\"warning\",\"error_message\":\"old\"},"
    "{\"event_id\":\"D\",\"status\":\"duplicate\"}]}",
    "dddd");
  assert_answered (
    "{\"results\":[{\"event_id\":\"A\",\"status\":\"queued\"},"
    "{\"status\":\"pending\",\"event_id\":\"B\"},"
    "{\"event_id\":\"C\",\"status\":\"rejected\"},"
    "{\"event_id\":\"D\",\"status\":\"exploded\"}]}",
    "qqrr");
}

static void
test_reads_statuses_in_any_case (void)
{
  assert_answered (
    "{\"results\":[{\"event_id\":\"A\",\"status\":\"SUCCESS\"},"
    "{\"event_id\":\"B\",\"status\":\"Duplicate\"},"
    "{\"event_id\":\"C\",\"status\":\"Queued\"},"
    "{\"event_id\":\"D\",\"status\":\"REJECTED\"}]}",
    "ddqr");
}

static void
test_reads_mixed_dialects (void)
{
  assert_answered (
    "{\"accepted\":[\"A\"],\"accepted_event_ids\":[\"B\"],"
    "\"rejected_events\":[{\"event_id\":\"C\"}],"
    "\"results\":[{\"event_id\":\"D\",\"status\":\"pending\"}]}",
    "ddrq");
  assert_answered (
    "{\"accepted\":2,\"rejected\":null,"
    "\"results\":[{\"event_id\":\"A\",\"status\":\"success\"}]}",
    "d...");
}

static void
test_leaves_unnamed_events_alone (void)
{
  assert_answered ("{\"accepted\":[\"C\"]}", "..d.");
}

static void
test_ignores_unknown_ids (void)
{
  assert_answered (
    "{\"accepted\":[\"X\",\"A\",\"a\",\" A\",\"AA\",\"\"],"
    "\"rejected\":[\"Y\",7,null,[\"B\"],{\"event_id\":5},{\"id\":\"B\"}]}",
    "d...");
}

static void
test_reads_escaped_ids (void)
{
  assert_answered ("{\"accept\\u0065d\":[\"\\u0041\"]}", "d...");
}

static void
test_takes_ids_twice (void)
{
  assert_answered ("{\"accepted\":[\"A\",\"A\"],\"accepted_event_ids\":[\"A\"]}", "d...");
}

/* No batch has so many events. */

static void
test_worst_verdict_wins (void)
{
  assert_answered (
    "{\"accepted\":[\"A\",\"B\",\"C\"],\"rejected\":[\"A\"],"
    "\"results\":[{\"event_id\":\"B\",\"status\":\"queued\"},"
    "{\"event_id\":\"C\",\"status\":\"rejected\"},"
    "{\"event_id\":\"C\",\"status\":\"success\"}]}",
    "rqr.");
}

static void
test_verdict_with_words_wins (void)
{
  static const char *const bodies[] = {
    "{\"rejected\":[\"A\"],"
    "\"rejected_events\":[{\"event_id\":\"A\",\"code\":\"c\",\"message\":\"m\"}]}",
    "{\"rejected\":[{\"event_id\":\"A\",\"code\":\"c\",\"message\":\"m\"}],"
    "\"rejected_events\":[\"A\"]}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autoptr (LampOutcome) outcome = read_answer (207, bodies[i]);

      assert_verdicts (outcome, "r...");
      g_assert_cmpstr (outcome->verdicts[0].code, ==, "c");
      g_assert_cmpstr (outcome->verdicts[0].message, ==, "m");
    }
}

static void
test_reads_reasons (void)
{
  assert_reason ("\"A\"", "rejected", NULL);
  assert_reason ("{\"event_id\":\"A\"}", "rejected", NULL);
  assert_reason ("{\"event_id\":\"A\",\"error\":\"no\"}", "rejected", "no");
  assert_reason ("{\"event_id\":\"A\",\"error_message\":\"no\"}", "rejected", "no");
  assert_reason ("{\"event_id\":\"A\",\"error\":\"schema\",\"message\":\"no\"}", "schema", "no");
  assert_reason ("{\"event_id\":\"A\",\"error\":\"e\",\"message\":\"m\",\"code\":\"c\"}", "c", "m");
  assert_reason ("{\"event_id\":\"A\",\"error\":\"e\",\"code\":\"c\"}", "c", "e");
  assert_reason ("{\"event_id\":\"A\",\"error\":\"e\",\"error_message\":\"m\"}", "e", "m");
  assert_reason ("{\"event_id\":\"A\",\"error\":\"e\",\"message\":\"\"}", "rejected", "e");
  assert_reason ("{\"event_id\":\"A\",\"message\":null,\"error\":\"e\"}", "rejected", "e");
  assert_reason ("{\"event_id\":\"A\",\"message\":[\"x\"],\"code\":17}", "17", "[\"x\"]");
}

static void
test_tidies_words (void)
{
  g_autofree char *long_words = g_strnfill (5000, 'x');
  g_autofree char *cut = g_strnfill (1000, 'x');
  g_autofree char *entry = g_strdup_printf ("{\"event_id\":\"A\",\"message\":\"%s\"}", long_words);

  assert_reason (entry, "rejected", cut);
  assert_reason ("{\"event_id\":\"A\",\"message\":\"a\\nb\\u001b[31m\\u009fä\"}", "rejected",
                 "a b [31m ä");
}

static void
test_names_unknown_status (void)
{
  g_autoptr (LampOutcome) outcome = read_answer (
    200,
    "{\"results\":[{\"event_id\":\"A\",\"status\":\"exploded\"},"
    "{\"event_id\":\"B\",\"status\":\"exploded\",\"error_message\":\"bang\"},"
    "{\"event_id\":\"C\",\"status\":\"rejected\"},{\"event_id\":\"D\",\"status\":3}]}");

  assert_verdicts (outcome, "rrrr");
  g_assert_cmpstr (outcome->verdicts[0].message, ==, "The server gave an unknown status: exploded");
  g_assert_cmpstr (outcome->verdicts[1].message, ==, "bang");
  g_assert_null (outcome->verdicts[2].message);
  g_assert_cmpstr (outcome->verdicts[3].message, ==, "The server gave an unknown status: 3");
}

static void
test_result_without_status_says_nothing (void)
{
  assert_answered (
    "{\"results\":[{\"event_id\":\"A\"},{\"event_id\":\"B\",\"status\":\"success\"},"
    "\"C\",null,{\"event_id\":\"D\",\"status\":null}]}",
    ".d..");
}

/* Bytes that are cut within a character would not pass the bus. */
static void
test_long_status_stays_valid (void)
{
  g_autoptr (GString) body = g_string_new ("{\"results\":[{\"event_id\":\"A\",\"status\":\"x");
  g_autoptr (LampOutcome) outcome = NULL;

  for (guint i = 0; i < 5000; i++)
    g_string_append (body, "ä");
  g_string_append (body, "\"},{\"event_id\":\"B\",\"status\":\"\"}]}");

  outcome = read_answer (200, body->str);
  assert_verdicts (outcome, "rr..");
  g_assert_true (g_utf8_validate (outcome->verdicts[0].message, -1, NULL));
  g_assert_cmpint (g_utf8_strlen (outcome->verdicts[0].message, -1), <, 1100);
  g_assert_cmpstr (outcome->verdicts[1].message, ==, "The server gave an unknown status: \"\"");
}

static void
test_unreadable_answers_are_the_servers_fault (void)
{
  assert_unreadable ("", "not valid JSON at byte 0, the text ends too early");
  assert_unreadable ("Sign in",
                     "not valid JSON at byte 0, a value is missing: an object, an array, a string, "
                     "a number, true, false or null");
  assert_unreadable ("\n <html>Sign in</html>",
                     "it is a web page; perhaps this network wants you to sign in first");
  assert_unreadable ("{'accepted':['A']}",
                     "not valid JSON at byte 1, "
                     "a string stands between double quotes, not single ones");
  assert_unreadable ("[\"A\"]", "it is not a JSON object");
  assert_unreadable ("\"A\"", "it is not a JSON object");
  assert_unreadable ("{}", "it names none of the events that were sent");
  assert_unreadable ("{\"accepted\":[]}", "it names none of the events that were sent");
  assert_unreadable ("{\"accepted\":[\"X\"]}", "it names none of the events that were sent");
  assert_unreadable ("{\"accepted\":\"A\",\"results\":{\"event_id\":\"A\",\"status\":\"success\"}}",
                     "it names none of the events that were sent");
}

static void
test_refuses_deep_answers (void)
{
  GString *body = g_string_new ("{\"accepted\":[\"A\"],\"x\":");
  g_autofree char *text = NULL;

  for (guint i = 0; i < 100000; i++)
    g_string_append_c (body, '[');
  for (guint i = 0; i < 100000; i++)
    g_string_append_c (body, ']');
  g_string_append_c (body, '}');
  text = g_string_free (body, FALSE);

  assert_unreadable (text, "not valid JSON at byte 85, objects and arrays are nested too deeply");
}

static void
test_tells_statuses_apart (void)
{
  static const struct
  {
    guint status;
    LampOutcomeKind kind;
  } cases[] = {
    { 0, LAMP_OUTCOME_SERVER_ERROR },    { 100, LAMP_OUTCOME_SERVER_ERROR },
    { 201, LAMP_OUTCOME_SERVER_ERROR },  { 202, LAMP_OUTCOME_SERVER_ERROR },
    { 204, LAMP_OUTCOME_SERVER_ERROR },  { 301, LAMP_OUTCOME_MISCONFIGURED },
    { 302, LAMP_OUTCOME_MISCONFIGURED }, { 304, LAMP_OUTCOME_MISCONFIGURED },
    { 308, LAMP_OUTCOME_MISCONFIGURED }, { 400, LAMP_OUTCOME_REFUSED },
    { 401, LAMP_OUTCOME_UNAUTHORIZED },  { 402, LAMP_OUTCOME_MISCONFIGURED },
    { 403, LAMP_OUTCOME_UNAUTHORIZED },  { 404, LAMP_OUTCOME_MISCONFIGURED },
    { 405, LAMP_OUTCOME_MISCONFIGURED }, { 407, LAMP_OUTCOME_MISCONFIGURED },
    { 408, LAMP_OUTCOME_SERVER_ERROR },  { 409, LAMP_OUTCOME_MISCONFIGURED },
    { 410, LAMP_OUTCOME_MISCONFIGURED }, { 412, LAMP_OUTCOME_MISCONFIGURED },
    { 413, LAMP_OUTCOME_TOO_LARGE },     { 415, LAMP_OUTCOME_MISCONFIGURED },
    { 422, LAMP_OUTCOME_REFUSED },       { 425, LAMP_OUTCOME_SERVER_ERROR },
    { 426, LAMP_OUTCOME_MISCONFIGURED }, { 429, LAMP_OUTCOME_THROTTLED },
    { 451, LAMP_OUTCOME_MISCONFIGURED }, { 500, LAMP_OUTCOME_SERVER_ERROR },
    { 501, LAMP_OUTCOME_SERVER_ERROR },  { 502, LAMP_OUTCOME_SERVER_ERROR },
    { 503, LAMP_OUTCOME_SERVER_ERROR },  { 504, LAMP_OUTCOME_SERVER_ERROR },
    { 599, LAMP_OUTCOME_SERVER_ERROR },  { 999, LAMP_OUTCOME_SERVER_ERROR },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (LampOutcome) outcome = read_answer (cases[i].status, "{\"accepted\":[\"A\"]}");
      g_autofree char *beginning = g_strdup_printf (URL " answered %u", cases[i].status);

      g_assert_cmpint (outcome->kind, ==, cases[i].kind);
      assert_verdicts (outcome, "....");
      g_assert_true (g_str_has_prefix (outcome->message, beginning));
      g_assert_cmpuint (strlen (outcome->message), >, strlen (beginning));
    }
}

static void
test_passes_on_the_servers_words (void)
{
  static const struct
  {
    guint status;
    const char *body;
    const char *message;
  } cases[] = {
    { 412, "{\"message\":\"Please update\"}", URL " answered 412: Please update" },
    { 500, "{\"error\":\"disk\\nfull\"}", URL " answered 500: disk full" },
    { 400, "{\"error_message\":\"no\",\"error\":\"e\"}", URL " answered 400: no" },
    { 422, "{\"error\":{\"code\":\"c\",\"message\":\"bad\"}}", URL " answered 422: bad" },
    { 429, "{\"detail\":\"Slow down\"}", URL " answered 429: Slow down" },
    { 404, "<h1>Not found</h1>",
      URL " answered 404: events are not taken there, check the server’s address" },
    { 405, "", URL " answered 405: events are not taken there, check the server’s address" },
    { 308, "", URL " answered 308: the server sends us elsewhere, correct the server’s address" },
    { 204, "", URL " answered 204 but not with a readable answer: the status must be 200 or 207" },
    { 401, "{\"message\":\"secret-token is not valid\"}",
      URL " answered 401: signing in is needed" },
    { 403, "{\"error\":\"secret-token\"}", URL " answered 403: signing in is needed" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (LampOutcome) outcome = read_answer (cases[i].status, cases[i].body);

      g_assert_cmpstr (outcome->message, ==, cases[i].message);
    }
}

static void
test_names_no_password (void)
{
  g_autoptr (LampOutcome) outcome = NULL;

  outcome = lamp_answer_read (NULL, "https://ada:secret@example.org:8443/health?key=secret#secret",
                              404, 0, NULL, 0);
  g_assert_true (
    g_str_has_prefix (outcome->message, "https://example.org:8443/health answered 404"));
  g_assert_null (strstr (outcome->message, "secret"));
}

static void
test_survives_an_unreadable_url (void)
{
  g_autoptr (LampOutcome) outcome = lamp_answer_read (NULL, "::secret", 500, 0, NULL, 0);

  g_assert_cmpstr (outcome->message, ==, "The server answered 500: the server has a problem");
}

static void
test_refusal_names_events (void)
{
  static const struct
  {
    const char *body;
    const char *verdicts;
    const char *code;
    const char *message;
  } cases[] = {
    { "{\"details\":{\"event_id\":\"B\",\"code\":\"c\",\"message\":\"m\"}}", ".r..", "c", "m" },
    { "{\"details\":[{\"event_id\":\"B\",\"error\":\"m\"},{\"event_id\":\"D\"}]}", ".r.r",
      "rejected", "m" },
    { "{\"error\":{\"message\":\"all\",\"details\":{\"event_id\":\"B\"}}}", ".r..", "rejected",
      "all" },
    { "{\"error\":{\"details\":[{\"event_id\":\"B\",\"message\":\"m\"}]}}", ".r..", "rejected",
      "m" },
    { "{\"message\":\"all\",\"details\":[{\"event_id\":\"B\"}]}", ".r..", "rejected", "all" },
    { "{\"message\":\"all\",\"details\":[{\"event_id\":\"X\"}]}", "....", NULL, NULL },
    { "{\"message\":\"all\",\"details\":\"B\"}", "....", NULL, NULL },
    { "{\"message\":\"all\"}", "....", NULL, NULL },
    { "not JSON", "....", NULL, NULL },
  };
  const guint statuses[] = { 400, 422 };

  for (gsize i = 0; i < G_N_ELEMENTS (cases) * G_N_ELEMENTS (statuses); i++)
    {
      gsize at = i / G_N_ELEMENTS (statuses);
      g_autoptr (LampOutcome) outcome = read_answer (statuses[i % G_N_ELEMENTS (statuses)],
                                                     cases[at].body);

      g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_REFUSED);
      assert_verdicts (outcome, cases[at].verdicts);
      g_assert_cmpstr (outcome->verdicts[1].code, ==, cases[at].code);
      g_assert_cmpstr (outcome->verdicts[1].message, ==, cases[at].message);
    }
}

static void
test_probe_needs_no_body (void)
{
  static const char *const bodies[] = { "", "OK", "{}", "{\"accepted\":[\"A\"]}" };

  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autoptr (LampOutcome) outcome = lamp_answer_read (NULL, URL, 200, 0, bodies[i],
                                                          strlen (bodies[i]));

      g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_ANSWERED);
      g_assert_cmpuint (outcome->n_verdicts, ==, 0);
      g_assert_cmpuint (outcome->status, ==, 200);
    }
}

/* Without events there are none to be named, but a page of somebody else is no answer. */
static void
test_empty_batch (void)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();
  g_autoptr (LampOutcome) taken = lamp_answer_read (batch, URL, 200, 0, "{}", 2);
  g_autoptr (LampOutcome) page = lamp_answer_read (batch, URL, 200, 0, "<html>", 6);

  g_assert_cmpint (taken->kind, ==, LAMP_OUTCOME_ANSWERED);
  g_assert_cmpuint (taken->n_verdicts, ==, 0);
  g_assert_cmpint (page->kind, ==, LAMP_OUTCOME_SERVER_ERROR);
}

static void
test_probe_takes_only_200 (void)
{
  g_autoptr (LampOutcome) other = lamp_answer_read (NULL, URL, 207, 0, "{}", 2);
  g_autoptr (LampOutcome) missing = lamp_answer_read (NULL, URL, 404, 0, "{}", 2);
  g_autoptr (LampOutcome) refused = lamp_answer_read (NULL, URL, 400, 0,
                                                      "{\"details\":{\"event_id\":\"A\"}}", 29);

  g_assert_cmpint (other->kind, ==, LAMP_OUTCOME_SERVER_ERROR);
  g_assert_cmpint (missing->kind, ==, LAMP_OUTCOME_MISCONFIGURED);
  g_assert_cmpint (refused->kind, ==, LAMP_OUTCOME_REFUSED);
}

static void
assert_wait (guint           status,
             gint64          retry_after,
             LampOutcomeKind kind,
             gint64          expected)
{
  g_autoptr (LampOutcome) outcome = lamp_answer_read (NULL, URL, status, retry_after, NULL, 0);

  g_assert_cmpint (outcome->kind, ==, kind);
  g_assert_cmpint (outcome->retry_after, ==, expected);
}

static void
test_waits_while_throttled (void)
{
  assert_wait (429, 0, LAMP_OUTCOME_THROTTLED, 6 * SECOND);
  assert_wait (429, 30 * SECOND, LAMP_OUTCOME_THROTTLED, 30 * SECOND);
  assert_wait (429, 1, LAMP_OUTCOME_THROTTLED, SECOND);
  assert_wait (429, G_MAXINT64, LAMP_OUTCOME_THROTTLED, HOUR);
  assert_wait (429, -SECOND, LAMP_OUTCOME_THROTTLED, 6 * SECOND);
  assert_wait (503, 30 * SECOND, LAMP_OUTCOME_THROTTLED, 30 * SECOND);
  assert_wait (503, 0, LAMP_OUTCOME_SERVER_ERROR, 0);
  assert_wait (500, 30 * SECOND, LAMP_OUTCOME_SERVER_ERROR, 0);
  assert_wait (401, 30 * SECOND, LAMP_OUTCOME_UNAUTHORIZED, 0);
}

static void
test_reads_retry_after (void)
{
  static const struct
  {
    const char *header;
    gint64 wait;
  } cases[] = {
    { NULL, 0 },
    { "", 0 },
    { " ", 0 },
    { "soon", 0 },
    { "-5", 0 },
    { "+5", 0 },
    { "1.5", 2 * SECOND },
    { "2.000", 2 * SECOND },
    { "0.25", SECOND },
    { "1.", 0 },
    { ".5", 0 },
    { "1.5s", 0 },
    { "1.5.5", 0 },
    { "5s", 0 },
    { "5, 6", 0 },
    { "0", SECOND },
    { "1", SECOND },
    { " 120\t", 120 * SECOND },
    { "0120", 120 * SECOND },
    { "3600", HOUR },
    { "3601", HOUR },
    { "99999999999999999999999999999999999999", HOUR },
    { "Sun, 06 Nov 1994 08:50:37 GMT", 60 * SECOND },
    { " Sun, 06 Nov 1994 08:50:37 GMT ", 60 * SECOND },
    { "Sun, 06 Nov 1994 08:49:37 GMT", SECOND },
    { "Sun, 06 Nov 1994 08:49:00 GMT", SECOND },
    { "Mon, 07 Nov 1994 08:49:37 GMT", HOUR },
    { "Fri, 31 Dec 9999 23:59:59 GMT", HOUR },
    { "Thu, 01 Jan 1970 00:00:00 GMT", SECOND },
    { "Sun, 06 Nov 1994 08:50:37 UTC", 0 },
    { "Sun, 6 Nov 1994 08:50:37 GMT", 0 },
    { "Sun, 06 Nox 1994 08:50:37 GMT", 0 },
    { "Sun, 31 Feb 1994 08:50:37 GMT", 0 },
    { "Sun, 06 Nov 1994 25:50:37 GMT", 0 },
    { "Sun, 06 Nov 0000 08:50:37 GMT", 0 },
    { "Sunday, 06-Nov-94 08:50:37 GMT", 0 },
    { "Sun Nov  6 08:50:37 1994", 0 },
    { "1994-11-06T08:50:37Z", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (lamp_answer_read_retry_after (cases[i].header, NOW), ==, cases[i].wait);
}

static void
test_retry_after_survives_any_clock (void)
{
  const char *date = "Sun, 06 Nov 1994 08:49:37 GMT";

  g_assert_cmpint (lamp_answer_read_retry_after (date, G_MININT64), ==, HOUR);
  g_assert_cmpint (lamp_answer_read_retry_after (date, G_MAXINT64), ==, SECOND);
  g_assert_cmpint (lamp_answer_read_retry_after ("Mon, 01 Jan 0001 00:00:00 GMT", G_MAXINT64), ==,
                   SECOND);
}

static LampLimits
read_health (const char *body)
{
  LampLimits limits = { 1, 2, 3, 4 };

  lamp_answer_read_health (body, strlen (body), &limits);

  return limits;
}

static void
test_reads_limits (void)
{
  const LampLimits limits = read_health (
    "{\"status\":\"ok\",\"sync_ingress\":{\"limits\":{\"max_events_per_batch\":50,"
    "\"max_decompressed_bytes_per_batch\":262144,\"retry_after_min_seconds\":2,"
    "\"retry_after_max_seconds\":90}}}");

  g_assert_cmpuint (limits.max_events, ==, 50);
  g_assert_cmpuint (limits.max_bytes, ==, 262144);
  g_assert_cmpint (limits.retry_after_min, ==, 2 * SECOND);
  g_assert_cmpint (limits.retry_after_max, ==, 90 * SECOND);
}

static void
test_ignores_senseless_limits (void)
{
  static const char *const bodies[] = {
    "",
    "OK",
    "null",
    "[]",
    "{}",
    "{\"sync_ingress\":null}",
    "{\"sync_ingress\":{}}",
    "{\"sync_ingress\":{\"limits\":[1]}}",
    "{\"limits\":{\"max_events_per_batch\":50}}",
    "{\"max_events_per_batch\":50}",
    "{\"sync_ingress\":{\"limits\":{\"max_events_per_batch\":0,"
    "\"max_decompressed_bytes_per_batch\":-1,\"retry_after_min_seconds\":1.5,"
    "\"retry_after_max_seconds\":\"90\"}}}",
    "{\"sync_ingress\":{\"limits\":{\"max_events_per_batch\":99999999999,"
    "\"max_decompressed_bytes_per_batch\":99999999999999999999,"
    "\"retry_after_min_seconds\":9223372036854775807,\"retry_after_max_seconds\":1e3}}}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      const LampLimits limits = read_health (bodies[i]);

      g_assert_cmpuint (limits.max_events, ==, 0);
      g_assert_cmpuint (limits.max_bytes, ==, 0);
      g_assert_cmpint (limits.retry_after_min, ==, 0);
      g_assert_cmpint (limits.retry_after_max, ==, 0);
    }
}

static void
test_outcome_begins_empty (void)
{
  g_autoptr (LampOutcome) outcome = lamp_outcome_new (LAMP_OUTCOME_NO_ANSWER, 3);

  g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_NO_ANSWER);
  g_assert_cmpuint (outcome->status, ==, 0);
  g_assert_cmpint (outcome->retry_after, ==, 0);
  g_assert_cmpstr (outcome->message, ==, "");
  g_assert_cmpuint (outcome->n_verdicts, ==, 3);
  for (guint i = 0; i < outcome->n_verdicts; i++)
    g_assert_cmpint (outcome->verdicts[i].kind, ==, LAMP_VERDICT_NONE);
}

static void
test_outcome_copies_all (void)
{
  LampOutcome *outcome =
    read_answer (207,
                 "{\"accepted\":[\"A\"],\"rejected\":[{\"event_id\":\"B\",\"error\":\"no\"}]}");
  g_autofree char *message = g_strdup (outcome->message);
  g_autoptr (LampOutcome) copy = g_boxed_copy (LAMP_TYPE_OUTCOME, outcome);

  lamp_outcome_free (outcome);

  g_assert_cmpint (copy->kind, ==, LAMP_OUTCOME_ANSWERED);
  g_assert_cmpuint (copy->status, ==, 207);
  g_assert_cmpstr (copy->message, ==, message);
  assert_verdicts (copy, "dr..");
  g_assert_cmpstr (copy->verdicts[1].code, ==, "rejected");
  g_assert_cmpstr (copy->verdicts[1].message, ==, "no");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/answer/reads-first-dialect", test_reads_first_dialect);
  g_test_add_func ("/answer/reads-second-dialect", test_reads_second_dialect);
  g_test_add_func ("/answer/reads-third-dialect", test_reads_third_dialect);
  g_test_add_func ("/answer/long-status-stays-valid", test_long_status_stays_valid);
  g_test_add_func ("/answer/reads-statuses-in-any-case", test_reads_statuses_in_any_case);
  g_test_add_func ("/answer/reads-mixed-dialects", test_reads_mixed_dialects);
  g_test_add_func ("/answer/leaves-unnamed-events-alone", test_leaves_unnamed_events_alone);
  g_test_add_func ("/answer/ignores-unknown-ids", test_ignores_unknown_ids);
  g_test_add_func ("/answer/reads-escaped-ids", test_reads_escaped_ids);
  g_test_add_func ("/answer/takes-ids-twice", test_takes_ids_twice);
  g_test_add_func ("/answer/worst-verdict-wins", test_worst_verdict_wins);
  g_test_add_func ("/answer/verdict-with-words-wins", test_verdict_with_words_wins);
  g_test_add_func ("/answer/reads-reasons", test_reads_reasons);
  g_test_add_func ("/answer/tidies-words", test_tidies_words);
  g_test_add_func ("/answer/names-unknown-status", test_names_unknown_status);
  g_test_add_func ("/answer/result-without-status-says-nothing",
                   test_result_without_status_says_nothing);
  g_test_add_func ("/answer/unreadable-answers-are-the-servers-fault",
                   test_unreadable_answers_are_the_servers_fault);
  g_test_add_func ("/answer/refuses-deep-answers", test_refuses_deep_answers);
  g_test_add_func ("/answer/tells-statuses-apart", test_tells_statuses_apart);
  g_test_add_func ("/answer/passes-on-the-servers-words", test_passes_on_the_servers_words);
  g_test_add_func ("/answer/names-no-password", test_names_no_password);
  g_test_add_func ("/answer/survives-an-unreadable-url", test_survives_an_unreadable_url);
  g_test_add_func ("/answer/refusal-names-events", test_refusal_names_events);
  g_test_add_func ("/answer/probe-needs-no-body", test_probe_needs_no_body);
  g_test_add_func ("/answer/empty-batch", test_empty_batch);
  g_test_add_func ("/answer/probe-takes-only-200", test_probe_takes_only_200);
  g_test_add_func ("/answer/waits-while-throttled", test_waits_while_throttled);
  g_test_add_func ("/answer/reads-retry-after", test_reads_retry_after);
  g_test_add_func ("/answer/retry-after-survives-any-clock", test_retry_after_survives_any_clock);
  g_test_add_func ("/answer/reads-limits", test_reads_limits);
  g_test_add_func ("/answer/ignores-senseless-limits", test_ignores_senseless_limits);
  g_test_add_func ("/outcome/begins-empty", test_outcome_begins_empty);
  g_test_add_func ("/outcome/copies-all", test_outcome_copies_all);

  return g_test_run ();
}
