/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-isolation.h"

#include <string.h>

#define N_SEEDS 4000
#define N_LOSSY 400
#define MAX_ROWS 100
#define MAX_EVENTS 2000
#define MAX_REQUESTS 20000
#define RETRIES 3

/* How many of its answers a server may err in, by itself: where only bad events and one that is
 * good are left, nothing tells it from a server that errs in most. */
#define FIRM_LOSS 0.3

/* Requests for one culprit that is alone: its tries, and as many witnesses. */
#define ALONE 16
#define WITNESSES_TWICE 8

/* Rows and a server that chokes on some of them, without a word. */
typedef struct
{
  LampIsolation *isolation; /* (owned) (nullable) */
  guint n;
  gboolean culprit[MAX_EVENTS + 1]; /* by row, from 1 */
  gboolean pending[MAX_EVENTS + 1];
  gboolean failed[MAX_EVENTS + 1];
  guint requests; /* with rows */
  guint probes;
  guint waits;
  gint64 newest; /* the last row that got through, and not as a witness */
  gint64 tried;  /* the first row of the last request */

  GRand *random; /* (nullable) for outages */
  guint outage;  /* requests and waits until it goes down, or is there again */
  gboolean down;
  gboolean lying; /* its health is well all the same */
  gboolean blames;
  gboolean silent; /* culprits get no answer at all; otherwise the server tells an error */
  gboolean busy;   /* another event comes while it waits */
  double loss;     /* the part of the batches that are lost, each by itself, with @random */
  double probe_loss;
} World;

static void
world_init (World *world,
            guint  n)
{
  gint64 rows[MAX_ROWS];

  memset (world, 0, sizeof *world);
  world->n = n;
  world->outage = G_MAXUINT;
  for (guint i = 0; i < n; i++)
    {
      rows[i] = i + 1;
      world->pending[i + 1] = TRUE;
    }
  world->isolation = lamp_isolation_new (rows, n, RETRIES);
}

static void
world_clear (World *world)
{
  g_clear_pointer (&world->isolation, lamp_isolation_free);
  g_clear_pointer (&world->random, g_rand_free);
}

static void
pass_time (World *world)
{
  if (world->outage == G_MAXUINT || --world->outage > 0)
    return;

  world->down = !world->down;
  world->outage = (guint) g_rand_int_range (world->random, 1, world->down ? 25 : 40);
}

static gboolean
is_lost (World *world,
         double part)
{
  return part > 0 && g_rand_double (world->random) < part;
}

static guint
collect (World           *world,
         const LampTrial *trial,
         gint64          *rows)
{
  guint limit = trial->limit > 0 ? trial->limit : MAX_ROWS;
  guint count = 0;

  for (gint64 row = MAX (trial->after + 1, 1); row <= MIN (trial->until, world->n); row++)
    if (world->pending[row] && count < limit)
      rows[count++] = row;

  return count;
}

static void
send_rows (World     *world,
           LampTrial *trial)
{
  gint64 rows[MAX_ROWS];
  guint count = collect (world, trial, rows);
  gboolean lost = world->down || is_lost (world, world->loss);
  gboolean bad = FALSE;

  if (count == 0)
    {
      lamp_isolation_nothing (world->isolation);
      return;
    }

  for (guint i = 0; i < count; i++)
    bad = bad || world->culprit[rows[i]];

  world->requests++;
  world->tried = rows[0];
  if (lost || (bad && !world->blames))
    lamp_isolation_muted (world->isolation, rows[0], rows[count - 1],
                          !world->down && !world->silent);

  else if (bad && count > 1)
    {
      lamp_isolation_blamed (world->isolation, rows[count - 1]);
    }
  else
    {
      for (guint i = 0; i < count; i++)
        {
          world->pending[rows[i]] = FALSE;
          world->failed[rows[i]] = bad;
        }
      lamp_isolation_passed (world->isolation, rows[count - 1]);
    }
}

/* Returns FALSE once there is nothing to do. */
static gboolean
act (World *world)
{
  LampTrial trial = lamp_isolation_next (world->isolation);

  pass_time (world);
  switch (trial.kind)
    {
    case LAMP_TRIAL_SEND:
      send_rows (world, &trial);
      return TRUE;
    case LAMP_TRIAL_PROBE:
      world->probes++;
      lamp_isolation_probed (world->isolation,
                             (!world->down || world->lying) && !is_lost (world, world->probe_loss));
      return TRUE;
    case LAMP_TRIAL_FAIL:
      world->pending[trial.until] = FALSE;
      world->failed[trial.until] = TRUE;
      lamp_isolation_failed (world->isolation);
      return TRUE;
    case LAMP_TRIAL_WAIT:
      world->waits++;
      if (world->busy && world->n < MAX_EVENTS)
        world->pending[++world->n] = TRUE;
      lamp_isolation_waited (world->isolation);
      return TRUE;
    case LAMP_TRIAL_DONE:
    default:
      return FALSE;
    }
}

static void
act_until_done (World *world)
{
  while (act (world))
    if (world->requests + world->waits >= MAX_REQUESTS)
      {
        g_autoptr (GString) left = g_string_new (NULL);

        for (guint row = 1; row <= world->n; row++)
          if (world->pending[row])
            g_string_append_printf (left, " %u%s", row, world->culprit[row] ? "!" : "");
        g_error ("It takes too long; left:%s", left->str);
      }
}

static void
assert_fates (World *world)
{
  for (guint row = 1; row <= world->n; row++)
    {
      g_assert_false (world->pending[row]);
      g_assert_cmpint (world->failed[row], ==, world->culprit[row]);
    }
}

/* Up to @max of them, but not among the last rows. */
static guint
choose_culprits (World *world,
                 GRand *random,
                 guint  max,
                 guint  last)
{
  guint k = (guint) g_rand_int_range (random, 0, (gint32) MIN (max, world->n - last) + 1);
  guint chosen = 0;

  while (chosen < k)
    {
      guint row = 1 + (guint) g_rand_int_range (random, 0, (gint32) (world->n - last));

      chosen += world->culprit[row] ? 0 : 1;
      world->culprit[row] = TRUE;
    }

  return k;
}

static guint
get_levels (guint n)
{
  return n > 1 ? g_bit_storage (n - 1) : 0;
}

static void
test_finds_culprits (void)
{
  double worst = 0;
  double worst_probes = 0;

  for (guint seed = 0; seed < N_SEEDS; seed++)
    {
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      World world;
      guint k;
      guint budget;

      world_init (&world, (guint) g_rand_int_range (random, 3, MAX_ROWS + 1));
      k = choose_culprits (&world, random, MIN (world.n / 4, 6), 2 * (world.n / 4));
      act_until_done (&world);

      /* Beyond the halving: the tries of the batch, the head, the rest as a whole; and for each
       * culprit its tries alone and the witnesses, again where one of them is a culprit. */
      budget = 2 * k * get_levels (world.n) + ALONE * k + WITNESSES_TWICE * (k > 1 ? k : 0) +
               RETRIES + 3;
      worst = MAX (worst,
                   ((double) world.requests - RETRIES - 3) / MAX (k * get_levels (world.n), 1));
      worst_probes = MAX (worst_probes, (double) world.probes / MAX (k, 1));
      if (world.requests > budget || world.probes > 1 + 18 * k)
        g_error ("seed %u: %u culprits of %u took %u requests and %u probes", seed, k, world.n,
                 world.requests, world.probes);
      assert_fates (&world);
      world_clear (&world);
    }

  g_test_message ("at most %.1f requests for a culprit and a level, %.1f probes for a culprit",
                  worst, worst_probes);
}

static void
test_blamed_costs_no_more_than_halving (void)
{
  for (guint seed = 0; seed < N_SEEDS; seed++)
    {
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      World world;
      guint k;

      world_init (&world, (guint) g_rand_int_range (random, 1, MAX_ROWS + 1));
      world.blames = TRUE;
      k = choose_culprits (&world, random, MAX_ROWS, 0);
      act_until_done (&world);
      g_assert_cmpuint (world.requests, <=, 1 + 2 * k * get_levels (world.n));
      g_assert_cmpuint (world.probes + world.waits, ==, 0);
      assert_fates (&world);
      world_clear (&world);
    }
}

/* Many together, and half of all: rounds take longer, but nothing is blocked for ever. */
static void
test_gets_round_many (void)
{
  for (guint seed = 0; seed < N_SEEDS / 10; seed++)
    {
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      World world;
      guint n = (guint) g_rand_int_range (random, 2, 30);
      guint first = (guint) g_rand_int_range (random, 1, (gint32) n);

      world_init (&world, n);
      for (guint row = first; row <= n; row++)
        world.culprit[row] = g_rand_int_range (random, 0, 4) > 0;
      world.culprit[n / 2 + 1] = FALSE;
      act_until_done (&world);
      assert_fates (&world);
      world_clear (&world);
    }
}

/* Whatever the time at which the server goes away, and for how long: nobody is failed for it. */
static void
test_outages_harm_nobody (void)
{
  for (guint seed = 0; seed < N_SEEDS; seed++)
    {
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      World world;

      world_init (&world, (guint) g_rand_int_range (random, 1, MAX_ROWS + 1));
      world.random = g_rand_new_with_seed (seed + 1);
      world.outage = 1;
      choose_culprits (&world, random, 4, 0);
      for (guint i = 0; i < 400 && act (&world); i++)
        ;

      for (guint row = 1; row <= world.n; row++)
        if (world.failed[row] && !world.culprit[row])
          g_error ("seed %u: row %u of %u was failed without fault", seed, (guint) row, world.n);

      /* It stays from now on, and others come. */
      world.down = FALSE;
      world.outage = G_MAXUINT;
      world.busy = TRUE;
      act_until_done (&world);
      world_clear (&world);
    }
}

/* One outage in the middle, at each place and of each length, while the health is well all the
 * same: it can't be told from a fault of the events, but for its being one stretch. */
static void
test_one_outage_behind_good_health (void)
{
  for (guint n = 1; n <= 12; n++)
    for (guint begin = 0; begin < 60; begin++)
      for (guint length = 1; length < 9; length++)
        {
          World world;
          guint i = 0;

          world_init (&world, n);
          world.lying = TRUE;
          for (;;)
            {
              LampTrial trial = lamp_isolation_next (world.isolation);

              world.down = i < 4 || (i >= begin && i < begin + length);
              if (trial.kind == LAMP_TRIAL_SEND)
                i++;
              if (!act (&world))
                break;
              g_assert_cmpuint (world.waits, <, 200);
            }

          for (guint row = 1; row <= n; row++)
            if (world.failed[row])
              g_error ("An outage of %u from %u: row %u of %u was failed without fault", length,
                       begin, row, n);
          world_clear (&world);
        }
}

/* There is no evidence against an event that nothing else was sent beside. */
static void
test_lone_event_stays (void)
{
  World world;

  world_init (&world, 1);
  world.culprit[1] = TRUE;
  for (guint i = 0; i < 1000; i++)
    g_assert_true (act (&world));
  g_assert_true (world.pending[1]);

  /* Another one comes. */
  world.n = 2;
  world.pending[2] = TRUE;
  act_until_done (&world);
  g_assert_true (world.failed[1]);
  g_assert_false (world.failed[2]);
  world_clear (&world);
}

/* A line that loses requests, each by itself: no innocent is failed, and on one that loses only a
 * few, the culprits are found all the same. */
static void
test_lossy_lines_harm_nobody (void)
{
  static const double losses[] = { 0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 0.9 };

  for (guint i = 0; i < G_N_ELEMENTS (losses) * N_LOSSY; i++)
    {
      guint seed = i / G_N_ELEMENTS (losses);
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      double loss = losses[i % G_N_ELEMENTS (losses)];
      World world;

      world_init (&world, (guint) g_rand_int_range (random, 1, MAX_ROWS + 1));
      world.random = g_rand_new_with_seed (seed + 1);
      world.loss = loss;
      world.probe_loss = seed % 2 == 0 ? 0 : loss;
      world.silent = seed % 4 < 2 || loss > FIRM_LOSS;
      world.busy = TRUE;
      choose_culprits (&world, random, 3, 0);
      for (guint turns = 0; turns < 4000 && act (&world); turns++)
        ;

      for (guint row = 1; row <= world.n; row++)
        if (world.failed[row] && !world.culprit[row])
          g_error ("seed %u: row %u was failed on a line that loses %.0f %%", seed, row,
                   100 * loss);
      if (loss < 0.1 && lamp_isolation_next (world.isolation).kind != LAMP_TRIAL_DONE)
        g_error ("seed %u: culprits were not found", seed);
      world_clear (&world);
    }
}

/* Of two servers behind one address one is broken, or each third request is lost. */
static void
test_periods_harm_nobody (void)
{
  for (guint period = 2; period <= 8; period++)
    for (guint lost = 1; lost + 1 < (1u << period); lost++)
      {
        World world;

        world_init (&world, 20);
        world.busy = TRUE;
        for (guint i = 0; i < 500; i++)
          {
            world.loss = lost >> (world.requests % period) & 1;
            world.random = g_rand_new_with_seed (0);
            if (!act (&world))
              break;
            g_clear_pointer (&world.random, g_rand_free);
          }

        for (guint row = 1; row <= world.n; row++)
          g_assert_false (world.failed[row]);
        world_clear (&world);
      }
}

/* Without any answer, nothing but others that get through shows who is at fault. */
static void
test_silent_last_one_waits_for_others (void)
{
  World world;

  world_init (&world, 10);
  world.silent = TRUE;
  world.culprit[10] = TRUE;
  for (guint i = 0; i < 1000; i++)
    g_assert_true (act (&world));
  g_assert_true (world.pending[10]);

  world.busy = TRUE;
  act_until_done (&world);
  for (guint row = 1; row <= world.n; row++)
    g_assert_cmpint (world.failed[row], ==, world.culprit[row]);
  world_clear (&world);
}

/* The oldest is tried first in each round, also if it has only now come back to its place. */
static void
test_oldest_is_first (void)
{
  gint64 rows[] = { 5, 6, 7 };
  g_autoptr (LampIsolation) isolation = lamp_isolation_new (rows, 3, 0);
  LampTrial trial;

  lamp_isolation_muted (isolation, 5, 7, TRUE);
  g_assert_cmpint (lamp_isolation_next (isolation).kind, ==, LAMP_TRIAL_PROBE);
  lamp_isolation_probed (isolation, TRUE);
  trial = lamp_isolation_next (isolation);
  g_assert_cmpint (trial.after, ==, 0);
  g_assert_cmpint (trial.until, ==, 5);
  g_assert_cmpuint (trial.limit, ==, 1);

  lamp_isolation_muted (isolation, 2, 2, TRUE);
  for (gint64 row = 5;;)
    {
      trial = lamp_isolation_next (isolation);
      if (trial.kind == LAMP_TRIAL_FAIL)
        break;

      g_assert_cmpint (trial.kind, ==, LAMP_TRIAL_SEND);
      if (trial.until == 2)
        {
          lamp_isolation_muted (isolation, 2, 2, TRUE);
          continue;
        }

      g_assert_cmpint (trial.after, ==, row == 5 ? 2 : row - 1);
      lamp_isolation_passed (isolation, row++);
    }

  g_assert_cmpint (trial.until, ==, 2);
}

static void
test_waits_between_tries (void)
{
  gint64 rows[] = { 1, 2 };
  g_autoptr (LampIsolation) isolation = lamp_isolation_new (rows, 2, 2);

  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (lamp_isolation_is_trying (isolation));
      g_assert_false (lamp_isolation_is_exhausted (isolation));
      lamp_isolation_muted (isolation, 1, 2, FALSE);
      g_assert_cmpint (lamp_isolation_next (isolation).kind, ==, LAMP_TRIAL_WAIT);
      lamp_isolation_waited (isolation);
      g_assert_cmpint (lamp_isolation_next (isolation).until, ==, 2);
    }

  g_assert_true (lamp_isolation_is_exhausted (isolation));
  lamp_isolation_muted (isolation, 1, 2, FALSE);
  g_assert_cmpint (lamp_isolation_next (isolation).kind, ==, LAMP_TRIAL_PROBE);
  lamp_isolation_probed (isolation, FALSE);
  g_assert_cmpint (lamp_isolation_next (isolation).kind, ==, LAMP_TRIAL_WAIT);
  lamp_isolation_waited (isolation);
  g_assert_cmpint (lamp_isolation_next (isolation).kind, ==, LAMP_TRIAL_PROBE);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/isolation/waits-between-tries", test_waits_between_tries);
  g_test_add_func ("/isolation/finds-culprits", test_finds_culprits);
  g_test_add_func ("/isolation/blamed-costs-no-more-than-halving",
                   test_blamed_costs_no_more_than_halving);
  g_test_add_func ("/isolation/gets-round-many", test_gets_round_many);
  g_test_add_func ("/isolation/outages-harm-nobody", test_outages_harm_nobody);
  g_test_add_func ("/isolation/one-outage-behind-good-health", test_one_outage_behind_good_health);
  g_test_add_func ("/isolation/lone-event-stays", test_lone_event_stays);
  g_test_add_func ("/isolation/lossy-lines-harm-nobody", test_lossy_lines_harm_nobody);
  g_test_add_func ("/isolation/periods-harm-nobody", test_periods_harm_nobody);
  g_test_add_func ("/isolation/silent-last-one-waits-for-others",
                   test_silent_last_one_waits_for_others);
  g_test_add_func ("/isolation/oldest-is-first", test_oldest_is_first);

  return g_test_run ();
}
