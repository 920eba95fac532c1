/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Private to the event list. */

/**
 * LampEventPage:
 * @start: the position of the first row
 * @before: all rows have a smaller queue id; 0 for a page with the newest row
 * @after: no row has a smaller queue id; 0 for a page with the oldest row
 * @rows: (owned): aa{sv} as of List()
 * @ids: (owned): the event ids of @rows, which they belong to
 * @length: how many rows
 * @used: when a row was asked for last, a counter
 * @dirty: whether the rows may be out of date
 *
 * Consecutive rows: all that the list has with an id from @after up to @before. The
 * ids are cursors of List(), the only thing that stays true while rows come and go.
 */
typedef struct
{
  guint start;
  gint64 before;
  gint64 after;
  GVariant *rows;
  const char **ids;
  guint length;
  guint64 used;
  gboolean dirty;
} LampEventPage;

/**
 * lamp_event_page_new:
 * @rows: aa{sv}
 *
 * Returns: (transfer full): a page
 */
LampEventPage *lamp_event_page_new      (guint                start,
                                         gint64               before,
                                         gint64               after,
                                         GVariant            *rows);

void           lamp_event_page_free     (LampEventPage       *self);

/**
 * lamp_event_page_get_end:
 *
 * Returns: the position behind the last row
 */
guint          lamp_event_page_get_end  (const LampEventPage *self);

/**
 * lamp_event_page_get_density:
 *
 * Returns: how many ids there are for a row, at least 1
 */
double         lamp_event_page_get_density (const LampEventPage *self);

/**
 * lamp_event_rows_get_id:
 * @rows: aa{sv}
 *
 * Returns: (transfer none): the event id of a row
 */
const char    *lamp_event_rows_get_id   (GVariant            *rows,
                                         guint                index);

/**
 * lamp_event_rows_find:
 * @rows: aa{sv}
 *
 * Returns: the index of the row of an event, -1 if it isn't there
 */
int            lamp_event_rows_find     (GVariant            *rows,
                                         const char          *event_id);

/**
 * lamp_event_rows_cut:
 * @rows: aa{sv}
 *
 * Returns: (transfer full): the first @length of them
 */
GVariant      *lamp_event_rows_cut      (GVariant            *rows,
                                         guint                length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampEventPage, lamp_event_page_free)

G_END_DECLS
