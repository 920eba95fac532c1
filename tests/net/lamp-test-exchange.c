/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-test-exchange.h"

#include "lamp-test-util.h"

#include <string.h>

#define BYTES_MAX (512 * 1024)

LampTransportSoup *
lamp_test_transport_new (const char *url)
{
  LampTransportSoup *transport = lamp_transport_soup_new ();
  g_autoptr (GError) error = NULL;

  lamp_transport_soup_set_server (transport, url, FALSE, &error);
  g_assert_no_error (error);
  lamp_transport_soup_set_token (transport, LAMP_TEST_TOKEN);

  return transport;
}

LampBatch *
lamp_test_batch_new (void)
{
  static const char *const ids[] = { LAMP_TEST_A, LAMP_TEST_B };
  LampBatch *batch = lamp_batch_new ();

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      g_autofree char *envelope = g_strdup_printf ("{\"event_id\":\"%s\",\"event_type\":\"T\"}",
                                                   ids[i]);

      g_assert_true (
        lamp_batch_add (batch, i + 1, 0, ids[i], envelope, strlen (envelope), BYTES_MAX));
    }

  return batch;
}

static void
check_words (const char *words)
{
  if (words == NULL)
    return;

  g_assert_true (g_utf8_validate (words, -1, NULL));
  g_assert_null (strstr (words, LAMP_TEST_TOKEN));
  g_assert_null (strstr (words, "s3cr.t"));
  g_assert_null (strchr (words, '\n'));
  g_assert_cmpint (g_utf8_strlen (words, -1), <, 1500);
}

void
lamp_test_check_outcome (const LampOutcome *outcome,
                         guint              n_verdicts)
{
  g_test_message ("%s", outcome->message);
  g_assert_cmpstr (outcome->message, !=, "");
  g_assert_cmpuint (outcome->n_verdicts, ==, n_verdicts);
  g_assert_true ((outcome->kind == LAMP_OUTCOME_THROTTLED) == (outcome->retry_after > 0));
  check_words (outcome->message);

  for (guint i = 0; i < n_verdicts; i++)
    {
      check_words (outcome->verdicts[i].code);
      check_words (outcome->verdicts[i].message);
    }
}

LampOutcome *
lamp_test_send (LampTransportSoup *transport)
{
  g_autoptr (LampBatch) batch = lamp_test_batch_new ();
  g_autoptr (GAsyncResult) result = NULL;
  LampOutcome *outcome;

  lamp_transport_send_async (LAMP_TRANSPORT (transport), batch, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  outcome = lamp_transport_send_finish (LAMP_TRANSPORT (transport), result);
  lamp_test_check_outcome (outcome, 2);

  return outcome;
}

LampOutcome *
lamp_test_probe (LampTransportSoup *transport,
                 LampLimits        *limits)
{
  g_autoptr (GAsyncResult) result = NULL;
  LampOutcome *outcome;

  lamp_transport_probe_async (LAMP_TRANSPORT (transport), NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  outcome = lamp_transport_probe_finish (LAMP_TRANSPORT (transport), result, limits);
  lamp_test_check_outcome (outcome, 0);

  return outcome;
}

char *
lamp_test_dup_verdicts (const LampOutcome *outcome)
{
  static const char letters[] = {
    [LAMP_VERDICT_NONE] = '.',
    [LAMP_VERDICT_DELIVERED] = 'd',
    [LAMP_VERDICT_QUEUED] = 'q',
    [LAMP_VERDICT_REJECTED] = 'r',
  };
  char *text = g_strnfill (outcome->n_verdicts, '.');

  for (guint i = 0; i < outcome->n_verdicts; i++)
    text[i] = letters[outcome->verdicts[i].kind];

  return text;
}
