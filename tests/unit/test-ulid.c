/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-random.h"
#include "lamp-ulid.h"

#include <string.h>

#define MANY 1000000
#define NOW G_GINT64_CONSTANT (1770127506789012)
#define HOUR (3600 * (gint64) G_USEC_PER_SEC)
#define LARGEST "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"

typedef char Ulid[LAMP_ULID_LENGTH + 1];

static void
test_accepts_valid_forms (void)
{
  g_assert_true (lamp_ulid_is_valid ("00000000000000000000000000"));
  g_assert_true (lamp_ulid_is_valid ("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
  g_assert_true (lamp_ulid_is_valid ("01arz3ndektsv4rrffq69g5fav"));
  g_assert_true (lamp_ulid_is_valid (LARGEST));
}

static void
test_refuses_invalid_forms (void)
{
  static const char *const forms[] = {
    NULL,
    "",
    "0",
    "01ARZ3NDEKTSV4RRFFQ69G5FA",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV0",
    "81ARZ3NDEKTSV4RRFFQ69G5FAV",
    "Z1ARZ3NDEKTSV4RRFFQ69G5FAV",
    "01ARZ3NDEKTSV4RRFFQ69G5FAI",
    "01ARZ3NDEKTSV4RRFFQ69G5FAL",
    "01ARZ3NDEKTSV4RRFFQ69G5FAO",
    "01ARZ3NDEKTSV4RRFFQ69G5FAU",
    "01ARZ3NDEKTSV4RRFFQ69G5FAu",
    "01ARZ3NDEKTSV4RRFFQ69G5FA ",
    " 1ARZ3NDEKTSV4RRFFQ69G5FAV",
    "01ARZ3NDEKTSV4RRFFQ69G5F-V",
    "01ARZ3NDEKTSV4RRFFQ69G5F\xc3\xa4",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      g_assert_false (lamp_ulid_is_valid (forms[i]));
      g_assert_cmpint (lamp_ulid_get_time (forms[i]), ==, -1);
    }
}

static void
test_writes_time_and_upper_case (void)
{
  Ulid ulid;

  lamp_ulid_next (NULL, NOW, ulid);

  g_assert_cmpuint (strlen (ulid), ==, LAMP_ULID_LENGTH);
  g_assert_true (lamp_ulid_is_valid (ulid));
  g_assert_cmpuint (strspn (ulid, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), ==, LAMP_ULID_LENGTH);
  g_assert_cmpint (lamp_ulid_get_time (ulid), ==, NOW / 1000 * 1000);
}

static void
test_reads_known_time (void)
{
  g_assert_cmpint (lamp_ulid_get_time ("01ARZ3NDEKTSV4RRFFQ69G5FAV"), ==,
                   G_GINT64_CONSTANT (1469922850259) * 1000);
  g_assert_cmpint (lamp_ulid_get_time ("01arz3ndektsv4rrffq69g5fav"), ==,
                   G_GINT64_CONSTANT (1469922850259) * 1000);
  g_assert_cmpint (lamp_ulid_get_time (LARGEST), ==, ((G_GINT64_CONSTANT (1) << 48) - 1) * 1000);
}

static void
test_is_random (void)
{
  Ulid first;
  Ulid second;

  lamp_ulid_next (NULL, NOW, first);
  lamp_ulid_next (NULL, NOW, second);

  g_assert_cmpmem (first, 10, second, 10);
  g_assert_cmpstr (first, !=, second);
}

static void
test_adds_one_within_a_millisecond (void)
{
  Ulid ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  gint64 now = lamp_ulid_get_time (ulid) + 999;

  lamp_ulid_next (ulid, now, ulid);
  g_assert_cmpstr (ulid, ==, "01ARZ3NDEKTSV4RRFFQ69G5FAW");

  lamp_ulid_next ("01ARZ3NDEKTSV4RRFFQ69G5FZZ", now, ulid);
  g_assert_cmpstr (ulid, ==, "01ARZ3NDEKTSV4RRFFQ69G5G00");
}

static void
test_takes_new_time_when_it_is_later (void)
{
  Ulid ulid;

  lamp_ulid_next ("01ARZ3NDEKTSV4RRFFQ69G5FAV", NOW, ulid);
  g_assert_cmpint (lamp_ulid_get_time (ulid), ==, NOW / 1000 * 1000);
  g_assert_false (g_str_has_suffix (ulid, "G5FAW"));
}

static void
test_grows_when_the_clock_steps_back (void)
{
  Ulid first;
  Ulid second;

  lamp_ulid_next (NULL, NOW, first);
  lamp_ulid_next (first, NOW - HOUR, second);

  g_assert_cmpstr (second, >, first);
  g_assert_cmpint (lamp_ulid_get_time (second), ==, lamp_ulid_get_time (first));
}

static void
test_carries_into_the_time (void)
{
  Ulid ulid;

  lamp_ulid_next ("01ARZ3NDEKZZZZZZZZZZZZZZZZ", 0, ulid);
  g_assert_cmpstr (ulid, ==, "01ARZ3NDEM0000000000000000");

  lamp_ulid_next ("0ZZZZZZZZZZZZZZZZZZZZZZZZZ", 0, ulid);
  g_assert_cmpstr (ulid, ==, "10000000000000000000000000");
}

static void
test_stays_at_the_largest (void)
{
  Ulid ulid;

  lamp_ulid_next ("7ZZZZZZZZZZZZZZZZZZZZZZZZY", NOW, ulid);
  g_assert_cmpstr (ulid, ==, LARGEST);

  lamp_ulid_next (ulid, G_MAXINT64, ulid);
  g_assert_cmpstr (ulid, ==, LARGEST);
}

static void
test_takes_any_clock (void)
{
  Ulid ulid;

  lamp_ulid_next (NULL, G_MININT64, ulid);
  g_assert_cmpint (lamp_ulid_get_time (ulid), ==, 0);

  lamp_ulid_next (NULL, -1, ulid);
  g_assert_cmpint (lamp_ulid_get_time (ulid), ==, 0);

  lamp_ulid_next (NULL, G_MAXINT64, ulid);
  g_assert_cmpint (lamp_ulid_get_time (ulid), ==, lamp_ulid_get_time (LARGEST));
}

static void
test_takes_an_invalid_last_for_none (void)
{
  Ulid ulid;

  lamp_ulid_next ("not an id", NOW, ulid);
  g_assert_cmpint (lamp_ulid_get_time (ulid), ==, NOW / 1000 * 1000);
}

static void
test_follows_lower_case (void)
{
  Ulid ulid;

  lamp_ulid_next ("01arz3ndektsv4rrffq69g5fav", 0, ulid);
  g_assert_cmpstr (ulid, ==, "01ARZ3NDEKTSV4RRFFQ69G5FAW");
}

/* Strictly increasing means without a double. The clock runs, stands, and steps back. */
static void
test_makes_a_million (void)
{
  Ulid last;
  gint64 now = NOW;

  lamp_ulid_next (NULL, now, last);

  for (gsize i = 1; i < MANY; i++)
    {
      Ulid ulid;

      now += i % 50000 == 0 ? -HOUR : (gint64) (i % 7) * 100;
      lamp_ulid_next (last, now, ulid);
      g_assert_cmpstr (ulid, >, last);
      memcpy (last, ulid, sizeof last);
    }
}

/* With 80 random bits two of a hundred thousand are never equal, unless the source is broken. */
static void
test_makes_no_double_without_a_last (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (gsize i = 0; i < MANY / 10; i++)
    {
      Ulid ulid;

      lamp_ulid_next (NULL, NOW, ulid);
      g_assert_true (g_hash_table_add (seen, g_strdup (ulid)));
    }
}

static void
test_random_fills_all (void)
{
  guint8 buffer[LAMP_RANDOM_MAX_BYTES] = { 0 };
  guint8 any[LAMP_RANDOM_MAX_BYTES] = { 0 };

  for (gsize round = 0; round < 16; round++)
    {
      lamp_random_fill (buffer, sizeof buffer);
      for (gsize i = 0; i < sizeof buffer; i++)
        any[i] |= buffer[i];
    }

  for (gsize i = 0; i < sizeof any; i++)
    g_assert_cmpuint (any[i], !=, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/ulid/accepts-valid-forms", test_accepts_valid_forms);
  g_test_add_func ("/ulid/refuses-invalid-forms", test_refuses_invalid_forms);
  g_test_add_func ("/ulid/writes-time-and-upper-case", test_writes_time_and_upper_case);
  g_test_add_func ("/ulid/reads-known-time", test_reads_known_time);
  g_test_add_func ("/ulid/is-random", test_is_random);
  g_test_add_func ("/ulid/adds-one-within-a-millisecond", test_adds_one_within_a_millisecond);
  g_test_add_func ("/ulid/takes-new-time-when-it-is-later", test_takes_new_time_when_it_is_later);
  g_test_add_func ("/ulid/grows-when-the-clock-steps-back", test_grows_when_the_clock_steps_back);
  g_test_add_func ("/ulid/carries-into-the-time", test_carries_into_the_time);
  g_test_add_func ("/ulid/stays-at-the-largest", test_stays_at_the_largest);
  g_test_add_func ("/ulid/takes-any-clock", test_takes_any_clock);
  g_test_add_func ("/ulid/takes-an-invalid-last-for-none", test_takes_an_invalid_last_for_none);
  g_test_add_func ("/ulid/follows-lower-case", test_follows_lower_case);
  g_test_add_func ("/ulid/makes-a-million", test_makes_a_million);
  g_test_add_func ("/ulid/makes-no-double-without-a-last", test_makes_no_double_without_a_last);
  g_test_add_func ("/ulid/random-fills-all", test_random_fills_all);

  return g_test_run ();
}
