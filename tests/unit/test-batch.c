/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-batch.h"

#include <string.h>

#define NO_LIMIT G_MAXSIZE

static gboolean
add (LampBatch  *batch,
     gint64      id,
     const char *event_id,
     const char *envelope,
     gsize       max_bytes)
{
  return lamp_batch_add (batch, id, 0, event_id, envelope, strlen (envelope), max_bytes);
}

static void
assert_body (LampBatch  *batch,
             const char *expected)
{
  g_autoptr (GBytes) body = lamp_batch_dup_body (batch);
  gsize length;
  const char *text = g_bytes_get_data (body, &length);

  g_assert_cmpmem (text, length, expected, strlen (expected));
}

static void
test_is_empty_at_first (void)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();

  g_assert_cmpuint (lamp_batch_get_size (batch), ==, 0);
  g_assert_false (lamp_batch_find (batch, "A", NULL));
  assert_body (batch, "{\"events\":[]}");
}

static void
test_splices_envelopes_in_order (void)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();

  g_assert_true (add (batch, 1, "A", "{\"a\":1}", NO_LIMIT));
  g_assert_true (add (batch, 2, "B", "{\"b\" : 2}", NO_LIMIT));
  g_assert_true (add (batch, 3, "C", "{}", NO_LIMIT));

  assert_body (batch, "{\"events\":[{\"a\":1},{\"b\" : 2},{}]}");
}

static void
test_remembers_rows (void)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();
  const LampBatchEvent *event;

  g_assert_true (lamp_batch_add (batch, 7, 3, "A", "{}", 2, NO_LIMIT));
  g_assert_true (lamp_batch_add (batch, 9, 0, "B", "{}", 2, NO_LIMIT));

  event = lamp_batch_get_event (batch, 0);
  g_assert_cmpint (event->id, ==, 7);
  g_assert_cmpint (event->revision, ==, 3);
  g_assert_cmpstr (event->event_id, ==, "A");

  event = lamp_batch_get_event (batch, 1);
  g_assert_cmpint (event->id, ==, 9);
  g_assert_cmpstr (event->event_id, ==, "B");
}

static void
test_copies_what_it_is_given (void)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();
  char event_id[] = "A";
  char envelope[] = "{\"a\":1}";

  g_assert_true (add (batch, 1, event_id, envelope, NO_LIMIT));
  event_id[0] = 'X';
  envelope[2] = 'X';

  g_assert_true (lamp_batch_find (batch, "A", NULL));
  assert_body (batch, "{\"events\":[{\"a\":1}]}");
}

static void
test_keeps_to_the_limit (void)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();
  const gsize limit = strlen ("{\"events\":[{\"a\":1},{\"b\":2}]}");

  g_assert_true (add (batch, 1, "A", "{\"a\":1}", limit));
  g_assert_false (add (batch, 2, "B", "{\"b\":20}", limit));
  g_assert_cmpuint (lamp_batch_get_size (batch), ==, 1);
  g_assert_false (lamp_batch_find (batch, "B", NULL));
  assert_body (batch, "{\"events\":[{\"a\":1}]}");

  g_assert_true (add (batch, 3, "C", "{\"b\":2}", limit));
  g_assert_false (add (batch, 4, "D", "", limit));
  assert_body (batch, "{\"events\":[{\"a\":1},{\"b\":2}]}");
}

static void
test_takes_nothing_below_its_own_size (void)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();

  g_assert_false (add (batch, 1, "A", "{}", 0));
  g_assert_false (add (batch, 1, "A", "{}", strlen ("{\"events\":[]}")));
  g_assert_cmpuint (lamp_batch_get_size (batch), ==, 0);
}

static void
test_refuses_an_id_twice (void)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();

  g_assert_true (add (batch, 1, "A", "{\"a\":1}", NO_LIMIT));
  g_assert_false (add (batch, 2, "A", "{\"a\":2}", NO_LIMIT));
  g_assert_true (add (batch, 3, "a", "{\"a\":3}", NO_LIMIT));

  assert_body (batch, "{\"events\":[{\"a\":1},{\"a\":3}]}");
}

static void
test_finds_each_of_many (void)
{
  g_autoptr (LampBatch) batch = lamp_batch_new ();

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *event_id = g_strdup_printf ("id-%u", i);

      g_assert_true (add (batch, i, event_id, "{}", NO_LIMIT));
    }

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *event_id = g_strdup_printf ("id-%u", i);
      guint index = G_MAXUINT;

      g_assert_true (lamp_batch_find (batch, event_id, &index));
      g_assert_cmpuint (index, ==, i);
      g_assert_cmpint (lamp_batch_get_event (batch, index)->id, ==, i);
    }
}

static void
test_body_outlives_the_batch (void)
{
  LampBatch *batch = lamp_batch_new ();
  g_autoptr (GBytes) first = NULL;
  g_autoptr (GBytes) second = NULL;

  g_assert_true (add (batch, 1, "A", "{}", NO_LIMIT));
  first = lamp_batch_dup_body (batch);
  second = lamp_batch_dup_body (batch);
  lamp_batch_unref (batch);

  g_assert_true (g_bytes_equal (first, second));
  g_assert_cmpmem (g_bytes_get_data (first, NULL), g_bytes_get_size (first), "{\"events\":[{}]}",
                   15);
}

static void
test_is_boxed (void)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (LampBatch) batch = lamp_batch_new ();

  g_value_init (&value, LAMP_TYPE_BATCH);
  g_value_set_boxed (&value, batch);
  g_assert_true (g_value_get_boxed (&value) == batch);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/batch/is-empty-at-first", test_is_empty_at_first);
  g_test_add_func ("/batch/splices-envelopes-in-order", test_splices_envelopes_in_order);
  g_test_add_func ("/batch/remembers-rows", test_remembers_rows);
  g_test_add_func ("/batch/copies-what-it-is-given", test_copies_what_it_is_given);
  g_test_add_func ("/batch/keeps-to-the-limit", test_keeps_to_the_limit);
  g_test_add_func ("/batch/takes-nothing-below-its-own-size",
                   test_takes_nothing_below_its_own_size);
  g_test_add_func ("/batch/refuses-an-id-twice", test_refuses_an_id_twice);
  g_test_add_func ("/batch/finds-each-of-many", test_finds_each_of_many);
  g_test_add_func ("/batch/body-outlives-the-batch", test_body_outlives_the_batch);
  g_test_add_func ("/batch/is-boxed", test_is_boxed);

  return g_test_run ();
}
