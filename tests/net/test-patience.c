/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-loop-meter.h"
#include "lamp-raw-server.h"
#include "lamp-test-exchange.h"
#include "lamp-test-util.h"

#include <string.h>

/* Section 6 of the specification, for all of a batch; and what a busy machine may add. */
#define PATIENCE (10 * (gint64) G_USEC_PER_SEC)
#define SLACK (4 * (gint64) G_USEC_PER_SEC)

#define HELD_MAX ((LAMP_TEST_SANITIZED ? 500 : 50) * (gint64) 1000)

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

/* Servers that keep us waiting, each in its way. No single read of theirs takes long. */
static const struct
{
  const char *answer;
  guint pace_ms;
} cases[] = {
  { "", 0 },
  { HEAD, 0 },
  { HEAD "Content-Length: 1000\r\n\r\n{\"accepted\":[", 0 },
  { HEAD "Content-Length: 1000\r\n\r\n{\"accepted\":[\"" LAMP_TEST_A "\"]}", 500 },
  { HEAD "Transfer-Encoding: chunked\r\n\r\n3e8\r\n{\"accepted\":[]}", 1000 },
  { "HTTP/1.1 401 No\r\nContent-Length: 100000\r\n\r\n{", 0 },
};

typedef struct
{
  LampRawServer *server;
  LampTransportSoup *transport;
  GAsyncResult *result;
} Wait;

static void
begin (Wait       *wait,
       LampBatch  *batch,
       const char *answer,
       guint       pace_ms)
{
  wait->server = lamp_raw_server_new ();
  lamp_raw_server_push (wait->server, g_bytes_new (answer, strlen (answer)), 1, pace_ms,
                        LAMP_RAW_HANG);
  wait->transport = lamp_test_transport_new (lamp_raw_server_get_url (wait->server));
  lamp_transport_send_async (LAMP_TRANSPORT (wait->transport), batch, NULL, lamp_test_result_cb,
                             &wait->result);
}

static void
end (Wait *wait)
{
  g_autoptr (LampOutcome) outcome = lamp_transport_send_finish (LAMP_TRANSPORT (wait->transport),
                                                                wait->result);

  lamp_test_check_outcome (outcome, 2);
  g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_NO_ANSWER);
  g_assert_true (g_str_has_suffix (outcome->message, "did not answer within 10 seconds"));

  g_clear_object (&wait->result);

  /* The connection is given up, and nothing is sent a second time. */
  lamp_test_wait_until (lamp_raw_server_get_n_open (wait->server) == 0);
  g_assert_cmpuint (lamp_raw_server_get_n_connections (wait->server), ==, 1);

  lamp_test_finalize (wait->transport);
  g_object_unref (wait->server);
}

static void
test_patience_ends (void)
{
  g_autoptr (LampBatch) batch = lamp_test_batch_new ();
  Wait waits[G_N_ELEMENTS (cases)] = { { NULL } };
  gint64 start = g_get_monotonic_time ();
  gint64 held;

  lamp_loop_meter_start ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    begin (&waits[i], batch, cases[i].answer, cases[i].pace_ms);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      lamp_test_wait_until (waits[i].result != NULL);
      g_assert_cmpint (g_get_monotonic_time () - start, >=, PATIENCE - G_USEC_PER_SEC / 100);
    }

  held = lamp_loop_meter_stop ();
  g_test_message ("the loop was held for %.1f ms", held / 1000.0);
  g_assert_cmpint (g_get_monotonic_time () - start, <, PATIENCE + SLACK);
  g_assert_cmpint (held, <, 2 * HELD_MAX);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    end (&waits[i]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/patience/ends", test_patience_ends);

  return g_test_run ();
}
