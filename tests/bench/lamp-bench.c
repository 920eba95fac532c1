/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bench.h"

#include "lamp-ulid.h"

#include <string.h>

#define DEFAULT_ROUNDS 5

typedef struct
{
  const char *name;
  const char *unit;
  GArray *values; /* of double */
} Row;

typedef struct
{
  const char *row;
  const char *floor;
  const char *goal;
} Relation;

struct _LampBench
{
  const char *title;
  GArray *rows;
  GArray *relations;
};

static void
clear_row (gpointer data)
{
  Row *row = data;

  g_array_unref (row->values);
}

LampBench *
lamp_bench_new (const char *title)
{
  LampBench *self = g_new0 (LampBench, 1);

  self->title = title;
  self->rows = g_array_new (FALSE, FALSE, sizeof (Row));
  self->relations = g_array_new (FALSE, FALSE, sizeof (Relation));
  g_array_set_clear_func (self->rows, clear_row);

  return self;
}

void
lamp_bench_free (LampBench *self)
{
  g_array_unref (self->rows);
  g_array_unref (self->relations);
  g_free (self);
}

static Row *
find_row (LampBench  *self,
          const char *name)
{
  for (guint i = 0; i < self->rows->len; i++)
    if (g_str_equal (g_array_index (self->rows, Row, i).name, name))
      return &g_array_index (self->rows, Row, i);

  return NULL;
}

void
lamp_bench_add (LampBench  *self,
                const char *name,
                const char *unit,
                double      value)
{
  Row *row = find_row (self, name);

  if (row == NULL)
    {
      Row added = { name, unit, g_array_new (FALSE, FALSE, sizeof (double)) };

      g_array_append_val (self->rows, added);
      row = find_row (self, name);
    }

  g_array_append_val (row->values, value);
}

void
lamp_bench_relate (LampBench  *self,
                   const char *row,
                   const char *floor,
                   const char *goal)
{
  Relation relation = { row, floor, goal };

  g_array_append_val (self->relations, relation);
}

static int
compare (gconstpointer a,
         gconstpointer b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

double
lamp_bench_percentile (GArray *values,
                       double  part)
{
  g_array_sort (values, compare);

  return g_array_index (values, double, (guint) (part * (values->len - 1) + 0.5));
}

static void
print_values (GArray *values,
              int     digits)
{
  g_autoptr (GArray) sorted = g_array_copy (values);
  double median = lamp_bench_percentile (sorted, 0.5);

  g_print (" %12.*f (%.*f..%.*f)", digits, median, digits, g_array_index (sorted, double, 0),
           digits, g_array_index (sorted, double, sorted->len - 1));
}

static void
print_relation (LampBench      *self,
                const Relation *relation)
{
  Row *row = find_row (self, relation->row);
  Row *floor = find_row (self, relation->floor);
  g_autoptr (GArray) ratios = g_array_new (FALSE, FALSE, sizeof (double));

  g_assert (row != NULL && floor != NULL);
  for (guint i = 0; i < MIN (row->values->len, floor->values->len); i++)
    {
      double ratio = g_array_index (row->values, double, i) /
                     g_array_index (floor->values, double, i);

      g_array_append_val (ratios, ratio);
    }

  g_print ("  %s / %s:", relation->row, relation->floor);
  print_values (ratios, 2);
  g_print ("  [%s]\n", relation->goal);
}

void
lamp_bench_print (LampBench *self)
{
  g_print ("\n%s\n", self->title);
  for (guint i = 0; i < self->rows->len; i++)
    {
      Row *row = &g_array_index (self->rows, Row, i);

      g_print ("  %-44s", row->name);
      print_values (row->values, 1);
      g_print (" %s\n", row->unit);
    }

  for (guint i = 0; i < self->relations->len; i++)
    print_relation (self, &g_array_index (self->relations, Relation, i));
}

guint
lamp_bench_rounds (void)
{
  const char *text = g_getenv ("LAMP_BENCH_ROUNDS");

  return text != NULL ? MAX (1, atoi (text)) : DEFAULT_ROUNDS;
}

double
lamp_bench_now (void)
{
  return g_get_monotonic_time () / (double) G_USEC_PER_SEC;
}

static gsize
measure (const char *payload)
{
  g_autoptr (LampEvent)
    event = lamp_event_new ("mission-42", "CommentPosted", payload, NULL, LAMP_BENCH_NODE, NULL);
  g_autofree char *envelope = NULL;
  gsize length = 0;

  envelope = lamp_event_to_envelope (event, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 1000, &length, NULL);

  return length;
}

char *
lamp_bench_dup_payload (void)
{
  gsize least = measure ("{\"text\":\"\"}");
  g_autofree char *text = g_strnfill (LAMP_BENCH_EVENT_BYTES - least, 'x');

  g_assert (least < LAMP_BENCH_EVENT_BYTES);

  return g_strdup_printf ("{\"text\":\"%s\"}", text);
}

GPtrArray *
lamp_bench_events (guint n_events)
{
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autofree char *payload = lamp_bench_dup_payload ();

  for (guint i = 0; i < n_events; i++)
    g_ptr_array_add (events, lamp_event_new ("mission-42", "CommentPosted", payload, NULL,
                                             LAMP_BENCH_NODE, NULL));

  return events;
}
