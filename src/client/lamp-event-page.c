/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-event-page.h"

LampEventPage *
lamp_event_page_new (guint     start,
                     gint64    before,
                     gint64    after,
                     GVariant *rows)
{
  LampEventPage *self = g_new0 (LampEventPage, 1);

  self->start = start;
  self->before = before;
  self->after = after;
  self->rows = g_variant_ref (rows);
  /* As it comes from the bus each text is an object; flat, a row takes a tenth of that. */
  g_variant_get_data (rows);
  self->length = (guint) g_variant_n_children (rows);
  /* They are asked for far more often than all else in a row. */
  self->ids = g_new (const char *, self->length);
  for (guint i = 0; i < self->length; i++)
    self->ids[i] = lamp_event_rows_get_id (rows, i);

  return self;
}

void
lamp_event_page_free (LampEventPage *self)
{
  g_free (self->ids);
  g_variant_unref (self->rows);
  g_free (self);
}

guint
lamp_event_page_get_end (const LampEventPage *self)
{
  return self->start + self->length;
}

double
lamp_event_page_get_density (const LampEventPage *self)
{
  if (self->before == 0 || self->after == 0 || self->length == 0)
    return 1;

  return MAX (1, (double) (self->before - self->after) / self->length);
}

const char *
lamp_event_rows_get_id (GVariant *rows,
                        guint     index)
{
  g_autoptr (GVariant) row = g_variant_get_child_value (rows, index);
  const char *event_id = "";

  /* The text belongs to the message, which is there as long as the rows are. */
  g_variant_lookup (row, "event_id", "&s", &event_id);

  return event_id;
}

int
lamp_event_rows_find (GVariant   *rows,
                      const char *event_id)
{
  for (guint i = 0; i < g_variant_n_children (rows); i++)
    if (g_str_equal (lamp_event_rows_get_id (rows, i), event_id))
      return (int) i;

  return -1;
}

GVariant *
lamp_event_rows_cut (GVariant *rows,
                     guint     length)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  if (length >= g_variant_n_children (rows))
    return g_variant_ref (rows);

  for (guint i = 0; i < length; i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

      g_variant_builder_add_value (&builder, row);
    }

  return g_variant_ref_sink (g_variant_builder_end (&builder));
}
