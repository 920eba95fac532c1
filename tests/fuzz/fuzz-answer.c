/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-answer.h"
#include "lamp-fuzz.h"

#include <string.h>

/* A server's answer, whatever it is. The input has lines:
 *
 *   the status
 *   the value of Retry-After
 *   the ids that were sent, with spaces between them
 *   the body: all that is left */

#define URL "https://person:word@team.example.org/api/v1/events/batch/?key=secret"
#define SHOWN_URL "https://team.example.org/api/v1/events/batch/"

/* 1994-11-06 08:49:37 UTC, the date in the examples of RFC 9110. */
#define NOW (784111777 * (gint64) G_USEC_PER_SEC)

#define SECOND ((gint64) G_USEC_PER_SEC)
#define HOUR (3600 * SECOND)

#define IDS_MAX 16

static LampBatch *
make_batch (const char *line)
{
  LampBatch *batch = lamp_batch_new ();
  g_auto (GStrv) event_ids = g_strsplit (line, " ", IDS_MAX);

  /* One that is there twice is not taken. */
  for (gint64 i = 0; event_ids[i] != NULL; i++)
    lamp_batch_add (batch, i, 0, event_ids[i], "{}", 2, G_MAXSIZE);

  return batch;
}

/* Every string of the body, wherever it stands. */
static void
collect_strings (const LampJson *value,
                 GHashTable     *strings)
{
  LampJsonIter iter;
  LampJson child;

  if (value->type == LAMP_JSON_STRING)
    g_hash_table_add (strings, lamp_json_dup_string (value));

  lamp_json_iter_init (&iter, value);
  while (lamp_json_iter_next (&iter, NULL, &child))
    collect_strings (&child, strings);
}

static void
check_verdict (const LampVerdict *verdict)
{
  g_assert_cmpint (verdict->kind, >=, LAMP_VERDICT_NONE);
  g_assert_cmpint (verdict->kind, <=, LAMP_VERDICT_REJECTED);

  if (verdict->kind != LAMP_VERDICT_REJECTED)
    {
      g_assert_null (verdict->code);
      g_assert_null (verdict->message);
      return;
    }

  lamp_fuzz_assert_words (verdict->code);
  g_assert_true (*verdict->code != '\0');
  if (verdict->message != NULL)
    lamp_fuzz_assert_words (verdict->message);
}

/* A verdict is on an event that the body names, and each event has one. */
static guint
check_verdicts (const LampBatch   *batch,
                const LampOutcome *outcome,
                const char        *body,
                gsize              length)
{
  g_autoptr (GHashTable) strings = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  LampJson answer;
  guint n_named = 0;

  lamp_json_check (body, length, LAMP_JSON_MAX_DEPTH, &answer, NULL);
  collect_strings (&answer, strings);
  g_assert_cmpuint (outcome->n_verdicts, ==, lamp_batch_get_size (batch));

  for (guint i = 0; i < outcome->n_verdicts; i++)
    {
      const LampVerdict *verdict = &outcome->verdicts[i];

      check_verdict (verdict);
      if (verdict->kind == LAMP_VERDICT_NONE)
        continue;

      n_named++;
      g_assert_true (g_hash_table_contains (strings, lamp_batch_get_event (batch, i)->event_id));
      if (outcome->kind == LAMP_OUTCOME_REFUSED)
        g_assert_cmpint (verdict->kind, ==, LAMP_VERDICT_REJECTED);
    }

  return n_named;
}

static void
check_outcome (const LampOutcome *outcome,
               guint              status)
{
  g_assert_cmpuint (outcome->status, ==, status);
  lamp_fuzz_assert_words (outcome->message);
  g_assert_true (g_str_has_prefix (outcome->message, SHOWN_URL " answered "));

  if (outcome->kind != LAMP_OUTCOME_THROTTLED)
    {
      g_assert_cmpint (outcome->retry_after, ==, 0);
      return;
    }

  g_assert_cmpint (outcome->retry_after, >=, SECOND);
  g_assert_cmpint (outcome->retry_after, <=, HOUR);
}

/* Who doubts us is not quoted: the answer is the same as one without words. */
static void
check_silence (const LampBatch   *batch,
               const LampOutcome *outcome,
               gint64             retry_after)
{
  g_autoptr (LampOutcome) silent = lamp_answer_read (batch, URL, outcome->status, retry_after, NULL,
                                                     0);

  g_assert_cmpstr (outcome->message, ==, silent->message);
}

static void
read_answer (const LampBatch *batch,
             guint            status,
             gint64           retry_after,
             const char      *body,
             gsize            length)
{
  g_autoptr (LampOutcome) outcome = lamp_answer_read (batch, URL, status, retry_after, body,
                                                      length);
  g_autoptr (LampOutcome) copy = lamp_outcome_copy (outcome);
  guint n_named = check_verdicts (batch, outcome, body, length);

  check_outcome (outcome, status);
  g_assert_cmpuint (check_verdicts (batch, copy, body, length), ==, n_named);

  switch (outcome->kind)
    {
    case LAMP_OUTCOME_ANSWERED:
      g_assert_true (status == 200 || status == 207);
      g_assert_true (n_named > 0 || outcome->n_verdicts == 0);
      break;

    case LAMP_OUTCOME_REFUSED:
      g_assert_true (status == 400 || status == 422);
      break;

    case LAMP_OUTCOME_UNAUTHORIZED:
      check_silence (batch, outcome, retry_after);
      g_assert_cmpuint (n_named, ==, 0);
      break;

    case LAMP_OUTCOME_SERVER_ERROR:
    case LAMP_OUTCOME_TOO_LARGE:
    case LAMP_OUTCOME_THROTTLED:
    case LAMP_OUTCOME_MISCONFIGURED:
      g_assert_cmpuint (n_named, ==, 0);
      break;

    case LAMP_OUTCOME_CANCELLED:
    case LAMP_OUTCOME_NO_ANSWER:
    default:
      g_assert_not_reached ();
    }
}

static void
read_health (guint       status,
             const char *body,
             gsize       length)
{
  g_autoptr (LampOutcome) outcome = lamp_answer_read (NULL, URL, status, 0, body, length);
  LampLimits limits;

  check_outcome (outcome, status);
  g_assert_cmpuint (outcome->n_verdicts, ==, 0);

  lamp_answer_read_health (body, length, &limits);
  g_assert_cmpuint (limits.max_events, <=, G_MAXINT);
  g_assert_cmpuint (limits.max_bytes, <=, G_MAXSSIZE);
  g_assert_cmpint (limits.retry_after_min, >=, 0);
  g_assert_cmpint (limits.retry_after_max, >=, 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  const char *position = (const char *) data;
  const char *end = position + size;
  g_autofree char *status_line = lamp_fuzz_take_line (&position, end);
  g_autofree char *retry_line = lamp_fuzz_take_line (&position, end);
  g_autofree char *ids_line = lamp_fuzz_take_line (&position, end);
  g_autoptr (LampBatch) batch = make_batch (ids_line);
  guint status = (guint) g_ascii_strtoull (status_line, NULL, 10);
  gint64 retry_after = lamp_answer_read_retry_after (retry_line, NOW);

  g_assert_true (retry_after == 0 || (retry_after >= SECOND && retry_after <= HOUR));
  read_answer (batch, status, retry_after, position, end - position);
  read_health (status, position, end - position);

  return 0;
}
